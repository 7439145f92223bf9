//! What handlers of management begin and end with: who asks and of which store, the body of whoever may, names out of the
//! path, parts of the query, and times as texts.

use std::{fmt::Display, sync::Arc};

use axum::{
    Json,
    extract::{FromRef, FromRequest, FromRequestParts, Path, Query, Request},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use store::{RecentAdministrator, Store, StoreError};

use super::{error::RestError, fields, manager::Manager};
use crate::{
    edge::{
        access::Access,
        body::{Bodies, Sent, Unread},
    },
    limits::REST_BODY_BYTES_MAX,
};

/// A request without a body.
pub(crate) struct Asked {
    pub manager: Manager,
    pub store: Store,
}

/// A request with a body, which is read once its handler has a proof in hand.
pub(crate) struct Writing {
    pub asked: Asked,
    bodies: Arc<Bodies>,
    body: Unread,
}

/// Names out of the path.
pub(crate) struct Names<T>(pub T);

/// Parts of the query.
pub(crate) struct Parameters<T>(pub T);

impl<S: Send + Sync> FromRequestParts<S> for Asked
where
    Access: FromRef<S>,
    Store: FromRef<S>,
{
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RestError> {
        let manager = Manager::from_request_parts(parts, state).await?;
        Ok(Self { manager, store: Store::from_ref(state) })
    }
}

impl<S: Send + Sync> FromRequest<S> for Writing
where
    Access: FromRef<S>,
    Store: FromRef<S>,
    Arc<Bodies>: FromRef<S>,
{
    type Rejection = RestError;

    async fn from_request(request: Request, state: &S) -> Result<Self, RestError> {
        let (mut parts, body) = request.into_parts();
        let asked = Asked::from_request_parts(&mut parts, state).await?;
        Ok(Self { asked, bodies: FromRef::from_ref(state), body: Unread::of(parts, body) })
    }
}

impl Asked {
    /// For what changes who may do what: a token shows with every request who it is.
    pub(super) fn recent_administrator(&self) -> Result<RecentAdministrator, RestError> {
        let now_ms = self.store.clock().now_ms();
        Ok(self.manager.principal.recent_administrator(now_ms).map_err(StoreError::from)?)
    }
}

impl Writing {
    pub(super) async fn read<T: DeserializeOwned>(self) -> Result<(Asked, Sent<T>), RestError> {
        let Self { asked, bodies, body } = self;
        let sent = body.json(&bodies, &asked.manager, REST_BODY_BYTES_MAX, RestError::Malformed).await?;
        Ok((asked, sent))
    }

    /// The same, where nothing needs to be sent.
    pub(super) async fn read_or_default<T: DeserializeOwned + Default>(
        self,
    ) -> Result<(Asked, Sent<T>), RestError> {
        let Self { asked, bodies, body } = self;
        let malformed = RestError::Malformed;
        let sent = body.json_or_default(&bodies, &asked.manager, REST_BODY_BYTES_MAX, malformed).await?;
        Ok((asked, sent))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Names<T> {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RestError> {
        let Path(names) = Path::from_request_parts(parts, state).await?;
        Ok(Self(names))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, RestError> {
        let Query(parameters) = Query::try_from_uri(&parts.uri)?;
        Ok(Self(parameters))
    }
}

/// `201`, with what was made.
pub(super) fn made(answer: impl Serialize) -> Response {
    (StatusCode::CREATED, Json(answer)).into_response()
}

/// `201`, with a secret that is told here and nowhere else.
pub(super) fn made_secret(answer: impl Serialize) -> Response {
    let mut response = made(answer);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(HoldsSecret);
    response
}

/// On an answer that holds a secret: nothing keeps it.
#[derive(Debug, Clone, Copy)]
pub(super) struct HoldsSecret;

/// RFC 3339 in UTC: `2026-03-01T14:10:00.25Z`.
pub(super) fn at(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

/// A time that was sent: RFC 3339, or a day.
pub(super) fn read_time(pointer: &str, text: &str) -> Result<i64, RestError> {
    engine::parse_date_ms(text).map_err(|error| fields::wrong(pointer, error))
}

/// A part of the query that may be left out.
pub(super) fn filter_by<T, R, E: Display>(
    name: &str,
    sent: Option<T>,
    read: impl FnOnce(T) -> Result<R, E>,
) -> Result<Option<R>, RestError> {
    sent.map(read).transpose().map_err(|error| RestError::Refused(format!("{name}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_to_the_millisecond() {
        assert_eq!(at(1_772_374_200_250), "2026-03-01T14:10:00.25Z");
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
    }
}
