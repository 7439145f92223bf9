//! The two evaluations: one flag for servers, all flags for browsers. Either token may use either.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use engine::{Attributes, Context, EvaluationError, Preview, SubjectKey, Traits};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use store::People;

use super::{
    answer::{Answer, BY_CODING, JSON, PRIVATE, Stale},
    compressed::Coding,
    context::{self, CallerContext},
    error::OfrepError,
    etag::Inputs,
    exposure,
    keys::Keys,
    prepared::Prepared,
    preview,
    receipt::{self, Receipts},
    refetch::{self, Expected},
    state::Ofrep,
    ticket::{self, Ticket},
};
use crate::{
    edge::{
        access::{Caller, Refused, cors},
        etag::is_held,
        fault::Fault,
        stand_in::stale_s,
    },
    figures::{Evaluation, Figures},
    limits::OFREP_BODY_BYTES_MAX,
};

const ALL_PATH: &str = "/ofrep/v1/evaluate/flags";
const ONE_PATH: &str = "/ofrep/v1/evaluate/flags/";
/// Room for what an answer brings and what is put around it, made once.
const HEADERS: usize = 12;

/// Whether [`direct`] answers this: an evaluation as clients ask for it, with nothing in its path to be decoded.
pub fn is_direct(ofrep: &Ofrep, request: &Request) -> bool {
    let path = request.uri().path();
    let is_key = |key: &str| !key.is_empty() && !key.contains(['/', '%']);
    request.method() == Method::POST
        && (path == ALL_PATH || path.strip_prefix(ONE_PATH).is_some_and(is_key))
        && stale_s(ofrep.store()).is_none()
}

/// The same answers as through the router, for requests of which there are thousands a second.
pub async fn direct(ofrep: &Ofrep, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match parts.uri.path().strip_prefix(ONE_PATH) {
        Some(key) => answer_one(ofrep, key, &parts, body).await,
        None => answer_all(ofrep, &parts, body).await,
    }
}

/// `POST /ofrep/v1/evaluate/flags/{key}`
pub async fn one(
    State(ofrep): State<Arc<Ofrep>>,
    key: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let Ok(Path(key)) = key else { return OfrepError::Fault(Fault::NotFound).into_response() };
    let (parts, body) = request.into_parts();
    answer_one(&ofrep, &key, &parts, body).await
}

/// `POST /ofrep/v1/evaluate/flags`
pub async fn all(State(ofrep): State<Arc<Ofrep>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    answer_all(&ofrep, &parts, body).await
}

async fn answer_one(ofrep: &Ofrep, key: &str, parts: &Parts, body: Body) -> Response {
    let (token, answer) = match admit(ofrep, parts, body).await {
        Ok((caller, context)) => {
            let answer = decide(ofrep, &caller, &context, parts, key);
            (Some(caller.token), answer)
        }
        Err((token, error)) => (token, Err(error)),
    };
    let mut response = answer.unwrap_or_else(|error| error.answer(Some(key)));
    cors::open(&parts.headers, token.as_deref(), &mut response);
    response
}

async fn answer_all(ofrep: &Ofrep, parts: &Parts, body: Body) -> Response {
    let (token, answer) = match admit(ofrep, parts, body).await {
        Ok((caller, context)) => {
            let answer = decide_all(ofrep, &caller, &context, parts).await;
            (Some(caller.token), answer)
        }
        Err((token, error)) => (token, Err(error)),
    };
    let mut response = answer.unwrap_or_else(|error| error.answer(None));
    cors::open(&parts.headers, token.as_deref(), &mut response);
    response
}

/// Token first, so that strangers learn nothing about bodies; then the body.
async fn admit(
    ofrep: &Ofrep,
    parts: &Parts,
    body: Body,
) -> Result<(Caller, CallerContext), Refused<OfrepError>> {
    let caller = match Caller::admit(&ofrep.parts.access, parts) {
        Ok(caller) => caller,
        Err((token, error)) => return Err((token, error.into())),
    };
    let read = ofrep.parts.bodies.read(&caller, body, parts, OFREP_BODY_BYTES_MAX).await;
    let read = read.map_err(OfrepError::Fault);
    match read.and_then(|bytes| context::parse(&bytes)) {
        Ok(context) => Ok((caller, context)),
        Err(error) => Err((Some(caller.token), error)),
    }
}

fn decide(
    ofrep: &Ofrep,
    caller: &Caller,
    context: &CallerContext,
    parts: &Parts,
    key: &str,
) -> Result<Response, OfrepError> {
    let environment = caller.token.environment_key();
    let snapshot = ofrep.store().live().snapshot(environment).ok_or(OfrepError::NoEnvironment)?;
    let people = ofrep.store().live().people();
    let now_ms = ofrep.store().clock().now_ms();
    let keys = ofrep.keys();
    let grant = preview::of(&keys.previews, caller, &parts.headers, context, now_ms);
    let shown = grant.as_ref().map(|grant| &grant.preview);
    let (place, flag) =
        snapshot.find_flag(key).ok_or(OfrepError::Evaluation(EvaluationError::FlagNotFound))?;
    let prepared = ofrep.prepared.get(&snapshot);
    let flag_parts = prepared.parts.get(place).ok_or(OfrepError::Fault(Fault::Internal))?;
    flag_parts.asked.note(now_ms);
    let decision = snapshot
        .evaluate_found(flag, &engine_context(caller, context, &people), shown, now_ms)
        .map_err(OfrepError::Evaluation)?;
    ofrep.parts.figures.evaluated(Evaluation::One);
    ofrep.parts.figures.decided(1);
    if let Some(subject) = &context.targeting_key
        && !decision.previewed
        && exposure::is_wanted(caller, parts)
    {
        exposure::record(&ofrep.parts.intake, &snapshot, subject, flag, &decision, now_ms);
    }
    let subject = context.targeting_key.as_ref();
    let receipts = Receipts::of(&keys.receipts, caller, subject, snapshot.revision(), now_ms);
    let answer = Answer { prepared: &prepared, stale: Stale::of(ofrep.store()), receipts: receipts.as_ref() };
    Ok(respond(StatusCode::OK, answer.one(flag_parts, &decision, key).into(), [JSON, PRIVATE]))
}

