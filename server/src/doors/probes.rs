//! For orchestrators: `/healthz` says that the process answers, `/readyz` that it can do its work, which is to say write,
//! and `/readyz/decisions` that it decides, which it does without a database. All of it is said in JSON and within a second.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, response::IntoResponse};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use store::{Checked, StoreError};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    Server,
    limits::{DATABASE_RETRY_AFTER_S, INTAKE_BEHIND_MAX},
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

/// The last check of the database, shared by all who ask.
#[derive(Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, Option<Checked>)>>);

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

pub async fn healthz() -> &'static str {
    "ok\n"
}

/// 200 as long as decisions are served; for whoever routes evaluations.
pub async fn decides(State(server): State<Arc<Server>>) -> impl IntoResponse {
    let status = if server.is_stopping() { Status::Stopping } else { Status::Ready };
    let code = if server.is_stopping() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (code, [(header::CACHE_CONTROL, "no-store")], Json(serde_json::json!({ "status": status })))
}

/// 503 while the database takes no write or the server is stopping, so that no changes are sent here.
pub async fn readyz(State(server): State<Arc<Server>>) -> impl IntoResponse {
    let checked = if server.is_stopping() { None } else { server.readiness.check(&server).await };
    let report = Report::of(&server, checked);
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
    async fn check(&self, server: &Server) -> Option<Checked> {
        let checking = async {
            let mut last = self.0.lock().await;
            if let Some((_, checked)) = last.filter(|(at, _)| at.elapsed() < CHECK_HOLDS) {
                return checked;
            }
            let checked = server.store.check_writes(WRITE_MAX).await;
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
    fn of(server: &Server, checked: Option<Checked>) -> Self {
        let (guard, standing) = (GuardReport::of(server, checked), server.store.standing());
        let waiting = server.intake.backlog.waiting();
        let intake = IntakeReport {
            accepting: waiting <= INTAKE_BEHIND_MAX,
            oldest_waits_s: waiting.as_secs(),
            waiting: server.intake.unwritten().0,
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
        let failed_tasks = server.store.tasks().report().into_iter().filter_map(failed).collect();
        let status = if server.is_stopping() {
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
    fn of(server: &Server, checked: Option<Checked>) -> Self {
        let own = server.guard.standing();
        let elsewhere = checked.and_then(|it| it.guarded_ms).and_then(|ms| u64::try_from(ms).ok());
        // Who renews a lease need not have got to the end of a look.
        let looked_ms = if own.guards { Some(own.looked_ms) } else { elsewhere };
        let overdue_ms = (GUARD_OVERDUE + server.config.look_every * LOOKS_MISSED).as_millis();
        // Where nobody is known to guard, this copy would have begun to long ago.
        let silent_ms = looked_ms.unwrap_or(own.looked_ms);
        Self {
            last_look_s: looked_ms.map(|ms| ms / 1000),
            here: own.guards,
            overdue: u128::from(silent_ms) > overdue_ms,
        }
    }
}
