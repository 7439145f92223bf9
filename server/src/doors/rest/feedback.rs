//! `POST /api/v1/feedback`: what a user tells, from a backend or straight from a browser. Fader attaches the variants
//! that they had at that moment.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use engine::{EnvironmentKey, FlagKey, MetricKey, Sender, SubjectKey, parse_date_ms};
use http::{StatusCode, request::Parts};
use serde::{Deserialize, Serialize};
use store::{Completed, FeedbackKind, FeedbackSource, NewFeedback, Rating, Recorded, Store, TokenKind};
use utoipa::ToSchema;

use super::{
    document::{FeedbackCompleted, FeedbackWord, Subject},
    error::{Problem, RestError},
    list,
    proof::{FeatureItem, Proofs},
};
use crate::{
    edge::{
        access::{Access, Caller, Refused, cors, require_origin},
        body::{Bodies, numbers::whole_numbers},
        client_address::ClientAddress,
        fault::Fault,
    },
    intake::{
        Intake,
        outcomes::{Feature, Outcome, item::outcome_time},
    },
    limits::{FEEDBACK_BODY_BYTES_MAX, SUBJECT_FEATURES_MAX},
};

/// What a user tells. A subject, and at least one of rating, completed, kinds and comment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedbackBody {
    /// Your own name for this item, at most 100 characters: sent again, it is not stored again.
    #[schema(min_length = 1, max_length = 100)]
    id: Option<String>,
    /// The targeting key of whoever tells it.
    #[schema(value_type = Subject)]
    subject: String,
    /// 1 (very bad) to 5 (very good).
    #[schema(minimum = 1, maximum = 5)]
    rating: Option<i64>,
    /// Did you complete what you came for: `yes`, `no` or `partly`.
    #[schema(value_type = Option<FeedbackCompleted>)]
    completed: Option<String>,
    /// How long it took, in seconds.
    #[schema(minimum = 0, maximum = 86400)]
    duration_s: Option<f64>,
    /// Any of `confusing`, `broken`, `slow`, `love`.
    #[serde(default)]
    #[schema(value_type = Vec<FeedbackWord>)]
    kinds: Vec<String>,
    /// At most 4,000 characters.
    #[schema(max_length = 4000)]
    comment: Option<String>,
    /// Where they were, at most 500 characters.
    #[schema(max_length = 500)]
    page: Option<String>,
    /// The key of the flag that it is about.
    flag: Option<String>,
    /// The moment that it is about; now when it is left out.
    time: Option<Moment>,
    /// What was in force, each as its decision said it and with its receipt. A complaint of a client token without any is
    /// read by people and counted as unverified. Where it counts is looked up: a receipt says who tells it, not where.
    #[serde(default, deserialize_with = "list::up_to::<_, _, SUBJECT_FEATURES_MAX>")]
    features: Vec<FeatureItem>,
}

/// Epoch milliseconds, or an RFC 3339 instant.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum Moment {
    Ms(i64),
    Text(String),
}

#[derive(Serialize, ToSchema)]
pub(crate) struct FeedbackAnswer {
    /// True: the same id came before, and was stored then.
    duplicate: bool,
}

/// Take what a user tells.
#[utoipa::path(
    post,
    path = "/api/v1/feedback",
    tag = "feedback",
    request_body = FeedbackBody,
    responses(
        (status = 201, body = FeedbackAnswer, description = "Stored"),
        (status = 200, body = FeedbackAnswer, description = "Stored before under the same id"),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 413, body = Problem),
        (status = 422, body = Problem),
        (status = 429, body = Problem, description = "Too much at once, or today; see Retry-After"),
    ),
)]
pub(crate) async fn post(
    State(access): State<Access>,
    State(bodies): State<Arc<Bodies>>,
    State(intake): State<Arc<Intake>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let (token, answer) = match admit(&access, &bodies, &parts, body).await {
        Ok((caller, new, features)) => {
            let answer = match caller.token.environment() {
                Some(environment) => {
                    let tells = Teller { kind: caller.token.kind, environment, features };
                    record(&access.store, &intake, tells, new).await
                }
                None => Err(RestError::Fault(Fault::Internal)),
            };
            (Some(caller.token), answer)
        }
        Err((token, error)) => (token, Err(error)),
    };
    let mut response = match answer {
        Ok(Recorded::New(_)) => {
            (StatusCode::CREATED, Json(FeedbackAnswer { duplicate: false })).into_response()
        }
        Ok(Recorded::Again(_)) => Json(FeedbackAnswer { duplicate: true }).into_response(),
        Err(error) => error.into_response(),
    };
    cors::open(&parts.headers, token.as_deref(), &mut response);
    response
}

/// Who tells it.
struct Teller<'a> {
    kind: TokenKind,
    environment: &'a EnvironmentKey,
    features: Vec<FeatureItem>,
}

async fn record(
    store: &Store,
    intake: &Intake,
    tells: Teller<'_>,
    new: NewFeedback,
) -> Result<Recorded, RestError> {
    let (complaint, flag) = (complaint(store, &new), new.flag.clone());
    let teller = match tells.kind {
        TokenKind::Client => Sender::Client,
        TokenKind::Server | TokenKind::Admin(_) => Sender::Server,
    };
    let recorded = store.record_feedback(tells.environment, teller, new).await?;
    if let (Recorded::New(_), Some(complaint)) = (&recorded, complaint) {
        measure((store, intake), tells, flag, complaint);
    }
    Ok(recorded)
}

