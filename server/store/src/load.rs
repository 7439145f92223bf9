//! Reads what is newer than the state in memory and builds the next state. A row that cannot be read is logged once
//! and left out; the rest works.

mod rows;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use engine::{
    AttributeSchema, CompileError, EnvironmentConfig, EnvironmentKey, Flag, FlagKey, Group, GroupKey,
    Rollout, Snapshot,
};
use serde::de::DeserializeOwned;

use crate::{
    Changed, Clock, Environment, ObjectRef, RolloutTimes, StoreError, database_time::Skew, db::Db,
    history::HistoryPoint, live::State, metrics, number, roles, signed, testers::rows::Rosters, tokens,
    workspace::Secret,
};
pub(crate) use rows::{DocumentRow, Rows, all_rows};
use rows::{GroupRow, RolloutRow, changed_objects, head};

/// The definitions that the state is compiled from. An unchanged one keeps its `Arc`, so that what was compiled from
/// it is used again.
#[derive(Debug, Default)]
pub(crate) struct Loader {
    attributes: Arc<AttributeSchema>,
    flags: HashMap<FlagKey, Arc<Flag>>,
    rollouts: HashMap<EnvironmentKey, HashMap<FlagKey, Arc<Rollout>>>,
    groups: HashMap<GroupKey, Arc<Group>>,
    times: RolloutTimes,
    reported: HashSet<String>,
}

/// Which environments must be compiled again.
#[derive(Debug, Default)]
struct Stale {
    all: bool,
    environments: BTreeSet<EnvironmentKey>,
}

/// What a look at the database found.
pub(crate) enum Found {
    /// Nothing was committed since.
    Nothing,
    /// The next state and its announcement.
    Next(Box<State>, Changed),
    /// The database does not go on from where the state stands: a backup was put back, or another database.
    AnotherHistory,
}

/// Looks for what was committed since `current`, and how far this copy's clock is off.
pub(crate) async fn refresh(
    loader: &mut Loader,
    current: &State,
    db: &Db,
    (clock, skew): (&Clock, &Skew),
) -> Result<Found, StoreError> {
    let mut tx = db.begin_read().await?;
    let asked_ms = clock.now_ms();
    let head = head(&mut tx, db, clock, current.place.seq).await?;
    skew.note(asked_ms, head.now_ms, clock.now_ms());
    let place = HistoryPoint { seq: number(head.audit_seq), hash: head.audit_hash, history: head.history };
    if !current.place.continues_at(&place, head.known_hash.as_deref()) {
        tx.rollback().await?;
        return Ok(Found::AnotherHistory);
    }
    if place.seq <= current.place.seq && !current.environments.is_empty() {
        tx.rollback().await?;
        return Ok(Found::Nothing);
    }
    let objects = changed_objects(&mut tx, signed(current.place.seq)).await?;
    let rows = Rows { place, secret: head.secret.map(Secret), ..Rows::default() };
    let rows = rows.fetched(&mut tx, current, &objects).await?;
    tx.rollback().await?;
    let (state, changed) = loader.next(current, rows, objects)?;
    Ok(Found::Next(Box::new(state), changed))
}

fn announce(
    seq: u64,
    objects: Vec<(i64, ObjectRef)>,
    environments: &[Environment],
    current: &State,
) -> Changed {
    let at_ms = objects.last().map_or(0, |(at_ms, _)| *at_ms);
    let mut seen = HashSet::new();
    let objects = objects.into_iter().map(|(_, object)| object).filter(|object| seen.insert(object.clone()));
    let moved = environments
        .iter()
        .filter(|e| current.environment(e.key.as_str()).is_none_or(|old| old.revision != e.revision));
    Changed {
        seq,
        at_ms,
        objects: objects.collect(),
        revisions: moved.map(|e| (e.key.clone(), e.revision)).collect(),
    }
}

impl Loader {
    /// Knows nothing yet, and tells what it reads to those who ask these.
    pub(crate) fn with_times(times: &RolloutTimes) -> Self {
        Self { times: times.clone(), ..Self::default() }
    }

    pub(crate) fn times(&self) -> &RolloutTimes {
        &self.times
    }

    /// The state that these rows lead to, and its announcement.
    pub(crate) fn next(
        &mut self,
        current: &State,
        rows: Rows,
        objects: Vec<(i64, ObjectRef)>,
    ) -> Result<(State, Changed), StoreError> {
        let environments =
            rows.environments.into_iter().map(Environment::try_from).collect::<Result<Vec<_>, _>>()?;
        let mut stale = Stale::default();
        if let Some(rows) = rows.attributes {
            stale.all |= self.take_attributes(&rows);
        }
        if let Some(rows) = rows.flags {
            stale.all |= self.take_flags(&rows);
        }
        self.take_rollouts(rows.rollouts, &mut stale);
        if let Some(groups) = rows.groups {
            stale.all |= self.take_groups(&groups, rows.testers);
        }
        let mut next = State {
            place: rows.place,
            secret: rows.secret,
            people: Arc::clone(&current.people),
            tokens: Arc::clone(&current.tokens),
            metrics: Arc::clone(&current.metrics),
            roles: Arc::clone(&current.roles),
            ..State::default()
        };
        if let Some(found) = rows.people {
            found.unreadable.iter().for_each(|subject| self.report("people", subject));
            next.people = found.people;
        }
        if let Some(rows) = rows.tokens {
            next.tokens =
                Arc::new(tokens::read(rows, &current.tokens, &mut |table, id| self.report(table, id)));
        }
        if let Some(rows) = rows.metrics {
            next.metrics = Arc::new(metrics::read(&rows, &mut |table, id| self.report(table, id)));
        }
        if let Some(rows) = rows.roles {
            let keys: Vec<_> = environments.iter().map(|it| it.key.clone()).collect();
            next.roles = Arc::new(roles::read(&rows, &keys, &mut |table, id| self.report(table, id)));
        }
        for environment in &environments {
            next.snapshots.push(self.compile(environment, current, &stale));
        }
        let changed = announce(next.place.seq, objects, &environments, current);
        next.environments = Arc::new(environments);
        Ok((next, changed))
    }

