use std::collections::BTreeMap;

use engine::{MetricDefinition, MetricKey, MetricKind, RuleId, guardrail::Accepts};
use store::{
    Action, ArmCount, ArmWord, AuditFilter, CELL_MS, Cell, CellKey, CellSum, Entry, Invalid, Omission,
    Omitted, Store, StoreError, TokenId, Told, Written,
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
    the_guard_reads_both_arms_in_time_order,
    first_exposures_add_up,
    what_was_left_out_adds_up_by_token_and_reason,
    the_book_of_servers_is_kept_apart_for_as_long_as_cells_are,
    a_row_that_cannot_be_read_hides_no_other,
    sums_of_huge_counts_overflow_nowhere,
    metrics_are_defined_changed_and_deleted,
    built_in_metrics_stay_what_they_are,
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

fn key(arm: ArmWord, from_ms: i64) -> CellKey {
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
        [(key(ArmWord::Treatment, START_MS), cell(1..=500))],
        [(key(ArmWord::Treatment, START_MS), cell(501..=1000))],
    );
    tokio::join!(write(&t.store, "one", &a), write(&other, "two", &b));
    let sums = read(&t, START_MS, START_MS + CELL_MS, CELL_MS).await;
    assert_eq!(sums.len(), 1);
    let sum = &sums[0];
    assert_eq!((sum.arm, sum.from_ms, sum.rule.as_str()), (ArmWord::Treatment, START_MS, "everyone"));
    assert_eq!((sum.cell.outcomes, sum.cell.tally.trials, sum.cell.latency.total()), (1000, 1000, 1000));
    let p95 = sum.cell.quantile(0.95).expect("a quantile");
    assert!((p95 / 950.0 - 1.0).abs() < 0.011, "{p95}");
    assert!(read(&t, START_MS + CELL_MS, i64::MAX, CELL_MS).await.is_empty(), "the range is half-open");
}

async fn writing_again_changes_nothing(t: Harness) {
    let cells = [(key(ArmWord::Control, START_MS), cell(1..=10))];
    write(&t.store, "one", &cells).await;
    write(&t.store, "one", &cells).await;
    assert_eq!(everything(&t, CELL_MS).await.outcomes, 10);
    let grown = [(key(ArmWord::Control, START_MS), cell(1..=12))];
    write(&t.store, "one", &grown).await;
    assert_eq!(everything(&t, CELL_MS).await.outcomes, 12);
}

