//! Rows of the tables that a state is made of: what is newer than it, or all of them.

use std::sync::Arc;

use engine::EnvironmentKey;
use serde::{Deserialize, Serialize};

use crate::{
    Clock, Environment, ObjectKind, ObjectRef, People, StoreError,
    database_time::at_database_time,
    db::{Db, Tx, args},
    history::HistoryPoint,
    live::State,
    number, people, signed,
    testers::rows::{self as testers, Rosters},
    tokens,
    workspace::Secret,
};

/// Rows of the tables that a state is made of; `None` for a table that needs no look. They come from the database, or
/// from the file that stands in for it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rows {
    pub(crate) place: HistoryPoint,
    pub(crate) secret: Option<Secret>,
    pub(super) environments: Vec<EnvironmentRow>,
    pub(super) attributes: Option<Vec<DocumentRow>>,
    pub(super) flags: Option<Vec<DocumentRow>>,
    pub(super) rollouts: Vec<RolloutRow>,
    pub(super) groups: Option<Vec<GroupRow>>,
    /// Who is in those groups, and in others in which somebody changed.
    pub(super) testers: Rosters,
    pub(super) tokens: Option<tokens::Rows>,
    pub(super) metrics: Option<Vec<DocumentRow>>,
    /// A file of before has none.
    #[serde(default)]
    pub(super) roles: Option<Vec<DocumentRow>>,
    /// The file has everybody in a form of their own.
    #[serde(skip)]
    pub(super) people: Option<people::Found>,
}

#[derive(sqlx_macros::FromRow)]
struct AuditRow {
    at_ms: i64,
    object_kind: String,
    object_key: String,
}

#[derive(sqlx_macros::FromRow)]
pub(super) struct HeadRow {
    pub(super) audit_seq: i64,
    pub(super) audit_hash: String,
    pub(super) history: String,
    pub(super) secret: Option<String>,
    pub(super) known_hash: Option<String>,
    pub(super) now_ms: i64,
}

pub(super) async fn head(tx: &mut Tx, db: &Db, clock: &Clock, known_seq: u64) -> Result<HeadRow, StoreError> {
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
    let place = HistoryPoint { seq: number(head.audit_seq), hash: head.audit_hash, history: head.history };
    let mut rows = Rows { place, secret: head.secret.map(Secret), ..Rows::default() };
    rows.environments = environment_rows(&mut tx).await?;
    rows.fetch(&mut tx, 0, |kind| kind != ObjectKind::Person, &Arc::default()).await?;
    tx.rollback().await?;
    Ok(rows)
}

impl Rows {
    pub(super) async fn fetched(
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
        if touches(ObjectKind::Roles) {
            self.roles = Some(tx.all("SELECT key, document FROM role_table", args![]).await?);
        }
        Ok(())
    }
}

async fn environment_rows(tx: &mut Tx) -> Result<Vec<EnvironmentRow>, StoreError> {
    let sql = "SELECT key, name, protected, revision, changed_ms FROM environments ORDER BY position";
    Ok(tx.all(sql, args![]).await?)
}

/// What the entries after `since` are about; who only looked, came or went changed nothing. At the first load only the last entry is
/// looked at.
pub(super) async fn changed_objects(tx: &mut Tx, since: i64) -> Result<Vec<(i64, ObjectRef)>, StoreError> {
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
pub(super) struct EnvironmentRow {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) protected: bool,
    pub(super) revision: i64,
    pub(super) changed_ms: i64,
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
pub(super) struct RolloutRow {
    pub(super) environment: String,
    pub(super) flag: String,
    pub(super) document: String,
    /// A file of before has none.
    #[serde(default)]
    pub(super) changed_ms: i64,
}

#[derive(Debug, Serialize, Deserialize, sqlx_macros::FromRow)]
pub(super) struct GroupRow {
    pub(super) key: String,
    pub(super) document: String,
    pub(super) deleted: bool,
}
