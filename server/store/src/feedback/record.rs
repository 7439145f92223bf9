//! Taking feedback in: idempotent by id, capped per environment and day, with the variants of the moment attached.

use engine::{EnvironmentKey, FlagKey, Sender, SubjectKey};

use super::{
    Completed, FeedbackId, FeedbackKind, FeedbackSource, Rating, Saw, TriageState,
    day::{count_for_today, teller_word},
};
use crate::{
    Action, FeedbackHandler, Invalid, ObjectKind, ObjectRef, Store, StoreError, arm,
    change::Entry,
    clock::{DAY_MS, MINUTE_MS},
    db::{Tx, args},
    limits::{
        FEEDBACK_AGE_DAYS_MAX, FEEDBACK_COMMENT_CHARS_MAX, FEEDBACK_DURATION_S_MAX, FEEDBACK_ID_CHARS_MAX,
        FEEDBACK_PAGE_CHARS_MAX, FEEDBACK_SAW_MAX,
    },
    secret::random_hex,
    signed, to_json,
};

/// How wrong the clock of a browser may be.
const CLOCK_SKEW_MS: i64 = 10 * MINUTE_MS;
const EVENT_ID_BYTES: usize = 16;

/// What a user tells. Everything but the subject may be left out, but not all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFeedback {
    /// The sender's own name for it: sent again, it is not stored again. Those of browsers and of servers are apart.
    pub event_id: Option<String>,
    pub subject: SubjectKey,
    /// The moment that it is about; now when nothing is said.
    pub at_ms: Option<i64>,
    pub rating: Option<Rating>,
    pub completed: Option<Completed>,
    pub duration_ms: Option<u64>,
    pub kinds: Vec<FeedbackKind>,
    pub comment: String,
    pub page: String,
    pub flag: Option<FlagKey>,
}

/// What support logs for a person.
#[derive(Debug, Clone, PartialEq)]
pub struct NewComplaint {
    pub subject: SubjectKey,
    /// When it happened to them.
    pub at_ms: i64,
    pub kinds: Vec<FeedbackKind>,
    pub comment: String,
    pub flag: Option<FlagKey>,
}

/// What became of a new item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    New(FeedbackId),
    /// The same id came before.
    Again(FeedbackId),
}

impl NewFeedback {
    /// Told by support, marked as broken or confusing, or rated 1 or 2.
    pub fn is_complaint(&self, source: FeedbackSource) -> bool {
        let marked = |kind: &FeedbackKind| matches!(kind, FeedbackKind::Broken | FeedbackKind::Confusing);
        source == FeedbackSource::Support
            || self.kinds.iter().any(marked)
            || self.rating.is_some_and(Rating::is_low)
    }

    /// Checks lengths and times, and cleans the text.
    fn checked(mut self, now_ms: i64) -> Result<Self, Invalid> {
        if let Some(id) = &self.event_id {
            let fits = !id.is_empty() && id.chars().count() <= FEEDBACK_ID_CHARS_MAX;
            if !fits || id.chars().any(char::is_control) {
                return Err(Invalid::FeedbackEventId);
            }
        }
        self.comment = clean(&self.comment);
        self.page = one_line(&self.page);
        if self.comment.chars().count() > FEEDBACK_COMMENT_CHARS_MAX {
            return Err(Invalid::FeedbackComment);
        }
        if self.page.chars().count() > FEEDBACK_PAGE_CHARS_MAX {
            return Err(Invalid::FeedbackPage);
        }
        if self.duration_ms.is_some_and(|it| it > FEEDBACK_DURATION_S_MAX * 1000) {
            return Err(Invalid::FeedbackDuration);
        }
        let age_ms = now_ms.saturating_sub(self.at_ms.unwrap_or(now_ms));
        if !(-CLOCK_SKEW_MS..=FEEDBACK_AGE_DAYS_MAX * DAY_MS).contains(&age_ms) {
            return Err(Invalid::FeedbackTime);
        }
        self.kinds.sort_by_key(|kind| kind.as_str());
        self.kinds.dedup();
        if self.rating.is_none()
            && self.completed.is_none()
            && self.kinds.is_empty()
            && self.comment.is_empty()
        {
            return Err(Invalid::FeedbackEmpty);
        }
        Ok(self)
    }

    /// The moment it is about; a clock that is ahead is set right.
    fn moment_ms(&self, now_ms: i64) -> i64 {
        self.at_ms.unwrap_or(now_ms).min(now_ms)
    }
}

/// Everything of a row that is not what the user typed.
struct Stamp<'a> {
    environment: &'a EnvironmentKey,
    /// Who brought it.
    teller: Sender,
    source: FeedbackSource,
    now_ms: i64,
    logged_by: &'a str,
}

