//! The form of the account page that says in which zone its member reads.

use leptos::prelude::*;

use super::{Source, Zone, names, reader};
use crate::{
    form::state::FormState,
    page::here::here,
    ui::{
        field::{Field, FormError},
        time,
    },
};

/// What was typed into the form.
#[derive(Debug, Clone, Default)]
pub struct ZoneForm {
    pub zone: String,
}

impl ZoneForm {
    /// `None` is what the browser says.
    pub fn parse(&self) -> Result<Option<Zone>, &'static str> {
        if self.zone.trim().is_empty() {
            return Ok(None);
        }
        let missing = "Choose a zone of the list, such as Europe/Berlin, or leave it empty.";
        Zone::parse(&self.zone).map(Some).ok_or(missing)
    }
}

/// The form; `browser` is what the browser said.
pub fn form(draft: &FormState<ZoneForm>, browser: Option<&Zone>) -> impl IntoView + use<> {
    let here = here();
    let reader = reader();
    let saved = (reader.source == Source::Account).then(|| reader.zone.name().to_owned());
    let value = draft.input.as_ref().map(|it| it.zone.clone()).or(saved).unwrap_or_default();
    let says = browser.map_or_else(
        || "Leave it empty to read times as your browser says. Now it says nothing, which is UTC.".to_owned(),
        |zone| format!("Leave it empty to read times as your browser says: {}.", zone.name()),
    );
    let now = format!("Now it is {} ({}).", time::minute(here.now_ms), reader.zone.name());
    let options = names().iter().map(|name| view! { <option value=name.clone()></option> }).collect_view();
    view! {
        <form method="post" action=here.plain("/account") class="card stack" autocomplete="off" aria-labelledby="zone-title">
            <h2 id="zone-title">"Your time zone"</h2>
            <p>{now}</p>
            <FormError error=draft.general() />
            <Field
                label="Time zone"
                name="zone"
                value=value
                error=draft.at("zone")
                hint=says
                list="zones"
                placeholder="As my browser says"
            />
            <datalist id="zones">{options}</datalist>
            <p class="note">"Times on pages are shown and typed in it; UTC is on hover. Exports, links and the API stay in UTC."</p>
            <div class="cluster"><button class="button" name="do" value="zone">"Save the zone"</button></div>
        </form>
    }
}
