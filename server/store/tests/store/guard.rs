//! The guard's side of the store: who guards, what is kept, and that acting by itself only ever goes down.

mod definitions;
mod incidents;
mod webhooks;

use engine::{
    Arm, GuardrailId, MetricKey, RuleId,
    guardrail::{
        Accepts, Guard, GuardAction, Guardrail, Health, Judgement, Limit, Metric, Sample, Surroundings, Tally,
    },
};
use store::{
    Acted, CELL_MS, Cell, CellKey, Consequence, GuardAct, GuardLease, GuardStanding, GuardState,
    GuardrailSet, Invalid, ObjectKind, Reach, StoreError, Watched, Written,
};

use crate::harness::*;

on_both!(
    one_server_guards_and_another_takes_over,
    what_is_known_survives_a_restart,
    the_guard_stops_and_says_why,
    stepping_back_returns_to_the_last_lower_percentage,
    the_guard_never_undoes_a_later_decision,
    without_the_lease_nothing_happens,
    a_person_who_goes_on_begins_a_new_guard,
    what_the_guard_stopped_waits_until_it_is_resumed,
    the_health_of_flags_is_read_once_for_all_who_look,
    a_broken_definition_does_not_hide_the_others,
    unreadable_defaults_leave_nobody_unguarded,
    what_the_guard_remembers_and_cannot_read_is_an_alarm,
    verdicts_are_kept_for_ninety_days,
);

/// A verdict of now.
async fn told(t: &Harness, by: &GuardLease) {
    let (guard, judgement) = judged(t, GuardAction::Notify, 150);
    let (environment, flag, rule) = (production(), flag_key("a"), rule_id("everyone"));
    let state = GuardState { environment, flag, rule, fingerprint: "one".to_owned(), guard, judgement };
    t.store.save_guard_states(by, &[(state, true)]).await.expect("kept");
}

async fn verdicts_are_kept_for_ninety_days(t: Harness) {
    at(&t, &[20]).await;
    told(&t, &lease(&t).await).await;
    let verdicts = async || {
        let (environment, flag) = (production(), flag_key("a"));
        t.store.list_verdicts(&viewer(), &environment, &flag, 0, 10).await.expect("reads").len()
    };
    t.advance(89 * 24 * 3_600_000);
    told(&t, &lease(&t).await).await;
    t.store.roll_up_cells().await.expect("rolled up");
    assert_eq!(verdicts().await, 2);
    t.advance(2 * 24 * 3_600_000);
    t.store.roll_up_cells().await.expect("rolled up");
    assert_eq!(verdicts().await, 1);
}

pub async fn lease(t: &Harness) -> GuardLease {
    t.store.take_guard_lease("one").await.expect("reads").expect("the lease is free")
}

pub fn rule_id(id: &str) -> RuleId {
    RuleId::parse(id).expect("an id")
}

pub fn guardrail(id: &str, limit: Limit, action: GuardAction) -> Guardrail {
    let id = GuardrailId::parse(id).expect("an id");
    Guardrail { id, metric: Metric::ErrorRate, limit, action, accepts: Accepts::usual_for(action) }
}

pub fn set(guardrails: Vec<Guardrail>) -> GuardrailSet {
    GuardrailSet { guardrails, ..GuardrailSet::default() }
}

/// What the engine says of a rollout in which `errors` of 200 requests failed, against 1 of 200 in control.
pub fn judged(t: &Harness, action: GuardAction, errors: u64) -> (Guard, Judgement) {
    let now_ms = t.clock.now_ms();
    let began_ms = now_ms - 60_000;
    let limit = Limit::Ceiling { limit: 0.05 };
    let guardrail = guardrail("limit", limit, action);
    let mut guard = Guard::new(
        std::slice::from_ref(&guardrail),
        &[rule_id("everyone")],
        engine::guardrail::Proof::default(),
        began_ms,
    );
    let cell = engine::guardrail::Cell {
        from_ms: began_ms,
        until_ms: began_ms + 10_000,
        allocation: 0,
        treatment: Sample::counts(200, errors),
        control: Sample::counts(200, 1),
    };
    let cells = [(rule_id("everyone"), [(guardrail.basis(), vec![cell])].into())].into();
    guard.observe(&cells, &[], now_ms);
    let judgement = guard.judge(&Surroundings::default(), now_ms);
    (guard, judgement)
}

