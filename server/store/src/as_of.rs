//! An environment as it was at an instant, compiled from the kept versions: what was saved later is not there yet,
//! what was deleted later still is.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use engine::{
    AttributeDefinition, AttributeSchema, Enrolment, EnvironmentConfig, EnvironmentKey, Flag, FlagKey, Group,
    Rollout, Snapshot,
};
use serde::de::DeserializeOwned;

use crate::{
    PeopleReader, Store, StoreError,
    db::{Tx, args},
    limits::AS_OF_KEPT_MAX,
    number,
    testers::rows::{Rosters, of_line_key},
};

/// What the configuration of one instant decides. Enrolments that begin or end by themselves are asked about with
/// `at_ms` as the present.
#[derive(Debug, Clone)]
pub struct AsOf {
    pub at_ms: i64,
    /// The last audit entry before the instant; 0 before the first.
    pub seq: u64,
    /// Its revision is 0: which one was in force then is known from what was served.
    pub snapshot: Arc<Snapshot>,
}

/// What was asked for lately, the latest first: support looks at one person at a few instants.
#[derive(Debug, Default)]
pub(crate) struct Past(Mutex<Vec<(EnvironmentKey, i64, Arc<Snapshot>)>>);

impl Past {
    /// The same numbers may come back with another content.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn find(&self, environment: &EnvironmentKey, seq: i64) -> Option<Arc<Snapshot>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(key, of, _)| key == environment && *of == seq)?;
        kept[..=at].rotate_right(1);
        kept.first().map(|(.., snapshot)| Arc::clone(snapshot))
    }

    fn keep(&self, environment: &EnvironmentKey, seq: i64, snapshot: &Arc<Snapshot>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(0, (environment.clone(), seq, Arc::clone(snapshot)));
        kept.truncate(AS_OF_KEPT_MAX);
    }
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    key: String,
    document: String,
}

impl Store {
    /// The environment with everything saved up to and including `at_ms`.
    pub async fn snapshot_as_of(
        &self,
        _by: &PeopleReader,
        environment: &EnvironmentKey,
        at_ms: i64,
    ) -> Result<AsOf, StoreError> {
        let mut tx = self.db().begin_read().await?;
        let (seq,): (i64,) =
            tx.one("SELECT COALESCE(MAX(seq), 0) FROM audit WHERE at_ms <= $1", args![at_ms]).await?;
        let snapshot = if let Some(snapshot) = self.0.past.find(environment, seq) {
            snapshot
        } else {
            let snapshot = Arc::new(compile(&mut tx, environment, seq).await?);
            self.0.past.keep(environment, seq, &snapshot);
            snapshot
        };
        tx.rollback().await?;
        Ok(AsOf { at_ms, seq: number(seq), snapshot })
    }
}

async fn compile(tx: &mut Tx, environment: &EnvironmentKey, seq: i64) -> Result<Snapshot, StoreError> {
    let flags: HashMap<String, Flag> = documents(tx.all(FLAGS, args![seq]).await?).collect();
    let rollouts = documents::<Rollout>(tx.all(ROLLOUTS, args![seq, environment.as_str()]).await?);
    let rollouts: HashMap<_, _> = rollouts.collect();
    let groups = groups(tx.all(GROUPS, args![seq]).await?, tx.all(TESTERS, args![seq]).await?);
    let attributes = documents::<AttributeDefinition>(tx.all(ATTRIBUTES, args![seq]).await?);
    let pair = |(key, flag): (String, Flag)| {
        FlagKey::parse(&key).ok()?;
        Some((Arc::new(flag), Arc::new(rollouts.get(&key)?.clone())))
    };
    let config = EnvironmentConfig {
        environment: environment.clone(),
        revision: 0,
        flags: flags.into_iter().filter_map(pair).collect(),
        groups: groups.into_iter().map(Arc::new).collect(),
        attributes: Arc::new(AttributeSchema::new(attributes.map(|(_, it)| it).collect())),
    };
    let (snapshot, errors) = Snapshot::compile(config, None);
    for error in errors {
        tracing::error!(%environment, seq, %error, "this definition of the past does not work and is left out");
    }
    Ok(snapshot)
}

/// What can be read; a version that cannot is left out, as it was when it was in force.
fn documents<T: DeserializeOwned>(rows: Vec<Row>) -> impl Iterator<Item = (String, T)> {
    rows.into_iter().filter_map(|row| Some((row.key, serde_json::from_str(&row.document).ok()?)))
}

/// Groups with who was in them then.
fn groups(groups: Vec<Row>, testers: Vec<Row>) -> Vec<Group> {
    let mut rosters = Rosters::new();
    for (key, enrolment) in documents::<Option<Enrolment>>(testers) {
        if let (Some((group, _)), Some(enrolment)) = (of_line_key(&key), enrolment) {
            rosters.entry(group.to_owned()).or_default().push(enrolment);
        }
    }
    documents::<Group>(groups)
        .map(|(_, group)| {
            let enrolments = rosters.remove(group.key.as_str()).unwrap_or_default();
            Group { enrolments, ..group }
        })
        .collect()
}

macro_rules! latest {
    ($kind:literal, $environment:literal, $rest:literal) => {
        concat!(
            "SELECT versions.object_key AS key, versions.document FROM versions \
             JOIN (SELECT object_key, MAX(version) AS version FROM versions \
                   WHERE object_kind = '",
            $kind,
            "' AND environment = ",
            $environment,
            " AND audit_seq <= $1 \
                   GROUP BY object_key) AS latest \
             ON latest.object_key = versions.object_key AND latest.version = versions.version ",
            $rest,
            "WHERE versions.object_kind = '",
            $kind,
            "' AND versions.environment = ",
            $environment
        )
    };
}

const FLAGS: &str = latest!("flag", "''", "");
const ROLLOUTS: &str = latest!("rollout", "$2", "");
/// A deleted group has a last version too: the entry that made it says that it was deleted.
const GROUPS: &str = latest!(
    "group",
    "''",
    "JOIN audit ON audit.seq = versions.audit_seq AND audit.action <> 'group_deleted' "
);
const TESTERS: &str = latest!("enrolment", "''", "");
/// Attributes have no versions; their entries keep both sides.
const ATTRIBUTES: &str = "SELECT audit.object_key AS key, audit.document_after AS document FROM audit \
     JOIN (SELECT MAX(seq) AS seq FROM audit WHERE object_kind = 'attribute' AND seq <= $1 GROUP BY object_key) AS latest \
     ON latest.seq = audit.seq WHERE audit.document_after IS NOT NULL";
