//! Whoever manages Fader through REST: a management token, acting with the permissions of its role and its owner's.

use axum::extract::{FromRef, FromRequestParts, Query};
use engine::EnvironmentKey;
use http::request::Parts;
use serde::Deserialize;
use store::{Denied, DeniedBecause, Environment, Operation, Principal};

use super::error::RestError;
use crate::edge::{
    access::{Access, AccessError, Caller, request_origin},
    body::Authenticated,
};

/// Extracted by every management operation; proofs come from `principal`.
pub struct Manager {
    pub principal: Principal,
    /// The environment that the request is about, where it names one or the token is bound to one.
    environment: Option<Environment>,
}

/// What stands in the address of any of them.
#[derive(Deserialize)]
struct Where {
    environment: Option<String>,
}

impl Manager {
    /// What an operation on one environment is about.
    pub fn environment(&self) -> Result<&Environment, RestError> {
        let unnamed =
            "this token counts in the whole workspace: name the environment, as in ?environment=production";
        self.environment.as_ref().ok_or_else(|| RestError::Refused(unnamed.to_owned()))
    }

    /// The bearer, for what concerns the whole workspace; of a token of one environment it is refused.
    pub fn everywhere(&self, operation: Operation) -> Result<&Principal, RestError> {
        match self.principal.environment(None)? {
            None => Ok(&self.principal),
            Some(_) => Err(Denied { operation, because: DeniedBecause::OneEnvironment }.into()),
        }
    }

    /// Whether what concerns that environment is theirs to see.
    pub fn reaches(&self, environment: &EnvironmentKey) -> bool {
        self.principal.within(environment).is_ok()
    }

    /// The bearer as far as that environment goes: proofs for what it does with flags come from here.
    pub fn there(&self) -> Result<Principal, RestError> {
        Ok(self.principal.within(&self.environment()?.key)?)
    }
}

impl Authenticated for Manager {}

impl<S: Send + Sync> FromRequestParts<S> for Manager
where
    Access: FromRef<S>,
{
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RestError> {
        let access = Access::from_ref(state);
        let caller = Caller::identify(&access, parts).map_err(|(_, error)| error)?;
        let principal = Principal::of_token(&caller.token, access.store.live(), request_origin(parts))
            .ok_or(AccessError::NotManagementToken)?;
        let Query(Where { environment }) = Query::try_from_uri(&parts.uri)?;
        let missing = || RestError::NotFound("environment");
        let named = environment.map(|key| EnvironmentKey::parse(&key)).transpose().map_err(|_| missing())?;
        let key = principal.environment(named)?;
        let known = |key: EnvironmentKey| access.store.live().environment(key.as_str()).ok_or_else(missing);
        Ok(Self { environment: key.map(known).transpose()?, principal })
    }
}
