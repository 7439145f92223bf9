//! The page of one act of the guard, for members.

use axum::extract::Path;
use engine::{FlagKey, counted, group_name};
use leptos::prelude::*;
use store::{Action, INCIDENT_SHARE_MS, Operation};

use super::{
    LATEST,
    card::{Card, Told},
    shared,
    text::text,
};
use crate::{
    chart,
    error::{AppError, Thing},
    flag::{FlagPage, Tab, frame},
    page::{Page, PageMeta, PageResult, here::here, layout::Section},
    ui::{copy::copy_button, secret::Secret, time},
};

pub async fn get(page: Page, Path((key, seq)): Path<(String, String)>) -> PageResult {
    show(page, &key, &seq, None).await
}

/// Makes a link for somebody without an account.
pub async fn share(page: Page, Path((key, seq)): Path<(String, String)>) -> PageResult {
    let missing = || AppError::NotFound(Thing::Incident);
    let flag = FlagKey::parse(&key).map_err(|_| missing())?;
    let number: u64 = seq.parse().map_err(|_| missing())?;
    let reader = page.principal.audit_reader().map_err(store::StoreError::from)?;
    let made = page.store().share_incident(&reader, &page.environment.key, &flag, number).await?;
    let (token, until_ms) = made.ok_or_else(missing)?;
    let link = page.absolute(&shared::path(&token));
    show(page, &key, &seq, Some((link, until_ms))).await
}

/// `made`: a link that was made just now, and until when it holds.
async fn show(page: Page, key: &str, seq: &str, made: Option<(String, i64)>) -> PageResult {
    let missing = || AppError::NotFound(Thing::Incident);
    let shown = FlagPage::load(&page, key).await?;
    let (store, viewer) = (page.store(), page.viewer());
    let here = &page.environment.key;
    if seq == LATEST {
        // Of what was done before acts had pages the Health tab tells.
        let seq = store.latest_incident(&viewer, here, shown.key()).await?;
        let path = seq.map_or_else(|| Tab::Health.path(shown.key()), |seq| super::path(shown.key(), seq));
        return Ok(page.go(&page.href(&path)));
    }
    let seq: u64 = seq.parse().map_err(|_| missing())?;
    let Some(incident) = store.find_incident(&viewer, here, shown.key(), seq).await? else {
        // A link may come from where another environment is looked at.
        for other in store.live().environments().iter().filter(|it| it.key != *here) {
            if store.find_incident(&viewer, &other.key, shown.key(), seq).await?.is_some() {
                let path = super::path(shown.key(), seq);
                return Ok(page.go(&page.here().path_in(&path, &other.key)));
            }
        }
        return Err(missing());
    };
    let name = group_name(&shown.snapshot);
    let told = Told {
        flag: &shown.flag,
        environment: &shown.environment.name,
        incident: &incident,
        rollout: &shown.rollout.value,
        is_planned: shown.plan().is_some(),
        group: &name,
    };
    let card = Card::of(&told);
    let address = page.absolute(&format!("{}?env={here}", super::path(shown.key(), seq)));
    let plain = text(&card, &address);
    let stopped_by_it = shown.stop_entry().is_some_and(|entry| entry.seq == seq);
    let planned = !matches!(incident.entry.action, Action::GuardStopped | Action::GuardNotified)
        && shown.plan().is_some()
        && incident.decided.is_none();
    drop(name);
    let meta = PageMeta::new(card.title.clone(), Section::Desk).measures();
    page.render(meta, move || {
        let body = view! {
            <div id="incident" data-live="">{view(&card, decide(&shown, stopped_by_it, planned))}</div>
            <section class="card stack" id="share" aria-labelledby="share-title">
                <h2 id="share-title">"Tell somebody"</h2>
                <figure class="tell">
                    <figcaption>
                        <span>"The same as text. Members read this page at its address."</span>
                        {copy_button("incident-text".to_owned())}
                    </figcaption>
                    <pre tabindex="0" id="incident-text">{plain.clone()}</pre>
                </figure>
                {outside(shown.key(), seq, made)}
            </section>
            {chart::detail()}
        };
        frame(&shown, Tab::Health, false, body)
    })
}

