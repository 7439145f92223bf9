//! What was asked, what it came to so far, and who still wants it.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use engine::{Condition, Counted, Flag, Group, Moved, Rollout, Snapshot, Survey};
use tokio::sync::watch;

use super::questions::Listed;
use crate::People;

/// What is counted, apart from definitions and people.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Subject {
    Rollouts {
        flag: Arc<Flag>,
        shapes: Vec<Arc<Rollout>>,
    },
    /// Members of each group.
    Groups(Vec<Arc<Group>>),
    /// A group as it would be, against what it is, and what that does to flags.
    Group {
        before: Option<Arc<Group>>,
        after: Arc<Group>,
        search: Option<String>,
    },
    /// Who has each of these flags.
    Flags(Vec<engine::FlagKey>),
    /// Who meets each condition.
    Conditions(Vec<Condition>),
    /// Whom going from one rollout to another moves.
    RolloutMoves {
        flag: Arc<Flag>,
        before: Arc<Rollout>,
        after: Arc<Rollout>,
    },
    /// Whom another definition of a group moves.
    GroupMoves {
        before: Option<Arc<Group>>,
        after: Arc<Group>,
    },
}

/// What an answer is kept by. Definitions and people are compared by identity: each revision has its own, and the weak
/// pointers keep no old one alive.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) subject: Subject,
    definitions: Vec<Weak<Snapshot>>,
    people: Weak<People>,
}

/// A question, and what it was asked about: whatever is in force when it is counted, these are.
pub(super) struct Asked<'a> {
    pub(super) key: Key,
    pub(super) definitions: &'a [&'a Arc<Snapshot>],
    pub(super) people: Arc<People>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(subject: Subject, definitions: &'a [&'a Arc<Snapshot>], people: Arc<People>) -> Self {
        Self { key: Key::new(subject, definitions, &people), definitions, people }
    }
}

impl Key {
    pub(super) fn new(subject: Subject, definitions: &[&Arc<Snapshot>], people: &Arc<People>) -> Self {
        Self {
            subject,
            definitions: definitions.iter().map(|it| Arc::downgrade(it)).collect(),
            people: Arc::downgrade(people),
        }
    }

    /// Whether these people are the ones that are counted.
    pub(super) fn is_about(&self, people: &Arc<People>) -> bool {
        std::ptr::eq(self.people.as_ptr(), Arc::as_ptr(people))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let definitions = self.definitions.iter().zip(&other.definitions);
        Weak::ptr_eq(&self.people, &other.people)
            && self.definitions.len() == other.definitions.len()
            && definitions.into_iter().all(|(a, b)| Weak::ptr_eq(a, b))
            && self.subject == other.subject
    }
}

/// What was found.
#[derive(Debug, Clone)]
pub(super) enum Found {
    Survey(Arc<Survey>),
    Counted(Arc<Counted>, Arc<Listed>),
    Moved(Arc<Moved>),
}

impl Found {
    fn is_whole(&self) -> bool {
        match self {
            Self::Survey(survey) => survey.sample().is_whole(),
            Self::Counted(counted, _) => counted.sample.is_whole(),
            Self::Moved(moved) => moved.sample.is_whole(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Survey(survey) => survey.bytes(),
            Self::Counted(counted, listed) => 100 * counted.impacts.len() + 60 * listed.subjects.len(),
            Self::Moved(moved) => moved.bytes(),
        }
    }
}

/// What is told to those who wait.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    pub(super) found: Option<Found>,
    /// It becomes no better.
    pub(super) is_final: bool,
}

/// One question that was asked, answered or not.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) told: watch::Sender<Told>,
    /// An enrolment begins or ends then, and the answer is another.
    pub(super) until_ms: Option<i64>,
    /// Previews that are still of interest to whoever asked.
    wanted: AtomicUsize,
    /// A page asked: it is counted to the end.
    kept: AtomicBool,
    dropped: AtomicBool,
    pub(super) used: AtomicU64,
}

impl Entry {
    pub(super) fn new(key: Key, until_ms: Option<i64>) -> Self {
        Self {
            key,
            told: watch::Sender::default(),
            until_ms,
            wanted: AtomicUsize::new(0),
            kept: AtomicBool::new(false),
            dropped: AtomicBool::new(false),
            used: AtomicU64::new(0),
        }
    }

    pub(super) fn want(&self, is_preview: bool) {
        if is_preview {
            self.wanted.fetch_add(1, Ordering::Relaxed);
        } else {
            self.kept.store(true, Ordering::Relaxed);
        }
    }

    /// Whoever asked has asked something else since; whether anybody is left.
    pub(super) fn unwant(&self) -> bool {
        let before = self.wanted.fetch_sub(1, Ordering::Relaxed);
        before > 1 || self.kept.load(Ordering::Relaxed)
    }

    /// Nobody wants it any more: whoever counts stops in the middle.
    pub(super) fn drop_it(&self) {
        self.dropped.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn is_done(&self) -> bool {
        self.told.borrow().is_final
    }

    pub(super) fn bytes(&self) -> usize {
        self.told.borrow().found.as_ref().map_or(0, Found::bytes)
    }

    pub(super) fn tell(&self, found: Found, is_final: bool) {
        let is_final = is_final || found.is_whole();
        self.told.send_replace(Told { found: Some(found), is_final });
    }

    /// Nothing better comes.
    pub(super) fn end(&self) {
        self.told.send_modify(|told| told.is_final = true);
    }
}
