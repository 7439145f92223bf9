//! Who may do what: the role table, and proofs that only its check can make. Operations take a proof, so an
//! operation that forgot to ask does not compile. The ground floor: it knows nobody above it.

mod denied;
mod matrix;
mod permit;
mod principal;
mod proofs;
mod role;
#[cfg(test)]
mod tests;
mod who;

pub use denied::{Denied, DeniedBecause};
pub use matrix::{Floor, RoleCell, RoleTable};
pub(crate) use permit::Permit;
pub use principal::{PASSWORD_HOLDS_MS, Principal, RecentRefused};
pub(crate) use principal::{TokenAnswerer, TokenAuthority, TokenRights};
pub use proofs::{
    Administrator, Approver, AuditReader, AuditScope, Enroller, FeedbackHandler, FlagEditor, LedgerReader,
    PeopleReader, PeopleWriter, RecentAdministrator, Stopper, Viewer,
};
pub use role::{InvalidRole, Operation, Role};
pub use who::{OnceClaim, RequestOrigin, SessionId, UserId};
