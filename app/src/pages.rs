//! One file per page: it loads what it shows and renders it. A page with a form also has a `show` with a
//! [`crate::draft::Draft`], which its action calls when the form was refused.

pub mod account;
pub mod again;
pub mod approvals;
pub mod attributes;
pub mod audit;
pub mod desk;
pub mod environments;
pub mod error;
pub mod feedback;
pub mod flag;
pub mod group;
pub mod groups;
pub mod guardrails;
pub mod invite;
pub mod join;
pub mod members;
pub mod metrics;
pub mod people;
pub mod person;
pub mod search;
pub mod setup;
pub mod sign_in;
pub mod tester;
pub mod tokens;
pub mod try_it;
pub mod vocabulary;
pub mod webhooks;
