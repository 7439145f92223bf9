//! Reverting a change as a new change.

use axum::extract::Path;
use engine::GroupKey;

use super::entry;
use crate::{
    form::{fields::Fields, state::FormState},
    group::head::Tab,
    page::{Page, PageResult, toast::Toast},
};

pub async fn revert(page: Page, Path(seq): Path<u64>, fields: Fields) -> PageResult {
    let editor = page.principal.flag_editor()?;
    let comment = fields.trimmed("comment");
    match page.store().revert(&editor, seq, comment).await {
        // Whoever restores a group goes on with it.
        Ok(_) => match GroupKey::parse(fields.trimmed("group")) {
            Ok(group) => Ok(page.done(&page.href(&Tab::Definition.address(&group)), Toast::Restored)),
            Err(_) => Ok(page.done("/audit", Toast::Reverted)),
        },
        Err(error) => entry::show(&page, seq, FormState::refused(comment.to_owned(), error)).await,
    }
}
