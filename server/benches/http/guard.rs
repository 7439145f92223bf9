//! From failures to clients seeing the flag off, at the default settings: events come in through HTTP, and a client
//! hears of the change through its event stream and asks again.

use std::time::{Duration, Instant};

use engine::{Arm, Attributes, Context};
use serde_json::{Value as Json, json};
use store::{Clock, TokenKind};

use crate::{BenchResult, Figure, installation::Installation};

const FLAG: &str = "fast-payment";
const PER_CENT: u32 = 50;
/// Outcomes of both arms together: 200 each second.
const BATCH: usize = 20;
const BATCH_EVERY: Duration = Duration::from_millis(100);
/// Healthy traffic before anything breaks.
const HEALTHY: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(90);

type Error = Box<dyn std::error::Error + Send + Sync>;

pub async fn measure() -> BenchResult {
    let outage = seen_after(1).await?;
    // 4 %, below the ceiling of 5 %: only the comparison can find it.
    let worse = seen_after(25).await?;
    let text = |duration: Duration| format!("{:.1} s", duration.as_secs_f64());
    Ok(vec![
        Figure::new("first failure of an outage → client sees the stop", text(outage))
            .goal("< 5 s", outage < Duration::from_secs(5)),
        Figure::new("first failure of 4 % against 0 % in control → client sees the step back", text(worse))
            .goal("< 30 s", worse < Duration::from_secs(30)),
    ])
}

/// How long after the first failure a client that had the feature is told that it has not, when one of `every`
/// requests of those who have it fails.
async fn seen_after(every: usize) -> Result<Duration, Error> {
    let fader = Installation::new().await?;
    fader.group("vip-agencies").await?;
    fader.flag(FLAG).await?;
    fader.roll_out(FLAG, "vip-agencies", PER_CENT).await?;
    let (server, client) = (fader.token(TokenKind::Server).await?, fader.token(TokenKind::Client).await?);
    let mut traffic =
        Traffic { fader: &fader, token: server, http: reqwest::Client::new(), sent: 0, failed: 0 };
    let subject = traffic.subject_with(Arm::Treatment).ok_or("nobody has the feature")?;
    let mut stream = open_stream(&fader, &client).await?;
    let healthy_until = Instant::now() + HEALTHY;
    while Instant::now() < healthy_until {
        traffic.send(None).await?;
    }
    let broke = Instant::now();
    let seen = async {
        loop {
            let chunk = stream.chunk().await?.ok_or("the stream ended")?;
            if String::from_utf8_lossy(&chunk).contains("refetchEvaluation")
                && !has_feature(&fader, &client, &subject).await?
            {
                return Ok::<_, Error>(broke.elapsed());
            }
        }
    };
    let failing = async {
        loop {
            traffic.send(Some(every)).await?;
        }
        #[expect(unreachable_code, reason = "gives the block its type")]
        Ok::<Duration, Error>(Duration::ZERO)
    };
    let first = async {
        tokio::select! {
            seen = seen => seen,
            failed = failing => failed,
        }
    };
    tokio::time::timeout(PATIENCE, first).await.map_err(|_| "no client saw the flag off")?
}

/// Requests of people who are each seen once, in the arms that Fader puts them in.
struct Traffic<'f> {
    fader: &'f Installation,
    token: String,
    http: reqwest::Client,
    sent: usize,
    /// Requests with the feature since it broke.
    failed: usize,
}

impl Traffic<'_> {
    fn arm(&self, subject: &str) -> Option<Arm> {
        let snapshot = self.fader.store.live().snapshot("production")?;
        let nothing = Attributes::default();
        let context = Context::from_server(Some(subject), &nothing);
        snapshot.evaluate(FLAG, &context, Clock::System.now_ms()).ok()?.arm
    }

    fn subject_with(&self, arm: Arm) -> Option<String> {
        (0..1000).map(|n| format!("client-{n}")).find(|subject| self.arm(subject) == Some(arm))
    }

    /// One batch of outcomes; one of `every` with the feature failed.
    async fn send(&mut self, every: Option<usize>) -> Result<(), Error> {
        let began = Instant::now();
        let events: Vec<Json> = (0..BATCH).filter_map(|_| self.outcome(every)).collect();
        let answer = self
            .http
            .post(format!("http://{}/api/v1/events", self.fader.address))
            .bearer_auth(&self.token)
            .json(&json!({ "events": events }))
            .send()
            .await?;
        let status = answer.status();
        let body: Json = answer.json().await?;
        if status != 202 || body["rejected"].as_array().is_none_or(|rejected| !rejected.is_empty()) {
            return Err(format!("the events were not taken: {status} {body}").into());
        }
        tokio::time::sleep(BATCH_EVERY.saturating_sub(began.elapsed())).await;
        Ok(())
    }

    fn outcome(&mut self, every: Option<usize>) -> Option<Json> {
        self.sent += 1;
        let subject = format!("u-{}", self.sent);
        let arm = self.arm(&subject)?;
        let ok = match (arm, every) {
            (Arm::Treatment, Some(every)) => {
                self.failed += 1;
                !self.failed.is_multiple_of(every)
            }
            (Arm::Treatment, None) | (Arm::Control, _) => true,
        };
        let (variant, arm) = if arm == Arm::Treatment { ("on", "treatment") } else { ("off", "control") };
        Some(json!({
            "type": "outcome", "id": format!("o-{}", self.sent), "subject": subject, "metric": "error_rate", "ok": ok,
            "features": [{"flag": FLAG, "variant": variant, "rule": "everyone", "arm": arm}],
        }))
    }
}

async fn open_stream(fader: &Installation, token: &str) -> Result<reqwest::Response, Error> {
    let http = reqwest::Client::new();
    let bulk = http
        .post(format!("http://{}/ofrep/v1/evaluate/flags", fader.address))
        .bearer_auth(token)
        .body("{\"context\":{}}");
    let bulk: Json = bulk.send().await?.json().await?;
    let path = bulk["eventStreams"][0]["endpoint"]["requestUri"].as_str().ok_or("no stream")?;
    let mut stream = http.get(format!("http://{}{path}", fader.address)).send().await?;
    stream.chunk().await?.ok_or("the stream does not greet")?;
    Ok(stream)
}

async fn has_feature(fader: &Installation, token: &str, subject: &str) -> Result<bool, Error> {
    let answer = reqwest::Client::new()
        .post(format!("http://{}/ofrep/v1/evaluate/flags/{FLAG}", fader.address))
        .bearer_auth(token)
        .json(&json!({"context": {"targetingKey": subject}}));
    let decision: Json = answer.send().await?.json().await?;
    Ok(decision["value"] == json!(true))
}
