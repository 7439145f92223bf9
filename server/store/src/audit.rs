//! The audit log: reading, undoing a change as a new one, and proving that nobody touched it.

pub(crate) mod chain;
mod entry;
mod read;
mod revert;
mod verify;

pub(crate) use entry::words;
pub use entry::{
    Action, ActorKind, AuditEntry, AuditFilter, AuditVerdict, BrokenChain, InvalidAction, InvalidActorKind,
};
pub(crate) use read::like;
