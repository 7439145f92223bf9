//! 10,000 flags and 1,000 groups still load and evaluate.

use std::time::{Duration, Instant};

use serde_json::Value as Json;
use store::{Clock, Store, TokenKind};

use crate::{BenchResult, Figure, desk, installation::Installation, ms, quantile};

const FLAGS: usize = 10_000;
const GROUPS: usize = 1_000;
const LOOKS: usize = 20;

pub async fn measure() -> BenchResult {
    let fader = Installation::new().await?;
    let started = Instant::now();
    for n in 0..GROUPS {
        fader.group(&format!("group-{n}")).await?;
    }
    for n in 0..FLAGS {
        let key = format!("flag-{n}");
        fader.flag(&key).await?;
        if n % 10 == 0 {
            fader.roll_out(&key, &format!("group-{}", n % GROUPS), 20).await?;
        }
    }
    let filled = started.elapsed();
    let token = fader.token(TokenKind::Client).await?;
    let http = reqwest::Client::new();
    let url = format!("http://{}/ofrep/v1/evaluate/flags", fader.address);
    let ask = async |path: &str| -> Result<(Duration, usize), reqwest::Error> {
        let started = Instant::now();
        let body = "{\"context\":{\"targetingKey\":\"u-1\",\"country\":\"NO\"}}";
        let answer = http.post(format!("{url}{path}")).bearer_auth(&token).body(body).send().await?;
        let body = answer.error_for_status()?.bytes().await?;
        let flags = serde_json::from_slice::<Json>(&body).ok();
        let flags = flags.and_then(|bulk| bulk["flags"].as_array().map(Vec::len)).unwrap_or(1);
        Ok((started.elapsed(), flags))
    };
    ask("/flag-7").await?;
    let (one, _) = ask("/flag-5000").await?;
    ask("").await?;
    let (all, flags) = ask("").await?;
    let cookie = desk::sign_in(&fader).await?;
    let mut looks = Vec::with_capacity(LOOKS);
    for _ in 0..LOOKS {
        looks.push(desk::look(&fader, &cookie, "identity").await?.0);
    }
    looks.sort_unstable();
    let looked = quantile(&looks, 950).unwrap_or_default();
    let started = Instant::now();
    fader.roll_out("flag-5000", "group-0", 50).await?;
    let changed = started.elapsed();
    let started = Instant::now();
    let again = Store::open(&fader.database_url, Clock::System).await?;
    let loaded = started.elapsed();
    let kept = again.live().snapshot("production").map_or(0, |snapshot| snapshot.flags().len());
    again.close().await;
    Ok(vec![
        Figure::new("10,000 flags and 1,000 groups: filled one by one", ms(filled)),
        Figure::new("  opened again", ms(loaded)).goal("all there", kept == FLAGS),
        Figure::new("  one evaluated over HTTP", ms(one)),
        Figure::new("  all evaluated over HTTP", ms(all)).goal("all there", flags == FLAGS),
        Figure::new("  desk, p95", ms(looked)).goal("< 150 ms", looked < Duration::from_millis(150)),
        Figure::new("  one rollout changed", ms(changed)),
    ])
}
