//! A backup is put back under a server that runs.

use std::{path::PathBuf, time::Duration};

use engine::{Attributes, Percentage, SubjectKey};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, Row as _, SqliteConnection};
use store::{Action, AuditFilter, AuditVerdict, Delivery, Principal, Store};

use crate::harness::*;

on_both!(
    a_running_server_notices_and_reads_everything_again,
    a_change_right_after_is_decided_by_what_was_put_back,
    of_two_copies_one_writes_and_both_agree,
    a_backup_that_went_on_elsewhere_is_another_history,
    the_same_backup_twice_is_noticed_twice,
    what_is_remembered_of_the_past_is_forgotten,
);

pub const BACKUP: &str = "backup";

/// Everything in the database, kept beside it.
pub async fn back_up(t: &Harness, name: &str) {
    if t.is_sqlite() {
        let backup = backup_path(t, name);
        drop(std::fs::remove_file(&backup));
        t.sql(&format!("VACUUM INTO '{}'", backup.display())).await.expect("backed up");
    } else {
        t.sql(&format!(
            "CREATE SCHEMA {name}; \
             DO $$ DECLARE t TEXT; BEGIN \
             FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP \
             EXECUTE format('CREATE TABLE {name}.%I AS TABLE public.%I', t, t); \
             END LOOP; END $$"
        ))
        .await
        .expect("backed up");
    }
}

fn backup_path(t: &Harness, name: &str) -> PathBuf {
    PathBuf::from(format!("{}.{name}", path(t).display()))
}

fn path(t: &Harness) -> PathBuf {
    t.url.strip_prefix("sqlite://").expect("a file").into()
}

/// Puts the rows back behind the store's back, in one transaction.
pub async fn put_back(t: &Harness, name: &str) {
    if t.is_sqlite() {
        put_back_rows(t, name).await.expect("put back");
    } else {
        t.sql(&format!(
            "SET session_replication_role = replica; \
             DO $$ DECLARE t TEXT; BEGIN \
             FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '{name}' LOOP \
             EXECUTE format('DELETE FROM public.%I', t); \
             EXECUTE format('INSERT INTO public.%I OVERRIDING SYSTEM VALUE TABLE {name}.%I', t, t); \
             END LOOP; END $$"
        ))
        .await
        .expect("put back");
    }
}

async fn put_back_rows(t: &Harness, name: &str) -> Result<(), sqlx::Error> {
    let mut connection = SqliteConnection::connect(&t.url).await?;
    let run = AssertSqlSafe(format!(
        "PRAGMA foreign_keys = OFF; ATTACH '{}' AS backup; BEGIN IMMEDIATE",
        backup_path(t, name).display()
    ));
    connection.execute(sqlx::raw_sql(run)).await?;
    let schema =
        "SELECT type, name, sql FROM main.sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'";
    let schema: Vec<(String, String, String)> = sqlx::query(schema)
        .fetch_all(&mut connection)
        .await?
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    let of = |kind: &'static str| schema.iter().filter(move |(of, ..)| of == kind);
    let drop_triggers = of("trigger").map(|(_, name, _)| format!("DROP TRIGGER {name};"));
    let rows = of("table").map(|(_, name, _)| {
        format!("DELETE FROM main.{name}; INSERT INTO main.{name} SELECT * FROM backup.{name};")
    });
    let triggers = of("trigger").map(|(.., sql)| format!("{sql};"));
    let all: String = drop_triggers.chain(rows).chain(triggers).collect();
    connection.execute(sqlx::raw_sql(AssertSqlSafe(all + "COMMIT"))).await?;
    connection.close().await
}

pub fn percentage(store: &Store, flag: &str) -> Option<Percentage> {
    let snapshot = store.live().snapshot("production").expect("a snapshot");
    snapshot.flag(flag)?.rollout().rules.first().map(|rule| rule.percentage)
}

pub async fn raise(t: &Harness, per_cent: u32) {
    t.change("a", |rollout| rollout.rules = vec![everyone(per_cent)]).await.expect("saved");
}