/// A link for whoever has no account, or the way to one.
fn outside(flag: &FlagKey, seq: u64, made: Option<(String, i64)>) -> AnyView {
    if let Some((link, until_ms)) = made {
        let text = format!(
            "Whoever has this link reads what stands on this page, without signing in, until {}. It is shown once.",
            time::full(until_ms)
        );
        return view! { <Secret title="The link" text=text value=link label="Link to this incident" /> }
            .into_any();
    }
    let here = here();
    if let Some(why) = here.why_not(Operation::ReadTrail) {
        return view! { <p class="note">{why}</p> }.into_any();
    }
    let action = here.href(&format!("{}/share#share", super::path(flag, seq)));
    let days = counted(INCIDENT_SHARE_MS / 86_400_000, "day");
    view! {
        <form method="post" action=action class="row">
            <button class="button">"Make a link for somebody without an account"</button>
            <p class="hint">{format!("It shows this incident and nothing else, for {days}.")}</p>
        </form>
    }
    .into_any()
}

/// What can be done about it now.
fn decide(shown: &FlagPage, stopped_by_it: bool, planned: bool) -> Option<AnyView> {
    let here = here();
    if planned {
        let href = here.href(&format!("{}#plan-controls", Tab::Plan.path(shown.key())));
        return Some(view! { <p><a class="button" href=href>"Decide about the plan"</a></p> }.into_any());
    }
    if !stopped_by_it {
        return None;
    }
    Some(match here.why_not(Operation::RollOut) {
        None => {
            let href = here.href(&format!("{}?confirm=resume", Tab::Rollout.path(shown.key())));
            view! { <p><a class="button" data-kind="primary" href=href>"Resume…"</a></p> }.into_any()
        }
        Some(why) => view! { <p class="note">{why}</p> }.into_any(),
    })
}

/// The card itself; nothing in it leads anywhere else.
pub(super) fn view(card: &Card, decide: Option<AnyView>) -> impl IntoView + use<> {
    let facts: Vec<_> = card
        .facts
        .iter()
        .map(|(label, sentences)| {
            let sentences: Vec<_> = sentences.iter().map(|it| view! { <p>{it.clone()}</p> }).collect();
            view! { <div><dt>{*label}</dt><dd>{sentences}</dd></div> }
        })
        .collect();
    let undone: Vec<_> = card
        .undone
        .iter()
        .map(|(audience, before, after)| {
            view! {
                <tr>
                    <th scope="row">{audience.clone()}</th>
                    <td class="num">{before.clone()}</td>
                    <td class="num">{after.clone()}</td>
                </tr>
            }
        })
        .collect();
    let undone = (!undone.is_empty()).then(|| {
        view! {
            <section class="stack" aria-labelledby="undone-title">
                <h2 id="undone-title">"What was taken back"</h2>
                <div class="table-wrap" tabindex="0" role="region" aria-label="What was taken back, by audience">
                    <table class="table">
                        <thead>
                            <tr>
                                <th scope="col">"Audience"</th>
                                <th scope="col" class="num">"Before"</th>
                                <th scope="col" class="num">"After"</th>
                            </tr>
                        </thead>
                        <tbody>{undone}</tbody>
                    </table>
                </div>
            </section>
        }
    });
    let now_ms = here().now_ms;
    let charts: Vec<_> = card
        .charts
        .iter()
        .map(|chart| view! { <div class="stack">{chart.drawing()}{chart::changes(&chart.marks, now_ms)}{chart.numbers()}</div> })
        .collect();
    let without = card.without_chart.map(|why| view! { <p class="note">{why}</p> });
    view! {
        <article class="card stack incident" aria-labelledby="incident-title">
            <h2 id="incident-title">{card.title.clone()}</h2>
            <dl class="incident-facts">{facts}</dl>
            {decide}
            {charts}
            {without}
            {undone}
        </article>
    }
}
