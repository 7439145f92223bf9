//! What the islands of a page ask, answered with the permissions of whoever looks at it: HTML, as it stands on a page. These
//! are the server functions of the dashboard, all below `/call/`; `islands::call` is how the browser calls them.

use std::sync::Arc;

use http::{Uri, header, request::Parts};
use leptos::{
    prelude::{FromServerFnError, ServerFnErrorErr, server, use_context},
    server_fn::codec::JsonEncoding,
};
use serde::{Deserialize, Serialize};

use crate::{
    error::AppError,
    flag::{forecast_of, rollout::form::RolloutForm},
    form::fields::Fields,
    page::{Page, fragment},
    search::{find::find as hits_of, palette},
    site::Site,
    state::AppState,
};

/// One call, in the context of its server function.
#[derive(Clone)]
pub struct Call(Arc<(Parts, AppState)>);

impl Call {
    pub fn new(parts: Parts, state: AppState) -> Self {
        Self(Arc::new((parts, state)))
    }

    /// The call that is answered.
    fn here() -> Result<Self, CallError> {
        use_context().ok_or_else(|| AppError::Internal.into())
    }

    /// The page that the island stands on, in one environment; refuses who is signed out.
    fn page(&self, environment: &str) -> Result<Page, AppError> {
        let (parts, state) = &*self.0;
        Page::of(parts, state, Some(environment))
    }

    /// The page that the call comes from, as a path of the router.
    fn from(&self) -> Option<String> {
        let (parts, state) = &*self.0;
        page_of(parts, &state.site)
    }
}

fn page_of(parts: &Parts, site: &Site) -> Option<String> {
    let referrer = parts.headers.get(header::REFERER)?.to_str().ok()?.parse::<Uri>().ok()?;
    site.inside(referrer.path()).map(str::to_owned)
}

/// The best hits in one environment for what somebody typed so far, as the palette shows them.
#[server(prefix = "/call", endpoint = "find")]
pub async fn find(environment: String, query: String) -> Result<String, CallError> {
    let call = Call::here()?;
    let page = call.page(&environment)?;
    let hits = hits_of(&page, &query, call.from().as_deref()).await?;
    Ok(fragment(|| palette::list(&query, hits)))
}

/// The forecast for the fields of a rollout form, as the browser would post them. Changes nothing.
#[server(prefix = "/call", endpoint = "preview_rollout")]
pub async fn preview_rollout(flag: String, environment: String, form: String) -> Result<String, CallError> {
    let page = Call::here()?.page(&environment)?;
    let editor = page.there()?.flag_editor().map_err(AppError::from)?;
    let form = RolloutForm::from_fields(&Fields::parse(form.as_bytes())?);
    let forecast = forecast_of(page.store(), &editor.viewer(), &environment, &flag, &form).await?;
    Ok(fragment(|| forecast.answer(&flag, &environment)))
}

/// Why an island got no answer, as it travels: the names of its members are those of `islands::call`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// The HTTP status that says the same.
    pub status: u16,
    pub sentence: String,
    /// Somebody has to give the password first; the page for it leads back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub password: bool,
}

impl From<AppError> for CallError {
    fn from(error: AppError) -> Self {
        Self {
            status: error.status_code(),
            sentence: error.to_string(),
            password: error == AppError::PasswordNeeded,
        }
    }
}

impl FromServerFnError for CallError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => AppError::BadForm.into(),
            ServerFnErrorErr::Request(_)
            | ServerFnErrorErr::Deserialization(_)
            | ServerFnErrorErr::Registration(_)
            | ServerFnErrorErr::UnsupportedRequestMethod(_)
            | ServerFnErrorErr::MiddlewareError(_)
            | ServerFnErrorErr::ServerError(_)
            | ServerFnErrorErr::Serialization(_)
            | ServerFnErrorErr::Response(_) => AppError::Internal.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_members_that_the_island_looks_for() {
        let told = |error: AppError| serde_json::to_value(CallError::from(error)).expect("JSON");
        let password = told(AppError::PasswordNeeded);
        assert_eq!(password[islands::call::PASSWORD], true);
        let busy = told(AppError::Busy { retry_after_s: 2 });
        assert_eq!(busy[islands::call::SENTENCE], AppError::Busy { retry_after_s: 2 }.to_string());
        assert_eq!(busy.get(islands::call::PASSWORD), None);
    }
}
