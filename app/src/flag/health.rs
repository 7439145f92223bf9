//! The Health tab: metrics of one audience, with the feature against its control.

pub mod arms;
pub mod cards;
pub mod difference;
pub mod guardrails;
pub mod measured;
pub mod page;
pub mod tone;
pub mod unverified;
pub mod verdicts;
