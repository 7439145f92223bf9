//! What is kept of an act of the guard, and for how long.

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
    t.store.keep_incidents(&lease).await.expect("nothing to keep yet");
    let at_once = incident(&t, seq).await.around;
    t.advance(61_000);
    t.store.keep_incidents(&lease).await.expect("kept");
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
