//! Every family of series. Their number depends on doors, environments and tasks: never on flags, people, tokens or callers.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{sources::Sources, text::Text};
use crate::{edge::traffic::CLASSES, figures::Evaluation};

pub fn all(sources: &Sources) -> String {
    let mut text = Text::new();
    server(sources, &mut text);
    requests(sources, &mut text);
    decisions(sources, &mut text);
    exposures(sources, &mut text);
    outcomes(sources, &mut text);
    guard(sources, &mut text);
    database(sources, &mut text);
    content(sources, &mut text);
    process(sources, &mut text);
    text.finish()
}

fn server(sources: &Sources, text: &mut Text) {
    let version = env!("CARGO_PKG_VERSION");
    text.gauge("fader_build_info", "Which release this is; always 1.").of(&[("version", version)], 1);
    let tasks = sources.store.tasks().report();
    let mut failures = text.counter("fader_task_failures_total", "Panics of what runs beside the requests.");
    for task in &tasks {
        failures.of(&[("task", task.name)], task.failures);
    }
    let mut running =
        text.gauge("fader_task_running", "Whether it runs; 0 between a panic and its next start.");
    for task in &tasks {
        running.of(&[("task", task.name)], u8::from(!task.is_down));
    }
}

fn requests(sources: &Sources, text: &mut Text) {
    let doors: Vec<_> = sources.traffic.report().collect();
    let mut answers =
        text.counter("fader_requests_total", "Answered requests, by interface and kind of status.");
    for door in &doors {
        for (class, count) in CLASSES.iter().zip(door.answers) {
            answers.of(&[("door", door.door), ("status", class)], count);
        }
    }
    let mut took = text
        .histogram("fader_request_duration_seconds", "From a request's head to the beginning of its answer.");
    for door in &doors {
        took.timed(&[("door", door.door)], &door.took);
    }
    let mut streams =
        text.gauge("fader_streams", "Open event streams, of clients of OpenFeature and of pages.");
    streams.of(&[("of", "clients")], sources.figures.streams());
    streams.of(&[("of", "pages")], sources.pages.count());
    text.gauge("fader_streams_max", "Event streams of clients that may be open.").is(sources.streams_max);
}

fn decisions(sources: &Sources, text: &mut Text) {
    let figures = &sources.figures;
    let mut evaluations = text
        .counter("fader_evaluations_total", "Evaluations answered: of one flag, of all, or still unchanged.");
    for (how, count) in Evaluation::ALL.iter().zip(figures.evaluations()) {
        evaluations.of(&[("answer", how.as_str())], count);
    }
    text.counter("fader_decisions_total", "Decisions made for evaluations, one for each flag and subject.")
        .is(figures.decisions());
    let environments = sources.store.live().environments();
    let mut revisions =
        text.gauge("fader_revision", "Changes of an environment that could alter a decision.");
    for environment in environments.iter() {
        revisions.of(&[("environment", environment.key.as_str())], environment.revision);
    }
    text.histogram(
        "fader_change_to_streams_seconds",
        "From the time that a change bears to its announcement to event streams, its commit included.",
    )
    .timed(&[], &figures.reach().look());
}

fn exposures(sources: &Sources, text: &mut Text) {
    let (intake, counters) = (&sources.intake, sources.intake.exposures.counters());
    let mut offered = text.counter("fader_exposures_total", "Exposures that came, by what became of them.");
    for (result, counter) in [
        ("accepted", &counters.accepted),
        ("duplicate", &counters.duplicates),
        ("refused", &counters.refused),
        ("beyond_day", &counters.beyond_day),
    ] {
        offered.of(&[("result", result)], read(counter));
    }
    text.counter("fader_events_rejected_total", "Items of requests that were no valid events.")
        .is(read(&counters.rejected));
    text.counter("fader_exposures_written_total", "Exposures that the ledger has taken.")
        .is(read(&counters.written));
    text.counter("fader_exposure_batches_total", "Batches in which the ledger took them.")
        .is(read(&counters.batches));
    text.counter("fader_exposure_write_failures_total", "Batches that the database did not take at once.")
        .is(read(&counters.failures));
    text.gauge("fader_exposures_waiting", "Exposures that wait to be written.")
        .is(intake.exposures.unwritten());
    text.gauge("fader_exposures_waiting_max", "More of them are refused.").is(sources.events_waiting_max);
    text.gauge("fader_intake_waiting_seconds", "How long the oldest event waits to be written.")
        .is(intake.backlog.waiting().as_secs_f64());
}