impl Store {
    /// Stores what a user tells, through a browser or a server. No audit entry: nothing of Fader's own changes.
    pub async fn record_feedback(
        &self,
        environment: &EnvironmentKey,
        teller: Sender,
        new: NewFeedback,
    ) -> Result<Recorded, StoreError> {
        let now_ms = self.clock().now_ms();
        let new = new.checked(now_ms)?;
        if let Some(event_id) = &new.event_id
            && let Some(id) = self.find_by_event(environment, teller, event_id).await?
        {
            return Ok(Recorded::Again(id));
        }
        let saw = self.saw(environment, &new, now_ms).await?;
        let stamp = Stamp { environment, teller, source: FeedbackSource::User, now_ms, logged_by: "" };
        let mut tx = self.db().begin().await?;
        let Some(id) = insert(&mut tx, &stamp, &new, &saw).await? else {
            // Sent twice at the same time: the other one was first.
            tx.rollback().await?;
            let event_id = new.event_id.as_deref().unwrap_or_default();
            let first = self.find_by_event(environment, teller, event_id).await?;
            let corrupt = || StoreError::CorruptRow { table: "feedback", id: event_id.to_owned() };
            return first.map(Recorded::Again).ok_or_else(corrupt);
        };
        count_for_today(&mut tx, environment, teller, now_ms).await?;
        tx.commit().await?;
        Ok(Recorded::New(id))
    }

    /// Logs a complaint for a person, tied to what they saw then.
    pub async fn log_complaint(
        &self,
        by: &FeedbackHandler,
        environment: &EnvironmentKey,
        complaint: NewComplaint,
    ) -> Result<FeedbackId, StoreError> {
        let new = NewFeedback {
            event_id: None,
            subject: complaint.subject,
            at_ms: Some(complaint.at_ms),
            rating: None,
            completed: None,
            duration_ms: None,
            kinds: complaint.kinds,
            comment: complaint.comment,
            page: String::new(),
            flag: complaint.flag,
        };
        let now_ms = self.clock().now_ms();
        let new = new.checked(now_ms)?;
        if new.comment.is_empty() {
            return Err(Invalid::FeedbackEmpty.into());
        }
        let saw = self.saw(environment, &new, now_ms).await?;
        let source = FeedbackSource::Support;
        let stamp = Stamp { environment, teller: Sender::Server, source, now_ms, logged_by: by.name() };
        let mut work = self.begin(by).await?;
        let id = insert(&mut work.tx, &stamp, &new, &saw).await?;
        let id = id.ok_or(sqlx::Error::RowNotFound)?;
        let object = ObjectRef::new(ObjectKind::Feedback, id.to_string());
        let name = format!("Feedback {id}");
        let entry = Entry {
            environment: Some(environment.clone()),
            ..Entry::new(
                Action::ComplaintLogged,
                object,
                &name,
                format!("logged a complaint as feedback {id}"),
            )
        };
        work.finish(entry).await?;
        Ok(id)
    }

    async fn find_by_event(
        &self,
        environment: &EnvironmentKey,
        teller: Sender,
        event_id: &str,
    ) -> Result<Option<FeedbackId>, StoreError> {
        let row: Option<(i64,)> = self
            .db()
            .optional(
                "SELECT id FROM feedback WHERE environment = $1 AND teller = $2 AND event_id = $3",
                args![environment.as_str(), teller_word(teller), event_id],
            )
            .await?;
        Ok(row.map(|(id,)| FeedbackId::new(id)))
    }

    /// The variants that the subject had at the moment, by flag.
    async fn saw(
        &self,
        environment: &EnvironmentKey,
        new: &NewFeedback,
        now_ms: i64,
    ) -> Result<Vec<Saw>, StoreError> {
        let at_ms = new.moment_ms(now_ms);
        let mut seen = self.seen_around(environment, &new.subject, at_ms).await?;
        seen.sort_by_key(|it| new.flag.as_ref() != Some(&it.flag));
        let mut saw: Vec<Saw> = seen
            .into_iter()
            .take(FEEDBACK_SAW_MAX)
            .map(|seen| self.saw_in_ledger(environment.as_str(), seen))
            .collect();
        if let Some(flag) = &new.flag
            && !saw.iter().any(|it| it.flag == *flag)
        {
            saw.extend(self.decided(environment.as_str(), flag, &new.subject, at_ms));
        }
        saw.sort_by(|a, b| a.flag.cmp(&b.flag));
        Ok(saw)
    }
}

