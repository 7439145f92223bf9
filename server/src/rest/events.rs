//! `POST /api/v1/events`: what clients served. Items are looked at one by one, so that a bad one spoils no other.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use engine::{
    Arm, Counts, FlagKey, MetricDefinition, MetricKey, RuleId, Snapshot, SubjectKey, VariantKey,
    parse_date_ms,
};
use http::{StatusCode, header, request::Parts};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Claim, Exposure, Token, TokenKind};
use utoipa::ToSchema;

use super::{
    error::{Problem, RestError},
    proof::{FeatureItem, Proofs},
};
use crate::{
    Server,
    access::{Caller, Refused, cors, require_origin},
    body::Whole,
    client_address::ClientAddress,
    door::Fault,
    ingest::{Claimed, Counters, EventId},
    limits::{
        CLIENT_EVENT_AGE_MS_MAX, EVENT_AHEAD_MS_MAX, EVENT_ID_BYTES_MAX, EVENTS_MAX, REST_BODY_BYTES_MAX,
        SUBJECT_FEATURES_MAX,
    },
    outcomes::{Outcome, item::outcome_time},
};

/// Revisions are kept in the database as signed numbers.
const REVISION_MAX: u64 = i64::MAX as u64;

/// What happened, at most 1,000 items.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Events<'a> {
    #[serde(borrow)]
    #[schema(value_type = Vec<EventItem>, max_items = 1000)]
    events: Vec<&'a RawValue>,
}

/// One thing that happened.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the items in the document; they are read by their kind below")]
enum EventItem {
    Exposure(ExposureItem),
    Outcome(OutcomeItem),
}

/// A subject was served a variant.
#[derive(Deserialize, ToSchema)]
struct ExposureItem {
    /// Names the event for ever: sending it again within ten minutes does nothing.
    id: Option<String>,
    /// The targeting key.
    subject: String,
    flag: String,
    variant: String,
    /// Of the answer that decided it (`metadata.revision`).
    revision: u64,
    /// `metadata.rule` of the decision, where it has one.
    rule: Option<String>,
    /// `metadata.arm` of the decision, where it has one: `treatment` or `control`.
    #[schema(value_type = Option<String>)]
    arm: Option<Arm>,
    /// Epoch milliseconds, or RFC 3339; without it, now.
    time: Option<Time>,
    /// `metadata.receipt` of the decision. Client tokens need it: without, the event is counted as unverified.
    receipt: Option<String>,
}

/// Something happened after an exposure: a request, a conversion, a crash, a complaint, or what the workspace defined.
#[derive(Deserialize, ToSchema)]
struct OutcomeItem {
    /// Names the event for ever: sending it again within ten minutes does nothing.
    id: Option<String>,
    /// The targeting key; may be left out where `features` says what was in force, and then each outcome is taken to be
    /// independent of all others.
    subject: Option<String>,
    /// The key of a metric, such as `error_rate`.
    metric: String,
    /// Whether it went well. Rates need it; with a conversion, false says that there was none.
    ok: Option<bool>,
    /// How long it took; counts for `latency` as well, unless `ok` is false.
    latency_ms: Option<f64>,
    /// Of counts: how many or how much, 1 when left out. Of durations of your own: milliseconds.
    value: Option<f64>,
    /// Epoch milliseconds, or RFC 3339; without it, now. At most 10 minutes ago.
    time: Option<Time>,
    /// What was in force. Without it the outcome counts for whatever the subject was exposed to within a day. Client tokens
    /// need it, each feature as its decision said it and with its receipt.
    #[serde(default)]
    features: Vec<FeatureItem>,
}

#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "\"time\" is epoch milliseconds or a text like 2026-03-01T14:10:00Z")]
enum Time {
    Ms(i64),
    Text(String),
}

/// What became of the items.
#[expect(clippy::struct_field_names, reason = "the names of the answer")]
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// Taken in; readable a second later.
    accepted: usize,
    /// Known already by their ids.
    duplicates: usize,
    /// From a client token and without a receipt that proves them: counted as such, and no evidence of anything.
    #[serde(skip_serializing_if = "is_zero")]
    unverified: usize,
    /// Not taken, the others were. Sending them again changes nothing.
    rejected: Vec<Rejected>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[derive(Debug, Serialize, ToSchema)]
