//! The desk: what needs somebody, then all flags of an environment at a glance. Lean markup, a page of flags at a time.

use std::collections::HashMap;

use axum::Extension;
use engine::{FlagKey, Snapshot};
use islands::{desk_keys::DeskKeys, swap::Swap};
use leptos::prelude::*;
use store::{DeskCount, DeskRow, FlagHealth, LastServed, Operation, RolloutTimes, Waiting};

use super::{
    facets::Facets,
    filter::{Facts, Filter},
    pulse::{Pulse, Pulses},
    row::May,
    toolbar::toolbar,
};
use crate::{
    attention::{self, Chores, Need, Topic},
    page::{
        Page, PageMeta, PageResult,
        here::{Here, here},
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Callout, Tone},
        empty::Empty,
        icon,
    },
};

/// What is worked out once for all who look at the desk.
#[derive(Clone, Default)]
pub struct Memory {
    pulses: Pulses,
}

pub async fn get(page: Page, Extension(memory): Extension<Memory>) -> PageResult {
    let environment = page.environment.key.clone();
    let rows = page.store().desk(&page.viewer(), &environment).await?;
    let live = page.store().live();
    let snapshot = live.snapshot(environment.as_str());
    let counted = match &snapshot {
        Some(snapshot) => page.store().census().desk(&page.viewer(), snapshot).await,
        None => DeskCount::default(),
    };
    let pulses = memory.pulses.of(&page).await?;
    let health = page.store().list_flag_health(&page.viewer(), &environment).await?;
    let waiting = page.store().waiting(&page.viewer()).await?;
    let served = page.store().last_served(&page.viewer(), &environment).await?;
    let filter = Filter::read(page.queries());
    let soon = page.principal.administrator().map_or(0, |by| page.store().tokens_that_expire_soon(&by));
    let may_edit = page.may(Operation::EditFlags);
    let may = May { stop: page.may(Operation::Stop), resume: page.may(Operation::RollOut) };
    page.render(PageMeta::new("Desk", Section::Desk).measures(), move || {
        let desk = Desk {
            rows: &rows,
            counted: &counted,
            pulses: &pulses,
            health: &health,
            snapshot: snapshot.as_deref(),
            needs: Vec::new(),
            served: &served,
            may,
        };
        let desk = desk.with_needs(&waiting, live.rollout_times(), here().now_ms);
        let here = here();
        let new = may_edit.then(|| {
            view! { <a class="button" data-kind="primary" href=here.href("/flags/new")>{icon::plus()}"New flag"</a> }
        });
        let lead = format!("Every flag in {}, and who has it now.", here.environment.name);
        let body = if rows.is_empty() { teach(may_edit).into_any() } else { desk.view(&filter, &here).into_any() };
        view! {
            <PageHead title="Desk" lead=lead>{new}</PageHead>
            {(soon > 0).then(|| expiring_tokens(soon, &here))}
            {body}
        }
    })
}

/// Somebody has to do something about these before their applications are refused.
fn expiring_tokens(soon: usize, here: &Here) -> impl IntoView + use<> {
    let what = if soon == 1 {
        "1 API token expires soon".to_owned()
    } else {
        format!("{soon} API tokens expire soon")
    };
    let address = here.href("/settings/tokens");
    view! {
        <Callout tone=Tone::Warning>
            <p>{what}". "<a href=address>"Rotate under Tokens"</a></p>
        </Callout>
    }
}

fn teach(may_edit: bool) -> impl IntoView {
    let here = here();
    let text = "A flag holds a feature back until you let it out: first for a pilot group, then for 20, 50, 100 % \
                of everyone. Each flag is a channel on this desk, and Stop mutes it at once.";
    view! {
        <Empty title="No flags yet" text=text>
            {may_edit.then(|| view! { <a class="button" data-kind="primary" href=here.href("/flags/new")>"Create the first flag"</a> })}
            <a class="button" href=here.href("/connect")>"Connect your app"</a>
            <a class="button" href=here.href("/groups")>"Define a pilot group"</a>
        </Empty>
    }
}

pub struct Desk<'a> {
    rows: &'a [DeskRow],
    pub(super) counted: &'a DeskCount,
    pub(super) pulses: &'a HashMap<FlagKey, Pulse>,
    pub(super) health: &'a HashMap<FlagKey, FlagHealth>,
    pub(super) snapshot: Option<&'a Snapshot>,
    /// In their order.
    pub(super) needs: Vec<Need>,
    pub(super) served: &'a LastServed,
    pub(super) may: May,
}

impl Desk<'_> {
    /// Looks at everything once for what needs somebody.
    fn with_needs(mut self, waiting: &Waiting, times: &RolloutTimes, now_ms: i64) -> Self {
        let served_lately = |flag: &FlagKey| self.pulses.get(flag).is_some_and(Pulse::is_served);
        let chores = Chores { rows: self.rows, served: self.served, served_lately, now_ms };
        let mut needs = attention::chores(&chores);
        if let Some(snapshot) = self.snapshot {
            needs.extend(attention::urgent(waiting, snapshot, times, now_ms));
        }
        attention::in_order(&mut needs);
        self.needs = needs;
        self
    }

    fn view(&self, filter: &Filter, here: &Here) -> impl IntoView + use<> {
        let mut topics: HashMap<&FlagKey, Vec<Topic>> = HashMap::new();
        for need in &self.needs {
            topics.entry(&need.flag.key).or_default().push(need.topic());
        }
        let mut facets = Facets::default();
        let facts = self.rows.iter().map(|row| (row, self.facts(row, &topics)));
        let mut shown: Vec<_> = facts.filter(|(_, facts)| facets.add(filter, facts)).collect();
        filter.sort(&mut shown);
        let shown: Vec<_> = shown.into_iter().map(|(row, _)| row).collect();
        view! {
            {self.needs(filter, here)}
            {toolbar(&facets, filter, here)}
            {self.table(&shown, filter, here)}
            <Swap />
            <DeskKeys />
        }
    }
    fn facts<'f>(&'f self, row: &'f DeskRow, topics: &'f HashMap<&FlagKey, Vec<Topic>>) -> Facts<'f> {
        let on = self.counted.of(row.flag.key.as_str());
        Facts {
            flag: &row.flag,
            rollout: &row.rollout,
            on: on.map_or(0, |impact| impact.sample.count(impact.after).value()),
            changed_ms: row.last_change.at_ms,
            topics: topics.get(&row.flag.key).map_or(&[], Vec::as_slice),
        }
    }
}
