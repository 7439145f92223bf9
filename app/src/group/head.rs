//! What all tabs of a group share: the group itself, its name, state and tabs.

use engine::{EnvironmentKey, FlagKey, Group, GroupKey};
use leptos::prelude::*;
use store::{GroupUse, Versioned};

use crate::{
    error::{AppError, Thing},
    page::{Page, address, here::here, layout::PageHead},
};

/// A tab of the page; the tab stands in the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Definition,
    Testers,
    History,
}

impl Tab {
    const ALL: [Self; 3] = [Self::Definition, Self::Testers, Self::History];

    pub fn address(self, key: &GroupKey) -> String {
        match self {
            Self::Definition => address::group(key),
            Self::Testers => format!("{}?tab=testers", address::group(key)),
            Self::History => format!("{}?tab=history", address::group(key)),
        }
    }

    pub(super) fn of(page: &Page) -> Self {
        match page.query("tab").as_deref() {
            Some("testers") => Self::Testers,
            Some("history") => Self::History,
            _ => Self::Definition,
        }
    }
}

/// A saved group with what the page says around it.
pub struct Found {
    pub saved: Versioned<Group>,
    pub used_by: Vec<GroupUse>,
}

impl Found {
    /// The flags that have a rule for the group or exclude it in one environment.
    pub fn flags_in(&self, environment: &EnvironmentKey) -> Vec<FlagKey> {
        let here = self.used_by.iter().filter(|used| used.environment == *environment);
        here.map(|used| used.flag.clone()).collect()
    }
}

/// The group that an address names; 404 when there is none.
pub async fn require_group(page: &Page, key: &str) -> Result<Found, AppError> {
    let key = GroupKey::parse(address::key_of(key)).map_err(|_| AppError::NotFound(Thing::Group))?;
    let viewer = page.viewer();
    let saved = page.store().find_group(&viewer, &key).await?.ok_or(AppError::NotFound(Thing::Group))?;
    let used_by = page.store().group_use(&viewer, &key).await?;
    Ok(Found { saved, used_by })
}

/// Name, state and tabs: the top of each tab.
pub fn head(found: &Found, tab: Tab) -> impl IntoView + use<> {
    let here = here();
    let group = &found.saved.value;
    let testers = group.enrolments.iter().filter(|it| it.is_active(here.now_ms)).count();
    let tabs = Tab::ALL
        .into_iter()
        .map(|each| {
            let label = match each {
                Tab::Definition => "Definition".into_any(),
                Tab::Testers => view! { "Testers" <span class="tab-count">{testers}</span> }.into_any(),
                Tab::History => "History".into_any(),
            };
            let current = (each == tab).then_some("page");
            view! { <a href=here.href(&each.address(&group.key)) aria-current=current>{label}</a> }
        })
        .collect_view();
    let lead = (!group.description.is_empty()).then(|| group.description.clone());
    view! {
        <div class="group-head">
            <p class="crumb">
                <a href=here.href("/groups")>"Groups"</a>
                <span aria-hidden="true">"/"</span>
                <code>{group.key.to_string()}</code>
            </p>
            {match lead {
                Some(lead) => view! { <PageHead title=group.name.clone() lead=lead /> }.into_any(),
                None => view! { <PageHead title=group.name.clone() /> }.into_any(),
            }}
        </div>
        <nav class="tabs" aria-label="Group">{tabs}</nav>
    }
}
