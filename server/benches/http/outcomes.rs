//! Outcomes through the door of events, in batches with ids, on SQLite; and what remembering subjects costs.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use store::TokenKind;
use tokio::{net::TcpStream, sync::Mutex, task::JoinSet};

use crate::{BenchResult, Figure, count, installation::Installation, load::exchange};

const FLAGS: usize = 5;
const SUBJECTS: usize = 200_000;
const BATCH: usize = 1000;
const BATCHES: usize = 600;
const CONNECTIONS: usize = 4;
const GOAL: f64 = 100_000.0;

type Error = Box<dyn std::error::Error + Send + Sync>;

pub async fn measure() -> BenchResult {
    let fader = Installation::new().await?;
    fader.group("vip-agencies").await?;
    for n in 0..FLAGS {
        fader.flag(&format!("flag-{n}")).await?;
        fader.roll_out(&format!("flag-{n}"), "vip-agencies", 50).await?;
    }
    let token = fader.token(TokenKind::Server).await?;
    let request = |items: Vec<String>| {
        let body = format!("{{\"events\":[{}]}}", items.join(","));
        let (host, length) = (fader.address, body.len());
        format!(
            "POST /api/v1/events HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let before_kb = resident_kb();
    let exposures =
        (0..SUBJECTS / BATCH).map(|batch| request((0..BATCH).map(|n| exposure(batch * BATCH + n)).collect()));
    send(fader.address, exposures.collect()).await?;
    let exposed_kb = resident_kb();
    let outcomes: Vec<_> =
        (0..BATCHES).map(|batch| request((0..BATCH).map(|n| outcome(batch * BATCH + n)).collect())).collect();
    let prepared_kb = resident_kb();
    let began = Instant::now();
    send(fader.address, outcomes).await?;
    let per_second = count(BATCH * BATCHES) / began.elapsed().as_secs_f64();
    let mb = |kb: usize| format!("{:.0} MB", count(kb) / 1000.0);
    Ok(vec![
        Figure::new("outcomes in batches of 1,000 with ids, 4 connections", format!("{per_second:.0} /s"))
            .goal(">= 100,000 /s", per_second >= GOAL),
        Figure::new(
            "  memory for 200,000 subjects with one flag each",
            mb(exposed_kb.saturating_sub(before_kb)),
        ),
        Figure::new("  and what 600,000 outcomes added", mb(resident_kb().saturating_sub(prepared_kb))),
    ])
}

fn exposure(n: usize) -> String {
    let (flag, arm) = (n % FLAGS, if n.is_multiple_of(2) { "treatment" } else { "control" });
    let variant = if n.is_multiple_of(2) { "on" } else { "off" };
    format!(
        r#"{{"type":"exposure","subject":"user-{n}","flag":"flag-{flag}","variant":"{variant}","revision":100,"rule":"everyone","arm":"{arm}"}}"#
    )
}

fn outcome(n: usize) -> String {
    let (subject, ok, ms) = (n * 7919 % SUBJECTS, !n.is_multiple_of(100), 20 + n % 400);
    format!(
        r#"{{"type":"outcome","id":"o-{n}","subject":"user-{subject}","metric":"error_rate","ok":{ok},"latency_ms":{ms}}}"#
    )
}

/// Every request once, on a thread of its own.
async fn send(address: SocketAddr, requests: Vec<String>) -> Result<(), Error> {
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let sent =
            runtime.map_err(Error::from).and_then(|runtime| runtime.block_on(send_all(address, requests)));
        drop(done.send(sent));
    });
    result.await?
}

async fn send_all(address: SocketAddr, requests: Vec<String>) -> Result<(), Error> {
    let waiting = Arc::new(Mutex::new(requests));
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let waiting = Arc::clone(&waiting);
        connections.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let mut buffer = Vec::new();
            loop {
                let Some(request) = waiting.lock().await.pop() else { return Ok::<_, std::io::Error>(()) };
                exchange(&mut stream, request.as_bytes(), &mut buffer).await?;
            }
        });
    }
    while let Some(connection) = connections.join_next().await {
        connection??;
    }
    Ok(())
}

/// What the process holds in memory; 0 where the system does not say.
fn resident_kb() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok()).unwrap_or(0)
}
