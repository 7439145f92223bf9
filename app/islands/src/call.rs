//! The server functions that islands call, all below `/call/`. Each is a public endpoint: whoever answers it asks first
//! who calls.

use std::{pin::Pin, sync::Arc};

use leptos::prelude::*;

use crate::{error::CallError, forecast::Forecast, found::Hit};

/// An answer that is on its way.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, CallError>> + Send>>;

/// What answers the calls of one request, on the server. The dashboard puts an `Arc<dyn Backend>` into the context of
/// each; it knows who calls.
pub trait Backend: Send + Sync {
    fn find(&self, environment: String, query: String) -> Answer<Vec<Hit>>;

    fn preview_rollout(&self, flag: String, environment: String, form: String) -> Answer<Forecast>;
}

/// # Errors
/// Outside a request for a call.
pub fn backend() -> Result<Arc<dyn Backend>, CallError> {
    use_context().ok_or(CallError::Internal)
}

/// The best hits in one environment for what somebody typed so far.
#[server(prefix = "/call", endpoint = "find")]
pub async fn find(environment: String, query: String) -> Result<Vec<Hit>, CallError> {
    // Who calls is asked by the one who answers.
    backend()?.find(environment, query).await
}

/// The forecast for the fields of a rollout form, as the browser would post them. Changes nothing.
#[server(prefix = "/call", endpoint = "preview_rollout")]
pub async fn preview_rollout(flag: String, environment: String, form: String) -> Result<Forecast, CallError> {
    // Who calls is asked by the one who answers.
    backend()?.preview_rollout(flag, environment, form).await
}