async fn act(t: &Harness, lease: &GuardLease, seen_version: u64, action: GuardAction) -> Acted {
    let (_, judgement) = judged(t, action, 150);
    assert_eq!(judgement.action, Some(action));
    let broken = [(rule_id("everyone"), judgement)];
    let (environment, flag) = (production(), flag_key("a"));
    let act = GuardAct { environment: &environment, flag: &flag, seen_version, action, broken: &broken };
    t.store.guard_rollout(lease, &act).await.expect("acts")
}

async fn at(t: &Harness, per_cents: &[u32]) {
    t.create_flag("a").await;
    for per_cent in per_cents {
        t.change("a", |rollout| rollout.rules = vec![everyone(*per_cent)]).await.expect("saved");
    }
}

async fn everyone_has(t: &Harness) -> String {
    t.rollout("a").await.value.rules[0].percentage.to_string()
}

async fn one_server_guards_and_another_takes_over(t: Harness) {
    let other = t.another().await;
    let first = lease(&t).await;
    assert_eq!(other.take_guard_lease("two").await.expect("reads"), None);
    t.advance(2_000);
    assert!(t.store.take_guard_lease("one").await.expect("reads").is_some(), "it renews");
    t.advance(6_000);
    assert_eq!(other.take_guard_lease("two").await.expect("reads"), None, "the first may come back");
    t.advance(1_500);
    let second = other.take_guard_lease("two").await.expect("reads").expect("taken over within 10 s");
    assert_eq!(t.store.take_guard_lease("one").await.expect("reads"), None);
    t.store.release_guard_lease(&first).await.expect("nothing to give back");
    assert_eq!(t.store.take_guard_lease("one").await.expect("reads"), None);
    other.release_guard_lease(&second).await.expect("given back");
    assert!(t.store.take_guard_lease("one").await.expect("reads").is_some());
}

async fn what_is_known_survives_a_restart(t: Harness) {
    at(&t, &[20]).await;
    let lease = lease(&t).await;
    let (guard, judgement) = judged(&t, GuardAction::Notify, 0);
    let state = GuardState {
        environment: production(),
        flag: flag_key("a"),
        rule: rule_id("everyone"),
        fingerprint: "f".to_owned(),
        guard,
        judgement: judgement.clone(),
    };
    t.store.save_guard_states(&lease, &[(state.clone(), true)]).await.expect("kept");
    t.store.save_guard_states(&lease, &[(state.clone(), false)]).await.expect("kept");
    let other = t.another().await;
    assert_eq!(other.list_guard_states(&lease).await.expect("reads"), [state]);
    let verdicts = other.list_verdicts(&viewer(), &production(), &flag_key("a"), 0, 10).await.expect("reads");
    assert_eq!(verdicts.len(), 1, "told once");
    assert_eq!((verdicts[0].taken, &verdicts[0].judgement), (None, &judgement));
    let health = other.list_flag_health(&viewer(), &production()).await.expect("reads");
    assert_eq!(health[&flag_key("a")].health, judgement.health);
    let rules = other.list_rule_health(&viewer(), &production(), &flag_key("a")).await.expect("reads");
    assert_eq!(rules[0].judgement, judgement);
}

async fn the_guard_stops_and_says_why(t: Harness) {
    at(&t, &[20]).await;
    let lease = lease(&t).await;
    let before = t.revision(&production());
    assert_eq!(act(&t, &lease, 2, GuardAction::Stop).await, Acted::Done(Consequence::Stopped));
    let rollout = t.rollout("a").await;
    assert!(!rollout.value.enabled);
    assert_eq!(rollout.value.rules[0].percentage.to_string(), "20", "what is stopped stays written down");
    assert_eq!((t.revision(&production()), rollout.changed_by.as_str()), (before + 1, "Guard"));
    let entries = t.store.list_audit(&auditor(), &store::AuditFilter::default()).await.expect("reads");
    assert_eq!(entries[0].sentence, "stopped Flag a in production");
    assert_eq!(entries[0].actor_kind, store::ActorKind::System);
    assert!(entries[0].reason.starts_with("Errors 75 % (150 of 200) within "), "{}", entries[0].reason);
    let verdicts =
        t.store.list_verdicts(&viewer(), &production(), &flag_key("a"), 0, 10).await.expect("reads");
    assert_eq!(verdicts[0].taken, Some(Consequence::Stopped));
    assert_eq!(verdicts[0].judgement.evidence[0].treatment.events, 150);
    assert_eq!(
        act(&t, &lease, 3, GuardAction::Stop).await,
        Acted::Done(Consequence::Notified),
        "nothing to stop"
    );
}

