//! A fresh database per test, the people who act, and builders.

use std::{future::Future, sync::Arc, sync::atomic::AtomicI64, time::Duration};

use engine::{
    Audience, Condition, EnvironmentKey, Flag, FlagKey, Group, GroupKey, Operator, Percentage, Rollout, Rule,
    RuleId, Test,
};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use store::{
    Changed, Clock, FlagEditor, Principal, RecentAdministrator, RequestOrigin, Role, Store, StoreError,
    Versioned, Viewer,
};
use tempfile::TempDir;

pub const START_MS: i64 = 1_767_600_000_000;
pub const PASSWORD: &str = "correct horse battery";

const POSTGRES_URL: &str = "FADER_TEST_POSTGRES_URL";
const SQLITE_ONLY: &str = "FADER_TEST_SQLITE_ONLY";

/// One test on both databases: `on_both!(fn_name, …)` makes `fn_name::sqlite` and `fn_name::postgres`.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name($crate::harness::Harness::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(harness) = $crate::harness::Harness::postgres().await {
                    super::$name(harness).await;
                }
            }
        })+
    };
}
pub(crate) use on_both;

pub struct Harness {
    pub url: String,
    pub clock: Clock,
    pub store: Store,
    _dir: Option<TempDir>,
}

impl Harness {
    pub async fn sqlite() -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let url = format!("sqlite://{}", dir.path().join("fader.db").display());
        Self::open(url, Some(dir)).await
    }

    /// `None` only when somebody said so: a missing PostgreSQL must not look like a passed test.
    pub async fn postgres() -> Option<Self> {
        if std::env::var(SQLITE_ONLY).is_ok_and(|v| v == "1") {
            return None;
        }
        let base = std::env::var(POSTGRES_URL).unwrap_or_else(|_| {
            panic!(
                "set {POSTGRES_URL} to a superuser address such as postgres://postgres@127.0.0.1:5433/postgres, \
                 or {SQLITE_ONLY}=1 to leave PostgreSQL out"
            )
        });
        let name = format!("fader_test_{:016x}", rand_u64());
        let mut admin = PgConnection::connect(&base).await.expect("PostgreSQL answers");
        admin
            .execute(AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE template0")))
            .await
            .expect("database");
        let (server, _) = base.rsplit_once('/').expect("an address with a database");
        Some(Self::open(format!("{server}/{name}"), None).await)
    }

    async fn open(url: String, dir: Option<TempDir>) -> Self {
        let clock = Clock::Manual(Arc::new(AtomicI64::new(START_MS)));
        let store = Store::open(&url, clock.clone()).await.expect("store opens");
        Self { url, clock, store, _dir: dir }
    }

    /// Another copy of the server on the same database.
    pub async fn another(&self) -> Store {
        Store::open(&self.url, self.clock.clone()).await.expect("store opens")
    }

    /// Another copy of the server, on a machine whose clock is wrong by so much.
    pub async fn another_wrong_by(&self, by_ms: i64) -> Store {
        Store::open(&self.url, self.clock.clone().wrong_by(by_ms)).await.expect("store opens")
    }

    /// SQL behind the store's back.
    pub async fn sql(&self, sql: &str) -> Result<(), sqlx::Error> {
        sql_on(&self.url, sql).await
    }

    /// One text out of the database.
    pub async fn text(&self, sql: &str) -> String {
        let sql = AssertSqlSafe(sql.to_owned());
        if self.is_sqlite() {
            let mut connection = SqliteConnection::connect(&self.url).await.expect("connects");
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("reads")
        } else {
            let mut connection = PgConnection::connect(&self.url).await.expect("connects");
            sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("reads")
        }
    }

    pub fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }

    /// Takes the protection of `audit` and `versions` away, as somebody with the database in their hands could.
    pub async fn drop_triggers(&self) {
        let sql = if self.is_sqlite() {
            "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; DROP TRIGGER audit_no_replace; \
             DROP TRIGGER versions_no_update; DROP TRIGGER versions_no_delete; DROP TRIGGER versions_no_replace;"
        } else {
            "DROP TRIGGER audit_no_change ON audit; DROP TRIGGER versions_no_change ON versions;"
        };
        self.sql(sql).await.expect("triggers dropped");
    }

    /// A member of this role, signed in.
    pub async fn member(&self, role: Role) -> Principal {
        let email = format!("{}@example.test", role.as_str());
        let name = format!("{role} One");
        self.store.add_user(&admin(), &email, &name, role, PASSWORD).await.expect("member");
        self.sign_in(&email).await
    }

    pub async fn sign_in(&self, email: &str) -> Principal {
        let session = self.store.sign_in(email, PASSWORD, &origin(), "test").await.expect("signs in");
        session.principal
    }

    pub async fn create_flag(&self, flag: &str) -> Flag {
        let flag = Flag::boolean(flag_key(flag), &format!("Flag {flag}"));
        self.store.create_flag(&editor(), flag.clone()).await.expect("flag created");
        flag
    }

    pub async fn create_group(&self, key: &str, tier: &str) -> Group {
        let group = group(key, tier);
        self.store.create_group(&editor(), group.clone(), "").await.expect("group created");
        group
    }

    pub async fn rollout(&self, flag: &str) -> Versioned<Rollout> {
        self.rollout_in(flag, &production()).await
    }

    pub async fn rollout_in(&self, flag: &str, environment: &EnvironmentKey) -> Versioned<Rollout> {
        let found = self.store.find_rollout(&viewer(), environment, &flag_key(flag)).await.expect("reads");
        found.expect("a rollout")
    }

    /// Changes the rollout in production from what it is now.
    pub async fn change(&self, flag: &str, change: impl FnOnce(&mut Rollout)) -> Result<u64, StoreError> {
        let found = self.rollout(flag).await;
        let mut rollout = found.value;
        change(&mut rollout);
        self.store.save_rollout(&editor(), &production(), &flag_key(flag), found.version, rollout, "").await
    }

    pub fn revision(&self, environment: &EnvironmentKey) -> u64 {
        self.store.live().environment(environment.as_str()).expect("an environment").revision
    }

    /// The sentence of the newest entry.
    pub async fn last_sentence(&self) -> String {
        let entries = self.store.list_audit(&auditor(), &store::AuditFilter::default()).await.expect("reads");
        entries.first().expect("an entry").sentence.clone()
    }

    pub fn advance(&self, ms: i64) {
        self.clock.advance(ms);
    }
}

