//! What pages ask: who is in each group, what a changed group does, and who has each flag.

use std::sync::Arc;

use engine::{
    CompiledGroup, Condition, Context, FlagKey, Group, GroupKey, Impact, Question, Sample, Snapshot,
    attributes_phrase,
};

use super::{
    Asker, Census, DeskCount, Patience,
    entry::{Asked, Subject},
    job::Work,
};
use crate::{GroupUse, People, PeopleReader, Viewer};

/// Members who are listed with a group.
const LISTED_MAX: usize = 50;

/// Which members to list: those whose key and traits hold every word.
#[derive(Debug)]
pub struct Listing {
    group: Option<Arc<CompiledGroup>>,
    words: Vec<String>,
    found: usize,
    seen: usize,
    subjects: Vec<String>,
}

/// Members who were listed, in the order of their keys as far as everybody was looked at.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    pub subjects: Vec<String>,
    /// Members that the search finds, among those who were looked at.
    pub found: usize,
}

/// Members of a group.
#[derive(Debug, Clone, Copy)]
pub struct GroupCount {
    pub sample: Sample,
    pub members: usize,
}

/// How many of the people meet each condition, in the order in which they were asked about.
#[derive(Debug, Clone)]
pub struct ConditionCounts {
    pub sample: Sample,
    /// `None`: it cannot be read.
    pub people: Vec<Option<usize>>,
}

/// What a group would become.
#[derive(Debug, Clone)]
pub struct GroupChange {
    pub impact: Impact,
    /// What that does to each flag that was asked for, in that order.
    pub flags: Vec<Impact>,
    pub listed: Arc<Listed>,
}

impl Listing {
    fn none() -> Self {
        Self { group: None, words: Vec::new(), found: 0, seen: 0, subjects: Vec::new() }
    }

    fn of(group: Arc<CompiledGroup>, search: &str) -> Self {
        let words = search.to_lowercase().split_whitespace().map(str::to_owned).collect();
        Self { group: Some(group), words, ..Self::none() }
    }

    pub(super) fn cost(&self) -> usize {
        usize::from(self.group.is_some()) * (1 + 4 * usize::from(!self.words.is_empty()))
    }

    pub(super) fn look(&mut self, context: &Context<'_>, now_ms: i64) {
        self.seen += 1;
        let Some(subject) = context.targeting_key else { return };
        if !self.group.as_ref().is_some_and(|group| group.contains(context, now_ms)) {
            return;
        }
        if !self.words.is_empty() {
            let text = format!("{subject} {}", attributes_phrase(context.traits)).to_lowercase();
            if !self.words.iter().all(|word| text.contains(word)) {
                return;
            }
        }
        self.found += 1;
        if self.subjects.len() < LISTED_MAX {
            self.subjects.push(subject.to_owned());
        }
    }

    pub(super) fn begin_again(&mut self) {
        self.subjects.clear();
        (self.found, self.seen) = (0, 0);
    }

    pub(super) fn listed(&self) -> Listed {
        let mut subjects = self.subjects.clone();
        subjects.sort_unstable();
        Listed { subjects, found: self.found }
    }
}

impl Census {
    /// Members of each group, in the order of `groups`. Nothing while it is not counted yet.
    pub async fn groups(
        &self,
        by: &Viewer,
        snapshot: &Arc<Snapshot>,
        groups: &[Arc<Group>],
        patience: Patience,
    ) -> Option<Vec<GroupCount>> {
        by.require_in(snapshot.environment()).ok()?;
        let definitions = [snapshot];
        let asked = Asked::new(Subject::Groups(groups.to_vec()), &definitions, self.people());
        let question = |group: &Arc<Group>| {
            let compiled = CompiledGroup::new(Arc::clone(group), snapshot.attributes()).ok();
            compiled.map(|after| Question::Belongs { before: None, after: Arc::new(after) })
        };
        let questions: Vec<_> = groups.iter().map(question).collect();
        let compiled: Vec<_> = questions.iter().map(Option::is_some).collect();
        let work = || Some(Work::tally(questions.into_iter().flatten().collect(), Listing::none()));
        let (counted, ..) = self.counted(asked, work, (None, patience)).await?;
        let mut impacts = counted.impacts.iter();
        // A condition that cannot be read is met by nobody.
        let count = |is_compiled: bool| {
            let members = if is_compiled { impacts.next().map_or(0, |impact| impact.after) } else { 0 };
            GroupCount { sample: counted.sample, members }
        };
        Some(compiled.into_iter().map(count).collect())
    }

