//! Tells Fader what came of each payment: outcomes, collected for a moment and sent in batches. Reporting never holds
//! up a payment: when Fader cannot take what is waiting, the oldest news is worth the least and is dropped.

use std::{fmt::Write as _, time::Duration};

use reqwest::{Client, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

/// Outcomes that may wait; some minutes of a busy demo.
const WAITING_MAX: usize = 10_000;
const BATCH_MAX: usize = 500;
const PAUSE: Duration = Duration::from_millis(500);
/// How often a batch is offered before it is given up.
const ATTEMPTS_MAX: u32 = 3;

/// One measurement of one customer, in the shape of Fader's `POST /api/v1/events`.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    r#type: &'static str,
    id: String,
    subject: String,
    metric: &'static str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<u64>,
}

impl Outcome {
    /// `latency` where something was waited for.
    pub fn new(
        subject: &str,
        metric: &'static str,
        ok: bool,
        latency: Option<Duration>,
    ) -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes)?;
        let id = bytes.iter().fold(String::with_capacity(32), |mut id, byte| {
            let _ = write!(id, "{byte:02x}");
            id
        });
        let latency_ms = latency.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX));
        Ok(Self { r#type: "outcome", id, subject: subject.to_owned(), metric, ok, latency_ms })
    }
}

#[derive(Serialize)]
struct Batch<'a> {
    events: &'a [Outcome],
}

/// Where payments leave their outcomes.
#[derive(Clone, Debug)]
pub struct Reporter(Sender<Outcome>);

impl Reporter {
    /// Starts the task that sends; it ends with the last reporter.
    pub fn start(client: Client, url: String) -> Self {
        let (sender, receiver) = channel(WAITING_MAX);
        tokio::spawn(send_all(client, url, receiver));
        Self(sender)
    }

    pub fn tell(&self, outcome: Result<Outcome, getrandom::Error>) {
        let full = match outcome {
            Ok(outcome) => matches!(self.0.try_send(outcome), Err(TrySendError::Full(_))),
            Err(_) => true,
        };
        if full {
            tracing::warn!("an outcome was dropped: Fader does not take them fast enough");
        }
    }
}

async fn send_all(client: Client, url: String, mut waiting: Receiver<Outcome>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
        send(&client, &url, &batch).await;
        batch.clear();
        tokio::time::sleep(PAUSE).await;
    }
}

/// The ids make it safe to send a batch again.
async fn send(client: &Client, url: &str, events: &[Outcome]) {
    for attempt in 1..=ATTEMPTS_MAX {
        match client.post(url).json(&Batch { events }).send().await {
            Ok(answer) if answer.status().is_success() => return,
            Ok(answer) if answer.status() != StatusCode::TOO_MANY_REQUESTS => {
                tracing::warn!(status = %answer.status(), "Fader does not take outcomes");
                return;
            }
            Ok(_) | Err(_) => tokio::time::sleep(PAUSE * attempt).await,
        }
    }
    tracing::warn!(outcomes = events.len(), "outcomes were dropped: Fader did not take them");
}
