//! Guardrails, of a rollout and of the workspace: written like the sentences that they become.

pub mod form;
pub mod replays;
pub mod save;
pub mod view;
