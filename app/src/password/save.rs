//! Giving one's password again, without a form that waits for it: the middleware has checked it.

use super::page;
use crate::{
    form::fields::Fields,
    page::{Page, PageResult},
};

pub async fn post(page: Page, fields: Fields) -> PageResult {
    let next = page::next_path(fields.text("next"));
    match page.principal.recent_administrator(page.now_ms()) {
        // Sent without the field that carries the password.
        Err(store::RecentRefused::PasswordNeeded) => {
            page::show_for(&page, &next, crate::form::state::FormState::default())
        }
        Ok(_) | Err(_) => Ok(page.go(&next)),
    }
}
