//! Release plans: ordered steps that set percentages, and gates between them. What a plan does next is decided
//! here; who changes what in the database is the caller's.

mod breach;
mod decide;
mod definition;
mod follow;
mod picture;
pub mod power;
mod state;
mod template;
mod transition;
mod words;

pub use breach::{Breach, HoldReason, Reduction};
pub use decide::{Advance, OpenGate, PlanDecision, Seen, advance};
pub use definition::{Gate, Percentages, Plan, STEPS_MAX, SUBJECTS_MAX, Step};
pub use picture::{Picture, consider};
pub use state::{Approval, PauseReason, Person, PlanState, Progress, WATCH_GAP_MS_MAX};
pub use template::{TEMPLATES, Template};
pub use transition::{Moved, Refused};
pub use words::{Pace, RuleNames, open_gates_sentence};
