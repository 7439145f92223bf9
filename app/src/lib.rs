//! The dashboard, on the server. This file wires modules together, and nothing else stands here.
//!
//! A page is an axum handler that loads its data with `?` and hands a view to [`page::Page::render`]; a write is
//! a form that posts to the page's own URL, where an action either redirects with a toast or shows the same page
//! again with a [`form::state::FormState`] of what was typed. What runs in the browser is crate `islands`.

// A page is one nested type; the compiler computes its layout by recursion.
#![recursion_limit = "256"]

pub mod account;
pub mod approvals;
pub mod attention;
pub mod audit;
pub mod call;
pub mod caps;
pub mod chart;
pub mod condition;
pub mod cookies;
pub mod desk;
pub mod error;
pub mod feedback;
pub mod flag;
pub mod forecast;
pub mod form;
pub mod group;
pub mod guardrails;
pub mod invite;
pub mod live;
pub mod moved;
pub mod page;
pub mod password;
pub mod people;
pub mod person;
pub mod router;
pub mod search;
pub mod settings;
pub mod setup;
pub mod sign_in;
pub mod site;
pub mod state;
pub mod tester;
pub mod testers;
pub mod try_it;
pub mod ui;
pub mod zone;

pub use crate::{router::router, state::AppState};
