//! The two evaluations: one flag for servers, all flags for browsers. Either token may use either.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use engine::{Attributes, Context, Preview, SubjectKey, Traits};
use http::{StatusCode, header, request::Parts};
use store::People;

use super::{
    STREAM_PATH,
    answer::{Bulk, EventStream, Item, JSON, Metadata, PRIVATE, Stale, Success},
    context::{self, CallerContext},
    error::{Failure, OfrepError},
    etag::{self, Inputs},
    exposure,
    prepared::Prepared,
    preview,
    receipt::{self, Receipts},
    refetch::{self, Expected},
    ticket::{self, Ticket},
};
use crate::{
    Server,
    access::{Caller, Refused, cors},
    door::Fault,
    limits::OFREP_BODY_BYTES_MAX,
};

/// `POST /ofrep/v1/evaluate/flags/{key}`
pub async fn one(
    State(server): State<Arc<Server>>,
    key: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let Ok(Path(key)) = key else { return OfrepError::Fault(Fault::NotFound).into_response() };
    let (parts, body) = request.into_parts();
    let (token, answer) = match admit(&server, &parts, body).await {
        Ok((caller, context)) => {
            (Some(Arc::clone(&caller.token)), decide(&server, &caller, &context, &parts, &key))
        }
        Err((token, error)) => (token, Err(error)),
    };
    let mut response = answer.unwrap_or_else(|error| error.answer(Some(&key)));
    cors::open(&parts.headers, token.as_deref(), &mut response);
    response
}

/// `POST /ofrep/v1/evaluate/flags`
pub async fn all(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (token, answer) = match admit(&server, &parts, body).await {
        Ok((caller, context)) => {
            (Some(Arc::clone(&caller.token)), decide_all(&server, &caller, &context, &parts).await)
        }
        Err((token, error)) => (token, Err(error)),
    };
    let mut response = answer.unwrap_or_else(|error| error.answer(None));
    cors::open(&parts.headers, token.as_deref(), &mut response);
    response
}

/// Token first, so that strangers learn nothing about bodies; then the body.
async fn admit(
    server: &Server,
    parts: &Parts,
    body: Body,
) -> Result<(Caller, CallerContext), Refused<OfrepError>> {
    let caller = match Caller::admit(server, parts) {
        Ok(caller) => caller,
        Err((token, error)) => return Err((token, error.into())),
    };
    let read = server.bodies.read(&caller, body, &parts.headers, OFREP_BODY_BYTES_MAX).await;
    let read = read.map_err(OfrepError::Fault);
    match read.and_then(|bytes| context::parse(&bytes)) {
        Ok(context) => Ok((caller, context)),
        Err(error) => Err((Some(caller.token), error)),
    }
}

fn decide(
    server: &Server,
    caller: &Caller,
    context: &CallerContext,
    parts: &Parts,
    key: &str,
) -> Result<Response, OfrepError> {
    let environment = caller.token.environment_key();
    let snapshot = server.store.live().snapshot(environment).ok_or(OfrepError::NoEnvironment)?;
    let people = server.store.live().people();
    let now_ms = server.store.clock().now_ms();
    let grant = preview::of(server, caller, &parts.headers, context, now_ms);
    let shown = grant.as_ref().map(|grant| &grant.preview);
    let decision = snapshot
        .evaluate_previewed(key, &engine_context(caller, context, &people), shown, now_ms)
        .map_err(OfrepError::Evaluation)?;
    if let Some(subject) = &context.targeting_key
        && !decision.previewed
        && exposure::is_wanted(caller, parts)
    {
        exposure::record(server, &snapshot, subject, key, &decision, now_ms);
    }
    let subject = context.targeting_key.as_ref();
    let receipts = Receipts::of(server, caller, subject, snapshot.revision(), now_ms);
    let of = (environment, snapshot.revision());
    let success = Success::new(key, decision, of, Stale::of(server), receipts.as_ref());
    Ok(([JSON, PRIVATE], to_json(&success)?).into_response())
}

