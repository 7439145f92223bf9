//! Giving one's password again, without a form that waits for it: the middleware has checked it.

use crate::{
    fields::Fields,
    page::{Page, PageResult},
    pages::again,
};

pub async fn post(page: Page, fields: Fields) -> PageResult {
    let next = again::next_path(fields.text("next"));
    match page.principal.recent_administrator(page.now_ms()) {
        // Sent without the field that carries the password.
        Err(store::RecentRefused::PasswordNeeded) => {
            again::show_for(&page, &next, crate::draft::Draft::default())
        }
        Ok(_) | Err(_) => Ok(page.go(&next)),
    }
}
