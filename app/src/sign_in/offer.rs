//! What was kept, offered once more to the member who had sent it.

use engine::{FlagKey, GroupKey};
use islands::menus::Menus;
use leptos::prelude::*;
use store::Principal;

use super::kept::Kept;
use crate::{
    page::{PageMeta, PageResult, Visit, here::here},
    ui::text_area::TextArea,
};

/// All of it unfolded, what nobody typed as well: whoever sends it has seen it. `next` leads on without it.
pub async fn show(visit: &Visit, member: &Principal, kept: Kept, next: &str) -> PageResult {
    let place = place(visit, member, kept.action()).await;
    let next = next.to_owned();
    visit.render_door(PageMeta::outside("Not saved yet"), move || {
        let field = |(name, value): (&str, &str)| {
            view! { <input type="hidden" name=name.to_owned() value=value.to_owned() /> }
        };
        let fields = kept.fields().iter().map(field).collect_view();
        let (text, address) = (kept.text(), here().plain(kept.action()));
        let shown = address.clone();
        let rows = u32::try_from(text.lines().take(24).count()).unwrap_or(24).max(4);
        view! {
            <h1>"Not saved yet"</h1>
            <form method="post" action=address enctype="multipart/form-data" class="card stack">
                <p>"You were signed out while you were typing. Now you are signed in again, and nothing is lost: send it once more, or leave it."</p>
                <p>"It goes to "<strong>{place}</strong>": "<code>{shown}</code></p>
                {fields}
                <TextArea name="" value=text label="All that is sent" rows=rows readonly=true spellcheck_off=true />
                <div class="cluster">
                    <button class="button" data-kind="primary" autofocus=true>"Send it again"</button>
                    <a class="button" href=here().plain(&next)>"Leave it"</a>
                </div>
            </form>
            <Menus />
        }
    })
}

/// For whoever signed in where somebody else's form was waiting: nothing of it is shown.
pub fn keep_back(visit: &Visit, next: &str) -> PageResult {
    let next = next.to_owned();
    visit.render_door(PageMeta::outside("You are signed in"), move || {
        view! {
            <h1>"You are signed in"</h1>
            <div class="card stack">
                <p>"A form was waiting here. It may be another person’s, so it was not kept for you, and nothing of it was saved."</p>
                <div class="cluster">
                    <a class="button" data-kind="primary" href=here().plain(&next)>"Go on"</a>
                </div>
            </div>
            <Menus />
        }
    })
}

/// What a person calls the page that a form is for. Without an answer of the database by its key: the session must not be
/// lost over a name.
async fn place(visit: &Visit, member: &Principal, action: &str) -> String {
    let path = action.split('?').next().unwrap_or_default();
    let parts: Vec<_> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        ["flags", "new"] => "the new flag".to_owned(),
        ["flags", key, rest @ ..] => {
            let name = flag_name(visit, member, key).await.unwrap_or_else(|| (*key).to_owned());
            format!("{name}’s {}", page_of_flag(rest.first().copied()))
        }
        ["groups", "new"] => "the new group".to_owned(),
        ["groups", key, ..] => {
            let name = group_name(visit, member, key).await.unwrap_or_else(|| (*key).to_owned());
            format!("the group {name}")
        }
        ["import", "people"] => "the import of people".to_owned(),
        ["people", ..] => "a known person".to_owned(),
        ["testers", ..] => "a tester".to_owned(),
        ["feedback", ..] => "feedback".to_owned(),
        ["settings", of, ..] => format!("the settings of {of}"),
        _ => "this page".to_owned(),
    }
}

fn page_of_flag(page: Option<&str>) -> &'static str {
    match page {
        None => "rollout",
        Some("plan") => "release plan",
        Some("health") => "guardrails",
        Some("stop" | "resume") => "emergency stop",
        Some("revert") => "history",
        Some("connect") => "connection",
        Some("try") => "trial",
        Some(_) => "settings",
    }
}

async fn flag_name(visit: &Visit, member: &Principal, key: &str) -> Option<String> {
    let key = FlagKey::parse(key).ok()?;
    let found = visit.store().find_flag(&member.viewer(), &key).await.ok().flatten()?;
    Some(found.value.name)
}

async fn group_name(visit: &Visit, member: &Principal, key: &str) -> Option<String> {
    let key = GroupKey::parse(key).ok()?;
    let found = visit.store().find_group(&member.viewer(), &key).await.ok().flatten()?;
    Some(found.value.name)
}
