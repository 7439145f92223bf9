//! The dashboard. This file wires modules together and starts the browser side, and nothing else stands here.
//!
//! A page is an axum handler that loads its data with `?` and hands a view to [`page::Page::render`]; a write is
//! a form that posts to the page's own URL, where an action either redirects with a toast or shows the same page
//! again with a [`draft::Draft`] of what was typed. Islands are the only code that runs in the browser.

// A page is one nested type; the compiler computes its layout by recursion.
#![recursion_limit = "256"]

pub mod api;
pub mod error;
pub mod islands;

#[cfg(feature = "ssr")]
pub mod actions;
#[cfg(feature = "ssr")]
pub mod again;
#[cfg(feature = "ssr")]
pub mod backend;
#[cfg(feature = "ssr")]
pub mod caps;
#[cfg(feature = "ssr")]
pub mod cookies;
#[cfg(feature = "ssr")]
pub mod draft;
#[cfg(feature = "ssr")]
pub mod fields;
#[cfg(feature = "ssr")]
pub mod find;
#[cfg(feature = "ssr")]
pub mod forms;
#[cfg(feature = "ssr")]
pub mod live;
#[cfg(feature = "ssr")]
pub mod page;
#[cfg(feature = "ssr")]
pub mod pages;
#[cfg(feature = "ssr")]
pub mod router;
#[cfg(feature = "ssr")]
pub mod shell;
#[cfg(feature = "ssr")]
pub mod ui;

#[cfg(feature = "ssr")]
pub use {backend::AppState, router::router};

/// Brings every island of the page to life; called by the script that the page loads.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
