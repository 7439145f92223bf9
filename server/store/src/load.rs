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
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Changed, Clock, Environment, ObjectKind, ObjectRef, People, RolloutTimes, StoreError,
    database_time::{Skew, at_database_time},
    db::{Db, Tx, args},
    history::Place,
    live::State,
    metrics, number, people, signed,
    testers::rows::{self as testers, Rosters, StoredGroup},
    tokens,
    workspace::Secret,
};

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

#[derive(sqlx_macros::FromRow)]
struct AuditRow {
    at_ms: i64,
    object_kind: String,
    object_key: String,
}

#[derive(sqlx_macros::FromRow)]
struct HeadRow {
    audit_seq: i64,
    audit_hash: String,
    history: String,
    secret: Option<String>,
    known_hash: Option<String>,
    now_ms: i64,
}

/// Rows of the tables that a state is made of; `None` for a table that needs no look. They come from the database, or
/// from the file that stands in for it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rows {
    pub(crate) place: Place,
    pub(crate) secret: Option<Secret>,
    environments: Vec<EnvironmentRow>,
    attributes: Option<Vec<DocumentRow>>,
    flags: Option<Vec<DocumentRow>>,
    rollouts: Vec<RolloutRow>,
    groups: Option<Vec<GroupRow>>,
    /// Who is in those groups, and in others in which somebody changed.
    testers: Rosters,
    tokens: Option<tokens::Rows>,
    metrics: Option<Vec<DocumentRow>>,
    /// The file has everybody in a form of their own.
    #[serde(skip)]
    people: Option<people::Found>,
}

/// What a look at the database found.
pub(crate) enum Found {
    /// Nothing was committed since.
    Nothing,
    /// The next state and its announcement.
    Next(State, Changed),
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
    let place = Place { seq: number(head.audit_seq), hash: head.audit_hash, history: head.history };
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
    Ok(Found::Next(state, changed))
}

async fn head(tx: &mut Tx, db: &Db, clock: &Clock, known_seq: u64) -> Result<HeadRow, StoreError> {
    let sql = at_database_time!(
        db,
        "SELECT audit_seq, audit_hash, history, secret, \
         (SELECT hash FROM audit WHERE seq = $3) AS known_hash, " NOW " AS now_ms \
         FROM workspace WHERE id = 1"
    );
    let (set_ms, ahead_ms) = clock.database().args();
    Ok(tx.one(sql, args![set_ms, ahead_ms, signed(known_seq)]).await?)
}

/// All rows but people's, as they are now.
pub(crate) async fn all_rows(db: &Db, clock: &Clock) -> Result<Rows, StoreError> {
    let mut tx = db.begin_read().await?;
    let head = head(&mut tx, db, clock, 0).await?;
    let place = Place { seq: number(head.audit_seq), hash: head.audit_hash, history: head.history };
    let mut rows = Rows { place, secret: head.secret.map(Secret), ..Rows::default() };
    rows.environments = environment_rows(&mut tx).await?;
    rows.fetch(&mut tx, 0, |kind| kind != ObjectKind::Person, &Arc::default()).await?;
    tx.rollback().await?;
    Ok(rows)
}

impl Rows {
    async fn fetched(
        mut self,
        tx: &mut Tx,
        current: &State,
        objects: &[(i64, ObjectRef)],
    ) -> Result<Self, StoreError> {
        let since = signed(current.place.seq);
        let touches = |kind| since == 0 || objects.iter().any(|(_, object)| object.kind == kind);
        self.environments = environment_rows(tx).await?;
        self.fetch(tx, since, touches, &current.people).await?;
        Ok(self)
    }

