//! The inbox: filtered, newest first, page by page; and everything that one subject told.

use engine::{EnvironmentKey, FlagKey, GroupKey, SubjectKey, VariantKey};

use super::{
    Completed, Feedback, FeedbackId, FeedbackKind, FeedbackSource, Rating, TriageState,
    item::{Row, items},
};
use crate::{
    FeedbackHandler, PeopleReader, Role, Store, StoreError, UserId,
    audit::like,
    db::{Db, args},
    limits::{FEEDBACK_OF_SUBJECT_MAX, FEEDBACK_PAGE_MAX},
    signed,
};

const HANDLERS_MAX: i64 = 500;

/// Which items of one environment, newest first. Ranges are half-open; every set field must agree.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FeedbackFilter {
    /// About this flag: named by the sender, or, where none was named, among those the subject had.
    pub flag: Option<FlagKey>,
    pub variant: Option<VariantKey>,
    pub group: Option<GroupKey>,
    pub rating: Option<Rating>,
    pub kind: Option<FeedbackKind>,
    pub completed: Option<Completed>,
    pub state: Option<TriageState>,
    pub assignee: Option<UserId>,
    pub source: Option<FeedbackSource>,
    pub subject: Option<SubjectKey>,
    pub from_ms: Option<i64>,
    pub until_ms: Option<i64>,
    /// Found anywhere in the comment, the page, the note or the subject, in any case.
    pub text: Option<String>,
    /// Items before this one: the last of the page above.
    pub before: Option<FeedbackId>,
    /// At most [`FEEDBACK_PAGE_MAX`].
    pub limit: usize,
}

/// Somebody who can be given an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    pub id: UserId,
    pub name: String,
}

impl Store {
    /// The inbox of one environment. Whoever reads it stands in the audit log: it says who told what.
    pub async fn list_feedback(
        &self,
        by: &PeopleReader,
        environment: &EnvironmentKey,
        filter: &FeedbackFilter,
    ) -> Result<Vec<Feedback>, StoreError> {
        self.audit_place(by, &format!("feedback {environment}"), "read feedback").await?;
        self.items(environment, filter).await
    }

    async fn items(
        &self,
        environment: &EnvironmentKey,
        filter: &FeedbackFilter,
    ) -> Result<Vec<Feedback>, StoreError> {
        let text = filter.text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(like);
        let kind = filter.kind.map(|kind| format!("% {} %", kind.as_str()));
        let rows: Vec<Row> = self
            .db()
            .all(
                items!(
                    "WHERE feedback.environment = $1 AND feedback.id < $2 \
                     AND ($3 IS NULL OR feedback.flag = $3 OR (feedback.flag IS NULL AND EXISTS (\
                         SELECT 1 FROM feedback_variants AS had \
                         WHERE had.feedback = feedback.id AND had.flag = $3))) \
                     AND (($4 IS NULL AND $5 IS NULL) OR EXISTS (\
                         SELECT 1 FROM feedback_variants AS had \
                         WHERE had.feedback = feedback.id AND ($3 IS NULL OR had.flag = $3) \
                         AND ($4 IS NULL OR had.variant = $4) AND ($5 IS NULL OR had.pilot_group = $5))) \
                     AND ($6 IS NULL OR feedback.rating = $6) \
                     AND ($7 IS NULL OR feedback.kinds LIKE $7) \
                     AND ($8 IS NULL OR feedback.completed = $8) \
                     AND ($9 IS NULL OR feedback.state = $9) \
                     AND ($10 IS NULL OR feedback.assignee = $10) \
                     AND ($11 IS NULL OR feedback.source = $11) \
                     AND ($12 IS NULL OR feedback.subject = $12) \
                     AND ($13 IS NULL OR feedback.at_ms >= $13) \
                     AND ($14 IS NULL OR feedback.at_ms < $14) \
                     AND ($15 IS NULL OR lower(feedback.comment) LIKE $15 ESCAPE '!' \
                         OR lower(feedback.page) LIKE $15 ESCAPE '!' \
                         OR lower(feedback.note) LIKE $15 ESCAPE '!' \
                         OR lower(feedback.subject) LIKE $15 ESCAPE '!') \
                     ORDER BY feedback.id DESC LIMIT $16"
                ),
                args![
                    environment.as_str(),
                    filter.before.map_or(i64::MAX, FeedbackId::get),
                    filter.flag.as_ref().map(FlagKey::as_str),
                    filter.variant.as_ref().map(VariantKey::as_str),
                    filter.group.as_ref().map(GroupKey::as_str),
                    filter.rating.map(i64::from),
                    kind.as_deref(),
                    filter.completed.map(Completed::as_str),
                    filter.state.map(TriageState::as_str),
                    filter.assignee.map(UserId::get),
                    filter.source.map(FeedbackSource::as_str),
                    filter.subject.as_ref().map(SubjectKey::as_str),
                    filter.from_ms,
                    filter.until_ms,
                    text.as_deref(),
                    signed(filter.limit.clamp(1, FEEDBACK_PAGE_MAX) as u64),
                ],
            )
            .await?;
        rows.into_iter().map(Feedback::try_from).collect()
    }

    /// One item, in whichever environment it is.
    pub async fn find_feedback(
        &self,
        _by: &PeopleReader,
        id: FeedbackId,
    ) -> Result<Option<Feedback>, StoreError> {
        let row: Option<Row> = self.db().optional(items!("WHERE feedback.id = $1"), args![id.get()]).await?;
        row.map(Feedback::try_from).transpose()
    }

    /// What one subject told and what was logged for them, newest first, at most [`FEEDBACK_OF_SUBJECT_MAX`].
    pub async fn feedback_of(
        &self,
        _by: &PeopleReader,
        environment: &EnvironmentKey,
        subject: &SubjectKey,
    ) -> Result<Vec<Feedback>, StoreError> {
        let filter = FeedbackFilter {
            subject: Some(subject.clone()),
            limit: FEEDBACK_OF_SUBJECT_MAX,
            ..FeedbackFilter::default()
        };
        self.items(environment, &filter).await
    }

    /// The members who may handle feedback, by name: the choices for an assignee.
    pub async fn list_handlers(&self, _by: &FeedbackHandler) -> Result<Vec<Handler>, StoreError> {
        let rows: Vec<(i64, String, String)> = self
            .db()
            .all(
                "SELECT id, name, role FROM users WHERE NOT disabled AND password_hash IS NOT NULL \
                 ORDER BY lower(name), id LIMIT $1",
                args![HANDLERS_MAX],
            )
            .await?;
        let roles = self.live().roles();
        let may = |role: &str| {
            Role::parse(role).is_ok_and(|it| roles.may(it, crate::Operation::HandleFeedback, None))
        };
        let rows = rows.into_iter().filter(|(_, _, role)| may(role));
        Ok(rows.map(|(id, name, _)| Handler { id: UserId::new(id), name }).collect())
    }
}

/// The newest item of all, so that pages hear of it: 0 when there is none.
pub(crate) async fn newest(db: &Db) -> Result<i64, StoreError> {
    let (id,): (i64,) = db.one("SELECT COALESCE(MAX(id), 0) FROM feedback", args![]).await?;
    Ok(id)
}
