//! The dashboard, on the server. This file wires modules together, and nothing else stands here.
//!
//! A page is an axum handler that loads its data with `?` and hands a view to [`page::Page::render`]; a write is
//! a form that posts to the page's own URL, where an action either redirects with a toast or shows the same page
//! again with a [`draft::Draft`] of what was typed. What runs in the browser is crate `islands`.

// A page is one nested type; the compiler computes its layout by recursion.
#![recursion_limit = "256"]

pub mod actions;
pub mod again;
pub mod backend;
pub mod call;
pub mod caps;
pub mod cookies;
pub mod draft;
pub mod error;
pub mod fields;
pub mod find;
pub mod forms;
pub mod live;
pub mod page;
pub mod pages;
pub mod router;
pub mod shell;
pub mod ui;

pub use crate::{backend::AppState, router::router};