    /// Logs each unreadable row once.
    fn report(&mut self, table: &str, id: &str) {
        if self.reported.insert(format!("{table}/{id}")) {
            tracing::error!(table, id, "this row cannot be read and is left out");
        }
    }

    fn read<T: DeserializeOwned>(&mut self, table: &str, id: &str, document: &str) -> Option<T> {
        serde_json::from_str(document).inspect_err(|_| self.report(table, id)).ok()
    }

    fn take_attributes(&mut self, rows: &[DocumentRow]) -> bool {
        let definitions =
            rows.iter().filter_map(|row| self.read("attributes", &row.key, &row.document)).collect();
        let schema = AttributeSchema::new(definitions);
        let differs = schema != *self.attributes;
        if differs {
            self.attributes = Arc::new(schema);
        }
        differs
    }

    fn take_flags(&mut self, rows: &[DocumentRow]) -> bool {
        for row in rows {
            match self.read::<Flag>("flags", &row.key, &row.document) {
                Some(flag) if flag.key.as_str() == row.key => {
                    drop(self.flags.insert(flag.key.clone(), Arc::new(flag)));
                }
                Some(_) => self.report("flags", &row.key),
                None => drop(self.flags.remove(row.key.as_str())),
            }
        }
        !rows.is_empty()
    }

    fn take_rollouts(&mut self, rows: Vec<RolloutRow>, stale: &mut Stale) {
        for row in rows {
            let id = format!("{}/{}", row.environment, row.flag);
            let keys = (EnvironmentKey::parse(&row.environment), FlagKey::parse(&row.flag));
            let (Ok(environment), Ok(flag)) = keys else {
                self.report("rollouts", &id);
                continue;
            };
            stale.environments.insert(environment.clone());
            self.times.set(&environment, &flag, row.changed_ms);
            let rollout = self.read::<Rollout>("rollouts", &id, &row.document);
            let rollouts = self.rollouts.entry(environment).or_default();
            match rollout {
                Some(rollout) => drop(rollouts.insert(flag, Arc::new(rollout))),
                None => drop(rollouts.remove(&flag)),
            }
        }
    }

    /// The groups that changed, or in which a tester did, with everybody who is in them.
    fn take_groups(&mut self, rows: &[GroupRow], mut testers: Rosters) -> bool {
        let changes = !rows.is_empty() || !testers.is_empty();
        for row in rows {
            let group = self.read::<Group>("groups", &row.key, &row.document);
            match group.filter(|group| !row.deleted && group.key.as_str() == row.key) {
                Some(group) => {
                    let enrolments = testers.remove(&row.key).unwrap_or_default();
                    self.groups.insert(group.key.clone(), Arc::new(Group { enrolments, ..group }));
                }
                None => drop(self.groups.remove(row.key.as_str())),
            }
        }
        // Of the others only who is in them changed.
        for (key, enrolments) in testers {
            if let Some(group) = self.groups.get_mut(key.as_str()) {
                *group = Arc::new(Group { enrolments, ..Group::clone(group) });
            }
        }
        changes
    }

    fn compile(&mut self, environment: &Environment, current: &State, stale: &Stale) -> Arc<Snapshot> {
        let previous = current.snapshot(environment.key.as_str());
        if let Some(previous) = previous
            && previous.revision() == environment.revision
            && !stale.all
            && !stale.environments.contains(&environment.key)
        {
            return Arc::clone(previous);
        }
        let rollouts = self.rollouts.get(&environment.key);
        let pair = |(key, rollout): (&FlagKey, &Arc<Rollout>)| {
            self.flags.get(key).map(|flag| (Arc::clone(flag), Arc::clone(rollout)))
        };
        let config = EnvironmentConfig {
            environment: environment.key.clone(),
            revision: environment.revision,
            flags: rollouts.into_iter().flatten().filter_map(pair).collect(),
            groups: self.groups.values().cloned().collect(),
            attributes: Arc::clone(&self.attributes),
        };
        let (snapshot, errors) = Snapshot::compile(config, previous.map(|p| &**p));
        for error in errors {
            let (table, key) = match &error {
                CompileError::Flag { flag, .. } => ("rollouts", format!("{}/{flag}", environment.key)),
                CompileError::Group { group, .. } => ("groups", group.to_string()),
            };
            if self.reported.insert(format!("{table}/{key}: {error}")) {
                tracing::error!(environment = %environment.key, %error, "this definition does not work and is left out");
            }
        }
        Arc::new(snapshot)
    }
}
