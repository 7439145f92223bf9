//! What an answer costs: CPU of the server (all of this process but whoever asks) and bytes, for one flag, for all of 10
//! and for all of 500, plain and compressed.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};
use store::TokenKind;

use crate::{
    BenchResult, Figure,
    installation::Installation,
    load::{Load, Pressure, press_with},
};

const ROUND: Pressure = Pressure { connections: 16, lasting: Duration::from_secs(2), rate: None };
const SUBJECTS: u64 = 5_000;
/// How many flags there are when all of them are asked for.
const SIZES: [usize; 2] = [10, 500];

pub async fn measure() -> BenchResult {
    let fader = Installation::new().await?;
    let tokens = [
        ("server token", fader.token(TokenKind::Server).await?),
        ("client token", fader.token(TokenKind::Client).await?),
    ];
    for n in 0..5 {
        fader.group(&format!("group-{n}")).await?;
    }
    let mut figures = Vec::new();
    let mut flags = 0;
    for size in SIZES {
        for n in flags..size {
            let key = format!("flag-{n:03}");
            fader.flag(&key).await?;
            fader.roll_out(&key, &format!("group-{}", n % 5), 20).await?;
        }
        flags = size;
        if size == SIZES[0] {
            for (who, token) in &tokens {
                let answers = ask(&fader, token, "/flag-003", "").await?;
                figures.push(figure(format!("one flag, {who}"), &answers));
            }
        }
        for (who, token) in &tokens {
            let answers = ask(&fader, token, "", "").await?;
            figures.push(figure(format!("all of {size} flags, {who}"), &answers));
        }
    }
    for coding in ["zstd", "br", "gzip"] {
        let accept = format!("accept-encoding: {coding}\r\n");
        let answers = ask(&fader, &tokens[0].1, "", &accept).await?;
        figures.push(figure(format!("all of {flags} flags, server token, {coding}"), &answers));
    }
    Ok(figures)
}

struct Answers {
    cpu: Duration,
    bytes: usize,
}

/// Presses one address with contexts of many subjects.
async fn ask(
    fader: &Installation,
    token: &str,
    path: &str,
    headers: &str,
) -> Result<Answers, Box<dyn std::error::Error + Send + Sync>> {
    let head = format!(
        "POST /ofrep/v1/evaluate/flags{path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\n{headers}",
        fader.address
    );
    let request = move |n: u64| {
        let subject = n % SUBJECTS;
        let body = format!(
            r#"{{"context":{{"targetingKey":"u-{subject}","tier":"basic","country":"NO","transactions_30d":12}}}}"#
        );
        format!("{head}content-length: {}\r\n\r\n{body}", body.len())
    };
    let before = duration(clock_gettime(ClockId::ProcessCPUTime));
    let Load { latencies, cpu, bytes, .. } = press_with(fader.address, request, ROUND).await?;
    let spent = duration(clock_gettime(ClockId::ProcessCPUTime)).saturating_sub(before);
    let answers = u32::try_from(latencies.len())?.max(1);
    Ok(Answers { cpu: spent.saturating_sub(cpu) / answers, bytes })
}

/// A clock of CPU time does not stand before its beginning.
pub fn duration(time: Timespec) -> Duration {
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

fn figure(what: String, answers: &Answers) -> Figure {
    let cpu_us = answers.cpu.as_secs_f64() * 1e6;
    Figure::new(format!("OFREP {what}"), format!("{cpu_us:.1} µs, {} B", answers.bytes))
}
