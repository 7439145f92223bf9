//! Webhooks: where actions of the guard and of plans are announced. A delivery is written in the transaction of what
//! it announces, and sent by the server until it arrives or is given up.

mod address;

use std::{fmt, str::FromStr};

use engine::{EnvironmentKey, FlagKey};
use serde_json::json;

pub use self::address::{Reach, is_public};
use crate::{
    Action, Administrator, AuditHead, GuardLease, Invalid, ObjectKind, ObjectRef, RecentAdministrator, Store,
    StoreError,
    change::{Entry, Work},
    clock::MINUTE_MS,
    db::args,
    guard::incidents,
    limits::{WEBHOOK_TESTS_PER_MINUTE, WEBHOOKS_MAX},
    secret::random_hex,
    signed, text,
};

/// The field that says where an act of the guard is read, below the site's address.
pub const INCIDENT: &str = "incident";
const SECRET_BYTES: usize = 32;
/// Seconds until a delivery is tried again; after the last it is given up (about a day in all).
const RETRY_S: [i64; 9] = [2, 10, 60, 300, 900, 3_600, 10_800, 21_600, 43_200];
/// Deliveries that are under way to one receiver at once.
const AT_ONCE_MAX: i64 = 10;
const DELIVERIES_SHOWN: i64 = 20;
const PROBLEM_CHARS_MAX: usize = 200;

/// A webhook's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookId(i64);

impl WebhookId {
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for WebhookId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// An address that is told what the guard and the plans do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub id: WebhookId,
    /// `https://hooks.example.org/…`: the rest of the address may be a secret.
    pub place: String,
    pub created_ms: i64,
    pub created_by: String,
    /// What became of the last delivery: when it arrived, or why it did not.
    pub last_done_ms: Option<i64>,
    pub last_problem: Option<String>,
    /// Deliveries that are still being tried.
    pub waiting: u64,
}

/// A body to be sent. Neither address nor secret is to be logged.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookDelivery {
    pub id: i64,
    pub webhook: WebhookId,
    pub url: String,
    /// What the body is signed with.
    pub secret: String,
    pub body: String,
    pub attempts: u64,
}

impl fmt::Debug for WebhookDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookDelivery").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    GuardNotified,
    GuardSteppedBack,
    GuardStopped,
    PlanPaused,
    PlanAdvanced,
    PlanFinished,
    PlanHeld,
    PlanWentOn,
    Checkpoint,
    Test,
}

impl Event {
    /// Whether the guard did something that has a page of its own.
    const fn is_incident(self) -> bool {
        matches!(
            self,
            Self::GuardNotified
                | Self::GuardSteppedBack
                | Self::GuardStopped
                | Self::PlanPaused
                | Self::PlanHeld
        )
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::GuardNotified => "guard.notified",
            Self::GuardSteppedBack => "guard.stepped_back",
            Self::GuardStopped => "guard.stopped",
            Self::PlanPaused => "plan.paused",
            Self::PlanAdvanced => "plan.advanced",
            Self::PlanFinished => "plan.finished",
            Self::PlanHeld => "plan.held",
            Self::PlanWentOn => "plan.went_on",
            Self::Checkpoint => "audit.checkpoint",
            Self::Test => "test",
        }
    }
}

#[derive(sqlx_macros::FromRow)]
struct WebhookRow {
    id: i64,
    url: String,
    created_ms: i64,
    created_by: String,
    last_done_ms: Option<i64>,
    last_problem: Option<String>,
    waiting: i64,
}

#[derive(sqlx_macros::FromRow)]
struct DeliveryRow {
    id: i64,
    webhook: i64,
    url: String,
    secret: String,
    body: String,
    attempts: i64,
}

impl Store {
    pub async fn list_webhooks(&self, _by: &Administrator) -> Result<Vec<Webhook>, StoreError> {
        let rows: Vec<WebhookRow> = self
            .db()
            .all(
                "SELECT webhooks.id, webhooks.url, webhooks.created_ms, webhooks.created_by, \
                 last.done_ms AS last_done_ms, last.problem AS last_problem, \
                 (SELECT COUNT(*) FROM webhook_deliveries AS open \
                  WHERE open.webhook = webhooks.id AND open.due_ms IS NOT NULL) AS waiting \
                 FROM webhooks \
                 LEFT JOIN webhook_deliveries AS last ON last.id = \
                     (SELECT MAX(tried.id) FROM webhook_deliveries AS tried \
                      WHERE tried.webhook = webhooks.id AND tried.attempts > 0) \
                 ORDER BY webhooks.id LIMIT $1",
                args![signed(WEBHOOKS_MAX as u64)],
            )
            .await?;
        let webhook = |row: WebhookRow| Webhook {
            id: WebhookId(row.id),
            place: address::shown(&row.url),
            created_ms: row.created_ms,
            created_by: row.created_by,
            last_done_ms: row.last_done_ms,
            last_problem: row.last_problem,
            waiting: crate::number(row.waiting),
        };
        Ok(rows.into_iter().map(webhook).collect())
    }