async fn stepping_back_returns_to_the_last_lower_percentage(t: Harness) {
    at(&t, &[5, 20, 10, 50]).await;
    let lease = lease(&t).await;
    assert_eq!(act(&t, &lease, 5, GuardAction::StepBack).await, Acted::Done(Consequence::SteppedBack));
    assert_eq!(everyone_has(&t).await, "10");
    assert!(t.last_sentence().await.starts_with("stepped back: lowered everyone 50 → 10 %"));
    assert_eq!(act(&t, &lease, 6, GuardAction::StepBack).await, Acted::Done(Consequence::SteppedBack));
    assert_eq!(everyone_has(&t).await, "5", "never up again");
}

async fn the_guard_never_undoes_a_later_decision(t: Harness) {
    at(&t, &[5, 20]).await;
    let lease = lease(&t).await;
    t.change("a", |rollout| rollout.rules = vec![everyone(10)]).await.expect("a person decides");
    assert_eq!(act(&t, &lease, 3, GuardAction::StepBack).await, Acted::Outdated);
    assert_eq!(everyone_has(&t).await, "10");
    for action in [GuardAction::Notify, GuardAction::PausePlan] {
        assert_eq!(act(&t, &lease, 4, action).await, Acted::Done(Consequence::Notified));
        assert_eq!(t.rollout("a").await.version, 4);
    }
}

async fn without_the_lease_nothing_happens(t: Harness) {
    at(&t, &[20]).await;
    let lease = lease(&t).await;
    t.advance(20_000);
    let seq = t.store.live().seq();
    t.another().await.take_guard_lease("two").await.expect("reads").expect("taken over");
    assert_eq!(act(&t, &lease, 2, GuardAction::Stop).await, Acted::Outdated);
    assert_eq!(t.store.live().seq(), seq);
    let (guard, judgement) = judged(&t, GuardAction::Stop, 150);
    let (environment, flag, rule) = (production(), flag_key("a"), rule_id("everyone"));
    let state = GuardState { environment, flag, rule, fingerprint: String::new(), guard, judgement };
    t.store.save_guard_states(&lease, &[(state, true)]).await.expect("left out");
    assert_eq!(t.store.list_guard_states(&lease).await.expect("reads"), []);
}

/// The rollout as the guard sees it.
async fn watched(t: &Harness, by: &GuardLease) -> Watched {
    let all = t.store.list_watched(by).await.expect("reads").into_iter().filter_map(Result::ok);
    let mut here = all.filter(|it| it.environment == production() && it.flag == flag_key("a"));
    here.next().expect("a rollout")
}

async fn standing(t: &Harness, by: &GuardLease) -> GuardStanding {
    t.store.guard_standing(by, &watched(t, by).await).await.expect("reads")
}

async fn a_person_who_goes_on_begins_a_new_guard(t: Harness) {
    at(&t, &[20]).await;
    let lease = lease(&t).await;
    let first = standing(&t, &lease).await;
    assert_eq!((first.began_ms, first.acted), (t.clock.now_ms(), None));
    for (version, action) in [(2, GuardAction::StepBack), (4, GuardAction::Stop)] {
        t.advance(5_000);
        let before = standing(&t, &lease).await;
        act(&t, &lease, version, action).await;
        let acted = standing(&t, &lease).await;
        assert_eq!(acted.began_ms, before.began_ms);
        assert_eq!(acted.acted, Some((action, t.clock.now_ms())));
        t.advance(1_000);
        if action == GuardAction::Stop {
            t.store.resume(&editor(), &production(), &flag_key("a"), "").await.expect("resumed");
        } else {
            t.change("a", |rollout| rollout.rules = vec![everyone(10)]).await.expect("goes on");
        }
        let anew = standing(&t, &lease).await;
        assert_eq!((anew.began_ms, anew.acted), (t.clock.now_ms(), None));
    }
}

/// Whatever else somebody changes about a stopped rollout is no decision to go on.
async fn what_the_guard_stopped_waits_until_it_is_resumed(t: Harness) {
    at(&t, &[20]).await;
    let lease = lease(&t).await;
    standing(&t, &lease).await;
    act(&t, &lease, 2, GuardAction::Stop).await;
    let acted_ms = t.clock.now_ms();
    let halts = async || t.store.waiting(&viewer()).await.expect("reads").halts.len();
    t.advance(1_000);
    t.change("a", |rollout| rollout.rules = vec![everyone(5)]).await.expect("saved");
    assert_eq!(standing(&t, &lease).await.acted, Some((GuardAction::Stop, acted_ms)));
    assert_eq!(halts().await, 1);
    t.advance(1_000);
    t.store.resume(&editor(), &production(), &flag_key("a"), "").await.expect("resumed");
    assert_eq!(halts().await, 0, "before the guard looks again");
    t.store.stop(&stopper(), &production(), &flag_key("a"), "").await.expect("stopped");
    assert_eq!(halts().await, 0, "a person did it");
}

