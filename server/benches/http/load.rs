//! A load generator that costs little itself: it writes one prepared request again and again on many connections, or
//! one after another that differ, and reads as much of each answer as it has to.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::answers::duration;

/// What one run saw.
pub struct Load {
    pub per_second: f64,
    /// Sorted.
    pub latencies: Vec<Duration>,
    /// What asking took.
    pub cpu: Duration,
    /// How long the last answer was, head and body.
    pub bytes: usize,
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
    let request: &'static str = Box::leak(request.into_boxed_str());
    press_with(address, move |_| request, pressure).await
}

/// Every request is made when it is sent, from its number.
pub async fn press_with<R: AsRef<str> + Send + 'static>(
    address: SocketAddr,
    request: impl Fn(u64) -> R + Send + Sync + 'static,
    pressure: Pressure,
) -> io::Result<Load> {
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let load = runtime.and_then(|runtime| runtime.block_on(run(address, Arc::new(request), pressure)));
        drop(done.send(load));
    });
    result.await.map_err(io::Error::other)?
}

async fn run<R: AsRef<str> + Send + 'static>(
    address: SocketAddr,
    request: Arc<impl Fn(u64) -> R + Send + Sync + 'static>,
    pressure: Pressure,
) -> io::Result<Load> {
    let begin = Instant::now();
    let mut connections = JoinSet::new();
    for n in 0..pressure.connections {
        connections.spawn(connection(address, Arc::clone(&request), begin, n, pressure));
    }
    let (mut latencies, mut bytes) = (Vec::new(), 0);
    while let Some(connection) = connections.join_next().await {
        let (own, length) = connection.map_err(io::Error::other)??;
        latencies.extend(own);
        bytes = length;
    }
    let per_second = crate::count(latencies.len()) / begin.elapsed().as_secs_f64();
    latencies.sort_unstable();
    // The thread was made for this load.
    let cpu = duration(clock_gettime(ClockId::ThreadCPUTime));
    Ok(Load { per_second, latencies, cpu, bytes })
}

async fn connection<R: AsRef<str> + Send>(
    address: SocketAddr,
    request: Arc<impl Fn(u64) -> R + Send + Sync + 'static>,
    begin: Instant,
    n: u32,
    pressure: Pressure,
) -> io::Result<(Vec<Duration>, usize)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let pause = pressure.rate.map(|rate| Duration::from_secs_f64(f64::from(pressure.connections) / rate));
    // Evenly spread, and measured from when a request was due: a slow answer delays those behind it.
    let mut due = begin + pause.map_or(Duration::ZERO, |pause| pause * n / pressure.connections);
    let mut latencies = Vec::new();
    let mut number = u64::from(n);
    let mut buffer = Vec::with_capacity(16 * 1024);
    while begin.elapsed() < pressure.lasting {
        if pause.is_some() {
            tokio::time::sleep_until(due.into()).await;
        } else {
            due = Instant::now();
        }
        exchange(&mut stream, request(number).as_ref().as_bytes(), &mut buffer).await?;
        number += u64::from(pressure.connections);
        latencies.push(due.elapsed());
        due += pause.unwrap_or_default();
    }
    Ok((latencies, buffer.len()))
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
