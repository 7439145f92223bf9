//! What is kept of an act of the guard, and for how long.

use std::collections::HashSet;

use engine::{
    Arm, MetricKey, SubjectKey, VariantKey,
    guardrail::{GuardAction, Tally},
};
use store::{
    Acted, Action, CELL_MS, Cell, CellKey, Consequence, Delivery, Exposure, GuardLease, Incident, Written,
};

use super::{act, at, lease, rule_id};
use crate::harness::*;

on_both!(
    an_incident_has_its_act_its_evidence_and_the_seconds_around_it,
    the_seconds_are_kept_as_they_were,
    what_cannot_be_read_keeps_no_other_act_waiting,
    only_the_guard_keeps_seconds,
    minutes_are_not_shown_as_seconds,
    what_is_no_act_of_the_guard_is_no_incident,
);

const HOUR_MS: i64 = 3_600_000;

/// So many failures of forty in each of the last three cells, and three people who had the feature, one of them yesterday.
async fn measured(t: &Harness) {
    let now_ms = t.clock.now_ms();
    let mut cells = Vec::new();
    for at in 1..=3 {
        for (arm, events) in [(Arm::Treatment, 30), (Arm::Control, 1)] {
            let from_ms = (now_ms.div_euclid(CELL_MS) - at) * CELL_MS;
            let metric = MetricKey::parse("error_rate").expect("a key");
            let (environment, flag, rule) = (production(), flag_key("a"), rule_id("everyone"));
            let key = CellKey { environment, flag, metric, rule, arm, allocation: 7, from_ms };
            let tally = Tally::new(40, events);
            let mut cell = Cell::default();
            (cell.outcomes, cell.events, cell.tally) = (40, events, tally);
            cells.push((0, key, cell.into()));
        }
    }
    t.store.write_cells("one", &Written { cells, ..Written::default() }).await.expect("written");
    let exposures = [("ada", 5_000), ("ben", 50_000), ("old", 26 * HOUR_MS)].map(|(who, ago_ms)| Exposure {
        subject: SubjectKey::parse(who).expect("a subject"),
        flag: flag_key("a"),
        variant: VariantKey::parse("on").expect("a variant"),
        revision: 1,
        rule: Some(rule_id("everyone")),
        arm: Some(Arm::Treatment),
        at_ms: now_ms - ago_ms,
    });
    let exposures = exposures.into();
    let delivery =
        Delivery { environment: production(), sender: engine::Sender::Server, exposures, ids: Vec::new() };
    t.store.record_exposures(&[delivery]).await.expect("recorded");
}

async fn stopped(t: &Harness) -> (GuardLease, u64) {
    at(t, &[20]).await;
    measured(t).await;
    let lease = lease(t).await;
    assert_eq!(act(t, &lease, 2, GuardAction::Stop).await, Acted::Done(Consequence::Stopped));
    let seq = t.store.latest_incident(&viewer(), &production(), &flag_key("a")).await.expect("reads");
    (lease, seq.expect("an incident"))
}

async fn incident(t: &Harness, seq: u64) -> Incident {
    let found = t.store.find_incident(&viewer(), &production(), &flag_key("a"), seq).await;
    found.expect("reads").expect("an incident")
}

async fn keep(t: &Harness, lease: &GuardLease) {
    t.store.keep_incidents(lease, &mut HashSet::new()).await.expect("kept");
}

async fn is_kept(t: &Harness, seq: u64) -> bool {
    !t.text(&format!("SELECT COALESCE(around, '') FROM incidents WHERE audit_seq = {seq}")).await.is_empty()
}

