//! `/connect`: where somebody begins who has an application and perhaps no flag yet.

use std::collections::BTreeMap;

use engine::{Flag, Lifecycle};
use leptos::prelude::*;
use store::Operation;

use super::super::Tab;
use crate::{
    page::{
        Page, PageMeta, PageResult,
        here::{Here, here},
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Badge, Tone},
        empty::Empty,
        icon, time,
    },
};

/// Flags that are shown; the others are found on the desk.
const SHOWN_MAX: usize = 30;

pub async fn get(page: Page) -> PageResult {
    let heard = page.store().flags_heard_of(&page.viewer(), &page.environment.key).await?;
    let snapshot = page.store().live().snapshot(page.environment.key.as_str());
    let flags = snapshot.iter().flat_map(|snapshot| snapshot.flags().map(engine::CompiledFlag::flag));
    let mut flags: Vec<_> = flags.filter(|it| it.lifecycle != Lifecycle::Archived).cloned().collect();
    // Those that nobody has asked for come first; then those that were heard of last.
    flags.sort_by_key(|flag| heard.get(flag.key.as_str()).map(|last_ms| -last_ms));
    let more = flags.len().saturating_sub(SHOWN_MAX);
    flags.truncate(SHOWN_MAX);
    let may_edit = page.principal.may(Operation::EditFlags);
    page.render(PageMeta::new("Connect your app", Section::Desk), move || {
        let here = here();
        let body = if flags.is_empty() {
            teach(may_edit, &here).into_any()
        } else {
            list(&flags.iter().map(|flag| &**flag).collect::<Vec<_>>(), &heard, more, &here).into_any()
        };
        view! {
            <PageHead
                title="Connect your app"
                lead="A few lines in your language, a token, and lights that turn green at the first evaluation, exposure and outcome."
            />
            {body}
        }
    })
}

fn teach(may_edit: bool, here: &Here) -> impl IntoView + use<> {
    let text = "An application asks for a flag, so the flag comes first: a name is enough. Nobody gets it before you say so.";
    let create = may_edit.then(|| {
        let href = here.href("/flags/new?then=connect");
        view! { <a class="button" data-kind="primary" href=href>{icon::plus()}"Create the first flag"</a> }
    });
    let wait = here.why_not(Operation::EditFlags).map(|why| view! { <p class="note">{why}</p> });
    view! { <Empty title="No flag to ask for yet" text=text>{create}{wait}</Empty> }
}

fn list(flags: &[&Flag], heard: &BTreeMap<String, i64>, more: usize, here: &Here) -> impl IntoView + use<> {
    let rows = flags
        .iter()
        .map(|flag| {
            let href = here.href(&Tab::Connect.path(&flag.key));
            let last = heard.get(flag.key.as_str()).map(|last_ms| {
                view! { <span class="cluster"><Badge tone=Tone::Good text="Connected" />"Last heard "{time::ago(here.now_ms, *last_ms)}</span> }
            });
            let waiting = last.is_none().then(|| view! { <Badge text="Waiting" /> });
            view! {
                <li data-key=flag.key.to_string()>
                    <span class="who">
                        <strong><a href=href>{flag.name.clone()}</a></strong>
                        <code class="note">{flag.key.to_string()}</code>
                    </span>
                    {last}
                    {waiting}
                </li>
            }
        })
        .collect_view();
    let more = (more > 0).then(|| {
        let href = here.href("/");
        let text = format!(
            "{} not shown here: open one from the Desk, and its tab Connect.",
            if more == 1 {
                "1 more flag is".to_owned()
            } else {
                format!("{} more flags are", engine::grouped(more))
            }
        );
        view! { <p class="note">{text}" "<a href=href>"To the Desk"</a></p> }
    });
    view! {
        <section class="card stack" id="connect-flags" data-live="" aria-labelledby="connect-which">
            <h2 id="connect-which">"Which flag is it to ask for?"</h2>
            <ul class="lines">{rows}</ul>
            {more}
        </section>
    }
}
