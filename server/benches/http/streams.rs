//! From a commit to the event, with many streams open.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::Value as Json;
use store::TokenKind;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
};

use crate::{BenchResult, Figure, installation::Installation, ms, quantile};

const STREAMS: usize = 500;
const COMMITS: u32 = 40;
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn measure() -> BenchResult {
    let fader = Installation::new().await?;
    fader.group("vip-agencies").await?;
    fader.flag("fast-payment").await?;
    let token = fader.token(TokenKind::Client).await?;
    let answer = reqwest::Client::new()
        .post(format!("http://{}/ofrep/v1/evaluate/flags", fader.address))
        .bearer_auth(token)
        .body("{\"context\":{}}");
    let bulk: Json = answer.send().await?.json().await?;
    let path = bulk["eventStreams"][0]["endpoint"]["requestUri"].as_str().ok_or("no stream")?.to_owned();
    let (heard, mut arrivals) = mpsc::unbounded_channel();
    let address = fader.address;
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(listen(address, &path, heard))
    });
    let mut next = async || tokio::time::timeout(PATIENCE, arrivals.recv()).await.ok().flatten();
    for _ in 0..STREAMS {
        next().await.ok_or("a stream did not open")?;
    }
    let (mut since_call, mut since_commit) = (Vec::new(), Vec::new());
    for n in 0..COMMITS {
        let called = Instant::now();
        fader.roll_out("fast-payment", "vip-agencies", 1 + n).await?;
        let committed = Instant::now();
        for _ in 0..STREAMS {
            let arrived = next().await.ok_or("an event did not arrive")?;
            since_call.push(arrived.saturating_duration_since(called));
            since_commit.push(arrived.saturating_duration_since(committed));
        }
    }
    since_call.sort_unstable();
    since_commit.sort_unstable();
    let [p50, p99] = [500, 990].map(|q| quantile(&since_commit, q).unwrap_or_default());
    let call_p99 = quantile(&since_call, 990).unwrap_or_default();
    Ok(vec![
        Figure::new("commit → event, 500 streams, p50", ms(p50)),
        Figure::new("commit → event, 500 streams, p99", ms(p99))
            .goal("< 50 ms", p99 < Duration::from_millis(50)),
        Figure::new("  with the time that saving itself takes, p99", ms(call_p99)),
    ])
}

/// Says when each stream has opened, and then when each event has arrived.
async fn listen(address: SocketAddr, path: &str, heard: mpsc::UnboundedSender<Instant>) -> io::Result<()> {
    let mut streams = tokio::task::JoinSet::new();
    for _ in 0..STREAMS {
        streams.spawn(stream(address, path.to_owned(), heard.clone()));
    }
    while let Some(ended) = streams.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}

async fn stream(address: SocketAddr, path: String, heard: mpsc::UnboundedSender<Instant>) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").as_bytes()).await?;
    let mut buffer = Vec::with_capacity(4096);
    let mut greeted = false;
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        let now = Instant::now();
        let text = String::from_utf8_lossy(&buffer);
        let events =
            text.matches("refetchEvaluation").count() + usize::from(!greeted && text.contains("retry:"));
        greeted |= text.contains("retry:");
        if events > 0 {
            buffer.clear();
        }
        for _ in 0..events {
            heard.send(now).map_err(io::Error::other)?;
        }
    }
}