/// Ten minutes of two servers.
async fn ten_minutes(t: &Harness) {
    for writer in ["one", "two"] {
        let slots = (0..60).map(|n| (key(ArmWord::Treatment, START_MS + n * CELL_MS), cell(1..=100)));
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
    let errors = |flag: &str, arm: ArmWord, from_ms: i64| CellKey {
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
        (errors("b", ArmWord::Treatment, minute_ms), requests(10, 1)),
        (errors("a", ArmWord::Treatment, minute_ms), requests(4, 0)),
        (errors("a", ArmWord::Treatment, minute_ms + 50_000), requests(6, 3)),
        (errors("a", ArmWord::Treatment, minute_ms + MINUTE_MS), requests(2, 2)),
        (errors("a", ArmWord::Control, minute_ms), requests(90, 90)),
        (key(ArmWord::Treatment, minute_ms), requests(90, 90)),
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
    let cells = [(key(ArmWord::Control, START_MS), cell(1..=10))];
    write(&t.store, "one", &cells).await;
    t.advance(3 * HOUR_MS);
    t.store.roll_up_cells().await.expect("rolled up");
    write(&t.store, "one", &cells).await;
    assert_eq!(everything(&t, MINUTE_MS).await.outcomes, 10);
}

/// Outcomes in the book of servers, and of everybody.
async fn books(t: &Harness) -> [u64; 2] {
    let (environment, flag, rule, metric) = (production(), flag_key("a"), rule_id(), metric_key("latency"));
    let mut found = [0, 0];
    for (accepts, sum) in Accepts::ALL.into_iter().zip(&mut found) {
        let of = (&rule, &metric, accepts);
        let cells = t.store.guard_cells(t.store.guard_reader(), &environment, &flag, of, (0, i64::MAX)).await;
        *sum = cells.expect("reads").iter().map(|cells| cells.treatment.outcomes).sum();
    }
    found
}

async fn the_book_of_servers_is_kept_apart_for_as_long_as_cells_are(t: Harness) {
    let browsers = |slot: i64, of_servers: u32, of_browsers: u32| {
        let mut told = Told::from(cell(1..=of_servers));
        told.enter(Entry::Only(Accepts::ServersAndBrowsers), |all| all.merge(&cell(1..=of_browsers)));
        (0, key(ArmWord::Treatment, START_MS + slot * CELL_MS), told)
    };
    let servers = |slot: i64, of_servers: u32| {
        (0, key(ArmWord::Treatment, START_MS + slot * CELL_MS), cell(1..=of_servers).into())
    };
    for (run, cells) in [
        ("one", vec![browsers(0, 10, 1), servers(1, 100), browsers(40, 0, 4)]),
        ("two", vec![servers(0, 1_000), browsers(2, 7, 7)]),
    ] {
        t.store.write_cells(run, &Written { cells, ..Written::default() }).await.expect("written");
    }
    let expected = [1_117, 1_129];
    assert_eq!(books(&t).await, expected);
    // A row that an older copy of the server wrote says nothing of whose word it is: it counts as servers'.
    t.sql("UPDATE cells SET servers = NULL WHERE from_ms >= 400000 + (SELECT MIN(from_ms) FROM cells)")
        .await
        .expect("written");
    let expected = [expected[0] + 4, expected[1]];
    assert_eq!(books(&t).await, expected);
    t.advance(3 * HOUR_MS);
    t.store.roll_up_cells().await.expect("rolled up");
    assert_eq!((books(&t).await, rows(&t, CELL_MS).await.as_str()), (expected, "0"));
    t.advance(9 * DAY_MS);
    t.store.roll_up_cells().await.expect("rolled up");
    t.store.roll_up_cells().await.expect("rolled up");
    assert_eq!((books(&t).await, rows(&t, MINUTE_MS).await.as_str()), (expected, "0"));
    let broken = "UPDATE cells SET servers = 'nonsense' WHERE servers IS NOT NULL";
    t.sql(broken).await.expect("broken");
    let at = (&rule_id(), &metric_key("latency"), Accepts::Servers);
    let found =
        t.store.guard_cells(t.store.guard_reader(), &production(), &flag_key("a"), at, (0, i64::MAX)).await;
    assert!(
        found.expect("reads").iter().any(|cells| cells.unreadable),
        "it counts as missing, not as nothing"
    );
}

async fn a_row_that_cannot_be_read_hides_no_other(t: Harness) {
    let second = START_MS + CELL_MS;
    let cells = [
        (key(ArmWord::Treatment, START_MS), cell(1..=2)),
        (key(ArmWord::Control, START_MS), cell(1..=3)),
        (key(ArmWord::Treatment, second), cell(1..=4)),
    ];
    write(&t.store, "one", &cells).await;
    write(&t.store, "two", &cells[..1]).await;
    let (environment, flag, rule, metric) = (production(), flag_key("a"), rule_id(), metric_key("latency"));
    for document in ["nonsense", r#"{"tally":[2,0],"sum":null}"#, r#"{"tally":[-2,0]}"#, ""] {
        let sql =
            format!("UPDATE cells SET document = '{document}' WHERE writer = 'two.0' AND arm = 'treatment'");
        t.sql(&sql).await.expect("broken");
        let at = (&rule, &metric, Accepts::Servers);
        let found =
            t.store.guard_cells(t.store.guard_reader(), &environment, &flag, at, (START_MS, i64::MAX)).await;
        let told: Vec<_> = found
            .expect("reads")
            .iter()
            .map(|it| (it.from_ms, it.treatment.tally.trials, it.control.tally.trials, it.unreadable))
            .collect();
        assert_eq!(told, [(START_MS, 2, 3, true), (second, 4, 0, false)], "{document}");
        let sums = read(&t, START_MS, i64::MAX, CELL_MS).await;
        let told: Vec<_> = sums.iter().map(|sum| (sum.cell.outcomes, sum.unreadable)).collect();
        assert_eq!(told, [(3, 0), (2, 1), (4, 0)], "{document}");
    }
    // Growing old does no harm to the others either.
    t.advance(3 * HOUR_MS);
    t.store.roll_up_cells().await.expect("rolled up");
    assert_eq!(everything(&t, MINUTE_MS).await.outcomes, 9);
}

fn nobody() -> ArmCount {
    ArmCount {
        environment: production(),
        flag: flag_key("a"),
        rule: rule_id(),
        allocation: 7,
        treatment: 0,
        control: 0,
        servers_treatment: 0,
        servers_control: 0,
        shares: None,
        first_ms: START_MS,
        treatment_last_ms: START_MS,
        control_last_ms: START_MS,
        entered: 0,
        entered_last_ms: 0,
    }
}

async fn sums_of_huge_counts_overflow_nowhere(t: Harness) {
    let mut huge = Cell::default();
    (huge.outcomes, huge.events, huge.late) = (u64::MAX, u64::MAX, u64::MAX);
    huge.sum += f64::MAX;
    let errors = CellKey { metric: metric_key("error_rate"), ..key(ArmWord::Treatment, START_MS) };
    for run in ["one", "two"] {
        write(
            &t.store,
            run,
            &[(errors.clone(), huge.clone()), (key(ArmWord::Treatment, START_MS), huge.clone())],
        )
        .await;
        let count = ArmCount { treatment: u64::MAX, control: u64::MAX, entered: u64::MAX, ..nobody() };
        let written = Written { counts: vec![count], ..Written::default() };
        t.store.write_cells(run, &written).await.expect("written");
    }
    let told = t.store.errors_by_minute(&viewer(), &production(), 0, i64::MAX).await.expect("reads");
    assert!(told[0].2 >= i64::MAX as u64);
    let (environment, flag) = (production(), flag_key("a"));
    let sizes = t.store.first_exposures(t.store.guard_reader(), &environment, &flag, 0).await.expect("reads");
    assert!(sizes[0].treatment >= i64::MAX as u64);
    assert_eq!(everything(&t, CELL_MS).await.outcomes, u64::MAX);
    t.advance(3 * HOUR_MS);
    t.store.roll_up_cells().await.expect("rolled up");
    assert!(everything(&t, MINUTE_MS).await.sum.get().is_finite());
}

async fn the_guard_reads_both_arms_in_time_order(t: Harness) {
    let later = CellKey { allocation: 8, ..key(ArmWord::Control, START_MS + CELL_MS) };
    let cells = [
        (later, cell(1..=4)),
        (key(ArmWord::Treatment, START_MS), cell(1..=2)),
        (key(ArmWord::Control, START_MS), cell(1..=3)),
    ];
    write(&t.store, "one", &cells).await;
    let (environment, flag, rule, metric) = (production(), flag_key("a"), rule_id(), metric_key("latency"));
    let read = async |until_ms| {
        let cells = t.store.guard_cells(
            t.store.guard_reader(),
            &environment,
            &flag,
            (&rule, &metric, Accepts::Servers),
            (START_MS, until_ms),
        );
        cells.await.expect("reads")
    };
    let cells = read(START_MS + 2 * CELL_MS).await;
    let told: Vec<_> = cells
        .iter()
        .map(|it| {
            (it.from_ms, it.until_ms, it.allocation, it.treatment.tally.trials, it.control.tally.trials)
        })
        .collect();
    let second = START_MS + CELL_MS;
    assert_eq!(told, [(START_MS, second, 7, 2, 3), (second, second + CELL_MS, 8, 0, 4)]);
    assert_eq!(cells[0].treatment.groups.to_groups().tallies().count(), 1);
    assert_eq!(read(START_MS + 2 * CELL_MS - 1).await.len(), 1, "a cell that is not complete is left out");
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

async fn first_exposures_add_up(t: Harness) {
    let count = |treatment, control, first_ms| ArmCount {
        environment: production(),
        flag: flag_key("a"),
        rule: rule_id(),
        allocation: 7,
        treatment,
        control,
        servers_treatment: treatment,
        servers_control: 0,
        shares: Some((20, 80)),
        first_ms,
        treatment_last_ms: first_ms + 5,
        control_last_ms: 0,
        entered: treatment + 7,
        entered_last_ms: first_ms + 5,
    };
    let written =
        |count, ids: &[u64]| Written { counts: vec![count], ids: ids.to_vec(), ..Written::default() };
    t.store.write_cells("one", &written(count(1, 5, START_MS), &[11])).await.expect("written");
    t.store.write_cells("one", &written(count(2, 8, START_MS), &[12, 13])).await.expect("written");
    t.store.write_cells("two", &written(count(3, 9, START_MS + 1), &[])).await.expect("written");
    assert_eq!(t.store.recent_event_ids().await.expect("reads"), [11, 12, 13]);
    let read = t.store.first_exposures(t.store.guard_reader(), &production(), &flag_key("a"), START_MS).await;
    let read = read.expect("reads");
    assert_eq!(read.len(), 1);
    assert_eq!((read[0].treatment, read[0].control, read[0].shares), (5, 17, Some((20, 80))));
    assert_eq!((read[0].entered, read[0].entered_last_ms), (19, START_MS + 6));
    assert_eq!(
        (read[0].first_ms, read[0].treatment_last_ms, read[0].control_last_ms),
        (START_MS, START_MS + 6, 0)
    );
}

fn own_metric(kind: MetricKind) -> MetricDefinition {
    MetricDefinition {
        key: metric_key("empty_searches"),
        name: "Empty searches".into(),
        description: String::new(),
        kind,
        unit: "%".into(),
        lower_is_better: true,
    }
}

async fn metrics_are_defined_changed_and_deleted(t: Harness) {
    let built_in = t.store.live().metrics().len();
    assert_eq!(built_in, 6);
    t.store.put_metric(&admin(), own_metric(MetricKind::Rate)).await.expect("added");
    assert_eq!(t.last_sentence().await, "added the metric Empty searches");
    let better = MetricDefinition { name: "No results".into(), ..own_metric(MetricKind::Rate) };
    t.store.put_metric(&admin(), better.clone()).await.expect("changed");
    assert_eq!(t.last_sentence().await, "changed the metric No results");
    assert!(t.store.live().metrics().contains(&better), "in force at once");
    let error = t.store.put_metric(&admin(), own_metric(MetricKind::Count)).await.expect_err("refused");
    assert!(matches!(error, StoreError::Invalid(Invalid::MetricKind)), "{error:?}");
    t.store.delete_metric(&admin(), &better.key).await.expect("deleted");
    assert_eq!(t.store.live().metrics().len(), built_in);
    let filter = AuditFilter { action: Some(Action::MetricDeleted), ..AuditFilter::default() };
    assert_eq!(t.store.list_audit(&auditor(), &filter).await.expect("reads").len(), 1);
    let error = t.store.delete_metric(&admin(), &better.key).await.expect_err("gone");
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
}

async fn built_in_metrics_stay_what_they_are(t: Harness) {
    let metrics = t.store.live().metrics();
    let errors =
        metrics.iter().find(|metric| metric.kind == MetricKind::ErrorRate).expect("built in").clone();
    let error = t.store.delete_metric(&admin(), &errors.key).await.expect_err("refused");
    assert!(matches!(error, StoreError::Invalid(Invalid::BuiltInMetric)), "{error:?}");
    let turned = MetricDefinition { lower_is_better: false, ..errors.clone() };
    let error = t.store.put_metric(&admin(), turned).await.expect_err("refused");
    assert!(matches!(error, StoreError::Invalid(Invalid::BuiltInMetric)), "{error:?}");
    let another = MetricDefinition { key: metric_key("errors2"), ..errors.clone() };
    assert!(t.store.put_metric(&admin(), another).await.is_err());
    let renamed = MetricDefinition { name: "Failures".into(), ..errors };
    t.store.put_metric(&admin(), renamed).await.expect("renamed");
}
