//! What cells tell: the guard, charts, and whoever asks how many there were.

use super::*;

on_both!(
    the_guard_reads_both_arms_in_time_order,
    first_exposures_add_up,
    the_book_of_servers_is_kept_apart_for_as_long_as_cells_are,
    a_row_that_cannot_be_read_hides_no_other,
    sums_of_huge_counts_overflow_nowhere,
);

/// Outcomes in the book of servers, and of everybody.
async fn books(t: &Harness) -> [u64; 2] {
    let (environment, flag, rule, metric) = (production(), flag_key("a"), rule_id(), metric_key("latency"));
    let mut found = [0, 0];
    for (accepts, sum) in Accepts::ALL.into_iter().zip(&mut found) {
        let of = (&rule, &metric, accepts);
        let cells = t.store.guard_cells(&viewer(), &environment, &flag, of, (0, i64::MAX)).await;
        *sum = cells.expect("reads").iter().map(|cells| cells.treatment.outcomes).sum();
    }
    found
}

async fn the_book_of_servers_is_kept_apart_for_as_long_as_cells_are(t: Harness) {
    let browsers = |slot: i64, of_servers: u32, of_browsers: u32| {
        let mut told = Told::from(cell(1..=of_servers));
        told.enter(Entry::Only(Accepts::ServersAndBrowsers), |all| all.merge(&cell(1..=of_browsers)));
        (0, key(Arm::Treatment, START_MS + slot * CELL_MS), told)
    };
    let servers = |slot: i64, of_servers: u32| {
        (0, key(Arm::Treatment, START_MS + slot * CELL_MS), cell(1..=of_servers).into())
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
    let found = t.store.guard_cells(&viewer(), &production(), &flag_key("a"), at, (0, i64::MAX)).await;
    assert!(
        found.expect("reads").iter().any(|cells| cells.unreadable),
        "it counts as missing, not as nothing"
    );
}

async fn a_row_that_cannot_be_read_hides_no_other(t: Harness) {
    let second = START_MS + CELL_MS;
    let cells = [
        (key(Arm::Treatment, START_MS), cell(1..=2)),
        (key(Arm::Control, START_MS), cell(1..=3)),
        (key(Arm::Treatment, second), cell(1..=4)),
    ];
    write(&t.store, "one", &cells).await;
    write(&t.store, "two", &cells[..1]).await;
    let (environment, flag, rule, metric) = (production(), flag_key("a"), rule_id(), metric_key("latency"));
    for document in ["nonsense", r#"{"tally":[2,0],"sum":null}"#, r#"{"tally":[-2,0]}"#, ""] {
        let sql =
            format!("UPDATE cells SET document = '{document}' WHERE writer = 'two.0' AND arm = 'treatment'");
        t.sql(&sql).await.expect("broken");
        let at = (&rule, &metric, Accepts::Servers);
        let found = t.store.guard_cells(&viewer(), &environment, &flag, at, (START_MS, i64::MAX)).await;
        let told: Vec<_> = found
            .expect("reads")
            .iter()
            .map(|it| (it.from_ms, it.treatment.tally.trials, it.control.tally.trials, it.unreadable))
            .collect();
        assert_eq!(told, [(START_MS, 2, 3, true), (second, 4, 0, false)], "{document}");
        let sums = read(&t, START_MS, i64::MAX, CELL_MS).await;
        let told: Vec<_> = sums.iter().map(|sum| (sum.cell.outcomes, sum.unreadable)).collect();
        assert_eq!(told, [(2, 1), (3, 0), (4, 0)], "{document}");
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
    let errors = CellKey { metric: metric_key("error_rate"), ..key(Arm::Treatment, START_MS) };
    for run in ["one", "two"] {
        write(
            &t.store,
            run,
            &[(errors.clone(), huge.clone()), (key(Arm::Treatment, START_MS), huge.clone())],
        )
        .await;
        let count = ArmCount { treatment: u64::MAX, control: u64::MAX, entered: u64::MAX, ..nobody() };
        let written = Written { counts: vec![count], ..Written::default() };
        t.store.write_cells(run, &written).await.expect("written");
    }
    let told = t.store.errors_by_minute(&viewer(), &production(), 0, i64::MAX).await.expect("reads");
    assert!(told[0].2 >= i64::MAX as u64);
    let (environment, flag) = (production(), flag_key("a"));
    let sizes = t.store.first_exposures(&viewer(), &environment, &flag, 0).await.expect("reads");
    assert!(sizes[0].treatment >= i64::MAX as u64);
    assert_eq!(everything(&t, CELL_MS).await.outcomes, u64::MAX);
    t.advance(3 * HOUR_MS);
    t.store.roll_up_cells().await.expect("rolled up");
    assert!(everything(&t, MINUTE_MS).await.sum.get().is_finite());
}

async fn the_guard_reads_both_arms_in_time_order(t: Harness) {
    let later = CellKey { allocation: 8, ..key(Arm::Control, START_MS + CELL_MS) };
    let cells = [
        (later, cell(1..=4)),
        (key(Arm::Treatment, START_MS), cell(1..=2)),
        (key(Arm::Control, START_MS), cell(1..=3)),
    ];
    write(&t.store, "one", &cells).await;
    let (environment, flag, rule, metric) = (production(), flag_key("a"), rule_id(), metric_key("latency"));
    let viewer = viewer();
    let read = async |until_ms| {
        let cells = t.store.guard_cells(
            &viewer,
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
    let read = t.store.first_exposures(&viewer(), &production(), &flag_key("a"), START_MS).await;
    let read = read.expect("reads");
    assert_eq!(read.len(), 1);
    assert_eq!((read[0].treatment, read[0].control, read[0].shares), (5, 17, Some((20, 80))));
    assert_eq!((read[0].entered, read[0].entered_last_ms), (19, START_MS + 6));
    assert_eq!(
        (read[0].first_ms, read[0].treatment_last_ms, read[0].control_last_ms),
        (START_MS, START_MS + 6, 0)
    );
}