async fn add_person(t: &Harness, key: &str) {
    let traits = Attributes::from_json(json!({"tier": "vip"}).as_object().expect("an object"));
    let by = Principal::command_line().people_writer().expect("may write");
    let key = SubjectKey::parse(key).expect("a key");
    t.store.put_people(&by, vec![(key, traits)]).await.expect("saved");
}

pub async fn restored_entries(t: &Harness) -> Vec<String> {
    let filter = AuditFilter { action: Some(Action::DatabaseRestored), ..AuditFilter::default() };
    let entries = t.store.list_audit(&auditor(), &filter).await.expect("reads");
    entries.into_iter().map(|entry| entry.sentence).collect()
}

async fn is_intact(t: &Harness) -> bool {
    matches!(t.store.verify_audit().await.expect("walks"), AuditVerdict::Intact { .. })
}

async fn a_running_server_notices_and_reads_everything_again(t: Harness) {
    t.create_flag("a").await;
    raise(&t, 20).await;
    back_up(&t, BACKUP).await;
    raise(&t, 50).await;
    raise(&t, 100).await;
    t.create_flag("b").await;
    add_person(&t, "u-1").await;
    let served = t.revision(&production());
    let mut announcements = t.store.live().subscribe();
    let eras = t.store.live().eras();
    put_back(&t, BACKUP).await;
    eventually("the restored truth is served", async || percentage(&t.store, "a") == Percentage::whole(20))
        .await;
    let snapshot = t.store.live().snapshot("production").expect("a snapshot");
    assert!(snapshot.flag("b").is_none());
    assert!(t.store.live().people().is_empty());
    assert!(snapshot.revision() > served, "{} after {served}", snapshot.revision());
    assert!(announced(&mut announcements).await.is_everything());
    assert!(eras.has_changed().expect("alive"));
    assert_eq!(restored_entries(&t).await, ["noticed that the database was restored: 4 entries are gone"]);
    t.create_flag("b").await;
    raise(&t, 30).await;
    assert_eq!(percentage(&t.store, "a"), Percentage::whole(30));
    assert!(is_intact(&t).await);
    assert_eq!(restored_entries(&t).await.len(), 1, "once");
}

async fn a_change_right_after_is_decided_by_what_was_put_back(t: Harness) {
    t.create_flag("a").await;
    raise(&t, 20).await;
    back_up(&t, BACKUP).await;
    t.create_flag("b").await;
    raise(&t, 50).await;
    let served = t.revision(&production());
    put_back(&t, BACKUP).await;
    t.create_flag("b").await;
    let revision = t.revision(&production());
    assert!(revision > served, "{revision} after {served}");
    assert_eq!(percentage(&t.store, "a"), Percentage::whole(20));
    assert!(is_intact(&t).await);
    assert_eq!(restored_entries(&t).await.len(), 1);
}

async fn of_two_copies_one_writes_and_both_agree(t: Harness) {
    let other = t.another().await;
    t.create_flag("a").await;
    raise(&t, 20).await;
    back_up(&t, BACKUP).await;
    raise(&t, 50).await;
    let served = t.revision(&production());
    eventually("the other copy has it", async || percentage(&other, "a") == Percentage::whole(50)).await;
    put_back(&t, BACKUP).await;
    let revision = |store: &Store| store.live().environment("production").expect("one").revision;
    eventually("both serve the same", async || {
        let both = (revision(&t.store), revision(&other));
        both.0 > served && both.0 == both.1
    })
    .await;
    for store in [&t.store, &other] {
        assert_eq!(percentage(store, "a"), Percentage::whole(20));
    }
    assert_eq!(restored_entries(&t).await.len(), 1);
}

