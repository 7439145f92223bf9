//! Nothing gets stuck: whatever statement of a change fails, and however, nothing half-written stays, and the next
//! change works.

use std::time::{Duration, Instant};

use engine::{Arm, RuleId, SubjectKey, VariantKey, guardrail::GuardAction};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqliteConnection};
use store::{
    ArmCount, AuditVerdict, CELL_MS, Cell, CellKey, Delivery, EnrolmentChoice, EnrolmentList, Exposure,
    Fault, GuardAct, RawLine, Role, SignInError, StoreError, Written,
};

use crate::{
    guard::{judged, rule_id},
    harness::*,
};

on_both!(
    a_rollout_is_saved_after_any_fault,
    somebody_signs_in_after_any_fault,
    testers_are_enrolled_after_any_fault,
    exposures_are_recorded_after_any_fault,
    cells_are_written_after_any_fault,
    the_guard_acts_after_any_fault,
    a_batch_whose_commit_was_not_answered_is_written_once,
    a_refusal_by_the_database_costs_nobody_the_connection,
    a_change_that_is_broken_off_keeps_nobody_waiting,
    slow_statements_are_waited_for,
);

const FAULTS: [Fault; 4] = [Fault::Refused, Fault::Undone, Fault::Unanswered, Fault::Severed];

/// Everything that these changes write, in one line.
async fn written(t: &Harness) -> String {
    t.text(
        "SELECT 'entries ' || CAST((SELECT audit_seq FROM workspace WHERE id = 1) AS TEXT) \
         || '/' || CAST((SELECT COUNT(*) FROM audit) AS TEXT) \
         || ' versions ' || CAST((SELECT COUNT(*) FROM versions) AS TEXT) \
         || ' revisions ' || CAST((SELECT SUM(revision) FROM environments) AS TEXT) \
         || ' rollouts ' || CAST((SELECT SUM(version) FROM rollouts) AS TEXT) \
         || ' groups ' || CAST((SELECT COALESCE(SUM(version), 0) FROM groups) AS TEXT) \
         || ' sessions ' || CAST((SELECT COUNT(*) FROM sessions) AS TEXT) \
         || ' exposures ' || CAST((SELECT COALESCE(SUM(times), 0) FROM exposures) AS TEXT) \
         || ' counts ' || CAST((SELECT COALESCE(SUM(times), 0) FROM exposure_counts) AS TEXT) \
         || ' cells ' || CAST((SELECT COALESCE(SUM(outcomes), 0) FROM cells) AS TEXT) \
         || ' firsts ' || CAST((SELECT COALESCE(SUM(treatment), 0) FROM first_exposures) AS TEXT) \
         || ' ids ' || CAST((SELECT COUNT(*) FROM event_ids) AS TEXT) \
         || ' verdicts ' || CAST((SELECT COUNT(*) FROM verdicts) AS TEXT)",
    )
    .await
}

/// What is in force is what is in the database.
async fn live_is_the_database(t: &Harness) {
    let entries = t.text("SELECT CAST(audit_seq AS TEXT) FROM workspace WHERE id = 1").await;
    eventually("what was committed is in force", async || t.store.live().seq().to_string() == entries).await;
    let fresh = t.another().await;
    for environment in t.store.live().environments().iter() {
        let key = environment.key.as_str();
        let known = fresh.live().environment(key).expect("an environment");
        assert_eq!(environment.revision, known.revision);
        let (here, there) =
            (t.store.live().snapshot(key).expect("here"), fresh.live().snapshot(key).expect("there"));
        assert_eq!(here.revision(), there.revision());
        let definition = |snapshot: &engine::Snapshot| {
            snapshot.flag("a").map(|it| (it.flag().clone(), it.rollout().clone()))
        };
        assert_eq!(definition(&here), definition(&there));
    }
    fresh.close().await;
}

