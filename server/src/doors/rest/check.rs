//! `POST /api/v1/check`: may this subject do this now? For the line before a critical API acts; no is the default.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use engine::{Attributes, SubjectKey};
use serde::{Deserialize, Serialize};
use store::TokenKind;
use utoipa::ToSchema;

use super::{
    document::{Subject, Traits},
    error::{Problem, RestError},
};
use crate::{
    doors::ofrep::{CallerContext, Checked, Ofrep},
    edge::{
        access::{Access, AccessError, Caller},
        body::{Bodies, Unread},
        fault::Fault,
    },
    limits::{CONTEXT_ATTRIBUTES_MAX, OFREP_BODY_BYTES_MAX},
};

/// Who is about to do what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    #[schema(value_type = Subject)]
    subject: String,
    /// The key of a boolean flag.
    flag: String,
    /// What is known of the subject beside its stored traits.
    #[serde(default)]
    #[schema(value_type = Traits)]
    attributes: Attributes,
}

/// Whether it may. Whatever else is answered, also nothing in time, means no.
#[derive(Serialize, ToSchema)]
pub(crate) struct Answer {
    allowed: bool,
    /// The reason of the decision (`TARGETING_MATCH`, `SPLIT`, `STATIC`, `DEFAULT`, `DISABLED`), or why there is none:
    /// `FLAG_NOT_FOUND`, `TYPE_MISMATCH` (the flag is not boolean), `GENERAL`.
    reason: &'static str,
    /// Of the environment when it was decided.
    revision: u64,
}

/// Whether a subject may do now what a flag stands for. An unknown, archived, stopped or not boolean flag allows nothing. While
/// the database is away, it is decided by what the server saw last: the revision says which.
#[utoipa::path(
    post,
    path = "/api/v1/check",
    tag = "check",
    request_body = Question,
    responses(
        (status = 200, body = Answer),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 422, body = Problem),
        (status = 503, body = Problem, description = "The database has not come yet: what was decided last may not hold any more"),
    ),
)]
pub(crate) async fn check(
    State(access): State<Access>,
    State(bodies): State<Arc<Bodies>>,
    State(ofrep): State<Arc<Ofrep>>,
    request: Request,
) -> Result<Json<Answer>, RestError> {
    let (parts, body) = request.into_parts();
    let caller = Caller::admit(&access, &parts).map_err(|(_, error)| error)?;
    match caller.token.kind {
        TokenKind::Server => {}
        TokenKind::Client | TokenKind::Admin(_) => return Err(AccessError::NotServerToken.into()),
    }
    let unread = Unread::of(parts.clone(), body);
    let sent = unread.json(&bodies, &caller, OFREP_BODY_BYTES_MAX, RestError::Malformed).await?;
    let Question { subject, flag, attributes } = sent.value;
    let subject =
        SubjectKey::try_from(subject).map_err(|error| RestError::Refused(format!("\"subject\" {error}")))?;
    if attributes.len() > CONTEXT_ATTRIBUTES_MAX {
        let sentence = format!("send at most {CONTEXT_ATTRIBUTES_MAX} attributes");
        return Err(RestError::Refused(sentence));
    }
    let context = CallerContext { targeting_key: Some(subject.clone()), attributes, preview: None };
    let checked = ofrep.check(&caller, &parts, (&flag, &subject), &context);
    let Checked { allowed, reason, revision } = checked.ok_or(RestError::Fault(Fault::Internal))?;
    Ok(Json(Answer { allowed, reason, revision }))
}