    async fn fetch(
        &mut self,
        tx: &mut Tx,
        since: i64,
        touches: impl Fn(ObjectKind) -> bool,
        people: &Arc<People>,
    ) -> Result<(), StoreError> {
        if touches(ObjectKind::Attribute) {
            let sql = "SELECT name AS key, document FROM attributes ORDER BY name";
            self.attributes = Some(tx.all(sql, args![]).await?);
        }
        if touches(ObjectKind::Flag) {
            let sql = "SELECT key, document FROM flags WHERE audit_seq > $1";
            self.flags = Some(tx.all(sql, args![since]).await?);
            let sql = "SELECT environment, flag, document, changed_ms FROM rollouts WHERE audit_seq > $1";
            self.rollouts = tx.all(sql, args![since]).await?;
        }
        if touches(ObjectKind::Group) {
            let sql = "SELECT key, document, deleted FROM groups WHERE audit_seq > $1";
            let groups: Vec<GroupRow> = tx.all(sql, args![since]).await?;
            self.testers = if since == 0 {
                testers::all(tx, testers::report).await?
            } else {
                let mut rosters = Rosters::new();
                let moved = testers::changed_since(tx, since).await?;
                for key in groups.iter().map(|row| row.key.clone()).chain(moved) {
                    let of_group = testers::of_group(tx, &key, || testers::report(&key)).await?;
                    rosters.insert(key, of_group);
                }
                rosters
            };
            self.groups = Some(groups);
        }
        if touches(ObjectKind::Person) {
            self.people = Some(people::read(tx, people, since).await?);
        }
        // A management token may what its owner may.
        if touches(ObjectKind::Token) || touches(ObjectKind::Member) {
            self.tokens = Some(tokens::rows(tx).await?);
        }
        if touches(ObjectKind::Metric) {
            let sql = "SELECT key, document FROM metrics ORDER BY key";
            self.metrics = Some(tx.all(sql, args![]).await?);
        }
        Ok(())
    }
}

async fn environment_rows(tx: &mut Tx) -> Result<Vec<EnvironmentRow>, StoreError> {
    let sql = "SELECT key, name, protected, revision, changed_ms FROM environments ORDER BY position";
    Ok(tx.all(sql, args![]).await?)
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

/// What the entries after `since` are about; who only looked, came or went changed nothing. At the first load only the last entry is
/// looked at.
async fn changed_objects(tx: &mut Tx, since: i64) -> Result<Vec<(i64, ObjectRef)>, StoreError> {
    let sql = if since == 0 {
        "SELECT at_ms, object_kind, object_key FROM audit WHERE seq > $1 ORDER BY seq DESC LIMIT 1"
    } else {
        "SELECT at_ms, object_kind, object_key FROM audit WHERE seq > $1 AND action NOT IN ( \
         'person_looked_up', 'people_searched', 'exposures_read', 'password_refused', 'signed_in', \
         'sign_in_refused', 'signed_out') \
         ORDER BY seq"
    };
    let rows = tx.all::<AuditRow>(sql, args![since]).await?;
    let object = |row: AuditRow| {
        Some((row.at_ms, ObjectRef::new(ObjectKind::parse(&row.object_kind).ok()?, row.object_key)))
    };
    Ok(rows.into_iter().filter_map(object).collect())
}

#[derive(Debug, Clone, Serialize, Deserialize, sqlx_macros::FromRow)]
struct EnvironmentRow {
    key: String,
    name: String,
    protected: bool,
    revision: i64,
    changed_ms: i64,
}

impl TryFrom<EnvironmentRow> for Environment {
    type Error = StoreError;

    fn try_from(row: EnvironmentRow) -> Result<Self, StoreError> {
        let key = EnvironmentKey::parse(&row.key)
            .map_err(|_| StoreError::CorruptRow { table: "environments", id: row.key })?;
        Ok(Self {
            key,
            name: row.name,
            protected: row.protected,
            revision: number(row.revision),
            changed_ms: row.changed_ms,
        })
    }
}

/// A definition of the engine and the key it is filed under.
#[derive(Debug, Serialize, Deserialize, sqlx_macros::FromRow)]
pub(crate) struct DocumentRow {
    pub(crate) key: String,
    pub(crate) document: String,
}

#[derive(Debug, Serialize, Deserialize, sqlx_macros::FromRow)]
struct RolloutRow {
    environment: String,
    flag: String,
    document: String,
    /// A file of before has none.
    #[serde(default)]
    changed_ms: i64,
}

#[derive(Debug, Serialize, Deserialize, sqlx_macros::FromRow)]
struct GroupRow {
    key: String,
    document: String,
    deleted: bool,
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
