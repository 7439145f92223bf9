mod metrics;
mod read;

use std::collections::BTreeMap;

use engine::{Arm, MetricDefinition, MetricKey, MetricKind, RuleId, guardrail::Accepts};
use store::{
    Action, ArmCount, AuditFilter, CELL_MS, Cell, CellKey, CellSum, Entry, Invalid, Omission, Omitted, Store,
    StoreError, TokenId, Told, Written,
};

use crate::harness::*;

on_both!(
    cells_of_two_servers_add_up,
    writing_again_changes_nothing,
    a_roll_up_keeps_totals_and_quantiles,
    one_of_two_servers_rolls_up,
    old_cells_are_deleted,
    durations_by_group_live_as_long_as_the_guard_may_fold_them,
    errors_are_told_by_minute,
    a_cell_that_may_be_merged_already_is_not_written,
    what_was_left_out_adds_up_by_token_and_reason,
);

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

fn metric_key(key: &str) -> MetricKey {
    MetricKey::parse(key).expect("a key")
}

fn rule_id() -> RuleId {
    RuleId::parse("everyone").expect("an id")
}

fn key(arm: Arm, from_ms: i64) -> CellKey {
    CellKey {
        environment: production(),
        flag: flag_key("a"),
        metric: metric_key("latency"),
        rule: rule_id(),
        arm,
        allocation: 7,
        from_ms,
    }
}

fn cell(durations: impl Iterator<Item = u32>) -> Cell {
    let mut cell = Cell::default();
    for ms in durations.map(f64::from) {
        cell.outcomes += 1;
        cell.sum += ms;
        cell.add_duration(ms);
        cell.add_trial_duration(ms, Some(3));
        cell.tally = cell.tally.plus(engine::guardrail::tally::Tally::new(1, 0));
        cell.groups.add(3, 1, 0);
    }
    cell
}

async fn write(store: &Store, run: &str, cells: &[(CellKey, Cell)]) {
    let cells = cells.iter().map(|(key, cell)| (0, key.clone(), cell.clone().into())).collect();
    store.write_cells(run, &Written { cells, ..Written::default() }).await.expect("written");
}

async fn read(t: &Harness, from_ms: i64, until_ms: i64, step_ms: i64) -> Vec<CellSum> {
    let (environment, flag, metrics) = (production(), flag_key("a"), [metric_key("latency")]);
    let sums = t.store.cells(&viewer(), &environment, &flag, &metrics, (from_ms, until_ms), step_ms).await;
    sums.expect("reads")
}

fn total(sums: &[CellSum]) -> Cell {
    let mut total = Cell::default();
    for sum in sums {
        total.merge(&sum.cell);
    }
    total
}

/// The whole of it.
async fn everything(t: &Harness, step_ms: i64) -> Cell {
    total(&read(t, 0, i64::MAX, step_ms).await)
}

async fn rows(t: &Harness, step_ms: i64) -> String {
    t.text(&format!("SELECT CAST(COUNT(*) AS TEXT) FROM cells WHERE step_ms = {step_ms}")).await
}

async fn cells_of_two_servers_add_up(t: Harness) {
    let other = t.another().await;
    let (a, b) = (
        [(key(Arm::Treatment, START_MS), cell(1..=500))],
        [(key(Arm::Treatment, START_MS), cell(501..=1000))],
    );
    tokio::join!(write(&t.store, "one", &a), write(&other, "two", &b));
    let sums = read(&t, START_MS, START_MS + CELL_MS, CELL_MS).await;
    assert_eq!(sums.len(), 1);
    let sum = &sums[0];
    assert_eq!((sum.arm, sum.from_ms, sum.rule.as_str()), (Arm::Treatment, START_MS, "everyone"));
    assert_eq!((sum.cell.outcomes, sum.cell.tally.trials, sum.cell.latency.total()), (1000, 1000, 1000));
    let p95 = sum.cell.quantile(0.95).expect("a quantile");
    assert!((p95 / 950.0 - 1.0).abs() < 0.011, "{p95}");
    assert!(read(&t, START_MS + CELL_MS, i64::MAX, CELL_MS).await.is_empty(), "the range is half-open");
}