/// Makes `change` with a fault at each of its statements, of each kind, and once more without after each.
async fn after_any_fault(
    t: &Harness,
    prepare: impl AsyncFn(),
    change: impl AsyncFn() -> Result<(), StoreError>,
) {
    for fault in FAULTS {
        let mut statements = 0;
        for at in 0.. {
            prepare().await;
            let before = written(t).await;
            t.store.faults().fail_at(at, fault);
            let began = Instant::now();
            let done = change().await;
            let happened = !t.store.faults().end();
            if !happened {
                done.expect("nothing failed");
                break;
            }
            statements = at + 1;
            assert!(
                began.elapsed() < Duration::from_secs(5),
                "{fault:?} at {at} takes {:?}",
                began.elapsed()
            );
            match done {
                Ok(()) => {}
                Err(StoreError::Unavailable(_)) if fault == Fault::Unanswered => {}
                Err(StoreError::Unavailable(_)) => {
                    // An undoing that runs beside it may still be on its way.
                    eventually(&format!("{fault:?} at {at} leaves nothing"), async || {
                        written(t).await == before
                    })
                    .await;
                }
                Err(other) => panic!("{fault:?} at {at}: {other:?}"),
            }
            prepare().await;
            change().await.unwrap_or_else(|error| panic!("stuck after {fault:?} at {at}: {error:?}"));
        }
        assert!(statements >= 3, "{statements} statements: begin, something, commit");
    }
    let AuditVerdict::Intact { .. } = t.store.verify_audit().await.expect("walks") else { panic!("broken") };
    live_is_the_database(t).await;
}

async fn a_rollout_is_saved_after_any_fault(t: Harness) {
    t.create_flag("a").await;
    let save = async || {
        let per_cent = t.rollout("a").await.version % 100;
        let rules = vec![everyone(u32::try_from(per_cent).expect("small"))];
        t.change("a", |rollout| rollout.rules = rules).await.map(drop)
    };
    after_any_fault(&t, async || {}, save).await;
}

async fn somebody_signs_in_after_any_fault(t: Harness) {
    t.create_flag("a").await;
    t.member(Role::Qa).await;
    let sign_in = async || match t.store.sign_in("qa@example.test", PASSWORD, &origin(), "test").await {
        Ok(_) => Ok(()),
        Err(SignInError::Store(error)) => Err(error),
        Err(other) => panic!("{other:?}"),
    };
    after_any_fault(&t, async || {}, sign_in).await;
}

async fn testers_are_enrolled_after_any_fault(t: Harness) {
    t.create_flag("a").await;
    t.create_group("pilot", "vip").await;
    let number = std::cell::Cell::new(0);
    let enrol = async || {
        number.set(number.get() + 1);
        let otherwise = RawLine { purpose: "pilot", ..RawLine::default() };
        let list = EnrolmentList::parse(&format!("tester-{}", number.get()), otherwise, START_MS);
        let by = store::Principal::command_line().enroller().expect("may enrol");
        let choice = EnrolmentChoice::default();
        t.store.enrol(&by, &group_key("pilot"), &list, choice, None, "").await.map(drop)
    };
    after_any_fault(&t, async || {}, enrol).await;
}

fn delivery(id: u64) -> Delivery {
    let exposure = Exposure {
        subject: SubjectKey::parse("ada").expect("a key"),
        flag: flag_key("a"),
        variant: VariantKey::parse("on").expect("a key"),
        revision: 2,
        rule: Some(RuleId::parse("everyone").expect("an id")),
        arm: Some(Arm::Treatment),
        at_ms: START_MS,
    };
    Delivery {
        environment: production(),
        sender: engine::Sender::Server,
        exposures: vec![exposure],
        ids: vec![id],
    }
}

async fn exposures_are_recorded_after_any_fault(t: Harness) {
    t.create_flag("a").await;
    after_any_fault(&t, async || {}, async || t.store.record_exposures(&[delivery(7)]).await).await;
}

async fn cells_are_written_after_any_fault(t: Harness) {
    t.create_flag("a").await;
    let number = std::cell::Cell::new(0);
    let write = async || {
        number.set(number.get() + 1);
        let key = CellKey {
            environment: production(),
            flag: flag_key("a"),
            metric: engine::MetricKey::parse("error_rate").expect("a key"),
            rule: RuleId::parse("everyone").expect("an id"),
            arm: Arm::Treatment,
            allocation: 0,
            from_ms: START_MS + CELL_MS * number.get(),
        };
        let mut cell = Cell::default();
        cell.outcomes = 3;
        let count = ArmCount {
            environment: production(),
            flag: flag_key("a"),
            rule: RuleId::parse("everyone").expect("an id"),
            allocation: number.get(),
            treatment: 1,
            control: 0,
            servers_treatment: 1,
            servers_control: 0,
            shares: None,
            first_ms: START_MS,
            treatment_last_ms: START_MS,
            control_last_ms: 0,
            entered: 1,
            entered_last_ms: START_MS,
        };
        let written = Written { cells: vec![(0, key, cell.into())], counts: vec![count], ids: vec![1] };
        t.store.write_cells("run", &written).await
    };
    after_any_fault(&t, async || {}, write).await;
}

