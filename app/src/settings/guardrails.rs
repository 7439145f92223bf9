//! The workspace's default guardrails: what guards every rollout without its own, which those are, and the form.

use std::sync::Arc;

use engine::{FlagKey, Lifecycle, grouped, guardrail::Guardrail};
use islands::swap::Swap;
use leptos::prelude::*;
use store::{Environment, GuardrailSet, GuardrailsInForce, Operation, OwnGuardrails, Replayed};

use crate::{
    error::AppError,
    flag::Tab,
    form::state::FormState,
    guardrails::{
        replays::Replays,
        view::{Checked, FormOf, Typed, conflict, form, sentences, way_back},
    },
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Callout, Tone},
        field::FormError,
        time,
    },
};

pub const ADDRESS: &str = "/settings/guardrails";

/// Rollouts with guardrails of their own that are named.
const OWN_SHOWN_MAX: usize = 50;
/// Rollouts over which typed guardrails are tried.
const CHECKED_MAX: usize = 100;

/// A flag in one environment.
struct GuardedFlag {
    environment: Environment,
    flag: FlagKey,
    name: String,
}

/// Which rollouts the defaults guard, and which have guardrails of their own; without archived flags.
struct Usage {
    inheriting: Vec<GuardedFlag>,
    own: Vec<(GuardedFlag, OwnGuardrails)>,
}

impl Usage {
    async fn of(page: &Page) -> Result<Self, AppError> {
        let mut saved = page.store().list_own_guardrails(&page.viewer()).await?;
        let live = page.store().live();
        let mut usage = Self { inheriting: Vec::new(), own: Vec::new() };
        for environment in live.environments().iter() {
            let Some(snapshot) = live.snapshot(environment.key.as_str()) else { continue };
            for compiled in snapshot.flags().filter(|it| it.flag().lifecycle != Lifecycle::Archived) {
                let flag = compiled.flag();
                let place = GuardedFlag {
                    environment: environment.clone(),
                    flag: flag.key.clone(),
                    name: flag.name.clone(),
                };
                let own =
                    saved.iter().position(|it| it.environment == environment.key && it.flag == flag.key);
                match own {
                    Some(at) => usage.own.push((place, saved.swap_remove(at))),
                    None => usage.inheriting.push(place),
                }
            }
        }
        usage.own.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        Ok(usage)
    }
}

/// What each guardrail of `set` would have done in the rollouts that the defaults guard.
pub async fn check(page: &Page, replays: &Replays, set: &GuardrailSet) -> Result<Checked, AppError> {
    let inheriting = Usage::of(page).await?.inheriting;
    let (store, viewer) = (page.store(), page.viewer());
    let empty = |guardrail: &Guardrail| Replayed { guardrail: guardrail.id.clone(), fired_ms: Vec::new() };
    let mut all: Vec<_> = set.guardrails.iter().map(empty).collect();
    for place in inheriting.iter().take(CHECKED_MAX) {
        let at = (&place.environment.key, &place.flag);
        let one: Arc<[Replayed]> = replays.of(store, &viewer, at, set).await?;
        for (sum, one) in all.iter_mut().zip(one.iter()) {
            sum.fired_ms.extend(&one.fired_ms);
        }
    }
    for sum in &mut all {
        sum.fired_ms.sort_unstable();
    }
    let scope = match inheriting.len() {
        n if n > CHECKED_MAX => {
            format!("Tried on {CHECKED_MAX} of the {} rollouts that use the defaults, together.", grouped(n))
        }
        1 => "Tried on the one rollout that uses the defaults.".to_owned(),
        n => format!("Tried on the {} rollouts that use the defaults, together.", grouped(n)),
    };
    Ok(Checked { replayed: all, scope })
}

pub async fn get(page: Page) -> PageResult {
    show(&page, Typed::default()).await
}