async fn writing_again_changes_nothing(t: Harness) {
    let cells = [(key(Arm::Control, START_MS), cell(1..=10))];
    write(&t.store, "one", &cells).await;
    write(&t.store, "one", &cells).await;
    assert_eq!(everything(&t, CELL_MS).await.outcomes, 10);
    let grown = [(key(Arm::Control, START_MS), cell(1..=12))];
    write(&t.store, "one", &grown).await;
    assert_eq!(everything(&t, CELL_MS).await.outcomes, 12);
}

/// Ten minutes of two servers.
async fn ten_minutes(t: &Harness) {
    for writer in ["one", "two"] {
        let slots = (0..60).map(|n| (key(Arm::Treatment, START_MS + n * CELL_MS), cell(1..=100)));
        write(&t.store, writer, &slots.collect::<Vec<_>>()).await;
    }
}

async fn a_roll_up_keeps_totals_and_quantiles(t: Harness) {
    ten_minutes(&t).await;
    let before = everything(&t, CELL_MS).await;
    let by_minute = |sums: Vec<CellSum>| {
        sums.into_iter().map(|sum| (sum.from_ms, sum.cell.outcomes)).collect::<BTreeMap<_, _>>()
    };
    let minutes = by_minute(read(&t, 0, i64::MAX, MINUTE_MS).await);
    assert_eq!((minutes.len(), rows(&t, CELL_MS).await.as_str()), (10, "120"));
    t.advance(3 * HOUR_MS);
    let done = t.store.roll_up_cells().await.expect("rolled up");
    assert_eq!((done.turn, done.merged), (true, 120));
    assert_eq!((rows(&t, CELL_MS).await.as_str(), rows(&t, MINUTE_MS).await.as_str()), ("0", "10"));
    assert_eq!(by_minute(read(&t, 0, i64::MAX, MINUTE_MS).await), minutes);
    t.advance(2 * HOUR_MS);
    assert_eq!(t.store.roll_up_cells().await.expect("rolled up").merged, 10, "to hours");
    assert_eq!((rows(&t, MINUTE_MS).await.as_str(), rows(&t, HOUR_MS).await.as_str()), ("10", "1"));
    for step_ms in [MINUTE_MS, HOUR_MS, DAY_MS] {
        let after = everything(&t, step_ms).await;
        assert_eq!((after.outcomes, after.tally, &after.latency), (12_000, before.tally, &before.latency));
        assert_eq!(after.groups, before.groups, "{step_ms}");
        assert!((after.sum.get() - before.sum.get()).abs() < 1e-6);
        assert_eq!(after.quantile(0.95), before.quantile(0.95), "{step_ms}");
    }
    t.advance(MINUTE_MS);
    assert_eq!(t.store.roll_up_cells().await.expect("rolled up").merged, 0, "nothing is left to do");
}

async fn durations_by_group_live_as_long_as_the_guard_may_fold_them(t: Harness) {
    ten_minutes(&t).await;
    let groups = everything(&t, CELL_MS).await.durations.to_histograms();
    assert_eq!((groups.len(), groups[&3].total()), (1, 12_000));
    t.advance(3 * HOUR_MS);
    t.store.roll_up_cells().await.expect("rolled up");
    let minutes = everything(&t, MINUTE_MS).await;
    assert!(minutes.durations.is_empty() && minutes.latency.total() == 12_000);
}

async fn errors_are_told_by_minute(t: Harness) {
    let errors = |flag: &str, arm: Arm, from_ms: i64| CellKey {
        flag: flag_key(flag),
        metric: metric_key("error_rate"),
        ..key(arm, from_ms)
    };
    let requests = |outcomes, events| {
        let mut cell = Cell::default();
        (cell.outcomes, cell.events) = (outcomes, events);
        cell
    };
    let minute_ms = START_MS - START_MS % MINUTE_MS;
    let cells = [
        (errors("b", Arm::Treatment, minute_ms), requests(10, 1)),
        (errors("a", Arm::Treatment, minute_ms), requests(4, 0)),
        (errors("a", Arm::Treatment, minute_ms + 50_000), requests(6, 3)),
        (errors("a", Arm::Treatment, minute_ms + MINUTE_MS), requests(2, 2)),
        (errors("a", Arm::Control, minute_ms), requests(90, 90)),
        (key(Arm::Treatment, minute_ms), requests(90, 90)),
    ];
    write(&t.store, "one", &cells).await;
    write(&t.store, "two", &cells[..1]).await;
    let told = async |until_ms: i64| {
        let found =
            t.store.errors_by_minute(&viewer(), &production(), minute_ms, until_ms).await.expect("reads");
        found
            .into_iter()
            .map(|(flag, at_ms, all, failed)| (flag.to_string(), at_ms - minute_ms, all, failed))
            .collect::<Vec<_>>()
    };
    let first = [("a".to_owned(), 0, 10, 3), ("b".to_owned(), 0, 20, 2)];
    assert_eq!(told(minute_ms + MINUTE_MS).await, first);
    assert_eq!(told(i64::MAX).await[1], ("a".to_owned(), MINUTE_MS, 2, 2));
}