async fn the_guard_acts_after_any_fault(t: Harness) {
    t.create_flag("a").await;
    let prepare = async || {
        if t.rollout("a").await.value.enabled && !t.rollout("a").await.value.rules.is_empty() {
            return;
        }
        let on = |rollout: &mut engine::Rollout| {
            rollout.enabled = true;
            rollout.rules = vec![everyone(50)];
        };
        t.change("a", on).await.expect("saved");
    };
    let act = async || {
        // The lease is a change of its own, which may fail as well.
        let lease = t.store.take_guard_lease("one").await?.expect("it is ours");
        let (_, judgement) = judged(&t, GuardAction::Stop, 150);
        let broken = [(rule_id("everyone"), judgement)];
        let (environment, flag) = (production(), flag_key("a"));
        let seen_version = t.rollout("a").await.version;
        let action = GuardAction::Stop;
        let act = GuardAct { environment: &environment, flag: &flag, seen_version, action, broken: &broken };
        t.store.guard_rollout(&lease, &act).await.map(drop)
    };
    after_any_fault(&t, prepare, act).await;
}

async fn a_batch_whose_commit_was_not_answered_is_written_once(t: Harness) {
    t.create_flag("a").await;
    for at in 0.. {
        let before = written(&t).await;
        t.store.faults().fail_at(at, Fault::Unanswered);
        let first = t.store.record_batch(&[delivery(at)], at, false).await;
        if t.store.faults().end() {
            break;
        }
        first.expect_err("no answer came");
        t.store.record_batch(&[delivery(at)], at, true).await.expect("tried again");
        let times = |text: &str| -> u64 {
            let (_, rest) = text.split_once("exposures ").expect("counted");
            rest.split(' ').next().expect("a number").parse().expect("a number")
        };
        assert_eq!(times(&written(&t).await), times(&before) + 1, "at {at}");
    }
}

async fn a_refusal_by_the_database_costs_nobody_the_connection(t: Harness) {
    t.create_flag("a").await;
    let refuse = if t.is_sqlite() {
        // As a full disk does: the whole transaction is gone when the statement returns.
        "CREATE TRIGGER refuse BEFORE UPDATE ON rollouts BEGIN SELECT RAISE(ROLLBACK, 'refused'); END"
    } else {
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''refused''; END'; \
         CREATE TRIGGER refuse BEFORE UPDATE ON rollouts FOR EACH ROW EXECUTE FUNCTION refuse()"
    };
    t.sql(refuse).await.expect("a trigger");
    let before = written(&t).await;
    for _ in 0..30 {
        let refused = t.change("a", |rollout| rollout.rules = vec![everyone(1)]).await;
        assert!(matches!(refused, Err(StoreError::Database(_))), "{refused:?}");
    }
    assert_eq!(written(&t).await, before);
    t.sql(if t.is_sqlite() { "DROP TRIGGER refuse" } else { "DROP TRIGGER refuse ON rollouts" })
        .await
        .expect("gone");
    t.change("a", |rollout| rollout.rules = vec![everyone(1)]).await.expect("it goes on");
    live_is_the_database(&t).await;
}

async fn a_change_that_is_broken_off_keeps_nobody_waiting(t: Harness) {
    t.create_flag("a").await;
    for us in (0..60).map(|step| step * 100) {
        let change = t.change("a", |rollout| rollout.rules = vec![everyone(1)]);
        // Whether it was made or not: it is over.
        drop(tokio::time::timeout(Duration::from_micros(us), change).await);
    }
    let began = Instant::now();
    t.change("a", |rollout| rollout.rules = vec![everyone(2)]).await.expect("it goes on");
    assert!(began.elapsed() < Duration::from_secs(5));
    live_is_the_database(&t).await;
}

/// How many numbers `many` has to count on this machine, so that it takes about two seconds.
async fn two_seconds_of_numbers(t: &Harness) -> u128 {
    const TRIED: u128 = 200_000;
    let tried = format!(
        "WITH RECURSIVE numbers (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM numbers LIMIT {TRIED}) \
         SELECT CAST(SUM(value) AS TEXT) FROM numbers"
    );
    let mut shortest_us = u128::MAX;
    // Of several: whatever else the machine does only makes one longer.
    for _ in 0..5 {
        let began = Instant::now();
        t.text(&tried).await;
        shortest_us = shortest_us.min(began.elapsed().as_micros().max(1));
    }
    TRIED * 2_000_000 / shortest_us
}

