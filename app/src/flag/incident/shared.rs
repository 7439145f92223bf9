//! One incident for whoever has a link to it: no account, no way into the rest. The address is a secret.

use axum::extract::Path;
use engine::group_name;
use leptos::prelude::*;

use super::{
    card::{Card, Told},
    page::view,
};
use crate::{
    error::AppError,
    page::{PageMeta, PageResult, Visit},
    ui::time,
};

/// Where whoever has the token reads the incident.
pub fn path(token: &str) -> String {
    format!("/shared/{token}")
}

pub async fn get(visit: Visit, Path(token): Path<String>) -> PageResult {
    let store = visit.store();
    let grant = store.read_incident_link(&token).await?.ok_or(AppError::StaleLink)?;
    let shared = store.find_shared_incident(&grant).await?.ok_or(AppError::StaleLink)?;
    let environments = store.live().environments();
    let environment =
        environments.iter().find(|it| it.key == shared.environment).ok_or(AppError::StaleLink)?;
    let snapshot = store.live().snapshot(environment.key.as_str()).ok_or(AppError::StaleLink)?;
    let card = Card::of(&Told {
        flag: &shared.flag,
        environment: &environment.name,
        incident: &shared.incident,
        rollout: &shared.rollout,
        is_planned: shared.is_planned,
        group: &group_name(&snapshot),
    });
    let meta = PageMeta::outside(card.title.clone()).secret_address();
    let until_ms = grant.until_ms();
    visit.render_door(meta, move || {
        view! {
            <h1>"What happened"</h1>
            {view(&card, None)}
            <p class="note">
                {format!(
                    "Somebody who works with Fader sent you this link. It shows this incident as it stands now, and ends on {}.",
                    time::full(until_ms),
                )}
            </p>
        }
    })
}