struct Rejected {
    /// Where in the list, from 0.
    index: usize,
    detail: String,
}

/// Sends events: server and client tokens, also straight from browsers.
///
/// Tokens stand in a header, never in the address, so `navigator.sendBeacon` cannot be used; `fetch` with
/// `keepalive: true` outlives its page as well.
#[utoipa::path(
    post,
    path = "/api/v1/events",
    tag = "events",
    request_body(
        content(
            (Events<'static> = "application/json"),
            (Events<'static> = "text/plain"),
        )
    ),
    responses(
        (status = 202, body = Accepted),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 413, body = Problem),
        (status = 422, body = Problem),
        (status = 429, body = Problem, description = "With Retry-After; nothing was taken"),
        (status = 503, body = Problem, description = "The database takes no events; with Retry-After; nothing was taken"),
    ),
)]
pub(crate) async fn send(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (token, answer) = match admit(&server, &parts, body).await {
        Ok((token, bytes)) => {
            let address = parts.extensions.get::<ClientAddress>().copied();
            let answer = take(&server, (&*token, address), &bytes);
            (Some(token), answer)
        }
        Err((token, error)) => (token, Err(error)),
    };
    let mut response = match answer {
        Ok(accepted) => {
            (StatusCode::ACCEPTED, [(header::CACHE_CONTROL, "no-store")], Json(accepted)).into_response()
        }
        Err(error) => error.into_response(),
    };
    cors::open(&parts.headers, token.as_deref(), &mut response);
    response
}

/// Token first, so that strangers learn nothing about bodies; then the body, whatever it says of its type.
async fn admit(
    server: &Server,
    parts: &Parts,
    body: Body,
) -> Result<(Arc<Token>, Whole), Refused<RestError>> {
    let caller = match Caller::admit(server, parts) {
        Ok(caller) => caller,
        Err((token, error)) => return Err((token, error.into())),
    };
    if let Err(error) = require_origin(&caller.token, &parts.headers) {
        return Err((Some(caller.token), error.into()));
    }
    match server.bodies.read(&caller, body, &parts.headers, REST_BODY_BYTES_MAX).await {
        Ok(bytes) => Ok((caller.token, bytes)),
        Err(fault) => Err((Some(caller.token), RestError::Fault(fault))),
    }
}