fn outcomes(sources: &Sources, text: &mut Text) {
    let (outcomes, counters) = (&sources.intake.outcomes, sources.intake.outcomes.counters());
    let mut offered = text.counter("fader_outcomes_total", "Outcomes that came, by what became of them.");
    offered.of(&[("result", "accepted")], read(&counters.accepted));
    offered.of(&[("result", "refused")], read(&counters.refused));
    text.counter(
        "fader_outcomes_unattributed_total",
        "Accepted outcomes of subjects to whom nothing was served.",
    )
    .is(read(&counters.unattributed));
    text.counter("fader_outcomes_late_total", "Accepted outcomes that came too late for the guard.")
        .is(read(&counters.late));
    let cells = outcomes.cells();
    let mut open = text.gauge("fader_cells", "Cells of outcomes in memory.");
    open.of(&[("state", "written")], cells.open - cells.unwritten);
    open.of(&[("state", "unwritten")], cells.unwritten);
    text.counter("fader_cells_written_total", "Cells written, each as often as it was.")
        .is(read(&counters.written));
    text.counter(
        "fader_cell_write_failures_total",
        "Writes of cells that the database did not take at once.",
    )
    .is(read(&counters.failures));
}

fn guard(sources: &Sources, text: &mut Text) {
    let standing = sources.guard.standing();
    text.gauge("fader_guard_holder", "Whether this copy of the server has the guard's lease.")
        .is(u8::from(standing.guards));
    text.gauge(
        "fader_guard_look_age_seconds",
        "Since this copy's last look that ended well, or since its start; it says something where the lease is.",
    )
    .is(millis(standing.looked_ms));
    let mut looks = text.counter("fader_guard_looks_total", "Looks of this copy at what it guards.");
    looks.of(&[("result", "ok")], standing.looks);
    looks.of(&[("result", "failed")], standing.failures);
    if let Some(measured) = sources.looked.load().measured {
        let mut deliveries = text.gauge(
            "fader_webhook_deliveries",
            "Deliveries of webhooks: waiting, of these failed and to be tried again, and given up; up to 10,000.",
        );
        deliveries.of(&[("state", "waiting")], measured.deliveries_waiting);
        deliveries.of(&[("state", "failing")], measured.deliveries_failing);
        deliveries.of(&[("state", "given_up")], measured.deliveries_given_up);
    }
}

fn database(sources: &Sources, text: &mut Text) {
    let (store, standing) = (&sources.store, sources.store.standing());
    text.gauge(
        "fader_database_away",
        "Whether decisions are those of the snapshot file, as the database has not come.",
    )
    .is(u8::from(standing.stands_in_since_ms.is_some()));
    text.gauge("fader_clock_skew_seconds", "How far this machine's clock is ahead of the database's.")
        .is(f64::from(i32::try_from(standing.skew_ms).unwrap_or(i32::MAX)) / 1000.0);
    let pools = store.pools();
    let mut connections = text.gauge("fader_database_connections", "Connections to the database, by pool.");
    for pool in &pools {
        connections.of(&[("pool", pool.name), ("state", "used")], pool.used);
        connections.of(&[("pool", pool.name), ("state", "idle")], pool.idle);
    }
    let mut waits = text.histogram(
        "fader_database_wait_seconds",
        "How long a connection was waited for; to write also the turn.",
    );
    for pool in &pools {
        waits.timed(&[("pool", pool.name)], &pool.waits);
    }
    if let Some(measured) = sources.looked.load().measured {
        text.gauge("fader_database_size_bytes", "What the database takes, with the log of an SQLite file.")
            .is(measured.bytes);
    }
}

fn content(sources: &Sources, text: &mut Text) {
    let live = sources.store.live();
    text.gauge("fader_people", "Known people.").is(live.people().len());
    let environments = live.environments();
    // Flags and groups are the same in every environment.
    let snapshot = environments.first().and_then(|it| live.snapshot(it.key.as_str()));
    let (flags, groups) = snapshot.map_or((0, 0), |it| (it.flags().len(), it.groups().len()));
    text.gauge("fader_flags", "Flags, also archived ones.").is(flags);
    text.gauge("fader_groups", "Pilot groups.").is(groups);
    text.counter("fader_audit_entries_total", "Entries of the audit log.").is(live.seq());
    let (took, open) = sources.store.census().report();
    text.histogram("fader_census_seconds", "From a question about known people to its final answer.")
        .timed(&[], &took);
    text.gauge("fader_census_open", "Questions about known people without a final answer.").is(open);
}

fn process(sources: &Sources, text: &mut Text) {
    text.gauge("process_start_time_seconds", "When the server started, in seconds since 1970.")
        .is(millis(u64::try_from(sources.started_ms).unwrap_or(0)));
    let Some(process) = sources.looked.load().process else { return };
    text.counter("process_cpu_seconds_total", "Processor time, of user and system.")
        .is(process.cpu.as_secs_f64());
    text.gauge("process_resident_memory_bytes", "Resident memory.").is(process.resident_bytes);
    text.gauge("process_virtual_memory_bytes", "Virtual memory.").is(process.virtual_bytes);
    text.gauge("process_threads", "Threads of the operating system.").is(process.threads);
    text.gauge("process_open_fds", "Open files and connections.").is(process.open_files);
    text.gauge("process_max_fds", "How many may be open.").is(process.open_files_max);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are below 2^53")]
fn millis(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