    /// Adds a webhook; the answer is the secret that its bodies are signed with, shown once.
    ///
    /// The server asks this address from where it runs, which may reach what a browser cannot: only admins add one, and
    /// within `reach`.
    pub async fn create_webhook(
        &self,
        by: &RecentAdministrator,
        url: &str,
        reach: Reach,
    ) -> Result<(WebhookId, String), StoreError> {
        let url = String::from(address::parse(url, reach)?);
        let secret = random_hex::<SECRET_BYTES>()?;
        let mut work = self.begin(by).await?;
        let (count,): (i64,) = work.tx.one("SELECT COUNT(*) FROM webhooks", args![]).await?;
        if count >= signed(WEBHOOKS_MAX as u64) {
            return Err(Invalid::TooManyWebhooks.into());
        }
        let (now_ms, author) = (work.now_ms(), work.by().to_owned());
        let (id,): (i64,) = work
            .tx
            .one(
                "INSERT INTO webhooks (url, secret, created_ms, created_by) VALUES ($1, $2, $3, $4) RETURNING id",
                args![&url, &secret, now_ms, &author],
            )
            .await?;
        let object = ObjectRef::new(ObjectKind::Webhook, id.to_string());
        let place = address::shown(&url);
        let sentence = format!("added the webhook {place}");
        work.finish(Entry::new(Action::WebhookSaved, object, &place, sentence)).await?;
        Ok((WebhookId(id), secret))
    }

    pub async fn delete_webhook(&self, by: &RecentAdministrator, id: WebhookId) -> Result<(), StoreError> {
        let mut work = self.begin(by).await?;
        work.tx.execute("DELETE FROM webhook_deliveries WHERE webhook = $1", args![id.get()]).await?;
        let url: Option<(String,)> =
            work.tx.optional("DELETE FROM webhooks WHERE id = $1 RETURNING url", args![id.get()]).await?;
        let Some((url,)) = url else {
            return Err(StoreError::NotFound { kind: ObjectKind::Webhook, key: id.to_string() });
        };
        let object = ObjectRef::new(ObjectKind::Webhook, id.to_string());
        let place = address::shown(&url);
        let sentence = format!("deleted the webhook {place}");
        work.finish(Entry::new(Action::WebhookDeleted, object, &place, sentence)).await?;
        Ok(())
    }

    /// Puts a test message into the queue of one webhook; so many a minute, whoever asks.
    pub async fn test_webhook(&self, by: &Administrator, id: WebhookId) -> Result<(), StoreError> {
        let mut work = self.begin(by).await?;
        let (seq, now_ms) = (work.seq(), work.now_ms());
        let url: Option<(String,)> =
            work.tx.optional("SELECT url FROM webhooks WHERE id = $1", args![id.get()]).await?;
        let Some((url,)) = url else {
            return Err(StoreError::NotFound { kind: ObjectKind::Webhook, key: id.to_string() });
        };
        let sql = "SELECT COUNT(*) FROM audit WHERE action = $1 AND at_ms > $2";
        let tested = args![Action::WebhookTested.as_str(), now_ms.saturating_sub(MINUTE_MS)];
        let (tests,): (i64,) = work.tx.one(sql, tested).await?;
        if tests >= signed(WEBHOOK_TESTS_PER_MINUTE as u64) {
            return Err(Invalid::TooManyWebhookTests.into());
        }
        let body = json!({
            "event": Event::Test.as_str(),
            "at_ms": now_ms,
            "by": by.name(),
            "sentence": "This is a test message from Fader.",
        });
        let sql = "INSERT INTO webhook_deliveries (webhook, audit_seq, body, attempts, due_ms) \
                   VALUES ($1, $2, $3, 0, $4)";
        work.tx.execute(sql, args![id.get(), seq, &body.to_string(), now_ms]).await?;
        let place = address::shown(&url);
        let object = ObjectRef::new(ObjectKind::Webhook, id.to_string());
        let sentence = format!("sent a test message to the webhook {place}");
        work.finish(Entry::new(Action::WebhookTested, object, &place, sentence)).await?;
        Ok(())
    }

