//! What the islands of a page ask, answered with the permissions of whoever looks at it.

use std::sync::Arc;

use http::{Uri, header, request::Parts};
use islands::{
    call::{Answer, Backend},
    forecast::Forecast,
    found::Hit,
};

use crate::{
    error::AppError,
    flag::{forecast_of, rollout::form::RolloutForm},
    form::fields::Fields,
    page::Page,
    site::Site,
    state::AppState,
};

/// One call.
#[derive(Clone)]
struct Call(Arc<(Parts, AppState)>);

/// What answers the call that `parts` came with.
pub fn backend(parts: Parts, state: AppState) -> Arc<dyn Backend> {
    Arc::new(Call(Arc::new((parts, state))))
}

impl Call {
    /// The page that the island stands on, in one environment; refuses who is signed out.
    fn page(&self, environment: &str) -> Result<Page, AppError> {
        let (parts, state) = &*self.0;
        Page::of(parts, state, Some(environment))
    }

    async fn hits(self, environment: String, query: String) -> Result<Vec<Hit>, AppError> {
        let page = self.page(&environment)?;
        let (parts, state) = &*self.0;
        let from = page_of(parts, &state.site);
        crate::search::find::find(&page, &query, from.as_deref()).await
    }

    async fn forecast(self, flag: String, environment: String, form: String) -> Result<Forecast, AppError> {
        let page = self.page(&environment)?;
        let editor = page.there()?.flag_editor()?;
        let form = RolloutForm::from_fields(&Fields::parse(form.as_bytes())?);
        forecast_of(page.store(), &editor.viewer(), &environment, &flag, &form).await
    }
}

/// The page that a call comes from, as a path of the router.
fn page_of(parts: &Parts, site: &Site) -> Option<String> {
    let referrer = parts.headers.get(header::REFERER)?.to_str().ok()?.parse::<Uri>().ok()?;
    site.inside(referrer.path()).map(str::to_owned)
}

impl Backend for Call {
    fn find(&self, environment: String, query: String) -> Answer<Vec<Hit>> {
        let call = self.clone();
        Box::pin(async move { Ok(call.hits(environment, query).await?) })
    }

    fn preview_rollout(&self, flag: String, environment: String, form: String) -> Answer<Forecast> {
        let call = self.clone();
        Box::pin(async move { Ok(call.forecast(flag, environment, form).await?) })
    }
}