async fn a_backup_that_went_on_elsewhere_is_another_history(t: Harness) {
    t.create_flag("a").await;
    raise(&t, 20).await;
    back_up(&t, BACKUP).await;
    for per_cent in [31, 32, 33] {
        raise(&t, per_cent).await;
    }
    back_up(&t, "longer").await;
    put_back(&t, BACKUP).await;
    eventually("the backup is served", async || percentage(&t.store, "a") == Percentage::whole(20)).await;
    raise(&t, 60).await;
    let (served, seq) = (t.revision(&production()), t.store.live().seq());
    put_back(&t, "longer").await;
    eventually("the other history is served", async || percentage(&t.store, "a") == Percentage::whole(33))
        .await;
    assert!(t.store.live().seq() > seq, "it is longer than what was known");
    assert!(t.revision(&production()) > served);
    assert_eq!(
        restored_entries(&t).await,
        ["noticed that the database was replaced by one with another history"]
    );
    assert!(is_intact(&t).await);
}

async fn the_same_backup_twice_is_noticed_twice(t: Harness) {
    t.create_flag("a").await;
    back_up(&t, BACKUP).await;
    let mut served = t.revision(&production());
    for _ in 0..2 {
        // One entry each: the database ends with as many as it had, and others.
        put_back(&t, BACKUP).await;
        t.create_flag("b").await;
        put_back(&t, BACKUP).await;
        t.create_group("c", "vip").await;
        let revision = t.revision(&production());
        assert!(revision > served, "{revision} after {served}");
        served = revision;
        assert!(t.store.live().snapshot("production").expect("one").flag("b").is_none());
    }
    assert!(is_intact(&t).await);
}

async fn what_is_remembered_of_the_past_is_forgotten(t: Harness) {
    t.create_flag("a").await;
    raise(&t, 20).await;
    back_up(&t, BACKUP).await;
    t.advance(1_000);
    raise(&t, 50).await;
    let by = Principal::command_line().people_reader().expect("may read");
    let now_ms = t.clock.now_ms();
    let of = async || {
        let past = t.store.snapshot_as_of(&by, &production(), now_ms).await.expect("reads");
        past.snapshot.flag("a").expect("a flag").rollout().rules[0].percentage
    };
    assert_eq!(of().await, Percentage::whole(50).expect("one"));
    put_back(&t, BACKUP).await;
    eventually("it is noticed", async || percentage(&t.store, "a") == Percentage::whole(20)).await;
    // The entry that says so took the number of the lost one.
    assert_eq!(t.store.live().seq(), 3);
    assert_eq!(of().await, Percentage::whole(20).expect("one"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_put_in_the_place_of_the_database_is_opened() {
    let t = Harness::sqlite().await;
    t.create_flag("a").await;
    raise(&t, 20).await;
    back_up(&t, BACKUP).await;
    raise(&t, 50).await;
    t.create_flag("b").await;
    let served = t.revision(&production());
    std::fs::rename(path(&t), format!("{}.old", path(&t).display())).expect("moved away");
    let refused = t.store.stop(&stopper(), &production(), &flag_key("a"), "").await;
    assert!(
        matches!(refused, Err(store::StoreError::Unavailable(_))),
        "nothing is written into a file that is gone"
    );
    // Also by what makes no change: sessions, events, checks.
    eventually("every write is refused", async || {
        t.store.check_writes(Duration::from_secs(1)).await.is_err()
    })
    .await;
    let delivery = Delivery {
        environment: production(),
        sender: engine::Sender::Server,
        exposures: Vec::new(),
        ids: vec![1],
    };
    assert!(t.store.record_exposures(&[delivery]).await.is_err(), "no event is taken that would be lost");
    std::fs::rename(backup_path(&t, BACKUP), path(&t)).expect("put in its place");
    eventually("the file is served", async || percentage(&t.store, "a") == Percentage::whole(20)).await;
    assert!(t.revision(&production()) > served);
    t.create_flag("b").await;
    assert!(is_intact(&t).await);
    let again = t.another().await;
    assert!(again.live().snapshot("production").expect("one").flag("b").is_some(), "it is in the new file");
}
