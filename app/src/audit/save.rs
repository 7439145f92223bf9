//! Reverting a change as a new change.

use axum::extract::Path;
use engine::GroupKey;
use store::StoreError;

use super::entry;
use crate::{
    form::{fields::Fields, state::FormState},
    group::head::Tab,
    page::{Page, PageResult, toast::Toast},
};

pub async fn revert(page: Page, Path(seq): Path<u64>, fields: Fields) -> PageResult {
    let comment = fields.trimmed("comment");
    match page.store().revert(&page.viewer(), seq, comment).await {
        // Whoever restores a group goes on with it.
        Ok(_) => match GroupKey::parse(fields.trimmed("group")) {
            Ok(group) => Ok(page.done(&page.href(&Tab::Definition.address(&group)), Toast::Restored)),
            Err(_) => Ok(page.done("/audit", Toast::Reverted)),
        },
        Err(StoreError::Denied(denied)) => Err(denied.into()),
        Err(error) => entry::show(&page, seq, FormState::refused(comment.to_owned(), error)).await,
    }
}