/// SQL on a database, whoever else has it open.
pub async fn sql_on(url: &str, sql: &str) -> Result<(), sqlx::Error> {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await?;
        connection.execute(sqlx::raw_sql(sql)).await?;
    } else {
        let mut connection = PgConnection::connect(url).await?;
        connection.execute(sqlx::raw_sql(sql)).await?;
    }
    Ok(())
}

fn rand_u64() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

/// Waits until a condition holds: no sleeps, the future is asked again after every turn.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let asked = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// The next announcement.
pub async fn announced(receiver: &mut tokio::sync::broadcast::Receiver<Changed>) -> Changed {
    let heard = tokio::time::timeout(Duration::from_secs(20), receiver.recv()).await;
    heard.expect("an announcement in time").expect("an announcement")
}

pub fn origin() -> RequestOrigin {
    RequestOrigin { request_id: "req-1".into(), address: "192.0.2.1".into(), once: None }
}

pub fn admin() -> RecentAdministrator {
    Principal::command_line().recent_administrator(START_MS).expect("may administer")
}

pub fn editor() -> FlagEditor {
    Principal::command_line().flag_editor().expect("may edit")
}

pub fn stopper() -> store::Stopper {
    Principal::command_line().stopper().expect("may stop")
}

pub fn auditor() -> store::AuditReader {
    Principal::command_line().audit_reader().expect("may read")
}

pub fn viewer() -> Viewer {
    Principal::command_line().viewer()
}

pub fn production() -> EnvironmentKey {
    EnvironmentKey::parse("production").expect("a key")
}

pub fn staging() -> EnvironmentKey {
    EnvironmentKey::parse("staging").expect("a key")
}

pub fn flag_key(key: &str) -> FlagKey {
    FlagKey::parse(key).expect("a key")
}

pub fn group_key(key: &str) -> GroupKey {
    GroupKey::parse(key).expect("a key")
}

pub fn condition(attribute: &str, value: &str) -> Condition {
    Condition::Test(Test {
        attribute: engine::AttributeName::parse(attribute).expect("a name"),
        operator: Operator::Equals(value.into()),
        negated: false,
        ignore_case: false,
    })
}

/// Everybody whose `tier` is this.
pub fn group(key: &str, tier: &str) -> Group {
    Group {
        key: group_key(key),
        name: format!("Group {key}"),
        description: String::new(),
        condition: Some(condition("tier", tier)),
        enrolments: Vec::new(),
    }
}

pub fn rule(id: &str, audience: Audience, per_cent: u32) -> Rule {
    Rule {
        id: RuleId::parse(id).expect("an id"),
        audience,
        percentage: Percentage::whole(per_cent).expect("a percentage"),
        holdback: engine::Percentage::NONE,
        bucket_by: engine::BucketBy::Subject,
        split: Vec::new(),
    }
}

pub fn for_group(key: &str, per_cent: u32) -> Rule {
    rule(key, Audience::Matching { groups: vec![group_key(key)], condition: None }, per_cent)
}

pub fn everyone(per_cent: u32) -> Rule {
    rule("everyone", Audience::Everyone, per_cent)
}