async fn decide_all(
    ofrep: &Ofrep,
    caller: &Caller,
    context: &CallerContext,
    parts: &Parts,
) -> Result<Response, OfrepError> {
    let token = &caller.token;
    let expected = Expected::from_query(parts.uri.query(), token.environment_key());
    let prepared = refetch::current(ofrep, token, expected).await?;
    let people = ofrep.store().live().people();
    let traits = traits(context, &people);
    let now_ms = ofrep.store().clock().now_ms();
    prepared.asked.note(now_ms);
    let ticket_window = ticket::window(now_ms);
    let keys = ofrep.keys();
    let preview = preview::of(&keys.previews, caller, &parts.headers, context, now_ms);
    let preview = preview.as_ref().map(|grant| &grant.preview);
    let stale = Stale::of(ofrep.store());
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
    let is_held = is_held(&parts.headers, &etag);
    ofrep.parts.figures.evaluated(if is_held { Evaluation::Unchanged } else { Evaluation::All });
    if is_held {
        return Ok(respond(
            StatusCode::NOT_MODIFIED,
            Body::empty(),
            [(header::ETAG, etag), PRIVATE, BY_CODING],
        ));
    }
    // What is decided without the database says how old it is, whatever its ETag.
    let coding = Coding::accepted(&parts.headers).filter(|_| !is_stale);
    let write = || {
        write_all(
            (&keys, &ofrep.stream_address, &ofrep.parts.figures),
            caller,
            context,
            (&prepared, &people),
            (preview, stale, now_ms),
        )
    };
    let plain = match coding {
        // Kept with the keys that sign it: when they become others meanwhile, it is gone with them.
        Some(coding) => match keys.compressed.find_or_make(&etag, coding, write) {
            Ok(smaller) => return Ok(compressed(smaller.into(), &etag, coding)),
            Err(plain) => plain,
        },
        None => write(),
    };
    Ok(respond(StatusCode::OK, plain.into(), [JSON, PRIVATE, (header::ETAG, etag), BY_CODING]))
}

fn write_all(
    (keys, stream_address, figures): (&Keys, &str, &Figures),
    caller: &Caller,
    context: &CallerContext,
    (prepared, people): (&Prepared, &People),
    (preview, stale, now_ms): (Option<&Preview>, Option<Stale>, i64),
) -> Vec<u8> {
    let snapshot = &*prepared.snapshot;
    let subject = context.targeting_key.as_ref();
    let receipts = Receipts::of(&keys.receipts, caller, subject, snapshot.revision(), now_ms);
    let mark = subject.map(|subject| keys.tickets.mark(subject));
    let ticket = Ticket::new(caller.hash, mark, prepared.revision(now_ms), now_ms);
    let stream = format!("{stream_address}{}", keys.tickets.sign(&ticket));
    let engine = engine_context(caller, context, people);
    let mut evaluator = snapshot.evaluator(&engine, now_ms);
    let live = snapshot.flags().zip(&prepared.parts).filter(|(flag, _)| !flag.is_archived());
    let decisions =
        live.map(|(flag, parts)| (&**parts, flag.key().as_str(), evaluator.evaluate(flag, preview)));
    let answer = Answer { prepared, stale, receipts: receipts.as_ref() };
    let mut made = 0;
    let written = answer.all(decisions.inspect(|_| made += 1), &stream);
    figures.decided(made);
    written
}

/// Another form of the same: a weak tag, since a strong one promises the same bytes.
fn compressed(body: Body, etag: &HeaderValue, coding: Coding) -> Response {
    let weak = [b"W/", etag.as_bytes()].concat();
    let etag = HeaderValue::try_from(weak).unwrap_or_else(|_| etag.clone());
    let coding = (header::CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
    respond(StatusCode::OK, body, [JSON, PRIVATE, (header::ETAG, etag), BY_CODING, coding])
}

fn respond<const N: usize>(
    status: StatusCode,
    body: Body,
    headers: [(HeaderName, HeaderValue); N],
) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = HeaderMap::with_capacity(HEADERS);
    response.headers_mut().extend(headers);
    response
}

/// The stored traits of a known subject.
fn traits<'p>(context: &CallerContext, people: &'p People) -> Traits<'p> {
    let known = context.targeting_key.as_ref().and_then(|key| people.traits(key.as_str()));
    known.unwrap_or_default()
}

pub(super) fn engine_context<'a>(
    caller: &Caller,
    context: &'a CallerContext,
    people: &'a People,
) -> Context<'a> {
    Context {
        targeting_key: context.targeting_key.as_ref().map(SubjectKey::as_str),
        sender: caller.sender(),
        sent: &context.attributes,
        signed: Attributes::EMPTY,
        traits: traits(context, people),
    }
}
