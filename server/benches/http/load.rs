//! A load generator that costs little itself: it writes one prepared request again and again on many connections,
//! and reads as much of each answer as it has to.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

/// What one run saw.
pub struct Load {
    pub per_second: f64,
    /// Sorted.
    pub latencies: Vec<Duration>,
}

/// How hard to press.
#[derive(Clone, Copy)]
pub struct Pressure {
    pub connections: u32,
    pub lasting: Duration,
    /// Requests per second over all connections; `None` sends the next as soon as the last is answered.
    pub rate: Option<f64>,
}

/// On a thread of its own, so that measuring and serving do not share a runtime.
pub async fn press(address: SocketAddr, request: String, pressure: Pressure) -> io::Result<Load> {
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let load = runtime.and_then(|runtime| runtime.block_on(run(address, request, pressure)));
        drop(done.send(load));
    });
    result.await.map_err(io::Error::other)?
}

async fn run(address: SocketAddr, request: String, pressure: Pressure) -> io::Result<Load> {
    let request: &'static [u8] = Box::leak(request.into_boxed_str().into_boxed_bytes());
    let begin = Instant::now();
    let mut connections = JoinSet::new();
    for n in 0..pressure.connections {
        connections.spawn(connection(address, request, begin, n, pressure));
    }
    let mut latencies = Vec::new();
    while let Some(connection) = connections.join_next().await {
        latencies.extend(connection.map_err(io::Error::other)??);
    }
    let per_second = crate::count(latencies.len()) / begin.elapsed().as_secs_f64();
    latencies.sort_unstable();
    Ok(Load { per_second, latencies })
}

async fn connection(
    address: SocketAddr,
    request: &[u8],
    begin: Instant,
    n: u32,
    pressure: Pressure,
) -> io::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let pause = pressure.rate.map(|rate| Duration::from_secs_f64(f64::from(pressure.connections) / rate));
    // Evenly spread, and measured from when a request was due: a slow answer delays those behind it.
    let mut due = begin + pause.map_or(Duration::ZERO, |pause| pause * n / pressure.connections);
    let mut latencies = Vec::new();
    let mut buffer = Vec::with_capacity(16 * 1024);
    while begin.elapsed() < pressure.lasting {
        if pause.is_some() {
            tokio::time::sleep_until(due.into()).await;
        } else {
            due = Instant::now();
        }
        exchange(&mut stream, request, &mut buffer).await?;
        latencies.push(due.elapsed());
        due += pause.unwrap_or_default();
    }
    Ok(latencies)
}

pub async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> io::Result<()> {
    stream.write_all(request).await?;
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(length) = answer_length(buffer)?
            && buffer.len() >= length
        {
            return Ok(());
        }
    }
}

/// Head and body together, once the head is there. Anything but success ends the run.
fn answer_length(buffer: &[u8]) -> io::Result<Option<usize>> {
    let Some(head) = buffer.windows(4).position(|it| it == b"\r\n\r\n") else { return Ok(None) };
    let text = String::from_utf8_lossy(&buffer[..head]);
    if !text.starts_with("HTTP/1.1 20") {
        return Err(io::Error::other(String::from_utf8_lossy(buffer).into_owned()));
    }
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    Ok(Some(head + 4 + length.parse::<usize>().map_err(io::Error::other)?))
}
