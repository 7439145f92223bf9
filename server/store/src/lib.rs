//! Every line of SQL, for SQLite and PostgreSQL. Operations take a proof of permission, write their audit entry in the
//! same transaction, and are in force before they return. No HTTP, no HTML here.

mod accounts;
mod arm;
mod as_of;
mod attributes;
mod audit;
mod backup;
mod census;
mod change;
mod clock;
pub mod columns;
mod database_time;
mod db;
mod demo;
mod desk;
mod error;
mod feedback;
mod file;
mod flags;
mod groups;
mod guard;
mod history;
mod lane;
mod ledger;
pub mod limits;
mod live;
mod load;
mod measure;
mod meter;
mod metrics;
mod object;
mod omitted;
mod once;
mod opening;
mod outcomes;
mod people;
mod permission;
mod personas;
mod plans;
mod previews;
mod readiness;
mod receipts;
mod retention;
mod roles;
mod rollout_times;
mod rollouts;
mod secret;
mod signals;
mod signing;
mod stand_in;
mod standing;
mod store;
mod supervise;
pub mod table;
mod testers;
mod text;
mod tokens;
mod unverified;
mod versioned;
mod webhooks;
mod workspace;

pub use accounts::{
    Browser, DEVICE_KEPT_MS, FamiliarDevice, Invite, InvitePurpose, InviteToken, Member, MemberState,
    NewSession, SeenSession, SessionRow,
};
pub use as_of::AsOf;
pub use attributes::{AttributeUse, AttributeUses, RolloutEntry};
pub use audit::{
    Action, ActorKind, AuditEntry, AuditFilter, AuditHead, AuditReport, AuditSecret, AuditStanding,
    AuditVerdict, BrokenChain, InvalidAction, InvalidActorKind, InvalidAuditHead, LiveRow,
};
pub use backup::{BackupError, Backups, Contents, Restored};
pub use census::{
    Asker, Census, ConditionCounts, DeskCount, GroupChange, GroupCount, Listed, Moves, Moving, Patience,
};
pub use clock::Clock;
pub use db::Pool;
#[doc(hidden)]
pub use db::{Fault, Faults};
pub use demo::{DEMO_ACCOUNTS, DEMO_PASSWORD, DemoAccount, DemoAccounts, demo_people};
pub use desk::{DeskRow, Halt, LastChange, LastServed, PlanUnderWay, Waiting};
pub use error::{Conflict, Invalid, SignInError, StoreError, Taken};
pub use feedback::{
    Completed, Feedback, FeedbackFilter, FeedbackId, FeedbackKind, FeedbackSource, Handler, InvalidCompleted,
    InvalidFeedbackKind, InvalidFeedbackSource, InvalidRating, InvalidTriageState, NewComplaint, NewFeedback,
    Rating, Recorded, Saw, TrendPoint, Triage, TriageState, Untriaged, VariantSummary,
};
pub use groups::{GroupRow, GroupUse};
pub use guard::{
    Acted, Around, AroundSeries, AroundStep, Consequence, FlagHealth, GuardAct, GuardLease, GuardStanding,
    GuardState, GuardrailSet, GuardrailsInForce, Half, INCIDENT_SHARE_MS, Incident, IncidentGrant,
    OwnGuardrails, Replayed, RuleHealth, SharedIncident, StepForecast, VerdictRow, Watched, stored_metric,
};
pub use lane::Lane;
pub use ledger::{
    Delivery, Elsewhere, Erased, Exposure, ExposureCount, ExposureCursor, ExposureExport, ExposureFilter,
    ExposurePage, InvalidCursor, Seen, Stood,
};
pub use live::{Changed, Environment, Live};
pub use measure::Measured;
pub use meter::{Meter, TIMING_BOUNDS_US, Timed, Timings};
pub use object::{InvalidObjectKind, ObjectKind, ObjectRef};
pub use omitted::{OMITTED_SHOWN_MS, Omission, Omitted};
pub use once::{KeptAnswer, Taken as OnceTaken};
pub use opening::Opening;
pub use outcomes::{
    ArmCells, ArmCount, CELL_MS, CELL_OPEN_MS_MAX, Cell, CellKey, CellReader, CellSum, Entry, FirstExposures,
    GroupTallies, RolledUp, Told, Total, Written,
};
pub use people::{
    Cause, Compared, FlagAnswer, FlagChanged, LookedUp, Match, Matches, People, PersonAnswer, PersonChanges,
    Rank, Standing, Turn,
};
pub use permission::{
    Administrator, Approver, AuditReader, AuditScope, Denied, DeniedBecause, Enroller, FeedbackHandler,
    FlagEditor, Floor, InvalidRole, LedgerReader, OnceClaim, Operation, PASSWORD_HOLDS_MS, PeopleReader,
    PeopleWriter, Principal, RecentAdministrator, RecentRefused, RequestOrigin, Role, RoleCell, RoleTable,
    SessionId, Stopper, UserId, Viewer,
};
pub use personas::{Persona, PersonaId};
pub use plans::{ApprovalRequest, Decided, Followed, PlanMove, PlanOutlook, ReleasePlan};
pub use readiness::Checked;
pub use secret::{TokenHash, hex};
pub use signals::{FlagSignals, Heard, Signal, SignalKind};
pub use stand_in::StandInFile;
pub use standing::Standing as DatabaseStanding;
pub use store::Store;
pub use supervise::{Task, TaskReport, Tasks};
pub use tokens::{
    InvalidLifetime, Lifetime, NewToken, Rotation, Token, TokenId, TokenKind, TokenOwner, TokenRefused,
    TokenRow, TokenScope, TokenState,
};
pub use unverified::{UNVERIFIED_SLOT_MS, UnverifiedCount, UnverifiedOutcomes};
pub use versioned::Versioned;
pub use webhooks::{INCIDENT, Reach, Webhook, WebhookDelivery, WebhookId, is_public};
pub use workspace::InvalidHash;

pub use previews::{PREVIEW_MS, PREVIEW_MS_RANGE, PreviewGrant, PreviewKey};
pub use receipts::{Claim, Proof, ReceiptKey, SubjectReceipts};
pub use retention::Kept;
pub use roles::RolesInForce;
pub use rollout_times::RolloutTimes;
pub use testers::{
    Acceptance, CheckedLine, Enrolled, EnrolmentChoice, EnrolmentLine, EnrolmentList, EnrolmentReport,
    ExcludedFrom, InvitationState, MalformedLine, NewTesterInvitation, RawLine, ReadColumns, Stay, TesterIn,
    TesterInvitation, TesterInvitationId, TesterStanding,
};

/// Sequences, versions and revisions are never negative in the database.
fn number(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A document as it is stored.
fn to_json<T: serde::Serialize>(table: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Unwritable { table })
}
