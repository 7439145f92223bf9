//! Copies of the server whose clocks are wrong, on one database whose clock is right.

use engine::{Arm, MetricKey, RuleId, SubjectKey, VariantKey};
use store::{
    CELL_MS, Cell, CellKey, Clock, Delivery, Exposure, Role, Store, Written, limits::GUARD_LEASE_MS,
};

use crate::harness::*;

on_both!(
    a_copy_with_a_wrong_clock_leaves_the_guard_to_others,
    a_lease_that_ends_too_late_is_free,
    a_copy_far_ahead_deletes_nothing_that_is_young,
    a_copy_far_ahead_locks_nobody_out,
    a_delivery_that_is_due_by_a_wrong_clock_goes_out,
    the_database_has_a_clock_of_its_own,
);

const DAY_MS: i64 = 24 * 3_600_000;

async fn a_copy_with_a_wrong_clock_leaves_the_guard_to_others(t: Harness) {
    for by_ms in [90_000, -90_000, 5_001] {
        let wrong = t.another_wrong_by(by_ms).await;
        let standing = wrong.standing();
        assert_eq!((standing.skew_ms, standing.leaves_guard), (by_ms, true), "it knows when it opens");
        assert_eq!(wrong.take_guard_lease("wrong").await.expect("reads"), None, "{by_ms}");
    }
    let near = t.another_wrong_by(4_000).await;
    let lease = near.take_guard_lease("near").await.expect("reads").expect("the lease is free");
    assert_eq!(lease.expires_ms, START_MS + GUARD_LEASE_MS, "by the database's clock");
    assert!(!near.standing().leaves_guard);
    t.advance(GUARD_LEASE_MS);
    assert!(t.store.take_guard_lease("one").await.expect("reads").is_some(), "not a second longer");
    assert_eq!(t.store.standing().skew_ms, 0);
}

async fn a_lease_that_ends_too_late_is_free(t: Harness) {
    let late = START_MS + GUARD_LEASE_MS + 1;
    t.sql(&format!("INSERT INTO leases (name, holder, expires_ms) VALUES ('guard', 'dead', {late})"))
        .await
        .expect("written");
    assert!(t.store.take_guard_lease("one").await.expect("reads").is_some());
    assert_eq!(t.another().await.take_guard_lease("two").await.expect("reads"), None);
    t.sql(&format!("UPDATE leases SET holder = 'dead', expires_ms = {}", START_MS + GUARD_LEASE_MS))
        .await
        .expect("written");
    assert_eq!(t.store.take_guard_lease("one").await.expect("reads"), None, "it may be alive");
}

async fn written(store: &Store, from_ms: i64) {
    let key = CellKey {
        environment: production(),
        flag: flag_key("a"),
        metric: MetricKey::parse("latency").expect("a key"),
        rule: RuleId::parse("everyone").expect("an id"),
        arm: Arm::Treatment,
        allocation: 7,
        from_ms,
    };
    let mut cell = Cell::default();
    cell.outcomes = 1;
    let written = Written { cells: vec![(0, key, cell.into())], ids: vec![7], ..Written::default() };
    store.write_cells("run", &written).await.expect("written");
}

async fn served(store: &Store, at_ms: i64) {
    let exposure = Exposure {
        subject: SubjectKey::parse("u-1").expect("a key"),
        flag: flag_key("a"),
        variant: VariantKey::parse("on").expect("a key"),
        revision: 1,
        rule: None,
        arm: None,
        at_ms,
    };
    let delivery = Delivery {
        environment: production(),
        sender: engine::Sender::Server,
        exposures: vec![exposure],
        ids: vec![8],
    };
    store.record_exposures(&[delivery]).await.expect("recorded");
}

async fn count(t: &Harness, of: &str) -> String {
    t.text(&format!("SELECT CAST(COUNT(*) AS TEXT) FROM {of}")).await
}