async fn one_of_two_servers_rolls_up(t: Harness) {
    ten_minutes(&t).await;
    t.advance(3 * HOUR_MS);
    let other = t.another().await;
    let (one, two) = tokio::join!(t.store.roll_up_cells(), other.roll_up_cells());
    let (one, two) = (one.expect("rolled up"), two.expect("rolled up"));
    assert_eq!(usize::from(one.turn) + usize::from(two.turn), 1, "{one:?} {two:?}");
    assert_eq!(one.merged + two.merged, 120);
    assert_eq!(everything(&t, MINUTE_MS).await.outcomes, 12_000);
}

async fn old_cells_are_deleted(t: Harness) {
    ten_minutes(&t).await;
    for _ in 0..3 {
        t.advance(3 * HOUR_MS);
        t.store.roll_up_cells().await.expect("rolled up");
    }
    t.advance(9 * DAY_MS);
    t.store.roll_up_cells().await.expect("rolled up");
    assert_eq!((rows(&t, MINUTE_MS).await.as_str(), rows(&t, HOUR_MS).await.as_str()), ("0", "1"));
    assert_eq!(everything(&t, MINUTE_MS).await.outcomes, 12_000, "the hour stands in for its minutes");
    t.advance(90 * DAY_MS);
    let done = t.store.roll_up_cells().await.expect("rolled up");
    assert_eq!((done.deleted, rows(&t, HOUR_MS).await.as_str()), (1, "0"));
}

async fn a_cell_that_may_be_merged_already_is_not_written(t: Harness) {
    let cells = [(key(Arm::Control, START_MS), cell(1..=10))];
    write(&t.store, "one", &cells).await;
    t.advance(3 * HOUR_MS);
    t.store.roll_up_cells().await.expect("rolled up");
    write(&t.store, "one", &cells).await;
    assert_eq!(everything(&t, MINUTE_MS).await.outcomes, 10);
}

async fn what_was_left_out_adds_up_by_token_and_reason(t: Harness) {
    let omitted = |token: i64, omission, times, at_ms, sentence: &str| Omitted {
        token: TokenId::new(token),
        omission,
        times,
        at_ms,
        sentence: sentence.to_owned(),
    };
    let hour_ms = 3_600_000;
    for (at_ms, sentence) in [(START_MS, "first"), (START_MS + 1, "then"), (START_MS + hour_ms, "last")] {
        let flags = omitted(1, Omission::UnknownFlag, 2, at_ms, sentence);
        let late = omitted(1, Omission::TooLate, 1, at_ms, &"ø".repeat(1000));
        t.store
            .record_omitted(&[flags, late, omitted(2, Omission::Rejected, 7, at_ms, "")])
            .await
            .expect("kept");
    }
    let all = t.store.list_omitted(&admin(), START_MS).await.expect("reads");
    let told = |token| -> Vec<_> {
        all[&TokenId::new(token)].iter().map(|it| (it.omission, it.times, it.at_ms)).collect()
    };
    let last_ms = START_MS + hour_ms;
    assert_eq!(told(1), [(Omission::UnknownFlag, 6, last_ms), (Omission::TooLate, 3, last_ms)]);
    assert_eq!(told(2), [(Omission::Rejected, 21, last_ms)]);
    let (flags, late) = (&all[&TokenId::new(1)][0], &all[&TokenId::new(1)][1]);
    assert_eq!((flags.sentence.as_str(), late.sentence.chars().count()), ("last", 300));
    let later = t.store.list_omitted(&admin(), last_ms).await.expect("reads");
    assert_eq!(later[&TokenId::new(2)][0].times, 7);
}