/// `None` when the id is taken.
async fn insert(
    tx: &mut Tx,
    stamp: &Stamp<'_>,
    new: &NewFeedback,
    saw: &[Saw],
) -> Result<Option<FeedbackId>, StoreError> {
    let environment = stamp.environment.as_str();
    let event_id = match &new.event_id {
        Some(id) => id.clone(),
        None => random_hex::<EVENT_ID_BYTES>()?,
    };
    let at_ms = new.moment_ms(stamp.now_ms);
    let kinds: Vec<_> = new.kinds.iter().map(|kind| kind.as_str()).collect();
    let row: Option<(i64,)> = tx
        .optional(
            "INSERT INTO feedback (environment, event_id, source, subject, at_ms, received_ms, rating, completed, \
             duration_ms, kinds, complaint, comment, page, flag, saw, logged_by, state, note, version, changed_ms, \
             changed_by, teller) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, '', 1, $6, $16, $18) \
             ON CONFLICT (environment, teller, event_id) DO NOTHING RETURNING id",
            args![
                environment,
                &event_id,
                stamp.source.as_str(),
                new.subject.as_str(),
                at_ms,
                stamp.now_ms,
                new.rating.map(i64::from),
                new.completed.map(Completed::as_str),
                new.duration_ms.map(signed),
                &format!(" {} ", kinds.join(" ")),
                new.is_complaint(stamp.source),
                &new.comment,
                &new.page,
                new.flag.as_ref().map(FlagKey::as_str),
                &to_json("feedback", &saw)?,
                stamp.logged_by,
                TriageState::New.as_str(),
                teller_word(stamp.teller),
            ],
        )
        .await?;
    let Some((id,)) = row else { return Ok(None) };
    for it in saw {
        let arm = arm::stored(it.arm);
        let group = it.group.as_ref().map_or("", |group| group.as_str());
        tx.execute(
            "INSERT INTO feedback_variants (feedback, environment, flag, variant, arm, pilot_group, at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            args![id, environment, it.flag.as_str(), it.variant.as_str(), arm, group, at_ms],
        )
        .await?;
    }
    Ok(Some(FeedbackId::new(id)))
}

/// Without control characters but line breaks, and without marks that turn the text around them.
fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let kept = text.chars().map(|c| match c {
        '\n' => '\n',
        c if c.is_control() || is_override(c) => ' ',
        c => c,
    });
    kept.collect::<String>().trim().to_owned()
}

fn one_line(text: &str) -> String {
    clean(text).replace('\n', " ")
}

/// Embeddings, overrides and isolates: one that is not closed would go on into what stands after the text.
fn is_override(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn new() -> NewFeedback {
        NewFeedback {
            event_id: None,
            subject: SubjectKey::parse("u-1").expect("a key"),
            at_ms: None,
            rating: Some(Rating(4)),
            completed: None,
            duration_ms: None,
            kinds: Vec::new(),
            comment: String::new(),
            page: String::new(),
            flag: None,
        }
    }

    #[test]
    fn a_complaint_is_what_is_marked_or_rated_low() {
        let marked = |kind| NewFeedback { kinds: vec![kind], ..new() }.is_complaint(FeedbackSource::User);
        assert!(!new().is_complaint(FeedbackSource::User));
        assert!(new().is_complaint(FeedbackSource::Support));
        assert!(marked(FeedbackKind::Broken) && marked(FeedbackKind::Confusing));
        assert!(!marked(FeedbackKind::Slow) && !marked(FeedbackKind::Love));
        assert!(NewFeedback { rating: Some(Rating(2)), ..new() }.is_complaint(FeedbackSource::User));
    }

    #[test]
    fn text_keeps_its_lines_and_loses_what_would_do_harm() {
        assert_eq!(clean(" a\r\nb\u{0}c\u{202e}d "), "a\nb c d");
        assert_eq!(clean("مرحبا 🚀 <b>"), "مرحبا 🚀 <b>");
        assert_eq!(one_line("/a\nb"), "/a b");
    }

    #[test]
    fn what_is_too_long_too_old_or_nothing_is_refused() {
        let refused = |change: &dyn Fn(&mut NewFeedback)| {
            let mut it = new();
            change(&mut it);
            it.checked(NOW).expect_err("refused")
        };
        assert_eq!(refused(&|it| it.rating = None), Invalid::FeedbackEmpty);
        assert_eq!(refused(&|it| it.comment = "x".repeat(4001)), Invalid::FeedbackComment);
        assert_eq!(refused(&|it| it.page = "x".repeat(501)), Invalid::FeedbackPage);
        assert_eq!(refused(&|it| it.event_id = Some(String::new())), Invalid::FeedbackEventId);
        assert_eq!(refused(&|it| it.at_ms = Some(NOW + DAY_MS)), Invalid::FeedbackTime);
        assert_eq!(refused(&|it| it.at_ms = Some(NOW - 200 * DAY_MS)), Invalid::FeedbackTime);
        assert_eq!(refused(&|it| it.duration_ms = Some(u64::MAX)), Invalid::FeedbackDuration);
        assert_eq!(new().checked(NOW).expect("fits").moment_ms(NOW), NOW);
    }
}
