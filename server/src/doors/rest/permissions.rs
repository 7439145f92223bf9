//! `GET /api/v1/permissions`: everything that a subject may do now, for pages that show no more than that.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Query, Request, State},
    response::{IntoResponse as _, Response},
};
use engine::{Attributes, SubjectKey};
use http::{HeaderValue, Uri, header, request::Parts};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    document::Subject,
    error::{Problem, RestError},
};
use crate::{
    doors::ofrep::{CallerContext, Ofrep, Permitted},
    edge::{
        access::{Access, Caller, cors},
        fault::Fault,
    },
    limits::CONTEXT_ATTRIBUTES_MAX,
};

/// Whom it is about.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhoAsks {
    /// Left out: somebody without a targeting key.
    #[param(value_type = Option<Subject>)]
    subject: Option<String>,
    /// A JSON object: what is known of the subject beside its stored traits. Of what comes with a client token, trusted
    /// attributes are not used.
    attributes: Option<String>,
}

/// What the subject may do. Whatever is not in it, and whatever else is answered, means no.
#[derive(Serialize, ToSchema)]
#[schema(as = Permissions)]
pub(crate) struct Answer {
    subject: Option<String>,
    environment: String,
    /// Of the environment when it was decided.
    revision: u64,
    /// By the key of a boolean flag of the kind `permission`.
    permissions: BTreeMap<String, bool>,
    /// Where an event stream (`EventSource`) says when to ask again. A path, below the server's address.
    events: String,
}

/// Everything that a subject may do now: the boolean flags of the kind *permission*, each allowed or not, decided as by
/// `/api/v1/check`. An unknown, archived or stopped flag allows nothing. For a page that shows and hides by it; before
/// something is done, a backend asks `/api/v1/check`.
#[utoipa::path(
    get,
    path = "/api/v1/permissions",
    tag = "check",
    params(WhoAsks),
    responses(
        (status = 200, body = Answer),
        (status = 422, body = Problem),
        (status = 503, body = Problem, description = "The database has not come yet: what was decided last may not hold any more"),
    ),
)]
pub(crate) async fn permissions(
    State(access): State<Access>,
    State(ofrep): State<Arc<Ofrep>>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let (token, answer) = match Caller::admit(&access, &parts) {
        Ok(caller) => {
            let answer = decide(&ofrep, &caller, &parts);
            (Some(caller.token), answer)
        }
        Err((token, error)) => (token, Err(error.into())),
    };
    let mut response = answer.map_or_else(RestError::into_response, |answer| {
        let kept = HeaderValue::from_static("private, no-cache");
        ([(header::CACHE_CONTROL, kept)], Json(answer)).into_response()
    });
    cors::open(&parts.headers, token.as_deref(), &mut response);
    response
}

fn decide(ofrep: &Ofrep, caller: &Caller, parts: &Parts) -> Result<Answer, RestError> {
    let context = context(&parts.uri)?;
    let permitted = ofrep.permissions(caller, parts, &context).ok_or(RestError::Fault(Fault::Internal))?;
    let Permitted { revision, permissions, stream } = permitted;
    Ok(Answer {
        subject: context.targeting_key.map(Into::into),
        environment: caller.token.environment_key().to_owned(),
        revision,
        permissions: permissions.into_iter().collect(),
        events: stream,
    })
}

fn context(address: &Uri) -> Result<CallerContext, RestError> {
    let Query(WhoAsks { subject, attributes }) = Query::try_from_uri(address)?;
    let refused = |name: &str, error: &dyn std::fmt::Display| RestError::Refused(format!("{name}: {error}"));
    let subject = subject.map(SubjectKey::try_from).transpose();
    let attributes = attributes.as_deref().map(serde_json::from_str::<Attributes>).transpose();
    let attributes = attributes.map_err(|error| refused("attributes", &error))?.unwrap_or_default();
    if attributes.len() > CONTEXT_ATTRIBUTES_MAX {
        return Err(RestError::Refused(format!("send at most {CONTEXT_ATTRIBUTES_MAX} attributes")));
    }
    let targeting_key = subject.map_err(|error| refused("subject", &error))?;
    Ok(CallerContext { targeting_key, attributes, preview: None })
}
