//! The dashboard in the browser: small islands, one per file, that make what the server has rendered quicker. Every page
//! works without them. Nothing here renders, or knows how anything is decided or kept: what an island shows that was not
//! on its page it asks the server for (`call`, `swap`, `live`), which answers with HTML.

mod asked;
pub mod call;
pub mod chart_detail;
mod copy;
pub mod desk_keys;
mod dom;
pub mod fader;
pub mod key_from_name;
pub mod live;
pub mod menus;
pub mod palette;
mod place;
pub mod preview;
mod refused;
mod site;
pub mod swap;
mod typing;

/// Begins the page; called by the script that the page loads, before it brings each island to life.
#[cfg(target_family = "wasm")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
