//! What a person typed into a form, kept as typed until it parses, so that nothing is lost on the way back.

pub mod flag;
pub mod group;
pub mod guardrails;
pub mod intent;
pub mod merge;
pub mod people;
pub mod plan;
pub mod rollout;
pub mod rule;
pub mod testers;
pub mod trial;
pub mod wrong;