async fn decide_all(
    server: &Server,
    caller: &Caller,
    context: &CallerContext,
    parts: &Parts,
) -> Result<Response, OfrepError> {
    let token = &caller.token;
    let expected = Expected::from_query(parts.uri.query(), token.environment_key());
    let prepared = refetch::current(server, token, expected).await?;
    let people = server.store.live().people();
    let traits = traits(context, &people);
    let now_ms = server.store.clock().now_ms();
    let ticket_window = ticket::window(now_ms);
    let preview = preview::of(server, caller, &parts.headers, context, now_ms);
    let preview = preview.as_ref().map(|grant| &grant.preview);
    let stale = Stale::of(server);
    let is_stale = stale.is_some();
    let receipt_day = receipt::day(token.kind, now_ms);
    let inputs = Inputs {
        prepared: &prepared,
        now_ms,
        token,
        context,
        traits,
        ticket_window,
        receipt_day,
        preview,
        is_stale,
    };
    let etag = inputs.etag();
    if etag::is_held(&parts.headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag), PRIVATE]).into_response());
    }
    let subject = context.targeting_key.as_ref();
    let receipts = Receipts::of(server, caller, subject, prepared.snapshot.revision(), now_ms);
    let engine = engine_context(caller, context, &people);
    let flags = evaluate_all(&prepared, &engine, (preview, receipts.as_ref()), now_ms, stale);
    let subject = context.targeting_key.as_ref().map(|subject| server.ofrep.keys().tickets.mark(subject));
    let stream = Ticket::new(caller.hash, subject, prepared.revision(now_ms), now_ms);
    let stream = format!("{STREAM_PATH}{}", server.ofrep.keys().tickets.sign(&stream));
    let bulk = Bulk {
        flags,
        metadata: Metadata {
            revision: prepared.snapshot.revision(),
            environment: token.environment_key(),
            rule: None,
            arm: None,
            preview: false,
            stale,
            receipt: None,
        },
        event_streams: [EventStream::at(stream)],
    };
    Ok(([JSON, PRIVATE, (header::ETAG, etag)], to_json(&bulk)?).into_response())
}

fn evaluate_all<'p>(
    prepared: &'p Prepared,
    context: &Context<'_>,
    (preview, receipts): (Option<&Preview>, Option<&Receipts>),
    now_ms: i64,
    stale: Option<Stale>,
) -> Vec<Item<'p>> {
    let snapshot = &*prepared.snapshot;
    let of = (snapshot.environment().as_str(), snapshot.revision());
    let item = |key: &'p str| match snapshot.evaluate_previewed(key, context, preview, now_ms) {
        Ok(decision) => Item::Success(Success::new(key, decision, of, stale, receipts)),
        Err(error) => Item::Failure(Failure {
            key: Some(key),
            error_code: Some(error.into()),
            error_details: error.to_string(),
        }),
    };
    prepared.flags.iter().map(|key| item(key.as_str())).collect()
}

/// The stored traits of a known subject.
fn traits<'p>(context: &CallerContext, people: &'p People) -> Traits<'p> {
    let known = context.targeting_key.as_ref().and_then(|key| people.traits(key.as_str()));
    known.unwrap_or_default()
}

fn engine_context<'a>(caller: &Caller, context: &'a CallerContext, people: &'a People) -> Context<'a> {
    Context {
        targeting_key: context.targeting_key.as_ref().map(SubjectKey::as_str),
        sender: caller.sender(),
        sent: &context.attributes,
        signed: Attributes::EMPTY,
        traits: traits(context, people),
    }
}

fn to_json(answer: &impl serde::Serialize) -> Result<Vec<u8>, OfrepError> {
    serde_json::to_vec(answer).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written");
        OfrepError::Fault(Fault::Internal)
    })
}
