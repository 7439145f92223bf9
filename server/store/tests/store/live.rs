use std::time::{Duration, Instant};

use engine::{Flag, Percentage};
use store::{ObjectKind, ObjectRef, Store};

use crate::harness::*;

on_both!(
    a_change_is_announced_once,
    another_copy_sees_a_change_and_announces_it_once,
    a_copy_that_lost_its_connections_catches_up,
    unchanged_definitions_are_compiled_once,
    a_corrupt_row_does_not_stop_the_rest,
    changes_at_the_same_time_all_count,
    ten_thousand_flags_load_and_change_quickly,
);

async fn a_change_is_announced_once(t: Harness) {
    t.create_flag("a").await;
    let mut announcements = t.store.live().subscribe();
    t.change("a", |rollout| rollout.rules = vec![everyone(20)]).await.expect("saved");
    let changed = announced(&mut announcements).await;
    assert_eq!(changed.seq, 2);
    assert_eq!(changed.at_ms, START_MS);
    assert_eq!(changed.objects, [ObjectRef::new(ObjectKind::Flag, "a")]);
    assert_eq!(changed.revisions, [(production(), t.revision(&production()))]);
    t.create_group("vip", "vip").await;
    let next = announced(&mut announcements).await;
    assert_eq!((next.seq, next.revisions.len()), (3, 0), "an unused new group decides nothing");
    assert!(announcements.try_recv().is_err());
}

async fn another_copy_sees_a_change_and_announces_it_once(t: Harness) {
    t.create_flag("a").await;
    let other = t.another().await;
    let mut announcements = other.live().subscribe();
    t.change("a", |rollout| rollout.rules = vec![everyone(100)]).await.expect("saved");
    let changed = announced(&mut announcements).await;
    assert_eq!(changed.objects, [ObjectRef::new(ObjectKind::Flag, "a")]);
    assert!(serves(&other, "a"), "in force when it is announced");
    other.stop(&stopper(), &production(), &flag_key("a"), "").await.expect("stops on what it has just seen");
    assert_eq!(announced(&mut announcements).await.seq, 3);
    eventually("the first copy follows", async || !serves(&t.store, "a")).await;
    t.create_group("vip", "vip").await;
    assert_eq!(announced(&mut announcements).await.seq, 4, "nothing was announced twice in between");
}

async fn a_copy_that_lost_its_connections_catches_up(t: Harness) {
    t.create_flag("a").await;
    if !t.is_sqlite() {
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        t.sql(others).await.expect("connections cut");
    }
    let other = t.another().await;
    let mut announcements = t.store.live().subscribe();
    other.create_flag(&editor(), Flag::boolean(flag_key("b"), "B")).await.expect("created");
    let changed = announced(&mut announcements).await;
    assert_eq!(changed.objects.last(), Some(&ObjectRef::new(ObjectKind::Flag, "b")));
    assert_eq!(t.store.list_personas(&viewer()).await.expect("it answers again"), []);
}

fn serves(store: &Store, flag: &str) -> bool {
    let snapshot = store.live().snapshot("production").expect("snapshot");
    let context = engine::Context::from_server(Some("u"), engine::Attributes::EMPTY);
    let decision = snapshot.evaluate(flag, &context, 0).expect("decides");
    decision.variant.key.as_str() == "on"
}

async fn unchanged_definitions_are_compiled_once(t: Harness) {
    t.create_flag("a").await;
    t.create_flag("b").await;
    let before = t.store.live().snapshot("production").expect("snapshot");
    t.change("a", |rollout| rollout.rules = vec![everyone(20)]).await.expect("saved");
    let after = t.store.live().snapshot("production").expect("snapshot");
    let compiled =
        |snapshot: &engine::Snapshot, key: &str| std::ptr::from_ref(snapshot.flag(key).expect("flag"));
    assert_eq!(compiled(&before, "b"), compiled(&after, "b"));
    assert_ne!(compiled(&before, "a"), compiled(&after, "a"));
}

