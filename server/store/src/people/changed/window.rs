//! What was changed between two moments, as far as it can concern one person and some flags: read by the index of each
//! object, so that it costs what happened to them and not what happened. First when, and then the documents of what is
//! replayed: so many changes, and one document of each object from before them.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use engine::{Attributes, Enrolment, Flag, FlagKey, Group, GroupKey, Rollout, SubjectKey};
use serde::de::DeserializeOwned;

use super::{
    End,
    replay::{Delta, Known, Object, Step, Window, World},
};
use crate::{
    Store, StoreError,
    db::{Tx, args},
    flags::flag_line,
    groups::group_line,
    limits::{REPLAYED_FLAGS_MAX, REPLAYED_STEPS_MAX},
    live::Environment,
    number,
    rollouts::rollout_line,
    signed,
    testers::rows,
    versioned::VersionKey,
};

/// One more than are replayed: what an object was before those.
const VERSIONS_MAX: usize = REPLAYED_STEPS_MAX + 1;

/// That there is a version of an object, and when it was made.
#[derive(Clone, Copy, sqlx_macros::FromRow)]
struct Mark {
    at_ms: i64,
    audit_seq: i64,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    document: String,
    audit_seq: i64,
}

/// The entries between the two ends, by their numbers; the first is excluded.
#[derive(Clone, Copy)]
struct Between {
    after: i64,
    until: i64,
}

/// What happened.
#[derive(Default)]
struct Happened {
    /// The last changes, by the number of their entry.
    steps: BTreeMap<u64, Step>,
    /// The last change before them, which is not told with the others.
    cut: Option<(u64, i64)>,
    /// What of each object was changed up to that one, as it was then.
    before: BTreeMap<Object, Delta>,
}

impl Store {
    /// The world of `from`, and what happened to it up to `until`.
    pub(super) async fn window(
        &self,
        environment: &Environment,
        subject: &SubjectKey,
        from: &End,
        until: &End,
        changed: &[Arc<Flag>],
    ) -> Result<Window, StoreError> {
        let between = Between { after: signed(from.seq), until: signed(until.seq) };
        let mut tx = self.db().begin_read().await?;
        let mut world = World::new(environment.key.clone(), from.traits.clone());
        let mut happened = Happened::default();
        let mut groups = BTreeSet::new();
        let mut waiting: VecDeque<FlagKey> = changed.iter().map(|flag| flag.key.clone()).collect();
        let mut known: BTreeSet<FlagKey> = waiting.iter().cloned().collect();
        // Whatever a flag needs, at any time that is replayed, is replayed with it.
        while let Some(key) = waiting.pop_front() {
            let line = flag_line(&key);
            for (seq, flag) in happened.versions::<Flag>(&mut tx, line, between).await? {
                happened.note(seq, Delta::Flag(Arc::new(flag)));
            }
            let base = from.snapshot.flag(key.as_str());
            let mut rollouts: Vec<_> = base.iter().map(|it| Arc::clone(it.rollout())).collect();
            let line = rollout_line(&environment.key, &key);
            for (seq, rollout) in happened.versions::<Rollout>(&mut tx, line, between).await? {
                let rollout = Arc::new(rollout);
                rollouts.push(Arc::clone(&rollout));
                happened.note(seq, Delta::Rollout(key.clone(), rollout));
            }
            if let Some(base) = base {
                let (flag, rollout) = (Some(Arc::clone(base.flag())), Some(Arc::clone(base.rollout())));
                world.flags.insert(key.clone(), Known { flag, rollout });
            }
            for rollout in rollouts {
                groups.extend(rollout.groups().cloned());
                for needed in rollout.prerequisites.iter().map(|it| it.flag.clone()) {
                    if known.len() < REPLAYED_FLAGS_MAX && known.insert(needed.clone()) {
                        waiting.push_back(needed);
                    }
                }
            }
        }
        for key in groups {
            happened.group(&mut tx, &key, subject, between).await?;
            if let Some(base) = from.snapshot.group(key.as_str()) {
                world.add_group(base.group(), subject);
            }
        }
        happened.traits(&mut tx, subject, between).await?;
        tx.rollback().await?;
        let Happened { steps, cut, before } = happened;
        let before = cut.map(|(_, at_ms)| Step { at_ms, deltas: before.into_values().collect() });
        Ok(Window { world, from_ms: from.at_ms, before, steps })
    }