    /// Tells every webhook of a signed checkpoint, unless a copy of the server told of this entry or a later one.
    /// `message` is the checkpoint as JSON.
    pub async fn announce_checkpoint(
        &self,
        head: &AuditHead,
        message: serde_json::Value,
    ) -> Result<(), StoreError> {
        let (seq, now_ms) = (signed(head.seq), self.shared_now_ms());
        let body = json!({
            "event": Event::Checkpoint.as_str(),
            "at_ms": now_ms,
            "by": "Fader",
            "sentence": format!("noted the head of the audit log, entry {seq}"),
            "seq": seq,
            "checkpoint": message,
        });
        let mut tx = self.db().begin().await?;
        let sql = "UPDATE workspace SET checkpoint_seq = $1 WHERE id = 1 AND checkpoint_seq < $1";
        if tx.execute(sql, args![seq]).await? > 0 {
            tx.execute(
                "INSERT INTO webhook_deliveries (webhook, audit_seq, body, attempts, due_ms) \
                 SELECT id, $1, $2, 0, $3 FROM webhooks",
                args![seq, &body.to_string(), now_ms],
            )
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// What is to be sent now: the oldest of each receiver, so that one with a long queue is in nobody's way. Only the
    /// guarding server sends, so that each goes out once per try.
    pub async fn list_due_deliveries(&self, _by: &GuardLease) -> Result<Vec<WebhookDelivery>, StoreError> {
        let now_ms = self.database_now_ms().await?;
        // Due later than the longest pause: by a clock that was wrong.
        let latest_ms = now_ms.saturating_add(RETRY_S[RETRY_S.len() - 1] * 1000);
        let rows: Vec<DeliveryRow> = self
            .db()
            .all(
                "SELECT due.id, due.webhook, webhooks.url, webhooks.secret, due.body, due.attempts \
                 FROM (SELECT id, webhook, body, attempts, \
                         ROW_NUMBER() OVER (PARTITION BY webhook ORDER BY id) AS place \
                     FROM webhook_deliveries WHERE due_ms <= $1 OR due_ms > $2) AS due \
                 JOIN webhooks ON webhooks.id = due.webhook \
                 WHERE due.place <= $3 \
                 ORDER BY due.id",
                args![now_ms, latest_ms, AT_ONCE_MAX],
            )
            .await?;
        let delivery = |row: DeliveryRow| WebhookDelivery {
            id: row.id,
            webhook: WebhookId(row.webhook),
            url: row.url,
            secret: row.secret,
            body: row.body,
            attempts: crate::number(row.attempts),
        };
        Ok(rows.into_iter().map(delivery).collect())
    }

    /// Notes what became of one try; a failed one is due again later, and given up after about a day.
    pub async fn note_delivery(
        &self,
        _by: &GuardLease,
        delivery: &WebhookDelivery,
        problem: Option<&str>,
    ) -> Result<(), StoreError> {
        let now_ms = self.database_now_ms().await?;
        let wait_s = usize::try_from(delivery.attempts).ok().and_then(|tried| RETRY_S.get(tried));
        let due_ms = problem.and(wait_s).map(|wait_s| now_ms.saturating_add(wait_s * 1000));
        let done_ms = problem.is_none().then_some(now_ms);
        let problem = problem.map(|problem| text::shorten(problem, PROBLEM_CHARS_MAX));
        self.db()
            .execute(
                "UPDATE webhook_deliveries SET attempts = $1, due_ms = $2, done_ms = $3, problem = $4 WHERE id = $5",
                args![signed(delivery.attempts + 1), due_ms, done_ms, problem.as_deref(), delivery.id],
            )
            .await?;
        Ok(())
    }

    /// Forgets deliveries that ended more than `kept_ms` ago: what they told stands in the audit log.
    pub async fn forget_deliveries(&self, _by: &GuardLease, kept_ms: i64) -> Result<u64, StoreError> {
        let before_ms = self.database_now_ms().await?.saturating_sub(kept_ms);
        let old = self
            .db()
            .execute(
                "DELETE FROM webhook_deliveries WHERE due_ms IS NULL \
                 AND id < (SELECT MAX(kept.id) FROM webhook_deliveries AS kept) - $1 \
                 AND (done_ms IS NULL OR done_ms < $2)",
                args![DELIVERIES_SHOWN, before_ms],
            )
            .await?;
        Ok(old)
    }
}

impl Work<'_> {
    /// Announces what this change does to every webhook, in its own transaction.
    pub(crate) async fn announce(
        &mut self,
        event: Event,
        (environment, flag, name): (&EnvironmentKey, &FlagKey, &str),
        sentence: &str,
        why: &str,
    ) -> Result<(), StoreError> {
        let (seq, now_ms) = (self.seq(), self.now_ms());
        let mut body = json!({
            "event": event.as_str(),
            "at_ms": now_ms,
            "environment": environment,
            "flag": flag,
            "flag_name": name,
            "by": self.by(),
            "sentence": sentence,
            "why": why,
            "seq": seq,
        });
        if event.is_incident() {
            // Whoever sends it knows where the site is.
            body[INCIDENT] = incidents::path(environment, flag, seq).into();
        }
        self.tx
            .execute(
                "INSERT INTO webhook_deliveries (webhook, audit_seq, body, attempts, due_ms) \
                 SELECT id, $1, $2, 0, $3 FROM webhooks",
                args![seq, &body.to_string(), now_ms],
            )
            .await?;
        Ok(())
    }
}