async fn an_incident_has_its_act_its_evidence_and_the_seconds_around_it(t: Harness) {
    let (_, seq) = stopped(&t).await;
    let told = incident(&t, seq).await;
    assert_eq!((told.entry.action, told.entry.seq), (Action::GuardStopped, seq));
    assert_eq!(told.verdicts.len(), 1);
    assert_eq!((told.verdicts[0].incident(), told.verdicts[0].judgement.broken().len()), (Some(seq), 1));
    let sides = [&told.before, &told.after].map(|it| it.as_ref().map(|rollout| rollout.enabled));
    assert_eq!(sides, [Some(true), Some(false)]);
    let around = told.around.expect("kept");
    assert_eq!((around.until_ms - around.from_ms, around.people, around.more_people), (90_000, 2, false));
    let steps = &around.series[0].steps;
    let counts: Vec<_> =
        steps.iter().map(|it| (it.treatment.events, it.treatment.trials, it.control.events)).collect();
    assert_eq!(counts, [(30, 40, 1); 3]);
    assert_eq!(steps[0].treatment.value, Some(0.75));
    assert!(told.decided.is_none());
    t.advance(60_000);
    t.store.resume(&editor(), &production(), &flag_key("a"), "fixed").await.expect("resumed");
    let decided = incident(&t, seq).await.decided.expect("decided");
    assert_eq!((decided.action, decided.reason.as_str()), (Action::RolloutResumed, "fixed"));
}

async fn the_seconds_are_kept_as_they_were(t: Harness) {
    let (lease, seq) = stopped(&t).await;
    keep(&t, &lease).await;
    let at_once = incident(&t, seq).await.around;
    t.advance(61_000);
    keep(&t, &lease).await;
    t.sql("DELETE FROM cells").await.expect("deleted");
    t.sql("DELETE FROM exposures").await.expect("deleted");
    assert_eq!(incident(&t, seq).await.around, at_once, "whatever becomes of the cells");
    t.advance(91 * 24 * HOUR_MS);
    t.store.roll_up_cells().await.expect("rolled up");
    let old = incident(&t, seq).await;
    assert!(old.around.is_none() && old.verdicts.is_empty());
    assert!(old.entry.reason.starts_with("Errors 75 %"), "the act itself stays: {}", old.entry.reason);
    assert_eq!(t.store.latest_incident(&viewer(), &production(), &flag_key("a")).await.expect("reads"), None);
}

async fn what_cannot_be_read_keeps_no_other_act_waiting(t: Harness) {
    let (lease, seq) = stopped(&t).await;
    t.advance(61_000);
    for missing in 900..907 {
        let row = format!(
            "INSERT INTO incidents (audit_seq, environment, flag, at_ms) VALUES ({missing}, 'production', 'a', {missing})"
        );
        t.sql(&row).await.expect("inserted");
    }
    let mut unreadable = HashSet::new();
    for found in [3, 6, 7] {
        t.store.keep_incidents(&lease, &mut unreadable).await.expect("whatever a row says");
        assert_eq!(unreadable.len(), found, "a few at a time");
    }
    assert!(is_kept(&t, seq).await);
    t.store.keep_incidents(&lease, &mut unreadable).await.expect("nothing new");
    assert_eq!(unreadable.len(), 7);
}

async fn only_the_guard_keeps_seconds(t: Harness) {
    let (lease, seq) = stopped(&t).await;
    t.advance(61_000);
    t.sql("UPDATE leases SET holder = 'another' WHERE name = 'guard'").await.expect("updated");
    keep(&t, &lease).await;
    assert!(!is_kept(&t, seq).await);
}

async fn minutes_are_not_shown_as_seconds(t: Harness) {
    let (lease, seq) = stopped(&t).await;
    t.advance(3 * HOUR_MS);
    assert!(t.store.roll_up_cells().await.expect("rolled up").merged > 0);
    keep(&t, &lease).await;
    assert!(is_kept(&t, seq).await);
    let around = incident(&t, seq).await.around.expect("kept");
    assert_eq!((around.series.len(), around.series[0].steps.len()), (1, 0), "it was a measurement");
}

async fn what_is_no_act_of_the_guard_is_no_incident(t: Harness) {
    let (_, seq) = stopped(&t).await;
    t.create_flag("b").await;
    let find = async |flag: &str, seq| {
        t.store.find_incident(&viewer(), &production(), &flag_key(flag), seq).await.expect("reads").is_some()
    };
    assert!(find("a", seq).await);
    assert!(!find("b", seq).await, "another flag's");
    assert!(!find("a", seq - 1).await && !find("a", seq + 100).await);
}