fn take(
    server: &Server,
    (token, address): (&Token, Option<ClientAddress>),
    body: &[u8],
) -> Result<Accepted, RestError> {
    let events: Events<'_> =
        serde_json::from_slice(body).map_err(|error| RestError::Malformed(error.to_string()))?;
    if events.events.len() > EVENTS_MAX {
        return Err(RestError::Refused(format!("send at most {EVENTS_MAX} events at once")));
    }
    if token.kind == TokenKind::Client {
        server.allowances.events(token.id, address, events.events.len())?;
    }
    let snapshot = server.store.live().snapshot(token.environment_key());
    let snapshot = snapshot.ok_or(RestError::Fault(Fault::Internal))?;
    let now_ms = server.store.clock().now_ms();
    let oldest_ms = server.ingest.retention.oldest_ms(snapshot.environment(), now_ms);
    let metrics = server.store.live().metrics();
    let keys = server.ofrep.keys();
    let proofs = Proofs::of(token.kind, &snapshot, &keys.receipts, now_ms);
    let reader = Reader { snapshot: &snapshot, metrics: &metrics, now_ms, oldest_ms, proofs };
    let (mut exposures, mut outcomes, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    let (mut unverified, mut of_flags) = (0, Vec::new());
    for (index, item) in events.events.iter().enumerate() {
        match reader.read(item) {
            Ok(Event::Exposure(..)) if !server.ingest.has_room_today(token, now_ms) => {
                let detail = format!("{} takes no more exposures of browsers today", snapshot.environment());
                rejected.push(Rejected { index, detail });
            }
            Ok(Event::Exposure(id, exposure)) => exposures.push((id, exposure)),
            Ok(Event::Outcome(id, outcome)) => outcomes.push((id, outcome)),
            Ok(Event::Unverified(flags)) => {
                unverified += 1;
                of_flags.extend(flags);
            }
            Err(detail) => rejected.push(Rejected { index, detail }),
        }
    }
    Counters::add(&server.ingest.counters.rejected, rejected.len());
    server.ingest.accepts()?;
    server.ingest.unverified.add(snapshot.environment(), of_flags);
    // Exposures first: an outcome may be of one that came with it.
    server.ingest.outcomes.has_room(outcomes.len())?;
    let of = (snapshot.environment(), reader.proofs.sender());
    let mut taken = server.ingest.exposures.offer_events(of, exposures, now_ms)?;
    let sent = outcomes.len();
    let (outcomes, ids) = new_ones(server, outcomes, now_ms);
    taken.accepted += outcomes.len();
    taken.duplicates += sent - outcomes.len();
    server.ingest.outcomes.record(&snapshot, &metrics, &outcomes, ids, now_ms);
    Ok(Accepted { accepted: taken.accepted, duplicates: taken.duplicates, unverified, rejected })
}

/// What was not sent before, and the hashes of its ids.
fn new_ones(
    server: &Server,
    outcomes: Vec<(Option<EventId>, Outcome)>,
    now_ms: i64,
) -> (Vec<Outcome>, Vec<u64>) {
    let is_new = |id: &Option<EventId>| id.is_none_or(|id| server.ingest.ids.remember(id, now_ms));
    let fresh = outcomes.into_iter().filter(|(id, _)| is_new(id));
    let (ids, outcomes): (Vec<_>, Vec<_>) = fresh.unzip();
    (outcomes, ids.into_iter().flatten().map(|id| id.0).collect())
}

/// An item that can be written down.
enum Event {
    Exposure(Option<EventId>, Exposure),
    Outcome(Option<EventId>, Outcome),
    /// Nobody knows whether it happened: what it claims of the flags that it names.
    Unverified(Vec<Claimed>),
}

/// What items are checked against.
struct Reader<'a> {
    snapshot: &'a Snapshot,
    metrics: &'a [MetricDefinition],
    now_ms: i64,
    oldest_ms: i64,
    proofs: Proofs<'a>,
}

#[derive(Deserialize)]
struct Kind {
    r#type: String,
}

