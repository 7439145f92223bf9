//! The dashboard in the browser: one small island per file, and the types that travel between them and the server. The
//! server renders every island first, and every page works without them. Nothing here knows how anything is decided or
//! kept: [`call::Backend`] is all that the server has to be.

mod asked;
pub mod call;
pub mod chart_detail;
pub mod copy;
pub mod desk_keys;
pub mod error;
pub mod fader;
pub mod forecast;
pub mod found;
pub mod key_from_name;
pub mod live;
pub mod menus;
pub mod palette;
mod place;
pub mod preview;
pub mod refused;
pub mod site;
pub mod swap;
mod typing;

/// Brings every island of the page to life; called by the script that the page loads.
#[cfg(target_family = "wasm")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    let base = site::base();
    if !base.is_empty() {
        // Once for the life of the page.
        leptos::server_fn::client::set_server_url(base.leak());
    }
    leptos::mount::hydrate_islands();
}
