//! What was changed between two moments, as far as it can concern one person and some flags: read by the index of each
//! object, so that it costs what happened to them and not what happened.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use engine::{
    AttributeDefinition, Attributes, Enrolment, Flag, FlagKey, Group, GroupKey, Rollout, SubjectKey,
};
use serde::de::DeserializeOwned;

use super::{
    End,
    replay::{Delta, Known, Step, Window, World},
};
use crate::{
    Store, StoreError,
    db::{Tx, args},
    limits::{REPLAYED_FLAGS_MAX, REPLAYED_STEPS_MAX, REPLAYED_VERSIONS_MAX},
    live::Environment,
    number, signed,
    testers::rows::of_line_key,
};

#[derive(sqlx_macros::FromRow)]
struct Row {
    key: String,
    document: Option<String>,
    at_ms: i64,
    audit_seq: i64,
}

/// The entries between the two ends, by their numbers; the first is excluded.
#[derive(Clone, Copy)]
struct Between {
    after: i64,
    until: i64,
}

/// What happened, by the number of its entry.
#[derive(Default)]
struct Happened {
    steps: BTreeMap<u64, Step>,
    /// Up to this entry something was left out.
    cut: u64,
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
        // Whatever a flag needs, at any time, is replayed with it.
        while let Some(key) = waiting.pop_front() {
            let of_flag = of_flag(&mut tx, environment.key.as_str(), &key, between, &mut happened).await?;
            let base = from.snapshot.flag(key.as_str());
            if let Some(base) = base {
                let (flag, rollout) = (Some(Arc::clone(base.flag())), Some(Arc::clone(base.rollout())));
                world.flags.insert(key.clone(), Known { flag, rollout });
            }
            for rollout in base.map(|it| Arc::clone(it.rollout())).into_iter().chain(of_flag) {
                groups.extend(rollout.groups().cloned());
                for needed in rollout.prerequisites.iter().map(|it| it.flag.clone()) {
                    if known.len() < REPLAYED_FLAGS_MAX && known.insert(needed.clone()) {
                        waiting.push_back(needed);
                    }
                }
            }
        }
        for key in groups {
            of_group(&mut tx, &key, between, &mut happened).await?;
            if let Some(base) = from.snapshot.group(key.as_str()) {
                world.add_group(base.group(), subject);
            }
        }
        of_subject(&mut tx, subject, between, &mut happened).await?;
        of_attributes(&mut tx, between, &mut happened).await?;
        tx.rollback().await?;
        world.attributes = from
            .snapshot
            .attributes()
            .definitions()
            .iter()
            .map(|it| (it.name.to_string(), it.clone()))
            .collect();
        let Happened { steps, cut } = happened;
        let unread = steps.len().saturating_sub(REPLAYED_STEPS_MAX).max(steps.range(..=cut).count());
        Ok(Window { world, from_ms: from.at_ms, steps, unread })
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

/// Notes what happened to a flag, and returns what its rollout was in between.
async fn of_flag(
    tx: &mut Tx,
    environment: &str,
    key: &FlagKey,
    between: Between,
    happened: &mut Happened,
) -> Result<Vec<Arc<Rollout>>, StoreError> {
    for row in happened.measure(versions(tx, ("flag", key.as_str(), ""), between).await?) {
        if let Some(flag) = read::<Flag>(&row) {
            happened.note(&row, Delta::Flag(Arc::new(flag)));
        }
    }
    let mut rollouts = Vec::new();
    for row in happened.measure(versions(tx, ("rollout", key.as_str(), environment), between).await?) {
        if let Some(rollout) = read::<Rollout>(&row) {
            let rollout = Arc::new(rollout);
            rollouts.push(Arc::clone(&rollout));
            happened.note(&row, Delta::Rollout(key.clone(), rollout));
        }
    }
    Ok(rollouts)
}

async fn of_group(
    tx: &mut Tx,
    key: &GroupKey,
    between: Between,
    happened: &mut Happened,
) -> Result<(), StoreError> {
    let deleted: Vec<(i64,)> = tx
        .all(
            "SELECT seq FROM audit WHERE object_kind = 'group' AND object_key = $1 AND action = 'group_deleted' \
             AND seq > $2 AND seq <= $3",
            args![key.as_str(), between.after, between.until],
        )
        .await?;
    for row in happened.measure(versions(tx, ("group", key.as_str(), ""), between).await?) {
        let gone = deleted.iter().any(|(seq,)| *seq == row.audit_seq);
        if let Some(group) = read::<Group>(&row) {
            let delta = if gone { Delta::NoGroup(key.clone()) } else { Delta::Group(Box::new(group)) };
            happened.note(&row, delta);
        }
    }
    Ok(())
}

/// What was stored with them, and the groups that they were put into or taken out of.
async fn of_subject(
    tx: &mut Tx,
    subject: &SubjectKey,
    between: Between,
    happened: &mut Happened,
) -> Result<(), StoreError> {
    let key = subject.as_str();
    let rows: Vec<Row> = tx
        .all(
            "SELECT versions.object_key AS key, versions.document, versions.at_ms, versions.audit_seq \
             FROM enrolments JOIN versions ON versions.object_kind = 'enrolment' \
             AND versions.object_key = enrolments.group_key || '/' || enrolments.subject \
             AND versions.environment = '' \
             WHERE enrolments.subject = $1 AND versions.audit_seq > $2 AND versions.audit_seq <= $3 \
             ORDER BY versions.audit_seq DESC LIMIT $4",
            args![key, between.after, between.until, REPLAYED_VERSIONS_MAX],
        )
        .await?;
    for row in happened.measure(rows) {
        let group = of_line_key(&row.key).and_then(|(group, _)| GroupKey::parse(group).ok());
        if let (Some(group), Some(enrolment)) = (group, read::<Option<Enrolment>>(&row)) {
            happened.note(&row, Delta::Enrolment(group, enrolment));
        }
    }
    let rows: Vec<Row> = tx
        .all(
            "SELECT subject AS key, traits AS document, at_ms, audit_seq FROM person_traits \
             WHERE subject = $1 AND audit_seq > $2 AND audit_seq <= $3 ORDER BY audit_seq DESC LIMIT $4",
            args![key, between.after, between.until, REPLAYED_VERSIONS_MAX],
        )
        .await?;
    for row in happened.measure(rows) {
        if let Some(traits) = read::<Attributes>(&row) {
            happened.note(&row, Delta::Traits(traits));
        }
    }
    Ok(())
}

/// Attributes have no versions; their entries keep both sides.
async fn of_attributes(tx: &mut Tx, between: Between, happened: &mut Happened) -> Result<(), StoreError> {
    let rows: Vec<Row> = tx
        .all(
            "SELECT object_key AS key, document_after AS document, at_ms, seq AS audit_seq FROM audit \
             WHERE object_kind = 'attribute' AND seq > $1 AND seq <= $2 ORDER BY seq DESC LIMIT $3",
            args![between.after, between.until, REPLAYED_VERSIONS_MAX],
        )
        .await?;
    for row in happened.measure(rows) {
        let definition = row.document.as_ref().and_then(|_| read::<AttributeDefinition>(&row));
        happened.note(&row, Delta::Attribute(row.key.clone(), definition));
    }
    Ok(())
}

/// The newest of an object's versions of that time.
async fn versions(
    tx: &mut Tx,
    (kind, key, environment): (&'static str, &str, &str),
    between: Between,
) -> Result<Vec<Row>, StoreError> {
    let rows = tx
        .all(
            "SELECT object_key AS key, document, at_ms, audit_seq FROM versions \
             WHERE object_kind = $1 AND object_key = $2 AND environment = $3 AND audit_seq > $4 AND audit_seq <= $5 \
             ORDER BY version DESC LIMIT $6",
            args![kind, key, environment, between.after, between.until, REPLAYED_VERSIONS_MAX],
        )
        .await?;
    Ok(rows)
}

/// What cannot be read decided nothing when it was in force.
fn read<T: DeserializeOwned>(row: &Row) -> Option<T> {
    serde_json::from_str(row.document.as_deref()?).ok()
}

impl Happened {
    fn note(&mut self, row: &Row, delta: Delta) {
        let new = || Step { at_ms: row.at_ms, deltas: Vec::new() };
        self.steps.entry(number(row.audit_seq)).or_insert_with(new).deltas.push(delta);
    }

    /// Rows of one object, newest first: as many as are read may not be all.
    fn measure(&mut self, rows: Vec<Row>) -> Vec<Row> {
        let is_all = signed(rows.len() as u64) < REPLAYED_VERSIONS_MAX;
        if let Some(first) = rows.last().filter(|_| !is_all) {
            self.cut = self.cut.max(number(first.audit_seq));
        }
        rows
    }
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