    /// How many meet each condition, all counted in one pass. `None` while nothing is known yet.
    pub async fn conditions(
        &self,
        by: &Viewer,
        snapshot: &Arc<Snapshot>,
        conditions: &[Condition],
        asked: (Option<Asker>, Patience),
    ) -> Option<ConditionCounts> {
        by.require_in(snapshot.environment()).ok()?;
        let compile = |condition: &Condition| {
            let group = Group {
                key: GroupKey::parse("condition").ok()?,
                name: String::new(),
                description: String::new(),
                condition: Some(condition.clone()),
                enrolments: Vec::new(),
            };
            CompiledGroup::new(Arc::new(group), snapshot.attributes()).ok().map(Arc::new)
        };
        let compiled: Vec<_> = conditions.iter().map(compile).collect();
        let readable: Vec<_> = compiled.iter().map(Option::is_some).collect();
        let definitions = [snapshot];
        let question = Asked::new(Subject::Conditions(conditions.to_vec()), &definitions, self.people());
        let questions = compiled.into_iter().flatten().map(|after| Question::Belongs { before: None, after });
        let work = || Some(Work::tally(questions.collect(), Listing::none()));
        let (counted, ..) = self.counted(question, work, asked).await?;
        let mut impacts = counted.impacts.iter();
        let count = |readable: bool| if readable { impacts.next().map(|impact| impact.after) } else { None };
        Some(ConditionCounts { sample: counted.sample, people: readable.into_iter().map(count).collect() })
    }

    /// What a group would become, and what that does to the flags that use it. `reader` and the words of a search: list
    /// members. `None` where the group cannot be compiled, or nothing is known yet.
    pub async fn group_change(
        &self,
        by: &Viewer,
        (snapshot, snapshots): (&Arc<Snapshot>, &[Arc<Snapshot>]),
        (before, after): (Option<&Arc<Group>>, &Arc<Group>),
        used_by: &[GroupUse],
        reader: Option<(&PeopleReader, &str)>,
        (asker, patience): (Option<Asker>, Patience),
    ) -> Option<GroupChange> {
        by.require_in(snapshot.environment()).ok()?;
        let search = reader.map(|(_, search)| search.to_owned());
        let subject =
            Subject::Group { before: before.cloned(), after: Arc::clone(after), search: search.clone() };
        let definitions: Vec<_> = std::iter::once(snapshot).chain(snapshots).collect();
        let asked = Asked::new(subject, &definitions, self.people());
        let compile = |group: &Arc<Group>| CompiledGroup::new(Arc::clone(group), snapshot.attributes());
        let compiled = Arc::new(compile(after).ok()?);
        let work = || {
            let before = before.and_then(|group| compile(group).ok()).map(Arc::new);
            let listing = search.map_or_else(Listing::none, |it| Listing::of(Arc::clone(&compiled), &it));
            let mut questions = vec![Question::Belongs { before, after: compiled }];
            questions.extend(flag_questions(snapshots, after, used_by));
            Some(Work::tally(questions, listing))
        };
        let (counted, listed, _) = self.counted(asked, work, (asker, patience)).await?;
        let (impact, flags) = counted.impacts.split_first()?;
        Some(GroupChange { impact: *impact, flags: flags.to_vec(), listed })
    }

    /// Who has each flag. While many are counted, what is known of an older revision is shown, flag by flag; each number
    /// says itself of how many people it is, and of when.
    pub async fn desk(&self, by: &Viewer, snapshot: &Arc<Snapshot>) -> DeskCount {
        if by.require_in(snapshot.environment()).is_err() {
            return DeskCount::default();
        }
        self.0.0.desk.of(self, snapshot).await
    }

    /// Which of `people` have each of `flags`, all of one sample, and whether no larger one comes.
    pub(super) async fn holders(
        &self,
        (snapshot, people): (&Arc<Snapshot>, Arc<People>),
        flags: &[FlagKey],
        patience: Patience,
    ) -> Option<(Vec<Impact>, bool)> {
        let definitions = [snapshot];
        let asked = Asked::new(Subject::Flags(flags.to_vec()), &definitions, people);
        let question =
            |flag: &FlagKey| Question::Holds { snapshot: Arc::clone(snapshot), flag: flag.clone() };
        let work = || Some(Work::tally(flags.iter().map(question).collect(), Listing::none()));
        let (counted, _, is_final) = self.counted(asked, work, (None, patience)).await?;
        Some((counted.impacts.clone(), is_final))
    }
}

/// One question for each use, in the order of `used_by`.
fn flag_questions(snapshots: &[Arc<Snapshot>], after: &Arc<Group>, used_by: &[GroupUse]) -> Vec<Question> {
    let changed =
        |before: &Arc<Snapshot>| (Arc::clone(before), Arc::new(before.with_group(Arc::clone(after)).0));
    let changed: Vec<_> = snapshots.iter().map(changed).collect();
    let question = |used: &GroupUse| {
        let (before, after) = changed.iter().find(|(it, _)| *it.environment() == used.environment)?;
        let (before, after) = (Arc::clone(before), Arc::clone(after));
        Some(Question::Changes { flag: used.flag.clone(), before, after })
    };
    used_by.iter().filter_map(question).collect()
}
