//! What can go wrong, as closed enums. `Display` is the sentence a person reads; causes stay inside.

use engine::{Change, Problem, counted, with_article};
use sqlx::migrate::MigrateError;

use crate::{
    ObjectKind,
    limits::{
        AUDIT_SECRET_CHARS_MIN, EMAIL_CHARS_MAX, FEEDBACK_AGE_DAYS_MAX, FEEDBACK_COMMENT_CHARS_MAX,
        FEEDBACK_DURATION_S_MAX, FEEDBACK_ID_CHARS_MAX, FEEDBACK_PAGE_CHARS_MAX, FEEDBACK_PER_DAY_MAX,
        INVITATION_CAPACITY_MAX, MEMBER_NAME_CHARS_MAX, METRIC_NAME_CHARS_MAX, METRIC_UNIT_CHARS_MAX,
        METRICS_MAX, ORIGIN_CHARS_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, PEOPLE_BATCH_MAX,
        PERSONA_NAME_CHARS_MAX, PERSONAS_MAX, PURPOSE_CHARS_MAX, REASON_CHARS_MAX, RETENTION_DAYS_MAX,
        TOKEN_DAYS_MAX, TOKEN_NAME_CHARS_MAX, TOKEN_ORIGINS_MAX, TOKEN_OVERLAP_HOURS_MAX, TRAITS_BYTES_MAX,
        TRAITS_MAX, WEBHOOK_TESTS_PER_MINUTE, WEBHOOK_URL_CHARS_MAX, WEBHOOKS_MAX,
    },
    permission::{Denied, RecentRefused},
};

/// Why an operation of the store did not happen. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the {} \"{key}\" does not exist", .kind.noun())]
    NotFound { kind: ObjectKind, key: String },
    #[error(transparent)]
    Conflict(Conflict),
    /// What `engine` found wrong with the definition.
    #[error("{}", sentence_of(.0))]
    Refused(Vec<Problem>),
    /// `key` as what has it writes it.
    #[error("{}", .by.sentence(*.kind, .key))]
    AlreadyExists { kind: ObjectKind, key: String, by: Taken },
    #[error("the {} \"{key}\" is in use by {}; change those first", .kind.noun(), .by.join(", "))]
    InUse { kind: ObjectKind, key: String, by: Vec<String> },
    #[error(transparent)]
    Denied(Denied),
    #[error(transparent)]
    Invalid(Invalid),
    /// This changes who may do what, and the password was last given too long ago.
    #[error("give your password again: this changes who may do what")]
    PasswordNeeded,
    /// As many passwords are being checked as the server has room for.
    #[error("too many people are signing in at this moment; try again in {}", counted(*.retry_after_s, "second"))]
    Busy { retry_after_s: u64 },
    /// Nobody made a mistake, and trying again later may work. Where the answer to a commit was lost, the change may have
    /// been made all the same.
    #[error("the database cannot be reached at the moment; please try again soon")]
    Unavailable(#[source] sqlx::Error),
    #[error("the database did not answer as it should")]
    Database(#[source] sqlx::Error),
    #[error("{}", unmigrated(.0))]
    Migration(#[source] MigrateError),
    #[error("the operating system gave no random bytes")]
    Entropy,
    #[error("the database was put back to an earlier state; look again, then try again")]
    Restored,
    #[error("what was to be stored in {table} cannot be written as text")]
    Unwritable { table: &'static str },
    #[error("row \"{id}\" of table {table} cannot be read")]
    CorruptRow { table: &'static str, id: String },
}

/// By what a key is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Present,
    /// By something present whose key differs in upper and lower case only.
    InOtherCase,
    /// By a flag that was archived, and can be restored.
    Archived,
    /// By a group that was deleted with this audit entry: reverting that restores it.
    Deleted {
        seq: u64,
    },
}

impl Taken {
    fn sentence(self, kind: ObjectKind, key: &str) -> String {
        let noun = kind.noun();
        match self {
            Self::Present => format!("the {noun} \"{key}\" exists already; choose another"),
            Self::InOtherCase => format!(
                "the {noun} \"{key}\" exists already, and upper and lower case make no difference; choose another"
            ),
            Self::Archived => {
                format!(
                    "the key \"{key}\" belongs to {} that is archived; restore it, or choose another",
                    with_article(noun)
                )
            }
            Self::Deleted { .. } => {
                format!(
                    "the key \"{key}\" belongs to {} that was deleted; restore it, or choose another",
                    with_article(noun)
                )
            }
        }
    }
}

/// Why the schema cannot be brought up to date, and what to do where that is known.
fn unmigrated(error: &MigrateError) -> &'static str {
    match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) => {
            "this database belongs to another version of Fader: run the version that made it or a later one, or begin \
             with an empty database"
        }
        _ => "the migrations could not be run",
    }
}

