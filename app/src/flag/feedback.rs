//! The Feedback tab: what users tell about this flag, by variant and one by one.

use axum::extract::Path;
use leptos::prelude::*;
use store::Operation;

use super::{FlagPage, Tab, frame};
use crate::{
    feedback::{
        page::{Inbox, Snippet},
        query::InboxQuery,
    },
    page::{Page, PageMeta, PageResult, here::here, layout::Section},
    ui::icon,
};

pub async fn get(page: Page, Path(key): Path<String>) -> PageResult {
    let shown = FlagPage::load(&page, &key).await?;
    let inbox = Inbox::load(&page, InboxQuery::read(&page, Some(shown.key().clone()))).await?;
    let snippet = Snippet::of(&page, Some(shown.key().as_str()));
    let may_log = page.may(Operation::HandleFeedback);
    let meta = PageMeta::new(format!("Feedback on {}", shown.flag.name), Section::Desk);
    page.render(meta, move || {
        let log = may_log.then(|| {
            let address = here().href(&format!("/feedback/new?flag={}", shown.key()));
            view! { <div class="cluster"><a class="button" href=address>{icon::plus()}"Log a complaint"</a></div> }
        });
        let body = view! { <div class="stack feedback-tab">{inbox.view(&snippet)}{log}</div> };
        frame(&shown, Tab::Feedback, false, body)
    })
}
