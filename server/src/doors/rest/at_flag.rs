//! What nearly every operation below `/api/v1/flags/{key}` begins with: whoever asks, the environment, and a flag that is there.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, RawPathParams};
use engine::{EnvironmentKey, FlagKey, Snapshot};
use http::request::Parts;
use serde::de::DeserializeOwned;
use store::{Principal, Store, Viewer};

use super::{error::RestError, manager::Manager};
use crate::{
    edge::{
        access::Access,
        body::{Bodies, Sent, Unread},
        fault::Fault,
    },
    limits::REST_BODY_BYTES_MAX,
};

/// A flag in the environment that the request is about. Proofs come from `there`.
pub(super) struct AtFlag {
    pub store: Store,
    pub flag: FlagKey,
    pub environment: EnvironmentKey,
    /// The bearer as far as that environment goes.
    pub there: Principal,
    pub manager: Manager,
    bodies: Arc<Bodies>,
}

impl AtFlag {
    pub fn viewer(&self) -> Viewer {
        self.manager.principal.viewer()
    }

    /// What is in force there.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, RestError> {
        self.store.live().snapshot(self.environment.as_str()).ok_or(RestError::Fault(Fault::Internal))
    }

    /// After the proof: strangers to the operation learn nothing about its body.
    pub async fn body<T: DeserializeOwned>(&self, body: Unread) -> Result<Sent<T>, RestError> {
        body.json(&self.bodies, &self.manager, REST_BODY_BYTES_MAX, RestError::Malformed).await
    }

    /// The same, where nothing needs to be sent.
    pub async fn body_or_default<T: DeserializeOwned + Default>(
        &self,
        body: Unread,
    ) -> Result<Sent<T>, RestError> {
        body.json_or_default(&self.bodies, &self.manager, REST_BODY_BYTES_MAX, RestError::Malformed).await
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AtFlag
where
    Access: FromRef<S>,
    Store: FromRef<S>,
    Arc<Bodies>: FromRef<S>,
{
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RestError> {
        let manager = Manager::from_request_parts(parts, state).await?;
        let (there, environment) = (manager.there()?, manager.environment()?.key.clone());
        let store = Store::from_ref(state);
        let missing = || RestError::NotFound("flag");
        let path = RawPathParams::from_request_parts(parts, state).await.map_err(|_| missing())?;
        let key = path.iter().find(|(name, _)| *name == "key").map(|(_, value)| value);
        let snapshot = store.live().snapshot(environment.as_str()).ok_or_else(missing)?;
        let flag = key.and_then(|key| snapshot.flag(key)).ok_or_else(missing)?.flag().key.clone();
        Ok(Self { store, flag, environment, there, manager, bodies: <Arc<Bodies>>::from_ref(state) })
    }
}