fn sentence_of(problems: &[Problem]) -> String {
    let sentences: Vec<_> = problems.iter().map(ToString::to_string).collect();
    sentences.join("; ")
}

/// Somebody else changed the object since it was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{by} changed this while you were editing")]
pub struct Conflict {
    /// The version the caller had read.
    pub expected: u64,
    pub current: u64,
    /// Who made the current version, and when.
    pub by: String,
    pub at_ms: i64,
    /// What the others changed since `expected`.
    pub changes: Vec<Change>,
}

/// Input that no operation accepts, each with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("write an e-mail address like name@example.org of at most {EMAIL_CHARS_MAX} characters")]
    Email,
    #[error("write a name of 1 to {MEMBER_NAME_CHARS_MAX} characters")]
    MemberName,
    #[error("choose a password of at least {PASSWORD_CHARS_MIN} characters")]
    PasswordTooShort,
    #[error("choose a password of at most {PASSWORD_CHARS_MAX} characters")]
    PasswordTooLong,
    #[error("choose a password that is not your e-mail address")]
    PasswordIsEmail,
    #[error(
        "choose another password: this one, or one very like it, is among those that are tried first; \
         three or four words that have nothing to do with each other are good"
    )]
    PasswordCommon,
    #[error(
        "choose another password: this one is made of your name, your e-mail address or the word fader, \
         with little else in it"
    )]
    PasswordIsOwn,
    #[error(
        "this installation has members, and the password of the demo's accounts is known to everybody; \
         seed the demo into an empty database"
    )]
    DemoAmongMembers,
    #[error("the present password is not right")]
    WrongPassword,
    #[error("too many attempts; try again in {}", counted(*.retry_after_s, "second"))]
    TooManyAttempts { retry_after_s: u64 },
    #[error("this setup code is not right; the newest one stands in the server's output")]
    SetupCode,
    #[error("Fader is set up already; sign in instead")]
    AlreadySetUp,
    #[error("this link is not valid any more; ask an admin for a new one")]
    ExpiredLink,
    #[error("this is the last active admin; make somebody else an admin first")]
    LastAdmin,
    #[error("this member is disabled; enable them first")]
    DisabledMember,
    #[error("keep the comment to {REASON_CHARS_MAX} characters")]
    ReasonTooLong,
    #[error("write a token name of 1 to {TOKEN_NAME_CHARS_MAX} characters")]
    TokenName,
    #[error(
        "write origins like https://www.example.org, at most {TOKEN_ORIGINS_MAX} of up to {ORIGIN_CHARS_MAX} characters; \
         a client token needs at least one, the others none"
    )]
    Origins,
    #[error(
        "a server or client token is bound to one environment; only a management token counts in the whole workspace"
    )]
    TokenScope,
    #[error("only a server token stores people; a management token does what its role may")]
    TokenTraits,
    #[error("let it expire in 1 to {TOKEN_DAYS_MAX} days; only server and client tokens may never expire")]
    TokenLifetime,
    #[error("the old secret works on for 0 to {TOKEN_OVERLAP_HOURS_MAX} hours")]
    TokenOverlap,
    #[error(
        "a management token acts as its owner, so only they make or rotate it; make one of your own instead"
    )]
    TokenOwner,
    #[error("this token was revoked; make another")]
    TokenRevoked,
    #[error("write a persona name of 1 to {PERSONA_NAME_CHARS_MAX} characters")]
    PersonaName,
    #[error("there are {PERSONAS_MAX} personas already; delete some first")]
    TooManyPersonas,
    #[error("a person has at most {TRAITS_MAX} attributes and {TRAITS_BYTES_MAX} bytes of them")]
    Traits,
    #[error("{attribute} of {subject} has to be {expected}, not \"{actual}\"")]
    TraitType { subject: String, attribute: String, expected: &'static str, actual: String },
    #[error("send at most {PEOPLE_BATCH_MAX} people at once")]
    TooManyPeople,
    #[error("choose another key: \"{0}\" means something else in addresses")]
    KeyMeansAPlace(String),
    #[error("nobody can be called \"{0}\": addresses of such people do not arrive")]
    SubjectIsDots(String),
    #[error("the attribute schema is full; delete some attributes first")]
    TooManyAttributes,
    #[error("somebody else went on with this Idempotency-Key; nothing was done here")]
    OnceTakenOver,
    #[error("the key of a thing never changes")]
    KeyChanged,
    #[error("the value type of a flag never changes; make a new flag")]
    ValueTypeChanged,
    #[error("re-randomising is a step of its own; saving a rollout keeps its seed")]
    SeedChanged,
    #[error("the flag is archived; restore it first")]
    Archived,
    #[error(
        "this entry has nothing to go back to; only changes of flags, rollouts and groups can be reverted"
    )]
    NotRevertible,
    #[error("write a metric name of 1 to {METRIC_NAME_CHARS_MAX} characters")]
    MetricName,
    #[error("write a unit of at most {METRIC_UNIT_CHARS_MAX} characters")]
    MetricUnit,
    #[error("the kind of a metric never changes; make a new metric")]
    MetricKind,
    #[error("a built-in metric can be renamed and described, but stays what it is")]
    BuiltInMetric,
    #[error("there are {METRICS_MAX} metrics already; delete some first")]
    TooManyMetrics,
    #[error("\"{metric}\" is not measured here, or is counted in another way; an admin defines metrics")]
    UnknownMetric { metric: String },
    #[error("guardrails watch this metric ({by}); change those first")]
    MetricWatched { by: String },
    #[error("this flag has no release plan in this environment; make one first")]
    NoPlan,
    #[error(transparent)]
    Plan(engine::plan::Refused),
    #[error(
        "the steps up to the present one stay while the plan runs; change the later ones, or abandon the plan"
    )]
    PlanReached,
    #[error("somebody else has to approve this: the plan is yours, or you started it")]
    OwnApproval,
    #[error(
        "write an address like https://hooks.example.org/fader of at most {WEBHOOK_URL_CHARS_MAX} characters"
    )]
    WebhookUrl,
    #[error(
        "this address leads to this machine or into a private network; give one that the internet can reach, or ask \
         whoever runs the server to start it with --webhooks-private"
    )]
    WebhookPrivate,
    #[error("there are {WEBHOOKS_MAX} webhooks already; delete some first")]
    TooManyWebhooks,
    #[error("{WEBHOOK_TESTS_PER_MINUTE} test messages a minute are enough; try again in a minute")]
    TooManyWebhookTests,
    #[error(
        "the secret of the audit log has at least {AUDIT_SECRET_CHARS_MIN} characters; `openssl rand -hex 32` makes one"
    )]
    AuditSecretTooShort,
    #[error(
        "this audit log is keyed with a secret from outside the database; give it with --audit-secret-file or \
         FADER_AUDIT_SECRET_FILE"
    )]
    AuditSecretMissing,
    #[error("this audit log was keyed with another secret than the one in the file; give that one")]
    AuditSecretWrong,
    #[error("write a database address like sqlite://fader.db or postgres://user@host/name")]
    DatabaseUrl,
    #[error("say something: a rating, whether it was completed, what kind it is, or a comment")]
    FeedbackEmpty,
    #[error("keep the comment to {FEEDBACK_COMMENT_CHARS_MAX} characters")]
    FeedbackComment,
    #[error("keep the page to {FEEDBACK_PAGE_CHARS_MAX} characters")]
    FeedbackPage,
    #[error("an id has 1 to {FEEDBACK_ID_CHARS_MAX} characters and no control characters")]
    FeedbackEventId,
    #[error("a duration is at most {FEEDBACK_DURATION_S_MAX} seconds")]
    FeedbackDuration,
    #[error("the time must lie within the last {FEEDBACK_AGE_DAYS_MAX} days and not in the future")]
    FeedbackTime,
    #[error(
        "this environment takes at most {FEEDBACK_PER_DAY_MAX} items of feedback a day, and has them; try again tomorrow"
    )]
    FeedbackDayFull { retry_after_s: u64 },
    #[error("choose somebody who may handle feedback and is not disabled")]
    FeedbackAssignee,
    #[error("keep this for 1 to {RETENTION_DAYS_MAX} days")]
    Retention,
    #[error("choose an end that is still to come")]
    EndHasPassed,
    #[error("say why: the reason stands in the audit log")]
    ReasonMissing,
    #[error("say what the invitation is for, in 1 to {PURPOSE_CHARS_MAX} characters")]
    InvitationPurpose,
    #[error("an invitation takes 1 to {INVITATION_CAPACITY_MAX} testers")]
    InvitationCapacity,
    #[error("a preview holds for 1 minute to 24 hours")]
    PreviewTime,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if crate::db::is_unavailable(&error) { Self::Unavailable(error) } else { Self::Database(error) }
    }
}

impl From<Denied> for StoreError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<RecentRefused> for StoreError {
    fn from(refused: RecentRefused) -> Self {
        match refused {
            RecentRefused::Denied(denied) => Self::Denied(denied),
            RecentRefused::PasswordNeeded => Self::PasswordNeeded,
        }
    }
}

impl From<Invalid> for StoreError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Conflict> for StoreError {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

/// Why somebody could not sign in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Also for unknown and disabled accounts: outsiders learn nothing.
    #[error("the e-mail address or the password is not right")]
    Wrong,
    #[error("too many attempts; try again in {}", counted(*.retry_after_s, "second"))]
    Throttled { retry_after_s: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}