impl Reader<'_> {
    /// The error is the sentence for the sender.
    fn read(&self, item: &RawValue) -> Result<Event, String> {
        let kind: Kind = parse(item)?;
        match kind.r#type.as_str() {
            "exposure" => self.exposure(parse(item)?),
            "outcome" => self.outcome(parse(item)?),
            other => Err(format!("there is no event type {other:?}; send \"exposure\" or \"outcome\"")),
        }
    }

    fn exposure(&self, item: ExposureItem) -> Result<Event, String> {
        let flag = key("flag", FlagKey::try_from(item.flag))?;
        let environment = self.snapshot.environment();
        let compiled = self
            .snapshot
            .flag(flag.as_str())
            .ok_or_else(|| format!("there is no flag \"{flag}\" in {environment}"))?;
        let variant = key("variant", VariantKey::try_from(item.variant))?;
        if !compiled.flag().variants.iter().any(|known| known.key == variant) {
            return Err(format!("the flag \"{flag}\" has no variant \"{variant}\""));
        }
        if item.revision > REVISION_MAX {
            return Err("\"revision\" is too large".to_owned());
        }
        let id = item.id.as_deref().map(|id| self.id(id)).transpose()?;
        let exposure = Exposure {
            subject: key("subject", SubjectKey::try_from(item.subject))?,
            flag,
            variant,
            revision: item.revision,
            rule: item.rule.map(|rule| key("rule", RuleId::try_from(rule))).transpose()?,
            arm: item.arm,
            at_ms: self.time(item.time)?,
        };
        let claim = Claim {
            environment: environment.as_str(),
            subject: exposure.subject.as_str(),
            flag: exposure.flag.as_str(),
            variant: exposure.variant.as_str(),
            rule: exposure.rule.as_ref().map(RuleId::as_str),
            arm: exposure.arm,
            revision: exposure.revision,
        };
        if !self.proofs.is_proved(item.receipt.as_deref(), &claim) {
            return Ok(Event::Unverified(vec![(exposure.flag, None)]));
        }
        Ok(Event::Exposure(id, exposure))
    }

    fn outcome(&self, item: OutcomeItem) -> Result<Event, String> {
        let id = item.id.as_deref().map(|id| self.id(id)).transpose()?;
        if item.features.len() > SUBJECT_FEATURES_MAX {
            return Err(format!("\"features\" names at most {SUBJECT_FEATURES_MAX} flags"));
        }
        let subject =
            item.subject.map(|subject| key("subject", SubjectKey::try_from(subject))).transpose()?;
        if subject.is_none() && self.proofs.are_needed() {
            return Err("\"subject\" is needed with a client token".to_owned());
        }
        let mut proved = Vec::with_capacity(item.features.len());
        let mut unproved = Vec::new();
        for named in item.features {
            match self.proofs.feature(named, subject.as_ref())? {
                (feature, true) => proved.push(feature),
                (feature, false) => unproved.push(feature.flag),
            }
        }
        // What its subject was exposed to says nothing about who sends it.
        let unverified = self.proofs.are_needed() && proved.is_empty();
        let outcome = Outcome {
            sender: self.proofs.sender(),
            subject,
            metric: key("metric", MetricKey::try_from(item.metric))?,
            ok: item.ok,
            latency_ms: item.latency_ms,
            value: item.value,
            at_ms: outcome_time(parse_time(item.time, self.now_ms)?, self.now_ms)?,
            features: proved,
        };
        let definition = outcome.check(self.metrics)?;
        if !unverified {
            return Ok(Event::Outcome(id, outcome));
        }
        let rate = match definition.kind.counts() {
            Counts::Requests => outcome.ok.map(|ok| (definition.key.clone(), definition.is_event(ok))),
            Counts::Durations | Counts::Exposed | Counts::ExposedMany | Counts::Unanswered => None,
        };
        Ok(Event::Unverified(unproved.into_iter().map(|flag| (flag, rate.clone())).collect()))
    }

    fn id(&self, id: &str) -> Result<EventId, String> {
        if id.is_empty() || id.len() > EVENT_ID_BYTES_MAX {
            return Err(format!("\"id\" has 1 to {EVENT_ID_BYTES_MAX} bytes"));
        }
        Ok(EventId::new(self.snapshot.environment(), id))
    }

    fn time(&self, time: Option<Time>) -> Result<i64, String> {
        let at_ms = parse_time(time, self.now_ms)?;
        if at_ms > self.now_ms.saturating_add(EVENT_AHEAD_MS_MAX) {
            return Err("\"time\" is more than 10 minutes ahead; check the clock".to_owned());
        }
        // A receipt does not outlive two days, and neither does what it proves.
        if self.proofs.are_needed() && at_ms < self.now_ms.saturating_sub(CLIENT_EVENT_AGE_MS_MAX) {
            return Err(
                "\"time\" is more than two days ago: too old for an event of a client token".to_owned()
            );
        }
        if at_ms < self.oldest_ms {
            return Err("\"time\" is older than what this environment keeps".to_owned());
        }
        Ok(at_ms)
    }
}

fn parse_time(time: Option<Time>, now_ms: i64) -> Result<i64, String> {
    match time {
        None => Ok(now_ms),
        Some(Time::Ms(ms)) => Ok(ms),
        Some(Time::Text(text)) => parse_date_ms(&text).map_err(|error| format!("\"time\": {error}")),
    }
}

fn parse<'a, T: Deserialize<'a>>(item: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(item.get()).map_err(|error| {
        let sentence = error.to_string();
        // Lines and columns are those of the item, which nobody sees.
        sentence.split(" at line ").next().unwrap_or_default().to_owned()
    })
}

pub(super) fn key<T, E: std::fmt::Display>(name: &str, parsed: Result<T, E>) -> Result<T, String> {
    parsed.map_err(|error| format!("\"{name}\" {error}"))
}