async fn a_broken_definition_does_not_hide_the_others(t: Harness) {
    for flag in ["a", "b", "c"] {
        t.create_flag(flag).await;
    }
    let (environment, flag) = (production(), flag_key("b"));
    t.store.save_guardrails(&editor(), &environment, &flag, 0, set(Vec::new()), "").await.expect("saved");
    t.sql("UPDATE guardrails SET document = 'nonsense'").await.expect("broken");
    t.sql("UPDATE rollouts SET document = 'nonsense' WHERE flag = 'c' AND environment = 'staging'")
        .await
        .expect("broken");
    let lease = lease(&t).await;
    let watched = t.store.list_watched(&lease).await.expect("reads");
    let unreadable: Vec<_> =
        watched.iter().filter_map(|it| it.as_ref().err().map(|(id, _)| id.clone())).collect();
    assert_eq!(unreadable, ["staging/c"]);
    let found: Vec<_> = watched.iter().filter_map(|it| it.as_ref().ok()).collect();
    assert_eq!(found.len(), 5);
    let broken: Vec<_> = found.iter().filter(|it| it.broken).map(|it| it.flag.as_str()).collect();
    assert_eq!(broken, ["b"]);
}

async fn unreadable_defaults_leave_nobody_unguarded(t: Harness) {
    t.create_flag("a").await;
    t.store.save_default_guardrails(&admin(), 0, set(Vec::new()), "").await.expect("saved");
    t.sql("UPDATE guardrail_defaults SET document = 'nonsense'").await.expect("broken");
    let lease = lease(&t).await;
    let watched = t.store.list_watched(&lease).await.expect("the guard goes on");
    let built_in = GuardrailSet::built_in();
    assert!(watched.iter().all(|it| it.as_ref().is_ok_and(|it| it.set == built_in && !it.broken)));
    let found = t.store.find_guardrails(&viewer(), &production(), &flag_key("a")).await.expect("a page");
    assert!(found.unreadable && found.set == built_in);
}

async fn what_the_guard_remembers_and_cannot_read_is_an_alarm(t: Harness) {
    at(&t, &[20]).await;
    let lease = lease(&t).await;
    told(&t, &lease).await;
    let (production, flag) = (production(), flag_key("a"));
    standing(&t, &lease).await;
    for table in ["guard_states", "verdicts"] {
        t.sql(&format!("UPDATE {table} SET judgement = '{{\"at_ms\":null}}'")).await.expect("broken");
    }
    t.sql("UPDATE guard_states SET state = 'nonsense'").await.expect("broken");
    assert_eq!(t.store.list_guard_states(&lease).await.expect("reads"), [], "the evidence begins anew");
    let rules = t.store.list_rule_health(&viewer(), &production, &flag).await.expect("a page");
    assert!(rules[0].judgement.sentence().contains("cannot be read"));
    let desk = t.store.list_flag_health(&viewer(), &production).await.expect("a desk");
    assert_eq!(desk[&flag].health, Health::Inconclusive);
    assert!(desk[&flag].sentence.contains("cannot be read"));
    let verdicts = t.store.list_verdicts(&viewer(), &production, &flag, 0, 10).await.expect("a page");
    assert_eq!(verdicts.len(), 1);
}

async fn the_health_of_flags_is_read_once_for_all_who_look(t: Harness) {
    at(&t, &[20]).await;
    let lease = lease(&t).await;
    let health = async || {
        let read = t.store.list_flag_health(&viewer(), &production()).await.expect("reads");
        read.get(&flag_key("a")).map(|it| it.health)
    };
    told(&t, &lease).await;
    let known = health().await.expect("a judgement");
    t.sql("UPDATE guard_states SET judgement = 'nonsense'").await.expect("done");
    assert_eq!(health().await, Some(known), "a moment ago is new enough");
    t.advance(4_000);
    assert_eq!(health().await, Some(Health::Inconclusive));
    t.change("a", |rollout| rollout.rules = vec![everyone(0)]).await.expect("saved");
    assert_eq!(health().await, None, "a change is seen at once");
}
