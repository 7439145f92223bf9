//! For orchestrators: `/healthz` says that the process answers, `/readyz` that it can do its work, which is to say write,
//! and `/readyz/decisions` that it decides, which it does without a database. All of it is said in JSON and within a second.

use std::{sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, response::IntoResponse, routing::get};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use store::{Checked, Store, StoreError};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    edge::{door::Door, fault::Fault},
    guard::Guard,
    intake::Intake,
    limits::{DATABASE_RETRY_AFTER_S, INTAKE_BEHIND_MAX},
    stopping::Stopping,
};

/// Asked by programs that read the status, and by people with `curl`.
pub static DOOR: Door = Door {
    name: "probes",
    below: &["/healthz", "/readyz"],
    refuse: Fault::page,
    takes_forms: true,
    tells_items: |_| false,
    is_rush: |_| false,
    secret_below: &[],
    needs_no_database: |path, _| path == "/healthz" || path.starts_with("/readyz"),
};

/// How long a write may take…
const WRITE_MAX: Duration = Duration::from_millis(600);
/// …and how long one may wait for it, or for somebody else's.
const ANSWER_MAX: Duration = Duration::from_millis(800);
/// A write says as much for so long.
const CHECK_HOLDS: Duration = Duration::from_secs(1);
/// The guard's lease, and what taking it over takes; several of its looks are added.
const GUARD_OVERDUE: Duration = Duration::from_secs(10);
const LOOKS_MISSED: u32 = 3;
/// A task that failed lately may fail again.
const FAILED_LATELY: Duration = Duration::from_mins(1);

/// What is asked how it is.
pub struct Probes {
    pub store: Store,
    pub intake: Arc<Intake>,
    pub guard: Arc<Guard>,
    pub stopping: Stopping,
    /// How often the guard looks.
    pub look_every: Duration,
    pub readiness: Readiness,
}

/// The last check of the database, shared by all who ask.
#[derive(Default)]
pub struct Readiness(Mutex<Option<(Instant, Option<Checked>)>>);

/// How the server is, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ready,
    /// It works, but something needs somebody: the guard does not look, a task failed, events are refused.
    Degraded,
    /// It decides, and can change nothing.
    ReadOnly,
    Stopping,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Report {
    status: Status,
    /// Whether the database takes a write.
    writes: bool,
    guard: GuardReport,
    intake: IntakeReport,
    /// How far this copy's clock is ahead of the database's; beyond 5 s it leaves the guard to others.
    skew_ms: i64,
    /// Since when (epoch ms) decisions are those of the snapshot file, because the database has not come yet.
    stands_in_since_ms: Option<i64>,
    /// Those that failed since the server started.
    failed_tasks: Vec<FailedTask>,
}

#[derive(Debug, Serialize)]
struct GuardReport {
    /// Seconds since some copy of the server looked; null while that cannot be told.
    last_look_s: Option<u64>,
    /// This copy guards.
    here: bool,
    overdue: bool,
}

#[derive(Debug, Serialize)]
struct IntakeReport {
    accepting: bool,
    /// How long the oldest event waits to be written.
    oldest_waits_s: u64,
    waiting: usize,
}

#[derive(Debug, Serialize)]
struct FailedTask {
    task: &'static str,
    failures: u64,
    last_failure_s: u64,
    running: bool,
}

pub fn router(probes: Arc<Probes>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/readyz/decisions", get(decides))
        .with_state(probes)
}

async fn healthz() -> &'static str {
    "ok\n"
}

/// 200 as long as decisions are served; for whoever routes evaluations.
async fn decides(State(probes): State<Arc<Probes>>) -> impl IntoResponse {
    let status = if probes.stopping.has_come() { Status::Stopping } else { Status::Ready };
    let code = if probes.stopping.has_come() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (code, [(header::CACHE_CONTROL, "no-store")], Json(serde_json::json!({ "status": status })))
}

/// 503 while the database takes no write or the server is stopping, so that no changes are sent here.
async fn readyz(State(probes): State<Arc<Probes>>) -> impl IntoResponse {
    let checked = if probes.stopping.has_come() { None } else { probes.readiness.check(&probes.store).await };
    let report = Report::of(&probes, checked);
    let code = match report.status {
        Status::Ready | Status::Degraded => StatusCode::OK,
        Status::ReadOnly | Status::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = (code, [(header::CACHE_CONTROL, "no-store")], Json(report)).into_response();
    if code == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(DATABASE_RETRY_AFTER_S));
    }
    response
}

impl Readiness {
    /// `None`: the database takes no write.
    async fn check(&self, store: &Store) -> Option<Checked> {
        let checking = async {
            let mut last = self.0.lock().await;
            if let Some((_, checked)) = last.filter(|(at, _)| at.elapsed() < CHECK_HOLDS) {
                return checked;
            }
            let checked = store.check_writes(WRITE_MAX).await;
            let was_ready = last.is_none_or(|(_, checked)| checked.is_some());
            if let Err(error) = &checked {
                report(error, was_ready);
            }
            let checked = checked.ok();
            *last = Some((Instant::now(), checked));
            checked
        };
        tokio::time::timeout(ANSWER_MAX, checking).await.ok().flatten()
    }
}

/// Only the first of a row: whoever asks does so every few seconds.
fn report(error: &StoreError, is_news: bool) {
    if is_news {
        tracing::warn!(error = error as &dyn std::error::Error, "not ready: the database takes no write");
    }
}

impl Report {
    fn of(probes: &Probes, checked: Option<Checked>) -> Self {
        let (guard, standing) = (GuardReport::of(probes, checked), probes.store.standing());
        let waiting = probes.intake.backlog.waiting();
        let intake = IntakeReport {
            accepting: waiting <= INTAKE_BEHIND_MAX,
            oldest_waits_s: waiting.as_secs(),
            waiting: probes.intake.unwritten().0,
        };
        let mut lately = false;
        let failed = |task: store::TaskReport| {
            let (ago, _) = task.last_failure?;
            lately |= task.is_down || ago < FAILED_LATELY;
            Some(FailedTask {
                task: task.name,
                failures: task.failures,
                last_failure_s: ago.as_secs(),
                running: !task.is_down,
            })
        };
        let failed_tasks = probes.store.tasks().report().into_iter().filter_map(failed).collect();
        let status = if probes.stopping.has_come() {
            Status::Stopping
        } else if checked.is_none() {
            Status::ReadOnly
        } else if guard.overdue || standing.leaves_guard || lately || !intake.accepting {
            Status::Degraded
        } else {
            Status::Ready
        };
        let (skew_ms, stands_in_since_ms) = (standing.skew_ms, standing.stands_in_since_ms);
        let writes = checked.is_some();
        Self { status, writes, guard, intake, skew_ms, stands_in_since_ms, failed_tasks }
    }
}

impl GuardReport {
    fn of(probes: &Probes, checked: Option<Checked>) -> Self {
        let own = probes.guard.standing();
        let elsewhere = checked.and_then(|it| it.guarded_ms).and_then(|ms| u64::try_from(ms).ok());
        // Who renews a lease need not have got to the end of a look.
        let looked_ms = if own.guards { Some(own.looked_ms) } else { elsewhere };
        let overdue_ms = (GUARD_OVERDUE + probes.look_every * LOOKS_MISSED).as_millis();
        // Where nobody is known to guard, this copy would have begun to long ago.
        let silent_ms = looked_ms.unwrap_or(own.looked_ms);
        Self {
            last_look_s: looked_ms.map(|ms| ms / 1000),
            here: own.guards,
            overdue: u128::from(silent_ms) > overdue_ms,
        }
    }
}
