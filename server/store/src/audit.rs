//! The audit log: reading, undoing a change as a new one, and proving that nobody touched it.

pub(crate) mod chain;
mod entry;
mod head;
pub(crate) mod key;
mod read;
mod revert;
mod rows;
mod settings;
mod verify;
mod walk;
mod watch;

pub use entry::{
    Action, ActorKind, AuditEntry, AuditFilter, AuditVerdict, BrokenChain, InvalidAction, InvalidActorKind,
};
pub use head::{AuditHead, InvalidAuditHead};
pub use key::AuditSecret;
pub(crate) use read::like;
pub use rows::LiveRow;
pub(crate) use rows::plan_document;
pub use verify::AuditReport;
pub(crate) use verify::report_of;
pub use watch::AuditStanding;
pub(crate) use watch::Watch;