async fn a_corrupt_row_does_not_stop_the_rest(t: Harness) {
    for flag in ["good", "bad-flag", "bad-rollout"] {
        t.create_flag(flag).await;
    }
    t.create_group("bad", "vip").await;
    t.sql("UPDATE flags SET document = '{\"key\": 1}' WHERE key = 'bad-flag'").await.expect("corrupted");
    t.sql("UPDATE rollouts SET document = 'nonsense' WHERE flag = 'bad-rollout'").await.expect("corrupted");
    t.sql("UPDATE groups SET document = '[]' WHERE key = 'bad'").await.expect("corrupted");
    let store = t.another().await;
    let snapshot = store.live().snapshot("production").expect("snapshot");
    let keys: Vec<_> = snapshot.flags().map(|flag| flag.flag().key.to_string()).collect();
    assert_eq!(keys, ["good"]);
    assert_eq!(store.desk(&viewer(), &production()).await.expect("reads").len(), 1);
    assert!(store.list_groups(&viewer()).await.expect("reads").is_empty());
    store.create_flag(&editor(), Flag::boolean(flag_key("newer"), "Newer")).await.expect("created");
    store.stop(&stopper(), &production(), &flag_key("good"), "").await.expect("stops");
    let broken = store.find_flag(&viewer(), &flag_key("bad-flag")).await;
    let Err(store::StoreError::CorruptRow { table, id }) = broken else { panic!("{broken:?}") };
    assert_eq!((table, id.as_str()), ("flags", "bad-flag"));
}

async fn changes_at_the_same_time_all_count(t: Harness) {
    let other = t.another().await;
    let mut tasks = Vec::new();
    for at in 0..20 {
        let store = if at % 2 == 0 { t.store.clone() } else { other.clone() };
        let flag = Flag::boolean(flag_key(&format!("f-{at}")), "F");
        tasks.push(tokio::spawn(async move { store.create_flag(&editor(), flag).await }));
    }
    for task in tasks {
        task.await.expect("ran").expect("created");
    }
    eventually("both copies have all", async || t.store.live().seq() == 20 && other.live().seq() == 20).await;
    assert_eq!(other.live().snapshot("staging").expect("snapshot").flags().len(), 20);
    assert_eq!(t.revision(&production()), 21);
    assert_eq!(t.store.verify_audit().await.expect("walks"), store::AuditVerdict::Intact { entries: 20 });
}

async fn ten_thousand_flags_load_and_change_quickly(t: Harness) {
    t.create_flag("first").await;
    t.create_group("first", "vip").await;
    t.change("first", |rollout| rollout.rules = vec![for_group("first", 20), everyone(0)])
        .await
        .expect("saved");
    // Copies of what the ordinary operations wrote, with keys of their own.
    let numbers = if t.is_sqlite() {
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 9999) "
    } else {
        "WITH numbers AS (SELECT n FROM generate_series(1, 9999) AS n) "
    };
    let copies = [
        "INSERT INTO flags SELECT key || '-' || n, replace(document, '\"first\"', '\"first-' || n || '\"'), \
         version, changed_ms, changed_by, audit_seq FROM flags, numbers",
        "INSERT INTO rollouts SELECT environment, flag || '-' || n, document, \
         version, changed_ms, changed_by, audit_seq FROM rollouts, numbers",
        "INSERT INTO groups SELECT key || '-' || n, replace(document, '\"first\"', '\"first-' || n || '\"'), deleted, \
         version, changed_ms, changed_by, audit_seq FROM groups, numbers WHERE n < 1000",
    ];
    for copy in copies {
        let sql = copy.replace("SELECT key", &format!("{numbers} SELECT key"));
        let sql = if sql == copy {
            copy.replace("SELECT environment", &format!("{numbers} SELECT environment"))
        } else {
            sql
        };
        t.sql(&sql).await.expect("copied");
    }
    let started = Instant::now();
    let store = t.another().await;
    let snapshot = store.live().snapshot("production").expect("snapshot");
    assert_eq!((snapshot.flags().len(), snapshot.groups().len()), (10_000, 1_000));
    println!("10,000 flags and 1,000 groups loaded in {:?}", started.elapsed());
    let mut best = Duration::MAX;
    for percentage in 1..=5 {
        let found = store.find_rollout(&viewer(), &production(), &flag_key("first-77")).await.expect("reads");
        let mut found = found.expect("a rollout");
        found.value.rules[1].percentage = Percentage::whole(percentage).expect("a percentage");
        let started = Instant::now();
        store
            .save_rollout(&editor(), &production(), &flag_key("first-77"), found.version, found.value, "")
            .await
            .expect("saved");
        best = best.min(started.elapsed());
    }
    println!("one change among them took {best:?} at best");
    assert!(best < Duration::from_secs(1), "{best:?}");
}
