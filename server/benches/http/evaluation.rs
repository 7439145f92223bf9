//! One flag over HTTP, against a route of the same server that does nothing.

use std::time::Duration;

use store::TokenKind;

use crate::{
    BenchResult, Figure,
    installation::{EMPTY_ROUTE, Installation},
    load::{Load, Pressure, press},
    ms, quantile,
};

const ROUNDS: usize = 5;
const CONNECTIONS: u32 = 128;
const ROUND: Duration = Duration::from_secs(2);
const BODY: &str =
    r#"{"context":{"targetingKey":"u-4711","tier":"basic","country":"NO","transactions_30d":12}}"#;

pub async fn measure() -> BenchResult {
    let fader = Installation::new().await?;
    fader.group("vip-agencies").await?;
    fader.flag("fast-payment").await?;
    fader.roll_out("fast-payment", "vip-agencies", 20).await?;
    let token = fader.token(TokenKind::Server).await?;
    let request = |path: &str| {
        let length = BODY.len();
        format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{BODY}",
            fader.address
        )
    };
    let (empty, evaluate) = (request(EMPTY_ROUTE), request("/ofrep/v1/evaluate/flags/fast-payment"));
    let all_out = Pressure { connections: CONNECTIONS, lasting: ROUND, rate: None };
    let run = async |request: &String, pressure| press(fader.address, request.clone(), pressure).await;
    run(&evaluate, all_out).await?;
    // In turns, so that what else the machine does falls on both.
    let (mut idle, mut busy) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        idle.push(run(&empty, all_out).await?);
        busy.push(run(&evaluate, all_out).await?);
    }
    let mut ratios: Vec<_> =
        idle.iter().zip(&busy).map(|(idle, busy)| busy.per_second / idle.per_second).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let ratio = quantile(&ratios, 500).ok_or("no rounds")?;
    let busy_rate = median_rate(&busy);
    let paced = Pressure { rate: Some(busy_rate / 2.0), ..all_out };
    let paced = run(&evaluate, paced).await?;
    let paced_p99 = p99(&paced);
    let saturated = median_p99(&busy);
    Ok(vec![
        Figure::new("empty JSON route, 128 connections", format!("{:.0} /s", median_rate(&idle))),
        Figure::new("OFREP single evaluation, 128 connections", format!("{busy_rate:.0} /s")),
        Figure::new("  as a share of the empty route (median of rounds)", format!("{ratio:.2}"))
            .goal(">= 0.70", ratio >= 0.7),
        Figure::new("  p99 with 128 connections at half that rate", ms(paced_p99))
            .goal("< 5 ms", paced_p99 < Duration::from_millis(5)),
        Figure::new("  p99 with 128 connections all out", ms(saturated))
            .goal("< 5 ms", saturated < Duration::from_millis(5)),
        Figure::new("  p99 of the empty route all out", ms(median_p99(&idle))),
    ])
}

fn p99(load: &Load) -> Duration {
    quantile(&load.latencies, 990).unwrap_or_default()
}

fn median_rate(loads: &[Load]) -> f64 {
    let mut rates: Vec<_> = loads.iter().map(|load| load.per_second).collect();
    rates.sort_unstable_by(f64::total_cmp);
    quantile(&rates, 500).unwrap_or_default()
}

fn median_p99(loads: &[Load]) -> Duration {
    let mut values: Vec<_> = loads.iter().map(p99).collect();
    values.sort_unstable();
    quantile(&values, 500).unwrap_or_default()
}