/// What the metric "complaints" counts of it, if it is one. A complaint about long ago is read, not measured.
fn complaint(store: &Store, new: &NewFeedback) -> Option<Outcome> {
    let now_ms = store.clock().now_ms();
    let at_ms = outcome_time(new.at_ms.unwrap_or(now_ms), now_ms).ok()?;
    let metric = MetricKey::parse(engine::MetricKind::Complaints.as_str()).ok()?;
    new.is_complaint(FeedbackSource::User).then(|| Outcome {
        sender: Sender::Server,
        subject: Some(new.subject.clone()),
        metric,
        ok: Some(false),
        latency_ms: None,
        value: None,
        at_ms,
        features: Vec::new(),
    })
}

/// A server that cannot take more outcomes keeps the feedback and leaves the measure.
fn measure((store, intake): (&Store, &Intake), tells: Teller<'_>, flag: Option<FlagKey>, complaint: Outcome) {
    let Teller { kind, environment, features } = tells;
    let live = store.live();
    let (Some(snapshot), outcomes) = (live.snapshot(environment.as_str()), &intake.outcomes) else {
        return;
    };
    let receipts = intake.receipts.load();
    let proofs = Proofs::of(kind, &snapshot, &receipts, store.clock().now_ms());
    let proved: Vec<Feature> = features
        .into_iter()
        .filter_map(|item| proofs.feature(item, complaint.subject.as_ref()).ok())
        .filter(|(_, is_proved)| *is_proved)
        // A page that asks again may be answered otherwise than where its subject was shown something.
        .map(|(feature, _)| Feature { rule: None, arm: None, ..feature })
        .collect();
    if proofs.are_needed() && proved.is_empty() {
        // Anybody can make it up: it is read by people, and no evidence of the guard.
        let exists = |flag: &FlagKey| snapshot.flag(flag.as_str()).is_some();
        intake.unverified.add(environment, flag.filter(exists).map(|flag| (flag, None)));
        return;
    }
    let complaint = Outcome { sender: proofs.sender(), features: proved, ..complaint };
    if outcomes.has_room(1).is_ok() {
        let now_ms = store.clock().now_ms();
        outcomes.record(&snapshot, &live.metrics(), &[complaint], Vec::new(), now_ms);
    }
}

/// Counts the item before anything of it is looked at.
async fn admit(
    access: &Access,
    bodies: &Bodies,
    parts: &Parts,
    body: axum::body::Body,
) -> Result<(Caller, NewFeedback, Vec<FeatureItem>), Refused<RestError>> {
    let caller = match Caller::admit(access, parts) {
        Ok(caller) => caller,
        Err((token, error)) => return Err((token, error.into())),
    };
    let address = parts.extensions.get::<ClientAddress>().copied();
    let read = async {
        let bytes = bodies.read(&caller, body, parts, FEEDBACK_BODY_BYTES_MAX).await?;
        access.allowances.feedback(&caller.token, address)?;
        let mut body: FeedbackBody = serde_json::from_slice(&whole_numbers(&bytes))
            .map_err(|error| RestError::Malformed(error.to_string()))?;
        if body.features.len() > SUBJECT_FEATURES_MAX {
            let sentence = format!("names at most {SUBJECT_FEATURES_MAX} flags");
            return Err(in_field("features", sentence));
        }
        let mut features = std::mem::take(&mut body.features);
        if require_origin(&caller.token, &parts.headers).is_err() {
            // What no page sends, no page proves.
            features.clear();
        }
        Ok((parse(body)?, features))
    };
    match read.await {
        Ok((new, features)) => Ok((caller, new, features)),
        Err(error) => Err((Some(caller.token), error)),
    }
}

fn parse(body: FeedbackBody) -> Result<NewFeedback, RestError> {
    let kinds: Result<Vec<_>, _> = body.kinds.iter().map(|word| FeedbackKind::parse(word)).collect();
    let completed = body.completed.as_deref().map(Completed::parse).transpose();
    let flag = body.flag.as_deref().filter(|key| !key.is_empty()).map(FlagKey::parse).transpose();
    Ok(NewFeedback {
        event_id: body.id,
        subject: SubjectKey::parse(&body.subject).map_err(|error| in_field("subject", error))?,
        at_ms: body.time.map(|time| time.ms()).transpose()?,
        rating: body.rating.map(Rating::try_from).transpose().map_err(|error| in_field("rating", error))?,
        completed: completed.map_err(|error| in_field("completed", error))?,
        duration_ms: body.duration_s.map(milliseconds).transpose()?,
        kinds: kinds.map_err(|error| in_field("kinds", error))?,
        comment: body.comment.unwrap_or_default(),
        page: body.page.unwrap_or_default(),
        flag: flag.map_err(|error| in_field("flag", error))?,
    })
}

impl Moment {
    fn ms(&self) -> Result<i64, RestError> {
        match self {
            Self::Ms(ms) => Ok(*ms),
            Self::Text(text) => parse_date_ms(text).map_err(|error| in_field("time", error)),
        }
    }
}

fn milliseconds(seconds: f64) -> Result<u64, RestError> {
    let ms = (seconds * 1000.0).round();
    if !(0.0..=9e15).contains(&ms) {
        return Err(in_field("duration_s", "must be a number of seconds from 0"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    let ms = ms as u64;
    Ok(ms)
}

fn in_field(name: &str, error: impl std::fmt::Display) -> RestError {
    RestError::Refused(format!("{name}: {error}"))
}
