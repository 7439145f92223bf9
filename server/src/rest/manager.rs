//! Whoever manages Fader through REST: a management token, acting with the permissions of its role.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use store::{Environment, Principal};

use super::error::RestError;
use crate::{
    Server,
    access::{AccessError, Caller, request_origin},
    body::Known,
};

/// Extracted by every management operation; proofs come from `principal`.
pub struct Manager {
    pub principal: Principal,
    /// The environment that the token is bound to.
    pub environment: Environment,
}

impl Known for Manager {}

impl FromRequestParts<Arc<Server>> for Manager {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, RestError> {
        let caller = Caller::identify(server, parts).map_err(|(_, error)| error)?;
        let principal = Principal::of_token(&caller.token, request_origin(parts))
            .ok_or(AccessError::NotManagementToken)?;
        let environment = server.store.live().environment(caller.token.environment.as_str());
        Ok(Self { principal, environment: environment.ok_or(RestError::NotFound("environment"))? })
    }
}
