//! One item of feedback as it is stored and read.

use engine::{Arm, EnvironmentKey, FlagKey, GroupKey, RuleId, SubjectKey, VariantKey};
use serde::{Deserialize, Serialize};

use super::{Completed, FeedbackId, FeedbackKind, FeedbackSource, Rating, TriageState};
use crate::{StoreError, UserId, number, versioned::parse};

/// A variant that the subject had at the moment that the feedback is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saw {
    pub flag: FlagKey,
    pub variant: VariantKey,
    pub arm: Option<Arm>,
    pub rule: Option<RuleId>,
    /// The pilot group through which the rule let them in.
    pub group: Option<GroupKey>,
    pub revision: u64,
    /// False: the ledger knows of no exposure; it is what Fader decided for them at that moment.
    pub seen: bool,
}

/// What somebody told, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Feedback {
    pub id: FeedbackId,
    pub environment: EnvironmentKey,
    pub source: FeedbackSource,
    pub subject: SubjectKey,
    /// The moment that it is about.
    pub at_ms: i64,
    pub received_ms: i64,
    pub rating: Option<Rating>,
    pub completed: Option<Completed>,
    pub duration_ms: Option<u64>,
    pub kinds: Vec<FeedbackKind>,
    /// See [`super::NewFeedback::is_complaint`].
    pub complaint: bool,
    pub comment: String,
    pub page: String,
    /// The flag that it says it is about.
    pub flag: Option<FlagKey>,
    pub saw: Vec<Saw>,
    /// Who logged the complaint.
    pub logged_by: String,
    pub state: TriageState,
    pub assignee: Option<UserId>,
    pub assignee_name: Option<String>,
    pub note: String,
    /// 1, 2, 3…; handed back when triaging.
    pub version: u64,
    pub changed_ms: i64,
    pub changed_by: String,
}

#[derive(sqlx_macros::FromRow)]
pub(super) struct Row {
    id: i64,
    environment: String,
    source: String,
    subject: String,
    at_ms: i64,
    received_ms: i64,
    rating: Option<i64>,
    completed: Option<String>,
    duration_ms: Option<i64>,
    kinds: String,
    complaint: bool,
    comment: String,
    page: String,
    flag: Option<String>,
    saw: String,
    logged_by: String,
    state: String,
    assignee: Option<i64>,
    assignee_name: Option<String>,
    note: String,
    version: i64,
    changed_ms: i64,
    changed_by: String,
}

/// The columns of [`Row`]; what follows continues the query.
macro_rules! items {
    ($rest:literal) => {
        concat!(
            "SELECT feedback.id, feedback.environment, feedback.source, feedback.subject, feedback.at_ms, \
             feedback.received_ms, feedback.rating, feedback.completed, feedback.duration_ms, feedback.kinds, \
             feedback.complaint, feedback.comment, feedback.page, feedback.flag, feedback.saw, \
             feedback.logged_by, feedback.state, feedback.assignee, users.name AS assignee_name, \
             feedback.note, feedback.version, feedback.changed_ms, feedback.changed_by \
             FROM feedback LEFT JOIN users ON users.id = feedback.assignee ",
            $rest
        )
    };
}
pub(super) use items;

impl TryFrom<Row> for Feedback {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = row.id.to_string();
        let corrupt = || StoreError::CorruptRow { table: "feedback", id: id.clone() };
        let kinds: Result<Vec<_>, _> = row.kinds.split_whitespace().map(FeedbackKind::parse).collect();
        Ok(Self {
            id: FeedbackId::new(row.id),
            environment: EnvironmentKey::try_from(row.environment).map_err(|_| corrupt())?,
            source: FeedbackSource::parse(&row.source).map_err(|_| corrupt())?,
            subject: SubjectKey::try_from(row.subject).map_err(|_| corrupt())?,
            at_ms: row.at_ms,
            received_ms: row.received_ms,
            rating: row.rating.map(Rating::try_from).transpose().map_err(|_| corrupt())?,
            completed: row.completed.as_deref().map(Completed::parse).transpose().map_err(|_| corrupt())?,
            duration_ms: row.duration_ms.map(number),
            kinds: kinds.map_err(|_| corrupt())?,
            complaint: row.complaint,
            comment: row.comment,
            page: row.page,
            flag: row.flag.map(FlagKey::try_from).transpose().map_err(|_| corrupt())?,
            saw: parse("feedback", &id, &row.saw)?,
            logged_by: row.logged_by,
            state: TriageState::parse(&row.state).map_err(|_| corrupt())?,
            assignee: row.assignee.map(UserId::new),
            assignee_name: row.assignee_name,
            note: row.note,
            version: number(row.version),
            changed_ms: row.changed_ms,
            changed_by: row.changed_by,
        })
    }
}
