//! The filters of the inbox as they stand in the URL.

use engine::{FlagKey, GroupKey, SubjectKey, VariantKey};
use store::{Completed, FeedbackFilter, FeedbackId, FeedbackKind, Rating, TriageState, UserId};

use crate::{page::Visit, zone::typed::Days};

/// What the summary can look back on.
pub const SPANS_DAYS: [u32; 4] = [1, 7, 30, 90];
pub const SPAN_DEFAULT_DAYS: u32 = 30;

/// Filters out of the URL. What cannot be read filters nothing: an old link still shows the inbox.
#[derive(Debug, Clone, Default)]
pub struct InboxQuery {
    pub text: Option<String>,
    pub flag: Option<FlagKey>,
    /// The page is about this flag: the filter cannot be changed.
    pub fixed_flag: bool,
    pub variant: Option<VariantKey>,
    pub group: Option<GroupKey>,
    pub rating: Option<Rating>,
    pub kind: Option<FeedbackKind>,
    pub completed: Option<Completed>,
    pub state: Option<TriageState>,
    /// `me`, or a member's number.
    pub who: Option<String>,
    pub subject: Option<SubjectKey>,
    pub between: Days,
    pub before: Option<FeedbackId>,
    /// How far back the summary looks.
    pub days: u32,
}

impl InboxQuery {
    /// `flag`: of the page that is about one.
    pub fn read(visit: &Visit, flag: Option<FlagKey>) -> Self {
        let days = visit.query("days").and_then(|text| text.parse().ok());
        Self {
            text: visit.query("q").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
            fixed_flag: flag.is_some(),
            flag: flag.or_else(|| visit.query("flag").and_then(|key| FlagKey::parse(&key).ok())),
            variant: visit.query("variant").and_then(|key| VariantKey::parse(key.trim()).ok()),
            group: visit.query("group").and_then(|key| GroupKey::parse(&key).ok()),
            rating: visit.query("rating").and_then(|text| text.parse().ok()),
            kind: visit.query("kind").and_then(|word| FeedbackKind::parse(&word).ok()),
            completed: visit.query("done").and_then(|word| Completed::parse(&word).ok()),
            state: visit.query("state").and_then(|word| TriageState::parse(&word).ok()),
            who: visit.query("who").filter(|who| who == "me" || who.parse::<UserId>().is_ok()),
            subject: visit.query("subject").and_then(|key| SubjectKey::parse(&key).ok()),
            between: Days::read(visit),
            before: visit.query("before").and_then(|id| id.parse().ok()),
            days: days.filter(|days| SPANS_DAYS.contains(days)).unwrap_or(SPAN_DEFAULT_DAYS),
        }
    }

    pub fn is_filtered(&self) -> bool {
        (self.flag.is_some() && !self.fixed_flag)
            || self.text.is_some()
            || self.variant.is_some()
            || self.group.is_some()
            || self.rating.is_some()
            || self.kind.is_some()
            || self.completed.is_some()
            || self.state.is_some()
            || self.who.is_some()
            || self.subject.is_some()
            || self.between.is_filtered()
            || self.before.is_some()
    }

    /// `me`: who looks.
    pub fn filter(&self, me: UserId, limit: usize) -> FeedbackFilter {
        FeedbackFilter {
            flag: self.flag.clone(),
            variant: self.variant.clone(),
            group: self.group.clone(),
            rating: self.rating,
            kind: self.kind,
            completed: self.completed,
            state: self.state,
            assignee: self
                .who
                .as_deref()
                .and_then(|who| if who == "me" { Some(me) } else { who.parse().ok() }),
            source: None,
            subject: self.subject.clone(),
            from_ms: self.between.from_ms(),
            until_ms: self.between.until_ms(),
            text: self.text.clone(),
            before: self.before,
            limit,
        }
    }
}