async fn a_copy_far_ahead_deletes_nothing_that_is_young(t: Harness) {
    t.create_flag("a").await;
    t.member(Role::Product).await;
    written(&t.store, START_MS - START_MS % CELL_MS).await;
    served(&t.store, START_MS).await;
    let ahead = t.another_wrong_by(200 * DAY_MS).await;
    assert!(ahead.roll_up_cells().await.expect("rolls up").turn);
    assert_eq!(ahead.sweep_ledger().await.expect("sweeps"), 0);
    written(&ahead, START_MS - START_MS % CELL_MS).await;
    served(&ahead, START_MS).await;
    ahead.sign_in("product@example.test", PASSWORD, &origin(), "test").await.expect("signs in");
    for (rows, expected) in [
        ("cells WHERE step_ms = 10000", "1"),
        ("exposures", "1"),
        ("exposure_counts WHERE step_ms = 60000", "1"),
        ("learned_subjects", "1"),
        ("sessions", "2"),
    ] {
        assert_eq!(count(&t, rows).await, expected, "{rows}");
    }
    assert_eq!(t.store.recent_event_ids().await.expect("reads").len(), 4);
    // The next turn comes a minute later, not 200 days.
    t.advance(60_000);
    assert!(t.store.roll_up_cells().await.expect("rolls up").turn);
    t.sql(&format!("UPDATE cells_upkeep SET next_ms = {}", START_MS + DAY_MS)).await.expect("written");
    assert!(
        t.store.roll_up_cells().await.expect("rolls up").turn,
        "a turn that was put off by a wrong clock"
    );
}

async fn a_copy_far_ahead_locks_nobody_out(t: Harness) {
    t.member(Role::Product).await;
    let ahead = t.another_wrong_by(200 * DAY_MS).await;
    for _ in 0..20 {
        drop(ahead.sign_in("product@example.test", "wrong", &origin(), "test").await);
    }
    t.advance(16 * 60_000);
    let session =
        t.store.sign_in("product@example.test", PASSWORD, &origin(), "test").await.expect("signs in");
    let found = ahead.find_session(&session.token, origin()).await.expect("reads");
    assert!(found.is_some(), "a session is not over because one copy thinks so");
}

async fn a_delivery_that_is_due_by_a_wrong_clock_goes_out(t: Harness) {
    let lease = t.store.take_guard_lease("one").await.expect("reads").expect("free");
    let (id, _) = t
        .store
        .create_webhook(&admin(), "https://hooks.example.test", store::Reach::Public)
        .await
        .expect("added");
    let ahead = t.another_wrong_by(200 * DAY_MS).await;
    ahead.test_webhook(&admin(), id).await.expect("queued");
    assert_eq!(t.store.list_due_deliveries(&lease).await.expect("reads").len(), 1);
    let late = START_MS + 200 * DAY_MS;
    t.sql(&format!("UPDATE webhook_deliveries SET due_ms = {late}")).await.expect("written");
    assert_eq!(t.store.list_due_deliveries(&lease).await.expect("reads").len(), 1);
}

async fn the_database_has_a_clock_of_its_own(t: Harness) {
    let right = Store::open(&t.url, Clock::System).await.expect("opens");
    let before_ms = Clock::System.now_ms();
    let now_ms = right.database_now_ms().await.expect("reads");
    // The tests' database runs on this machine; SQLite's clock counts whole milliseconds.
    assert!((before_ms - 2..=Clock::System.now_ms() + 2).contains(&now_ms), "{now_ms}");
    assert!(right.standing().skew_ms.abs() <= 2);
    let lease = right.take_guard_lease("right").await.expect("reads").expect("free");
    assert!(lease.expires_ms >= now_ms + GUARD_LEASE_MS);
    right.release_guard_lease(&lease).await.expect("given back");
    let wrong = Store::open(&t.url, Clock::System.wrong_by(90_000)).await.expect("opens");
    assert!((89_900..=90_002).contains(&wrong.standing().skew_ms), "{}", wrong.standing().skew_ms);
    assert_eq!(wrong.take_guard_lease("wrong").await.expect("reads"), None);
    let later = Store::open(&t.url, Clock::Ahead(3_600_000)).await.expect("opens");
    assert!(later.standing().skew_ms.abs() <= 2, "time passed for both");
    let lease = later.take_guard_lease("later").await.expect("reads").expect("free");
    assert!(lease.expires_ms >= now_ms + 3_600_000);
}
