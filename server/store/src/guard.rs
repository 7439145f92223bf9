//! Guardrails and what the guard knows: definitions with versions, the lease that says which server guards, stored
//! states and verdicts, and the only changes the guard may make by itself.

mod act;
mod cells;
mod guardrails;
pub(crate) mod incidents;
mod lease;
mod shares;
mod states;
mod verdicts;
mod watched;

pub(crate) use act::evidence;
pub use act::{Acted, Consequence, GuardAct};
pub use cells::{Replayed, StepForecast, stored_metric};
pub use guardrails::{GuardrailSet, GuardrailsInForce, OwnGuardrails};
pub use incidents::{Around, AroundSeries, AroundStep, Half, Incident};
pub use lease::GuardLease;
pub use shares::{INCIDENT_SHARE_MS, IncidentGrant, SharedIncident};
pub use states::{GuardStanding, GuardState};
pub(crate) use states::{acted, begin, resumed};
pub(crate) use verdicts::insert_verdict;
pub use verdicts::{FlagHealth, RuleHealth, VerdictRow};
pub use watched::Watched;
