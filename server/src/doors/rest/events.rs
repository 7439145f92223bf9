//! `POST /api/v1/events`: what clients served. Items are looked at one by one, so that a bad one spoils no other.

mod read;

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use engine::{MetricDefinition, Sender, Snapshot};
use http::{StatusCode, request::Parts};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use store::{Omission, Store, Token, TokenKind};
use utoipa::ToSchema;

pub(crate) use self::read::EventItem;
pub(super) use self::read::key;
use self::read::{Event, Reader, Unfit};
use super::{
    error::{Problem, RestError},
    list,
    proof::Proofs,
};
use crate::{
    edge::{
        access::{Access, Caller, Refused, cors, require_origin},
        body::{Bodies, Whole, numbers::whole_numbers},
        client_address::ClientAddress,
        fault::Fault,
    },
    intake::{Intake, exposures::Counters, ids::EventId, outcomes::Outcome},
    limits::{EVENT_BYTES_WEIGHED, EVENTS_MAX, REST_BODY_BYTES_MAX},
};

/// What happened, at most 1,000 items.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Events<'a> {
    #[serde(borrow, deserialize_with = "list::up_to::<_, _, EVENTS_MAX>")]
    #[schema(value_type = Vec<AnyEvent>, max_items = 1000)]
    events: Vec<&'a RawValue>,
}