pub async fn show(page: &Page, typed: Typed) -> PageResult {
    let known = page.store().find_default_guardrails(&page.viewer()).await?;
    let usage = Usage::of(page).await?;
    let metrics = page.store().live().metrics();
    let editable = page.may(Operation::Administer);
    let meta = PageMeta::new("Guardrails", Section::Guardrails).status(typed.draft.status());
    page.render(meta, move || {
        let address = here().href(ADDRESS);
        let refused = typed.draft.input.is_none() && typed.draft.errors.is_some();
        let refusal = refused.then(|| refusal(&typed.draft, &address));
        let of = FormOf {
            address: address.clone(),
            guard: "workspace/guardrails".to_owned(),
            saved: &known,
            metrics: &metrics,
            consequence: String::new(),
        };
        let form = editable.then(|| {
            let typed = if refused { Typed::default() } else { typed };
            view! {
                <section class="card stack" aria-labelledby="edit-title">
                    <h2 id="edit-title">"Change them"</h2>
                    <div id="guardrails-warning" data-live="">{warning(usage.inheriting.len())}</div>
                    {form(&of, typed)}
                </section>
            }
        });
        let back = known.saved.as_ref().filter(|_| editable).map(|saved| back(&address, saved.version));
        let readers = (!editable).then(|| {
            let here = here();
            let text = format!(
                "{} may change them. In {}, {} may give a flag guardrails of its own, on its Health tab.",
                here.who_may(Operation::Administer),
                here.environment.name,
                here.who_may(Operation::RollOut),
            );
            view! { <p class="note">{text}</p> }
        });
        view! {
            <PageHead title="Guardrails" lead="What guards every rollout that has no guardrails of its own." />
            <div class="stack">
                <section class="card stack" aria-labelledby="force-title" id="default-guardrails" data-live="">
                    <div class="card-head">
                        <h2 id="force-title">"In force"</h2>
                        <div class="cluster guardrails-whose">{whose(&known)}{back}</div>
                    </div>
                    {refusal}
                    {sentences(&known.set.guardrails, None)}
                    {readers}
                </section>
                {form}
                {users(&usage)}
            </div>
            {editable.then(|| view! { <Swap /> })}
        }
    })
}

/// Why going back to the built-in ones was refused.
fn refusal(draft: &FormState<crate::guardrails::form::GuardrailForm>, address: &str) -> AnyView {
    match draft.conflict() {
        Some(clash) => conflict(clash, address.to_owned(), false).into_any(),
        None => view! { <FormError error=draft.general() /> }.into_any(),
    }
}

fn whose(known: &GuardrailsInForce) -> impl IntoView + use<> {
    let Some(saved) = &known.saved else {
        return view! { <p class="note">"Built into Fader; nobody has changed them."</p> }.into_any();
    };
    let ago = time::ago(here().now_ms, saved.changed_ms);
    view! { <p class="note">"Saved by "{saved.changed_by.clone()}", "{ago}"."</p> }.into_any()
}

fn back(address: &str, version: u64) -> impl IntoView + use<> {
    let built_in: Vec<_> = GuardrailSet::built_in().guardrails.iter().map(Guardrail::sentence).collect();
    let text = format!(
        "These guard every rollout without its own from then on, and its evidence begins anew: {}.",
        built_in.join("; ")
    );
    way_back(address, version, ("Back to the built-in ones", "Go back to the built-in ones"), text)
}

fn warning(inheriting: usize) -> impl IntoView + use<> {
    let whom = match inheriting {
        0 => return view! { <p class="note">"Every rollout has guardrails of its own: changing these changes nothing for now."</p> }.into_any(),
        1 => "the one rollout without guardrails of its own".to_owned(),
        n => format!("all {} rollouts without guardrails of their own, in every environment", grouped(n)),
    };
    let text = format!(
        "Saving begins the evidence anew for {whom}: what was \
         counted until then no longer speaks for or against them, and a plan that waits for health waits longer."
    );
    view! { <Callout tone=Tone::Warning><p>{text}</p></Callout> }.into_any()
}

/// How many rollouts use the defaults, and which have their own.
fn users(usage: &Usage) -> impl IntoView + use<> {
    let here = here();
    let inheriting = match usage.inheriting.len() {
        0 => "No rollout uses the defaults.".to_owned(),
        1 => "1 rollout uses the defaults.".to_owned(),
        n => format!("{} rollouts use the defaults.", grouped(n)),
    };
    let rows: Vec<_> = usage
        .own
        .iter()
        .take(OWN_SHOWN_MAX)
        .map(|(place, own)| {
            let path = format!("{}#guardrails-known", Tab::Health.path(&place.flag));
            let href = here.href_in(&path, &place.environment.key);
            let ago = time::ago(here.now_ms, own.changed_ms);
            view! {
                <li>
                    <span><a href=href>{place.name.clone()}</a>" in "{place.environment.name.clone()}</span>
                    <span class="note">"saved by "{own.changed_by.clone()}", "{ago}</span>
                </li>
            }
        })
        .collect();
    let more = usage.own.len().saturating_sub(rows.len());
    let more = (more > 0).then(|| view! { <p class="note">{format!("And {} more.", grouped(more))}</p> });
    let own = if rows.is_empty() {
        view! { <p class="muted">"No rollout has guardrails of its own. They are given on a flag's Health tab."</p> }
            .into_any()
    } else {
        let title = match usage.own.len() {
            1 => "1 rollout has its own:".to_owned(),
            n => format!("{} rollouts have their own:", grouped(n)),
        };
        view! { <p>{title}</p><ul class="guardrails">{rows}</ul>{more} }.into_any()
    };
    view! {
        <section class="card stack" aria-labelledby="users-title" id="guardrail-users" data-live="">
            <h2 id="users-title">"Where they apply"</h2>
            <p>{inheriting}" A rollout is one flag in one environment; archived flags are left out."</p>
            {own}
        </section>
    }
}
