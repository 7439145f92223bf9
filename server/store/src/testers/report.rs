//! What enrolling a list would do, line by line: the dry run that the dashboard and REST show, and that enrolling
//! itself goes by.

use std::{collections::HashMap, sync::Arc};

use engine::{
    CompiledFlag, Context, EnvironmentKey, Exclusion, FlagKey, Group, GroupKey, Snapshot, SubjectKey,
};
use sha2::{Digest as _, Sha256};

use super::list::{EnrolmentLine, EnrolmentList, MalformedLine};
use crate::{live::State, secret::hex};

/// How a line stands to the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TesterStanding {
    New,
    /// Was in the group, but the time was over.
    Renewed,
    /// Left as it is.
    AlreadyIn,
    /// Stands on this line already.
    Duplicate {
        of: usize,
    },
}

/// A rollout that uses the group and from which the subject is excluded: that beats the enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExcludedFrom {
    pub environment: EnvironmentKey,
    pub flag: FlagKey,
    pub flag_name: String,
    /// The excluded group, by key and name; `None`: excluded by name.
    pub through: Option<(GroupKey, String)>,
}

/// A line that can be read, looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedLine {
    pub line: EnrolmentLine,
    pub standing: TesterStanding,
    /// Among the known people.
    pub known: bool,
    pub excluded_from: Vec<ExcludedFrom>,
}

/// Which of those who could be enrolled are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnrolmentChoice {
    /// Also who is excluded from a rollout that uses the group.
    pub with_excluded: bool,
    /// Also who is no known person.
    pub with_unknown: bool,
}

impl Default for EnrolmentChoice {
    fn default() -> Self {
        Self { with_excluded: false, with_unknown: true }
    }
}

/// The dry run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentReport {
    /// In the order of the list.
    pub lines: Vec<CheckedLine>,
    pub malformed: Vec<MalformedLine>,
}

impl EnrolmentReport {
    pub(crate) fn of(list: &EnrolmentList, group: &Group, state: &State, now_ms: i64) -> Self {
        let enrolled: HashMap<_, _> = group.enrolments.iter().map(|it| (&it.subject, it)).collect();
        let users = using(state, &group.key);
        let mut seen = HashMap::new();
        let lines = list.lines.iter().map(|line| {
            let standing = match (seen.get(&line.subject), enrolled.get(&line.subject)) {
                (Some(of), _) => TesterStanding::Duplicate { of: *of },
                (None, None) => TesterStanding::New,
                (None, Some(enrolment)) if enrolment.is_over(now_ms) => TesterStanding::Renewed,
                (None, Some(_)) => TesterStanding::AlreadyIn,
            };
            seen.entry(&line.subject).or_insert(line.number);
            CheckedLine {
                line: line.clone(),
                standing,
                known: state.people.traits(line.subject.as_str()).is_some(),
                excluded_from: excluded_from(&users, state, &line.subject, now_ms),
            }
        });
        Self { lines: lines.collect(), malformed: list.malformed.clone() }
    }

    /// Those whom enrolling adds or brings back.
    pub fn enrolled(&self, choice: EnrolmentChoice) -> impl Iterator<Item = &CheckedLine> {
        self.lines.iter().filter(move |it| {
            matches!(it.standing, TesterStanding::New | TesterStanding::Renewed)
                && (choice.with_excluded || it.excluded_from.is_empty())
                && (choice.with_unknown || it.known)
        })
    }

    /// The lines that stand so to the group.
    pub fn standing(&self, wanted: fn(TesterStanding) -> bool) -> impl Iterator<Item = &CheckedLine> {
        self.lines.iter().filter(move |it| wanted(it.standing))
    }

    /// Differs when the report does: whoever confirms it says with this what they have seen.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for line in &self.lines {
            hash.update(format!(
                "{:?}\0{:?}\0{}\0{:?}\n",
                line.line, line.standing, line.known, line.excluded_from
            ));
        }
        for line in &self.malformed {
            hash.update(format!("{line:?}\n"));
        }
        hex(&hash.finalize())
    }
}

/// The rollouts that have a rule for the group, in the order of the environments, then by flag.
pub(crate) fn using<'s>(state: &'s State, group: &GroupKey) -> Vec<(&'s Snapshot, &'s CompiledFlag)> {
    let in_one = |snapshot: &'s Arc<Snapshot>| {
        let users = snapshot.flags().filter(|flag| !flag.is_archived() && flag.rollout().serves(group));
        let mut users: Vec<_> = users.map(|flag| (&**snapshot, flag)).collect();
        users.sort_by(|(_, a), (_, b)| a.key().cmp(b.key()));
        users
    };
    state.snapshots.iter().flat_map(in_one).collect()
}

/// From which of these rollouts the subject is excluded.
pub(crate) fn excluded_from(
    users: &[(&Snapshot, &CompiledFlag)],
    state: &State,
    subject: &SubjectKey,
    now_ms: i64,
) -> Vec<ExcludedFrom> {
    let traits = state.people.traits(subject.as_str()).unwrap_or_default();
    let context = Context::from_traits(subject.as_str(), traits);
    let one = |(snapshot, flag): &(&Snapshot, &CompiledFlag)| {
        let through = match flag.exclusion(&context, now_ms)? {
            Exclusion::Subject => None,
            Exclusion::Group(group) => Some((group.key().clone(), group.name().to_owned())),
        };
        Some(ExcludedFrom {
            environment: snapshot.environment().clone(),
            flag: flag.key().clone(),
            flag_name: flag.flag().name.clone(),
            through,
        })
    };
    users.iter().filter_map(one).collect()
}
