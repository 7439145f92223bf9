//! The two days between which a page is narrowed, as fields of its filter.

use leptos::prelude::*;

use super::field::Field;
use crate::zone::typed::Days;

/// With the zone whose days they are: it stands in the address beside them.
pub fn days(days: &Days) -> impl IntoView + use<> {
    let zone = days.zone.name().to_owned();
    let Days { from, until, .. } = days.clone();
    view! {
        <Field label="From" name="from" kind="date" value=from.unwrap_or_default() />
        <Field label=format!("Until ({zone})") name="until" kind="date" value=until.unwrap_or_default() />
        <input type="hidden" name="zone" value=zone />
    }
}
