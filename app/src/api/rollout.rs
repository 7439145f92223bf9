//! What an unsaved rollout would do.

use leptos::prelude::*;

use crate::{error::AppError, islands::preview::Forecast};

/// The forecast for the fields of a rollout form, as the browser would post them. Changes nothing.
#[server(prefix = "/call", endpoint = "preview_rollout")]
pub async fn preview_rollout(flag: String, environment: String, form: String) -> Result<Forecast, AppError> {
    use crate::{backend, fields::Fields, forms::rollout::RolloutForm, pages::flag::forecast_of};
    let editor = backend::require_principal()?.flag_editor()?;
    let form = RolloutForm::from_fields(&Fields::parse(form.as_bytes())?);
    forecast_of(&backend::store()?, &editor.viewer(), &environment, &flag, &form).await
}