    /// Since when something is stored with the subject, and when the log begins.
    pub(super) async fn known_since(
        &self,
        subject: &SubjectKey,
    ) -> Result<(Option<i64>, Option<i64>), StoreError> {
        let stored: (Option<i64>,) = self
            .db()
            .one("SELECT MIN(at_ms) FROM person_traits WHERE subject = $1", args![subject.as_str()])
            .await?;
        let begun: (Option<i64>,) = self.db().one("SELECT MIN(at_ms) FROM audit", args![]).await?;
        Ok((stored.0, begun.0))
    }
}

impl Happened {
    /// A group, and the person's own enrolment in it.
    async fn group(
        &mut self,
        tx: &mut Tx,
        key: &GroupKey,
        subject: &SubjectKey,
        between: Between,
    ) -> Result<(), StoreError> {
        let versions = self.versions::<Group>(tx, group_line(key), between).await?;
        let sql = "SELECT seq FROM audit WHERE object_kind = 'group' AND object_key = $1 \
                   AND action = 'group_deleted' AND seq > $2 AND seq <= $3 ORDER BY seq DESC LIMIT $4";
        let deleted: Vec<(i64,)> = if versions.is_empty() {
            Vec::new()
        } else {
            tx.all(sql, args![key.as_str(), between.after, between.until, limit()]).await?
        };
        for (seq, group) in versions {
            let gone = deleted.iter().any(|(deleted,)| number(*deleted) == seq);
            self.note(seq, if gone { Delta::NoGroup(key.clone()) } else { Delta::Group(Box::new(group)) });
        }
        let line = rows::line_key(key, subject.as_str());
        let line = VersionKey { kind: rows::KIND, key: &line, environment: "" };
        for (seq, enrolment) in self.versions::<Option<Enrolment>>(tx, line, between).await? {
            self.note(seq, Delta::Enrolment(key.clone(), enrolment));
        }
        Ok(())
    }

    /// What was stored with the person.
    async fn traits(
        &mut self,
        tx: &mut Tx,
        subject: &SubjectKey,
        Between { after, until }: Between,
    ) -> Result<(), StoreError> {
        let key = subject.as_str();
        let sql = "SELECT at_ms, audit_seq FROM person_traits WHERE subject = $1 AND audit_seq > $2 \
                   AND audit_seq <= $3 ORDER BY audit_seq DESC LIMIT $4";
        let marks: Vec<Mark> = tx.all(sql, args![key, after, until, limit()]).await?;
        let Some(first) = self.make_room(&marks) else { return Ok(()) };
        let sql = "SELECT traits AS document, audit_seq FROM person_traits WHERE subject = $1 \
                   AND audit_seq >= $2 AND audit_seq <= $3 ORDER BY audit_seq";
        let rows: Vec<Row> = tx.all(sql, args![key, first, until]).await?;
        for (seq, traits) in read::<Attributes>(rows) {
            self.note(seq, Delta::Traits(traits));
        }
        Ok(())
    }

    /// Those versions of an object that are replayed, and the one before them, oldest first.
    async fn versions<T: DeserializeOwned>(
        &mut self,
        tx: &mut Tx,
        VersionKey { kind, key, environment }: VersionKey<'_>,
        Between { after, until }: Between,
    ) -> Result<Vec<(u64, T)>, StoreError> {
        let sql = "SELECT at_ms, audit_seq FROM versions WHERE object_kind = $1 AND object_key = $2 \
                   AND environment = $3 AND audit_seq > $4 AND audit_seq <= $5 ORDER BY version DESC LIMIT $6";
        let marks: Vec<Mark> = tx.all(sql, args![kind, key, environment, after, until, limit()]).await?;
        let Some(first) = self.make_room(&marks) else { return Ok(Vec::new()) };
        let sql = "SELECT document, audit_seq FROM versions WHERE object_kind = $1 AND object_key = $2 \
                   AND environment = $3 AND audit_seq >= $4 AND audit_seq <= $5 ORDER BY version";
        let rows: Vec<Row> = tx.all(sql, args![kind, key, environment, first, until]).await?;
        Ok(read(rows))
    }

