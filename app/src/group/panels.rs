//! What stands around a group's form: the conflict, who uses the group, deleting it, reading it only.

use std::collections::BTreeMap;

use engine::{Group, GroupKey, condition_phrase};
use leptos::prelude::*;
use store::{Conflict, GroupUse, Operation};

use super::head::{Found, Tab};
use crate::{
    form::{error::as_sentence, state::FormState},
    page::{address, here::here},
    ui::{
        badge::{Callout, Tone},
        field::Field,
        time,
    },
};

/// Somebody else saved first: what they did, and the two ways on.
pub fn conflict(key: &GroupKey, conflict: &Conflict) -> AnyView {
    let here = here();
    let changes = conflict
        .changes
        .iter()
        .map(|change| {
            let sides = change.before.as_ref().zip(change.after.as_ref()).map(|(before, after)| {
                view! {
                    <p class="diff">
                        <del>{before.clone()}</del>
                        <span aria-hidden="true">"→"</span>
                        <ins>{after.clone()}</ins>
                    </p>
                }
            });
            view! { <li>{as_sentence(&change.phrase)}{sides}</li> }
        })
        .collect_view();
    let when = time::ago_phrase(here.now_ms, conflict.at_ms);
    let theirs = here.href(&Tab::Definition.address(key));
    let title = format!("{} saved this group {when}, while you were editing", conflict.by);
    view! {
        <Callout tone=Tone::Warning role="alert">
            <strong>{title}</strong>
            <ul class="changes">{changes}</ul>
            <p>"What you typed is still below. Saving again puts it in place of theirs."</p>
            <div class="cluster">
                <button type="submit" name="intent" value="save" class="button" data-size="small">"Save mine anyway"</button>
                <a class="button" data-kind="quiet" data-size="small" href=theirs>
                    "Drop mine and load theirs"
                </a>
            </div>
        </Callout>
    }
    .into_any()
}

/// The flags that go to this group, per environment.
pub fn used_by(used_by: &[GroupUse]) -> impl IntoView + use<> {
    let here = here();
    let mut environments: BTreeMap<usize, Vec<&GroupUse>> = BTreeMap::new();
    for used in used_by {
        let at = here.environments.iter().position(|it| it.key == used.environment);
        environments.entry(at.unwrap_or(usize::MAX)).or_default().push(used);
    }
    let list = environments
        .into_values()
        .filter_map(|uses| {
            let environment = &uses.first()?.environment;
            let name = here.environments.iter().find(|it| it.key == *environment);
            let name = name.map_or_else(|| environment.to_string(), |it| it.name.clone());
            let links = uses
                .iter()
                .map(|used| {
                    let href = here.href_in(&address::flag(&used.flag), environment);
                    view! { <li><a href=href>{used.flag_name.clone()}</a></li> }
                })
                .collect_view();
            Some(view! { <dt>{name}</dt><dd><ul>{links}</ul></dd> })
        })
        .collect_view();
    let body = if used_by.is_empty() {
        view! { <p class="muted">"No flag uses it yet. Open a flag and add this group to its rollout."</p> }
            .into_any()
    } else {
        view! { <dl class="used-by">{list}</dl> }.into_any()
    };
    view! {
        <section class="card stack-small" data-live="" id="used-by" aria-labelledby="used-by-title">
            <h2 id="used-by-title">"Used by"</h2>
            {body}
        </section>
    }
}

/// Deleting: refused while a flag uses the group; otherwise behind the group's own key.
pub fn delete(found: &Found, draft: &FormState<()>) -> AnyView {
    let here = here();
    let group = &found.saved.value;
    if !found.used_by.is_empty() {
        return view! {
            <p class="note">"It can be deleted when no flag uses it any more."</p>
        }
        .into_any();
    }
    let error = draft.at("confirm");
    let open = error.is_some();
    view! {
        <details class="group-delete" open=open>
            <summary class="button" data-size="small" data-kind="danger-quiet">"Delete this group"</summary>
            <form method="post" action=here.href(&Tab::Definition.address(&group.key)) class="card stack">
                <p>"Its history stays in the audit log; its condition and its testers go."</p>
                <input type="hidden" name="version" value=found.saved.version.to_string() />
                <Field
                    label=format!("Type {} to confirm", group.key)
                    name="confirm"
                    error=error
                    mono=true
                    required=true
                    autocomplete="off"
                />
                <Field label="Why? A comment for the audit log" name="comment" id="field-delete-comment" autocomplete="off" />
                <div class="cluster">
                    <button type="submit" name="intent" value="delete" class="button" data-kind="danger">"Delete"</button>
                </div>
            </form>
        </details>
    }
    .into_any()
}

/// The definition for somebody who may not change it.
pub fn reading(group: &Group) -> impl IntoView + use<> {
    let who = here().who_may(Operation::EditFlags);
    let condition = group.condition.as_ref().map_or_else(
        || view! { <p class="muted">"No condition: only enrolled testers are in it."</p> }.into_any(),
        |condition| view! { <p class="builder-words">{condition_phrase(condition)}</p> }.into_any(),
    );
    view! {
        <section class="card stack" aria-labelledby="definition-title" data-live="" id="definition">
            <h2 id="definition-title">"Who is in it"</h2>
            {condition}
            <p class="note">{format!("{who} may change the condition.")}</p>
        </section>
    }
}
