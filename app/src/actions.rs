//! What forms do, one file per area. An action asks for the permission proof, calls the store, and then either
//! redirects with a toast or shows the page again with what was typed.

pub mod account;
pub mod again;
pub mod attributes;
pub mod audit;
pub mod enrol;
pub mod environments;
pub mod feedback;
pub mod flags;
pub mod group;
pub mod guardrails;
pub mod invite;
pub mod join;
pub mod members;
pub mod metrics;
pub mod people;
pub mod person;
pub mod plan;
pub mod rollouts;
pub mod session;
pub mod setup;
pub mod tester;
pub mod theme;
pub mod tokens;
pub mod try_it;
pub mod webhooks;