    /// Makes room for an object's changes, newest first, by leaving out the oldest of all. Returns the entry from which on its
    /// documents are needed.
    fn make_room(&mut self, marks: &[Mark]) -> Option<i64> {
        for Mark { at_ms, audit_seq } in marks {
            let seq = number(*audit_seq);
            if self.cut.is_none_or(|(cut, _)| seq > cut) {
                self.steps.entry(seq).or_insert_with(|| Step { at_ms: *at_ms, deltas: Vec::new() });
            }
        }
        while self.steps.len() > REPLAYED_STEPS_MAX {
            let Some((seq, step)) = self.steps.pop_first() else { break };
            self.cut = Some((seq, step.at_ms));
            self.before.extend(step.deltas.into_iter().map(|delta| (delta.object(), delta)));
        }
        let is_left_out = |mark: &&Mark| self.cut.is_some_and(|(cut, _)| number(mark.audit_seq) <= cut);
        marks.iter().find(is_left_out).or(marks.last()).map(|mark| mark.audit_seq)
    }

    fn note(&mut self, seq: u64, delta: Delta) {
        match self.steps.get_mut(&seq) {
            Some(step) => step.deltas.push(delta),
            None => drop(self.before.insert(delta.object(), delta)),
        }
    }
}

fn limit() -> i64 {
    signed(VERSIONS_MAX as u64)
}

/// What cannot be read decided nothing when it was in force.
fn read<T: DeserializeOwned>(rows: Vec<Row>) -> Vec<(u64, T)> {
    let read = |row: Row| Some((number(row.audit_seq), serde_json::from_str(&row.document).ok()?));
    rows.into_iter().filter_map(read).collect()
}

impl World {
    /// A group as far as it is about one subject.
    fn add_group(&mut self, group: &Group, subject: &SubjectKey) {
        let enrolment = group.enrolments.iter().find(|it| it.subject == *subject);
        if let Some(enrolment) = enrolment {
            self.enrolments.insert(group.key.clone(), enrolment.clone());
        }
        self.groups.insert(group.key.clone(), Group { enrolments: Vec::new(), ..group.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes the traits `{"at": seq}` as an object's versions at these entries.
    fn add(
        happened: &mut Happened,
        seqs: impl DoubleEndedIterator<Item = i64>,
        delta: &dyn Fn(i64) -> Delta,
    ) {
        let seqs: Vec<_> = seqs.rev().take(VERSIONS_MAX).collect();
        let marks: Vec<_> = seqs.iter().map(|seq| Mark { at_ms: seq * 10, audit_seq: *seq }).collect();
        let first = happened.make_room(&marks).expect("there are some");
        for seq in seqs.into_iter().rev().filter(|seq| *seq >= first) {
            happened.note(number(seq), delta(seq));
        }
    }

    fn traits(seq: i64) -> Delta {
        let traits = serde_json::json!({ "at": seq });
        Delta::Traits(Attributes::from_json(traits.as_object().expect("an object")))
    }

    #[test]
    fn of_many_objects_the_last_changes_are_kept_and_one_document_from_before() {
        let mut happened = Happened::default();
        let group = |n: i64| Delta::NoGroup(GroupKey::parse(&format!("group-{n}")).expect("a key"));
        add(&mut happened, 1..=3, &traits);
        for n in 0..100 {
            add(&mut happened, (0..40).map(|at| 100 + at * 100 + n), &move |_| group(n));
        }
        assert_eq!(happened.steps.len(), REPLAYED_STEPS_MAX);
        let documents = happened.steps.values().map(|step| step.deltas.len()).sum::<usize>();
        assert_eq!((documents, happened.before.len()), (REPLAYED_STEPS_MAX, 101));
        assert_eq!(happened.steps.keys().next(), Some(&3_600), "the newest of all of them");
        assert_eq!(happened.cut, Some((3_599, 35_990)));
        let Some(Delta::Traits(last)) = happened.before.get(&Object::Traits) else { panic!("not kept") };
        assert_eq!(
            last.get("at").map(engine::AttributeValue::display),
            Some("3".to_owned()),
            "as they were last"
        );
    }

    #[test]
    fn what_fits_is_replayed_whole() {
        let mut happened = Happened::default();
        add(&mut happened, 1..=i64::try_from(REPLAYED_STEPS_MAX).expect("small"), &traits);
        assert_eq!(
            (happened.steps.len(), happened.cut, happened.before.len()),
            (REPLAYED_STEPS_MAX, None, 0)
        );
        add(&mut happened, 501..=501, &|_| Delta::NoGroup(GroupKey::parse("a").expect("a key")));
        assert_eq!(
            (happened.steps.len(), happened.cut, happened.before.len()),
            (REPLAYED_STEPS_MAX, Some((1, 10)), 1)
        );
    }
}
