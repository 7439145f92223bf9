//! `fader demo`: thousands of simulated customers who book through the demo site's API, by day and by night, until the
//! command is told to stop. They know nothing of Fader: what they see is what the site asks Fader for them.

mod crowd;
mod rhythm;

use std::{
    io,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::civil::Date;
use reqwest::{Client, Url};
use serde::Serialize;
use serde_json::Value as Json;
use tokio::{
    sync::Semaphore,
    time::{Instant, MissedTickBehavior, interval},
};

use crowd::Crowd;
use rhythm::Rhythm;

/// How long one checkout may take; a slow site is part of the demo.
const CHECKOUT_MAX: Duration = Duration::from_secs(10);
/// Checkouts under way at the same time; beyond it customers stay away.
const UNDER_WAY_MAX: usize = 256;
const TICK: Duration = Duration::from_millis(100);
const REPORT: Duration = Duration::from_mins(1);

/// What the simulation is told.
#[derive(Debug, Clone)]
pub struct Simulation {
    pub booking_url: Url,
    pub partner_key: String,
    /// Customers per second when most are awake.
    pub per_second: NonZeroU32,
    /// How long a day takes.
    pub day: Duration,
    /// The date in UTC: trips are sold from today on.
    pub today: Date,
}

/// Why there are no customers.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("the booking demo at {url} does not take our customers: {why}")]
    Refused { url: Url, why: String },
    #[error("the HTTP client could not be made: {0}")]
    Client(#[from] reqwest::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the operating system gives no random numbers")]
    Entropy,
}

/// One checkout, as the site's API takes it.
#[derive(Serialize)]
struct Checkout {
    customer: crowd::Customer,
    trip: String,
}

/// What became of the customers so far.
#[derive(Default)]
struct Tally {
    paid: AtomicU64,
    failed: AtomicU64,
    abandoned: AtomicU64,
    unanswered: AtomicU64,
}

impl Tally {
    fn count(&self, result: Option<&str>) {
        let counter = match result {
            Some("paid") => &self.paid,
            Some("failed") => &self.failed,
            Some("abandoned") => &self.abandoned,
            Some(_) | None => &self.unanswered,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn tell(&self) {
        let of = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        let (paid, failed) = (of(&self.paid), of(&self.failed));
        let (abandoned, unanswered) = (of(&self.abandoned), of(&self.unanswered));
        tracing::info!(paid, failed, abandoned, unanswered, "customers of the last minute");
    }
}

/// Sends customers until `stop` resolves. Fails at once when the site does not know the key.
pub async fn run(simulation: Simulation, stop: impl Future<Output = ()>) -> Result<(), DemoError> {
    let client = crate::https::client().timeout(CHECKOUT_MAX).build()?;
    let visit = Arc::new(Visit::new(client, &simulation)?);
    let mut crowd = Crowd::new(entropy()?, simulation.today);
    visit.send(crowd.next()).await?;
    let mut rhythm = Rhythm::new(simulation.per_second, simulation.day);
    let (tally, places) = (Arc::new(Tally::default()), Arc::new(Semaphore::new(UNDER_WAY_MAX)));
    let (mut tick, mut report) = (interval(TICK), interval(REPORT));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    report.tick().await;
    let began = Instant::now();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = report.tick() => tally.tell(),
            () = &mut stop => return Ok(()),
        }
        for _ in 0..rhythm.due(began.elapsed()) {
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { break };
            let (visit, tally, customer) = (Arc::clone(&visit), Arc::clone(&tally), crowd.next());
            tokio::spawn(async move {
                let answer = visit.send(customer).await;
                tally.count(answer.as_deref().ok());
                drop(place);
            });
        }
    }
}

fn entropy() -> Result<u64, DemoError> {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(|_| DemoError::Entropy)?;
    Ok(u64::from_le_bytes(seed))
}

/// A way into the site.
struct Visit {
    client: Client,
    url: Url,
    key: String,
}

impl Visit {
    fn new(client: Client, simulation: &Simulation) -> Result<Self, DemoError> {
        let base = &simulation.booking_url;
        let url = base
            .join("/api/partner/checkout")
            .map_err(|error| DemoError::Refused { url: base.clone(), why: error.to_string() })?;
        Ok(Self { client, url, key: simulation.partner_key.clone() })
    }

    /// The result that the site names.
    async fn send(&self, visitor: crowd::Visitor) -> Result<String, DemoError> {
        let refused = |why: String| DemoError::Refused { url: self.url.clone(), why };
        let checkout = Checkout { customer: visitor.customer, trip: visitor.trip };
        let request = self.client.post(self.url.clone()).bearer_auth(&self.key).json(&checkout);
        let answer = request.send().await.map_err(|error| refused(error.to_string()))?;
        if !answer.status().is_success() {
            return Err(refused(format!("it answered {}", answer.status())));
        }
        let body: Json = answer.json().await.map_err(|error| refused(error.to_string()))?;
        Ok(body["result"].as_str().unwrap_or_default().to_owned())
    }
}