/// What is looked at item by item: anything else is rejected alone, and the others are taken.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the items in the document")]
enum AnyEvent {
    Event(EventItem),
    #[schema(value_type = Value)]
    Other(Value),
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
pub(crate) async fn send(
    State(access): State<Access>,
    State(bodies): State<Arc<Bodies>>,
    State(intake): State<Arc<Intake>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let (token, answer) = match admit(&access, &bodies, &parts, body).await {
        Ok((token, bytes)) => {
            let address = parts.extensions.get::<ClientAddress>().copied();
            let answer = take(&access, &intake, (&*token, address), &bytes).await;
            (Some(token), answer)
        }
        Err((token, error)) => (token, Err(error)),
    };
    let mut response = match answer {
        Ok(accepted) => (StatusCode::ACCEPTED, Json(accepted)).into_response(),
        Err(error) => error.into_response(),
    };
    cors::open(&parts.headers, token.as_deref(), &mut response);
    response
}

/// Token first, so that strangers learn nothing about bodies; then the body, whatever it says of its type.
async fn admit(
    access: &Access,
    bodies: &Bodies,
    parts: &Parts,
    body: Body,
) -> Result<(Arc<Token>, Whole), Refused<RestError>> {
    let caller = match Caller::admit(access, parts) {
        Ok(caller) => caller,
        Err((token, error)) => return Err((token, error.into())),
    };
    if let Err(error) = require_origin(&caller.token, &parts.headers) {
        return Err((Some(caller.token), error.into()));
    }
    match bodies.read(&caller, body, parts, REST_BODY_BYTES_MAX).await {
        Ok(bytes) => Ok((caller.token, bytes)),
        Err(fault) => Err((Some(caller.token), RestError::Fault(fault))),
    }
}

async fn take(
    access: &Access,
    intake: &Intake,
    (token, address): (&Token, Option<ClientAddress>),
    body: &[u8],
) -> Result<Accepted, RestError> {
    let body = whole_numbers(body);
    let events: Events<'_> =
        serde_json::from_slice(&body).map_err(|error| RestError::Malformed(error.to_string()))?;
    if events.events.len() > EVENTS_MAX {
        return Err(RestError::Refused(format!("send at most {EVENTS_MAX} events at once")));
    }
    if token.kind == TokenKind::Client {
        let weight = events.events.iter().map(|event| 1 + event.get().len() / EVENT_BYTES_WEIGHED).sum();
        access.allowances.events(token.id, address, weight)?;
    }
    let mut items = read(&access.store, intake, token, &events)?;
    if items.read.iter().any(|item| matches!(item, Err(Unfit::Ahead { .. }))) {
        // Another copy may have published it a moment ago.
        access.store.look_at_head().await?;
        items = read(&access.store, intake, token, &events)?;
    }
    keep(intake, token, items)
}

/// The items, and what they were checked against.
struct Items {
    snapshot: Arc<Snapshot>,
    metrics: Arc<Vec<MetricDefinition>>,
    sender: Sender,
    now_ms: i64,
    /// In the order of the request.
    read: Vec<Result<Event, Unfit>>,
}

fn read(store: &Store, intake: &Intake, token: &Token, events: &Events<'_>) -> Result<Items, RestError> {
    let snapshot = store.live().snapshot(token.environment_key());
    let snapshot = snapshot.ok_or(RestError::Fault(Fault::Internal))?;
    let now_ms = store.clock().now_ms();
    let oldest_ms = intake.retention.oldest_ms(snapshot.environment(), now_ms);
    let metrics = store.live().metrics();
    let receipts = intake.receipts.load();
    let proofs = Proofs::of(token.kind, &snapshot, &receipts, now_ms);
    let sender = proofs.sender();
    let reader = Reader { snapshot: &snapshot, metrics: &metrics, now_ms, oldest_ms, proofs };
    let read = events.events.iter().map(|item| reader.read(item)).collect();
    Ok(Items { snapshot, metrics, sender, now_ms, read })
}

fn keep(intake: &Intake, token: &Token, items: Items) -> Result<Accepted, RestError> {
    let Items { snapshot, metrics, sender, now_ms, read } = items;
    let (mut exposures, mut outcomes, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    let (mut unverified, mut of_flags) = (0, Vec::new());
    let mut room = intake.room_today(token);
    for (index, item) in read.into_iter().enumerate() {
        match item {
            Ok(Event::Exposure(id, _)) if !room.take(id, now_ms) => {
                Counters::add(&intake.exposures.counters().beyond_day, 1);
                let detail = format!("{} takes no more exposures of browsers today", snapshot.environment());
                rejected.push(Rejected { index, detail });
            }
            Ok(Event::Exposure(id, exposure)) => exposures.push((id, exposure)),
            Ok(Event::Outcome(id, outcome)) => outcomes.push((id, outcome)),
            Ok(Event::Unverified(flags)) => {
                unverified += 1;
                of_flags.extend(flags);
            }
            Err(unfit) => rejected.push(Rejected { index, detail: unfit.to_string() }),
        }
    }
    intake.accepts()?;
    intake.unverified.add(snapshot.environment(), of_flags);
    // Exposures first: an outcome may be of one that came with it.
    intake.outcomes.has_room(outcomes.len())?;
    let mut taken = intake.exposures.offer_events((snapshot.environment(), sender), exposures, now_ms)?;
    room.keep(taken.accepted);
    let sent = outcomes.len();
    let (outcomes, ids) = new_ones(intake, outcomes, now_ms);
    taken.accepted += outcomes.len();
    taken.duplicates += sent - outcomes.len();
    intake.outcomes.record(&snapshot, &metrics, &outcomes, ids, now_ms);
    if let Some(first) = rejected.first() {
        Counters::add(&intake.exposures.counters().rejected, rejected.len());
        intake.omitted.add(token.id, Omission::Rejected, rejected.len() as u64, &first.detail);
    }
    Ok(Accepted { accepted: taken.accepted, duplicates: taken.duplicates, unverified, rejected })
}

/// What was not sent before, and the hashes of its ids.
fn new_ones(
    intake: &Intake,
    outcomes: Vec<(Option<EventId>, Outcome)>,
    now_ms: i64,
) -> (Vec<Outcome>, Vec<u64>) {
    let is_new = |id: &Option<EventId>| id.is_none_or(|id| intake.ids.remember(id, now_ms));
    let fresh = outcomes.into_iter().filter(|(id, _)| is_new(id));
    let (ids, outcomes): (Vec<_>, Vec<_>) = fresh.unzip();
    (outcomes, ids.into_iter().flatten().map(|id| id.0).collect())
}
