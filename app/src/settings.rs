//! What an administrator sets up.

pub mod attributes;
pub mod clients;
pub mod environments;
pub mod guardrails;
pub mod members;
pub mod metrics;
pub mod roles;
pub mod tokens;
pub mod webhooks;