/// Slowness is no absence: a statement that takes seconds, alone in the house.
async fn slow_statements_are_waited_for(t: Harness) {
    t.create_flag("a").await;
    let slow = if t.is_sqlite() {
        let numbers = two_seconds_of_numbers(&t).await;
        format!(
            "CREATE VIEW many AS WITH RECURSIVE numbers (value) AS \
             (SELECT 1 UNION ALL SELECT value + 1 FROM numbers LIMIT {numbers}) SELECT value FROM numbers; \
             CREATE TRIGGER slow BEFORE UPDATE ON rollouts BEGIN SELECT SUM(value) FROM many; END"
        )
    } else {
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3); RETURN NEW; END'; \
         CREATE TRIGGER slow BEFORE UPDATE ON rollouts FOR EACH ROW EXECUTE FUNCTION slow()"
            .to_owned()
    };
    t.sql(&slow).await.expect("triggers");
    let began = Instant::now();
    let (slow, other) = tokio::join!(t.change("a", |rollout| rollout.rules = vec![everyone(1)]), async {
        // Whoever waits for the turn waits for us.
        tokio::time::sleep(Duration::from_millis(100)).await;
        t.create_group("pilot", "vip").await
    });
    slow.expect("slow, and done");
    assert_eq!(other.key.as_str(), "pilot");
    assert!(began.elapsed() > Duration::from_secs(1), "not slow enough: {:?}", began.elapsed());
}

/// Everything goes on by itself: the disk is full, and then there is space again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_changes_and_wedges_nothing() {
    let t = Harness::sqlite().await;
    t.create_flag("a").await;
    t.member(Role::Qa).await;
    let pages = t.text("SELECT CAST(page_count AS TEXT) FROM pragma_page_count").await;
    t.store.faults().limit_pages(pages.parse::<u32>().expect("a number") + 4);
    let sign_in = async || t.store.sign_in("qa@example.test", PASSWORD, &origin(), "test").await;
    let mut acknowledged = 0;
    let full = loop {
        match t.change("a", |rollout| rollout.rules = vec![everyone(acknowledged % 100)]).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 10_000, "the disk never fills");
    };
    let StoreError::Unavailable(sqlx::Error::Database(cause)) = &full else { panic!("{full:?}") };
    assert_eq!(cause.code().as_deref(), Some("13"), "SQLITE_FULL: {cause}");
    for _ in 0..5 {
        for id in 1..=3 {
            let recorded = t.store.record_exposures(&vec![delivery(id); 400]).await;
            assert!(matches!(recorded, Ok(()) | Err(StoreError::Unavailable(_))), "{recorded:?}");
        }
        let saved = t.change("a", |rollout| rollout.rules.clear()).await;
        assert!(matches!(saved, Ok(_) | Err(StoreError::Unavailable(_))), "{saved:?}");
        let signed_in = sign_in().await;
        assert!(
            matches!(signed_in, Ok(_) | Err(SignInError::Store(StoreError::Unavailable(_)))),
            "{signed_in:?}"
        );
    }
    live_is_the_database(&t).await;
    t.store.faults().limit_pages(u32::MAX >> 1);
    t.change("a", |rollout| rollout.rules = vec![everyone(77)]).await.expect("there is space again");
    sign_in().await.expect("and people sign in");
    t.store.take_guard_lease("one").await.expect("and the guard looks").expect("it is free");
    assert!(matches!(t.store.verify_audit().await, Ok(AuditVerdict::Intact { .. })));
    live_is_the_database(&t).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file_refuses_changes_within_two_seconds() {
    let t = Harness::sqlite().await;
    t.create_flag("a").await;
    let mut other = SqliteConnection::connect(&t.url).await.expect("connects");
    other.execute(sqlx::raw_sql(AssertSqlSafe("BEGIN IMMEDIATE"))).await.expect("locked");
    let change = async |per_cent| {
        let began = Instant::now();
        let changed = t.change("a", |rollout| rollout.rules = vec![everyone(per_cent)]).await;
        assert!(matches!(changed, Err(StoreError::Unavailable(_))), "{changed:?}");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    };
    tokio::join!(change(1), change(2), change(3), change(4));
    assert!(t.store.live().snapshot("production").is_some(), "decisions go on");
    t.rollout("a").await;
    other.execute(sqlx::raw_sql(AssertSqlSafe("ROLLBACK"))).await.expect("free");
    t.change("a", |rollout| rollout.rules = vec![everyone(5)]).await.expect("it goes on");
}
