//! What an island does with an answer that says that somebody has to go elsewhere first.

use leptos::prelude::window;
use web_sys::UrlSearchParams;

/// Leads to the page that asks for the password, and back here afterwards. True when it does.
pub(crate) fn lead_to_password() -> bool {
    let location = window().location();
    let base = crate::site::base();
    let path = location.pathname().unwrap_or_default();
    let here = path.strip_prefix(&base).unwrap_or(&path).to_owned() + &location.search().unwrap_or_default();
    let Ok(query) = UrlSearchParams::new() else { return false };
    query.append("next", &here);
    location.set_href(&format!("{base}/password?{}", String::from(query.to_string()))).is_ok()
}
