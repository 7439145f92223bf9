//! What changed in a group, when, by whom and why.

use leptos::prelude::*;
use store::{ObjectKind, ObjectRef};

use super::head::{Found, Tab, head};
use crate::{
    audit::log::log,
    page::{Page, PageMeta, PageResult, here::here, layout::Section},
};

const ENTRIES_MAX: usize = 50;

pub async fn show(page: &Page, found: Found) -> PageResult {
    let group = &found.saved.value;
    let object = ObjectRef::new(ObjectKind::Group, group.key.as_str());
    let before = page.query("before").and_then(|text| text.parse().ok());
    let entries = page.store().history(&page.viewer(), &object, None, before, ENTRIES_MAX).await?;
    let title = format!("History of {}", group.name);
    page.render(PageMeta::new(title, Section::Groups), move || {
        let older = entries.last().filter(|_| entries.len() == ENTRIES_MAX).map(|last| {
            let href = here().same_page_with(&[("before", &last.seq.to_string())]);
            view! { <a class="button" href=href>"Older changes"</a> }
        });
        view! {
            {head(&found, Tab::History)}
            <div class="stack" data-live="" id="history">{log(entries)}</div>
            {older}
        }
    })
}
