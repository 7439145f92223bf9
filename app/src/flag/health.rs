//! The Health tab: metrics of one audience, with the feature against its control.

mod arms;
mod cards;
mod difference;
mod guardrails;
mod measured;
pub mod page;
mod panels;
mod said;
pub mod summary;
pub mod tone;
mod unverified;
mod verdicts;
