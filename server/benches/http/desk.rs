//! The desk with 500 flags: how long the server takes for it, and how large it is.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{Request, header},
};
use store::{RequestOrigin, Role};
use tower::ServiceExt as _;

use crate::{
    BenchResult, Figure, count,
    installation::{Installation, administrator},
    ms, quantile,
};

const FLAGS: usize = 500;
const RENDERINGS: usize = 60;
const SIZE_BYTES_MAX: usize = 16 * 1024 * 1024;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The cookie of a product manager.
pub async fn sign_in(fader: &Installation) -> Result<String, Error> {
    let (email, password) = ("bench@example.test", "a password for the bench");
    fader.store.add_user(&administrator()?, email, "Bench", Role::Product, password).await?;
    let session = fader.store.sign_in(email, password, &RequestOrigin::default(), "bench").await?;
    Ok(format!("fader_session={}", session.token))
}

/// How long the desk takes, and how many bytes it has.
pub async fn look(fader: &Installation, cookie: &str, encoding: &str) -> Result<(Duration, usize), Error> {
    let mut request =
        Request::get("/").header(header::COOKIE, cookie).header(header::ACCEPT_ENCODING, encoding);
    request = request.extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
    let started = Instant::now();
    let answer = fader.app.clone().oneshot(request.body(Body::empty())?).await?;
    if !answer.status().is_success() {
        return Err(format!("the desk answered {}", answer.status()).into());
    }
    let body = to_bytes(answer.into_body(), SIZE_BYTES_MAX).await?;
    Ok((started.elapsed(), body.len()))
}

pub async fn measure() -> BenchResult {
    let fader = Installation::new().await?;
    fader.group("vip-agencies").await?;
    for n in 0..FLAGS {
        let key = format!("flag-{n:03}");
        fader.flag(&key).await?;
        fader.roll_out(&key, "vip-agencies", u32::try_from(n % 101)?).await?;
    }
    let cookie = sign_in(&fader).await?;
    let get = async |encoding: &str| look(&fader, &cookie, encoding).await;
    let mut times = Vec::new();
    let mut plain = 0;
    for _ in 0..RENDERINGS {
        let (time, size) = get("identity").await?;
        times.push(time);
        plain = size;
    }
    times.sort_unstable();
    let (compressed_time, compressed) = get("br").await?;
    let median = quantile(&times, 500).ok_or("no renderings")?;
    Ok(vec![
        Figure::new("desk with 500 flags, answered by the server (median)", ms(median))
            .goal("< 15 ms", median < Duration::from_millis(15)),
        Figure::new("  p99", ms(quantile(&times, 990).unwrap_or_default())),
        Figure::new("  HTML, compressed with brotli", format!("{:.1} kB", count(compressed) / 1000.0))
            .goal("< 100 kB", compressed < 100_000),
        Figure::new("  HTML, plain", format!("{:.1} kB", count(plain) / 1000.0)),
        Figure::new("  once, compressed", ms(compressed_time)),
    ])
}
