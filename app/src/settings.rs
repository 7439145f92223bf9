//! What an administrator sets up.

pub mod attributes;
pub mod clients;
pub mod environments;
pub mod guardrails;
pub mod members;
pub mod metrics;
pub mod roles;
pub mod tokens;
pub mod webhooks;

use crate::page::{Page, PageResult, layout::Section};

/// The first page below it that whoever asks may see.
pub async fn get(page: Page) -> PageResult {
    let first = Section::NAVIGATION
        .into_iter()
        .find(|section| section.path().starts_with("/settings/") && section.is_for(&page.principal));
    Ok(page.go(&page.href(first.unwrap_or(Section::Account).path())))
}
