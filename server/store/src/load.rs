//! Reads what is newer than the state in memory and builds the next state. A row that cannot be read is logged once
//! and left out; the rest works.

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
    Changed, Environment, ObjectKind, ObjectRef, StoreError,
    db::{Db, Tx, args},
    live::State,
    metrics, number, people, signed,
    testers::rows::{self as testers, StoredGroup},
    tokens,
};

/// The definitions that the state is compiled from. An unchanged one keeps its `Arc`, so that what was compiled from
/// it is used again.
#[derive(Debug, Default)]
pub(crate) struct Loader {
    attributes: Arc<AttributeSchema>,
    flags: HashMap<FlagKey, Arc<Flag>>,
    rollouts: HashMap<EnvironmentKey, HashMap<FlagKey, Arc<Rollout>>>,
    groups: HashMap<GroupKey, Arc<Group>>,
    reported: HashSet<String>,
}

/// Which environments must be compiled again.
#[derive(Debug, Default)]
struct Stale {
    all: bool,
    environments: BTreeSet<EnvironmentKey>,
}

#[derive(sqlx::FromRow)]
struct AuditRow {
    at_ms: i64,
    object_kind: String,
    object_key: String,
}

/// The next state and its announcement; `None` when nothing was committed since `current`.
pub(crate) async fn refresh(
    loader: &mut Loader,
    current: &State,
    db: &Db,
) -> Result<Option<(State, Changed)>, StoreError> {
    let mut tx = db.begin_read().await?;
    let (head,) = tx.one::<(i64,)>("SELECT audit_seq FROM workspace WHERE id = 1", args![]).await?;
    let (head, since) = (number(head), signed(current.seq));
    if head <= current.seq && !current.environments.is_empty() {
        tx.rollback().await?;
        return Ok(None);
    }
    let objects = changed_objects(&mut tx, since).await?;
    let touches = |kind| since == 0 || objects.iter().any(|(_, object)| object.kind == kind);
    let environments = load_environments(&mut tx).await?;
    let mut stale = Stale::default();
    if touches(ObjectKind::Attribute) {
        stale.all |= loader.load_attributes(&mut tx).await?;
    }
    if touches(ObjectKind::Flag) {
        stale.all |= loader.load_flags(&mut tx, since).await?;
        loader.load_rollouts(&mut tx, since, &mut stale).await?;
    }
    if touches(ObjectKind::Group) {
        stale.all |= loader.load_groups(&mut tx, since).await?;
    }
    let mut next = State {
        seq: head,
        people: Arc::clone(&current.people),
        tokens: Arc::clone(&current.tokens),
        metrics: Arc::clone(&current.metrics),
        ..State::default()
    };
    if touches(ObjectKind::Person) {
        next.people =
            Arc::new(people::load(&mut tx, &current.people, since, &mut |t, id| loader.report(t, id)).await?);
    }
    // A management token may what its owner may.
    if touches(ObjectKind::Token) || touches(ObjectKind::Member) {
        let report = &mut |t: &str, id: &str| loader.report(t, id);
        next.tokens = Arc::new(tokens::load(&mut tx, &current.tokens, report).await?);
    }
    if touches(ObjectKind::Metric) {
        next.metrics = Arc::new(metrics::load(&mut tx, &mut |t, id| loader.report(t, id)).await?);
    }
    tx.rollback().await?;
    for environment in &environments {
        next.snapshots.push(loader.compile(environment, current, &stale));
    }
    let changed = announce(head, objects, &environments, current);
    next.environments = Arc::new(environments);
    Ok(Some((next, changed)))
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

/// What the entries after `since` are about; who only looked changed nothing. At the first load only the last entry is
/// looked at.
async fn changed_objects(tx: &mut Tx, since: i64) -> Result<Vec<(i64, ObjectRef)>, StoreError> {
    let sql = if since == 0 {
        "SELECT at_ms, object_kind, object_key FROM audit WHERE seq > $1 ORDER BY seq DESC LIMIT 1"
    } else {
        "SELECT at_ms, object_kind, object_key FROM audit WHERE seq > $1 AND action NOT IN ( \
         'person_looked_up', 'people_searched', 'exposures_read', 'password_refused') \
         ORDER BY seq"
    };
    let rows = tx.all::<AuditRow>(sql, args![since]).await?;
    let object = |row: AuditRow| {
        Some((row.at_ms, ObjectRef::new(ObjectKind::parse(&row.object_kind).ok()?, row.object_key)))
    };
    Ok(rows.into_iter().filter_map(object).collect())
}

#[derive(sqlx::FromRow)]
struct EnvironmentRow {
    key: String,
    name: String,
    protected: bool,
    revision: i64,
    changed_ms: i64,
}

async fn load_environments(tx: &mut Tx) -> Result<Vec<Environment>, StoreError> {
    let rows = tx
        .all::<EnvironmentRow>(
            "SELECT key, name, protected, revision, changed_ms FROM environments ORDER BY position",
            args![],
        )
        .await?;
    rows.into_iter()
        .map(|row| {
            let key = EnvironmentKey::parse(&row.key)
                .map_err(|_| StoreError::CorruptRow { table: "environments", id: row.key })?;
            Ok(Environment {
                key,
                name: row.name,
                protected: row.protected,
                revision: number(row.revision),
                changed_ms: row.changed_ms,
            })
        })
        .collect()
}

/// A definition of the engine and the key it is filed under.
#[derive(sqlx::FromRow)]
struct DocumentRow {
    key: String,
    document: String,
}

#[derive(sqlx::FromRow)]
struct RolloutRow {
    environment: String,
    flag: String,
    document: String,
}

#[derive(sqlx::FromRow)]
struct GroupRow {
    key: String,
    document: String,
    deleted: bool,
}

impl Loader {
    /// Logs each unreadable row once.
    fn report(&mut self, table: &str, id: &str) {
        if self.reported.insert(format!("{table}/{id}")) {
            tracing::error!(table, id, "this row cannot be read and is left out");
        }
    }

    fn read<T: DeserializeOwned>(&mut self, table: &str, id: &str, document: &str) -> Option<T> {
        serde_json::from_str(document).inspect_err(|_| self.report(table, id)).ok()
    }

    async fn load_attributes(&mut self, tx: &mut Tx) -> Result<bool, StoreError> {
        let rows = tx
            .all::<DocumentRow>("SELECT name AS key, document FROM attributes ORDER BY name", args![])
            .await?;
        let definitions =
            rows.iter().filter_map(|row| self.read("attributes", &row.key, &row.document)).collect();
        let schema = AttributeSchema::new(definitions);
        let differs = schema != *self.attributes;
        if differs {
            self.attributes = Arc::new(schema);
        }
        Ok(differs)
    }

    async fn load_flags(&mut self, tx: &mut Tx, since: i64) -> Result<bool, StoreError> {
        let rows = tx
            .all::<DocumentRow>("SELECT key, document FROM flags WHERE audit_seq > $1", args![since])
            .await?;
        for row in &rows {
            match self.read::<Flag>("flags", &row.key, &row.document) {
                Some(flag) if flag.key.as_str() == row.key => {
                    drop(self.flags.insert(flag.key.clone(), Arc::new(flag)));
                }
                Some(_) => self.report("flags", &row.key),
                None => drop(self.flags.remove(row.key.as_str())),
            }
        }
        Ok(!rows.is_empty())
    }

    async fn load_rollouts(&mut self, tx: &mut Tx, since: i64, stale: &mut Stale) -> Result<(), StoreError> {
        let rows = tx
            .all::<RolloutRow>(
                "SELECT environment, flag, document FROM rollouts WHERE audit_seq > $1",
                args![since],
            )
            .await?;
        for row in rows {
            let id = format!("{}/{}", row.environment, row.flag);
            let keys = (EnvironmentKey::parse(&row.environment), FlagKey::parse(&row.flag));
            let (Ok(environment), Ok(flag)) = keys else {
                self.report("rollouts", &id);
                continue;
            };
            stale.environments.insert(environment.clone());
            let rollout = self.read::<Rollout>("rollouts", &id, &row.document);
            let rollouts = self.rollouts.entry(environment).or_default();
            match rollout {
                Some(rollout) => drop(rollouts.insert(flag, Arc::new(rollout))),
                None => drop(rollouts.remove(&flag)),
            }
        }
        Ok(())
    }

    /// The groups that changed, or in which a tester did, with everybody who is in them.
    async fn load_groups(&mut self, tx: &mut Tx, since: i64) -> Result<bool, StoreError> {
        let rows = tx
            .all::<GroupRow>("SELECT key, document, deleted FROM groups WHERE audit_seq > $1", args![since])
            .await?;
        let mut testers = if since == 0 {
            testers::all(tx, |key| self.report("enrolments", key)).await?
        } else {
            let mut testers = testers::Rosters::new();
            let moved = testers::changed_since(tx, since).await?;
            for key in rows.iter().map(|row| row.key.clone()).chain(moved) {
                let of_group = testers::of_group(tx, &key, || self.report("enrolments", &key)).await?;
                testers.insert(key, of_group);
            }
            testers
        };
        let changes = !rows.is_empty() || !testers.is_empty();
        for row in &rows {
            let stored = StoredGroup::parse("groups", &row.key, &row.document);
            match stored.inspect_err(|_| self.report("groups", &row.key)) {
                Ok(stored) if !row.deleted && stored.group.key.as_str() == row.key => {
                    let group = stored.with(testers.remove(&row.key));
                    self.groups.insert(group.key.clone(), Arc::new(group));
                }
                Ok(_) | Err(_) => drop(self.groups.remove(row.key.as_str())),
            }
        }
        // Of the others only who is in them changed.
        for (key, enrolments) in testers {
            if let Some(group) = self.groups.get_mut(key.as_str()) {
                *group = Arc::new(Group { enrolments, ..Group::clone(group) });
            }
        }
        Ok(changes)
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
