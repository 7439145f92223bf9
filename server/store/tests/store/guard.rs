//! The guard's side of the store: who guards, what is kept, and that acting by itself only ever goes down.

use engine::{
    GuardrailId, MetricKey, RuleId,
    guardrail::{
        Accepts, Guard, GuardAction, Guardrail, Health, Judgement, Limit, Metric, Sample, Surroundings, Tally,
    },
};
use store::{
    Acted, ArmWord, CELL_MS, Cell, CellKey, GuardAct, GuardLease, GuardState, GuardrailSet, Invalid,
    ObjectKind, Reach, StoreError, Taken, Written,
};

use crate::harness::*;

on_both!(
    one_server_guards_and_another_takes_over,
    guardrails_are_saved_once_and_refused_when_they_cannot_be,
    defaults_guard_every_rollout_without_its_own,
    a_rollout_goes_back_to_the_defaults,
    the_workspace_goes_back_to_the_built_in_guardrails,
    whoever_saves_second_is_told_what_changed,
    cells_are_replayed_for_every_guardrail_of_their_metric,
    what_is_known_survives_a_restart,
    the_guard_stops_and_says_why,
    stepping_back_returns_to_the_last_lower_percentage,
    the_guard_never_undoes_a_later_decision,
    without_the_lease_nothing_happens,
    a_person_who_goes_on_begins_a_new_guard,
    a_broken_definition_does_not_hide_the_others,
    unreadable_defaults_leave_nobody_unguarded,
    what_the_guard_remembers_and_cannot_read_is_an_alarm,
    verdicts_are_kept_for_ninety_days,
    actions_are_announced_to_webhooks,
    test_messages_are_audited_and_limited_and_no_secret_is_kept,
    a_checkpoint_is_announced_once,
    deliveries_are_tried_again_and_given_up,
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

async fn guardrails_are_saved_once_and_refused_when_they_cannot_be(t: Harness) {
    t.create_flag("a").await;
    let (environment, flag) = (production(), flag_key("a"));
    let save = async |expected, set| {
        t.store.save_guardrails(&editor(), &environment, &flag, expected, set, "").await
    };
    let stop = set(vec![guardrail("limit", Limit::Ceiling { limit: 0.1 }, GuardAction::Stop)]);
    let version = save(0, stop.clone()).await.expect("saved");
    assert!(
        t.last_sentence()
            .await
            .starts_with("added the guardrail “Stop if errors are above 10 % (servers only)”"),
        "{}",
        t.last_sentence().await
    );
    assert_eq!(save(version, stop.clone()).await.expect("nothing new"), version);
    assert!(matches!(save(0, set(Vec::new())).await, Err(StoreError::Conflict(_))));
    let wrong = set(vec![guardrail("limit", Limit::Ceiling { limit: 2.0 }, GuardAction::Stop)]);
    assert!(matches!(save(version, wrong).await, Err(StoreError::Refused(_))));
    let found = t.store.find_guardrails(&viewer(), &environment, &flag).await.expect("reads");
    assert_eq!((found.version(), &found.set), (version, &stop));
    let other = t.store.find_guardrails(&viewer(), &staging(), &flag).await.expect("reads");
    assert_eq!((other.version(), other.set), (0, GuardrailSet::built_in()));
}

async fn defaults_guard_every_rollout_without_its_own(t: Harness) {
    t.create_flag("a").await;
    t.create_flag("b").await;
    let none = set(Vec::new());
    let (production, a) = (production(), flag_key("a"));
    t.store.save_guardrails(&editor(), &production, &a, 0, none.clone(), "").await.expect("saved");
    let defaults = set(vec![guardrail("worse", Limit::Comparison { margin: 0.1 }, GuardAction::PausePlan)]);
    t.store.save_default_guardrails(&admin(), 0, defaults.clone(), "").await.expect("saved");
    assert!(t.last_sentence().await.contains("for every rollout without its own"));
    let of = async |flag: &str| {
        t.store.find_guardrails(&viewer(), &production, &flag_key(flag)).await.expect("reads").set
    };
    assert_eq!((of("a").await, of("b").await), (none, defaults));
    let own = t.store.list_own_guardrails(&viewer()).await.expect("reads");
    assert_eq!(own.len(), 1);
    assert_eq!((&own[0].environment, &own[0].flag, own[0].changed_ms), (&production, &a, START_MS));
}

async fn a_rollout_goes_back_to_the_defaults(t: Harness) {
    t.create_flag("a").await;
    let (environment, flag) = (production(), flag_key("a"));
    let save = async |expected, set| {
        t.store.save_guardrails(&editor(), &environment, &flag, expected, set, "").await
    };
    let reset =
        async |expected| t.store.reset_guardrails(&editor(), &environment, &flag, expected, "quiet").await;
    let first = save(0, set(Vec::new())).await.expect("saved");
    assert!(matches!(reset(0).await, Err(StoreError::Conflict(_))));
    assert!(matches!(reset(first + 1).await, Err(StoreError::Conflict(_))));
    let seq = t.store.live().seq();
    reset(first).await.expect("back");
    let found = t.store.find_guardrails(&viewer(), &environment, &flag).await.expect("reads");
    assert_eq!((found.version(), found.saved, found.set), (0, None, GuardrailSet::built_in()));
    assert_eq!(t.store.list_own_guardrails(&viewer()).await.expect("reads"), []);
    let filter = store::AuditFilter { documents: true, ..store::AuditFilter::default() };
    let entries = t.store.list_audit(&auditor(), &filter).await.expect("reads");
    assert_eq!(entries[0].sentence, "took Flag a in production back to the default guardrails");
    assert_eq!((entries[0].seq, entries[0].reason.as_str()), (seq + 1, "quiet"));
    assert_eq!(entries[0].changes.len(), 2, "what guards it now that did not before");
    assert!(entries[0].after.as_ref().is_some_and(|it| it["guardrails"][0]["id"] == "errors-limit"));
    reset(0).await.expect("nothing to take away");
    assert_eq!(t.store.live().seq(), seq + 1, "and nothing told");
    let again = save(0, set(Vec::new())).await.expect("saved");
    assert!(again > first, "a version never comes twice");
    assert!(matches!(save(first, GuardrailSet::built_in()).await, Err(StoreError::Conflict(_))));
    let unknown = t.store.reset_guardrails(&editor(), &environment, &flag_key("z"), 0, "").await;
    assert!(matches!(unknown, Err(StoreError::NotFound { kind: ObjectKind::Flag, .. })));
}

async fn the_workspace_goes_back_to_the_built_in_guardrails(t: Harness) {
    let save = async |expected, set| t.store.save_default_guardrails(&admin(), expected, set, "").await;
    let reset = async |expected| t.store.reset_default_guardrails(&admin(), expected, "").await;
    let seq = t.store.live().seq();
    assert_eq!(save(0, GuardrailSet::built_in()).await.expect("nothing new"), 0);
    reset(0).await.expect("nothing to take away");
    assert_eq!(t.store.live().seq(), seq, "nothing was told");
    let none = set(Vec::new());
    let version = save(0, none.clone()).await.expect("saved");
    let found = t.store.find_default_guardrails(&viewer()).await.expect("reads");
    assert_eq!((found.version(), &found.set), (version, &none));
    assert_eq!(found.saved.expect("saved").changed_by, "command line");
    let wrong = set(vec![guardrail("limit", Limit::Ceiling { limit: 2.0 }, GuardAction::Stop)]);
    assert!(matches!(save(version, wrong).await, Err(StoreError::Refused(_))));
    assert!(matches!(reset(0).await, Err(StoreError::Conflict(_))));
    reset(version).await.expect("back");
    assert_eq!(
        t.last_sentence().await,
        "went back to the built-in guardrails for every rollout without its own"
    );
    let found = t.store.find_default_guardrails(&viewer()).await.expect("reads");
    assert_eq!((found.saved, found.set), (None, GuardrailSet::built_in()));
}

async fn whoever_saves_second_is_told_what_changed(t: Harness) {
    t.create_flag("a").await;
    let (environment, flag) = (production(), flag_key("a"));
    let limit = |limit| set(vec![guardrail("limit", Limit::Ceiling { limit }, GuardAction::Stop)]);
    let save = async |expected, set| {
        t.store.save_guardrails(&editor(), &environment, &flag, expected, set, "").await
    };
    let clash = |saved: Result<u64, StoreError>| match saved {
        Err(StoreError::Conflict(conflict)) => conflict,
        other => panic!("no conflict: {other:?}"),
    };
    let first = save(0, limit(0.1)).await.expect("saved");
    t.advance(1_000);
    let second = save(first, limit(0.2)).await.expect("saved");
    let told = clash(save(first, limit(0.3)).await);
    assert_eq!((told.current, told.by.as_str(), told.at_ms), (second, "command line", START_MS + 1_000));
    assert_eq!(told.changes.len(), 1, "of the version that was read, not of the one before");
    let change = "changed the guardrail “Stop if errors are above 10 % (servers only)” to “Stop if errors are above 20 % (servers only)”";
    assert_eq!(told.changes[0].phrase, change);
    let told = clash(save(0, limit(0.3)).await);
    assert_eq!(told.changes[0].phrase, "added the guardrail “Stop if errors are above 20 % (servers only)”");
    t.advance(1_000);
    t.store.reset_guardrails(&editor(), &environment, &flag, second, "").await.expect("back");
    let told = clash(save(second, limit(0.3)).await);
    assert_eq!((told.current, told.by.as_str(), told.at_ms), (0, "command line", START_MS + 2_000));
    assert_eq!(told.changes.len(), 3, "the two built-in ones apply, the one is gone: {told:?}");
    let version = t.store.save_default_guardrails(&admin(), 0, limit(0.1), "").await.expect("saved");
    t.store.save_default_guardrails(&admin(), version, limit(0.2), "").await.expect("saved");
    let told = clash(t.store.save_default_guardrails(&admin(), version, limit(0.3), "").await);
    assert_eq!((told.changes.len(), told.changes[0].phrase.as_str()), (1, change));
}

async fn cells_are_replayed_for_every_guardrail_of_their_metric(t: Harness) {
    at(&t, &[50]).await;
    let now_ms = t.clock.now_ms().div_euclid(CELL_MS) * CELL_MS;
    let rollout = t.rollout("a").await.value;
    let rule = rule_id("everyone");
    let division = engine::allocation(&rollout, &rule).expect("a rule").id;
    let cell = |arm, from_ms, events| {
        let key = CellKey {
            environment: production(),
            flag: flag_key("a"),
            metric: MetricKey::parse("error_rate").expect("a key"),
            rule: rule.clone(),
            arm,
            allocation: division,
            from_ms,
        };
        let (outcomes, tally) = (200, Tally::new(200, events));
        let mut cell = Cell::default();
        (cell.outcomes, cell.events, cell.tally) = (outcomes, events, tally);
        (0, key, cell.into())
    };
    let cells = [now_ms, now_ms + CELL_MS]
        .map(|from_ms| [cell(ArmWord::Treatment, from_ms, 150), cell(ArmWord::Control, from_ms, 1)]);
    let written =
        Written { cells: cells.into_iter().flatten().collect(), counts: Vec::new(), ids: Vec::new() };
    t.store.write_cells("test", &written).await.expect("written");
    t.advance(60_000);
    let ceiling = |id, limit| guardrail(id, Limit::Ceiling { limit }, GuardAction::Notify);
    let guardrails = vec![
        ceiling("loose", 0.8),
        Guardrail { metric: Metric::MissingOutcome, ..ceiling("unknown", 0.1) },
        ceiling("tight", 0.1),
        Guardrail { metric: Metric::Crashes, ..ceiling("crashes", 0.1) },
    ];
    let replayed = t
        .store
        .replay_guardrails(&viewer(), &production(), &flag_key("a"), &set(guardrails), now_ms)
        .await
        .expect("replayed");
    let told: Vec<_> = replayed.iter().map(|it| (it.guardrail.as_str(), it.fired_ms.len())).collect();
    assert_eq!(told, [("loose", 0), ("unknown", 0), ("tight", 2), ("crashes", 0)]);
    assert!(replayed[2].fired_ms.is_sorted());
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
    assert_eq!(act(&t, &lease, 2, GuardAction::Stop).await, Acted::Done(Taken::Stopped));
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
    assert_eq!(verdicts[0].taken, Some(Taken::Stopped));
    assert_eq!(verdicts[0].judgement.evidence[0].treatment.events, 150);
    assert_eq!(act(&t, &lease, 3, GuardAction::Stop).await, Acted::Done(Taken::Notified), "nothing to stop");
}

async fn stepping_back_returns_to_the_last_lower_percentage(t: Harness) {
    at(&t, &[5, 20, 10, 50]).await;
    let lease = lease(&t).await;
    assert_eq!(act(&t, &lease, 5, GuardAction::StepBack).await, Acted::Done(Taken::SteppedBack));
    assert_eq!(everyone_has(&t).await, "10");
    assert!(t.last_sentence().await.starts_with("stepped back: lowered everyone 50 → 10 %"));
    assert_eq!(act(&t, &lease, 6, GuardAction::StepBack).await, Acted::Done(Taken::SteppedBack));
    assert_eq!(everyone_has(&t).await, "5", "never up again");
}

async fn the_guard_never_undoes_a_later_decision(t: Harness) {
    at(&t, &[5, 20]).await;
    let lease = lease(&t).await;
    t.change("a", |rollout| rollout.rules = vec![everyone(10)]).await.expect("a person decides");
    assert_eq!(act(&t, &lease, 3, GuardAction::StepBack).await, Acted::Outdated);
    assert_eq!(everyone_has(&t).await, "10");
    for action in [GuardAction::Notify, GuardAction::PausePlan] {
        assert_eq!(act(&t, &lease, 4, action).await, Acted::Done(Taken::Notified));
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

async fn a_person_who_goes_on_begins_a_new_guard(t: Harness) {
    at(&t, &[20]).await;
    let lease = lease(&t).await;
    let (environment, flag) = (production(), flag_key("a"));
    let standing = async |person_ms| {
        t.store.guard_standing(&lease, &environment, &flag, START_MS, person_ms).await.expect("reads")
    };
    let first = standing(Some(START_MS)).await;
    assert_eq!((first.began_ms, first.acted), (t.clock.now_ms(), None));
    t.advance(5_000);
    act(&t, &lease, 2, GuardAction::Stop).await;
    let acted = standing(None).await;
    assert_eq!(acted.began_ms, first.began_ms);
    assert_eq!(acted.acted, Some((GuardAction::Stop, t.clock.now_ms())));
    let resumed_ms = t.clock.now_ms() + 1_000;
    t.advance(1_000);
    assert_eq!(standing(Some(resumed_ms)).await.began_ms, resumed_ms);
    assert_eq!(standing(Some(resumed_ms)).await.acted, None);
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
    t.store.guard_standing(&lease, &production, &flag, 0, None).await.expect("begun");
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

async fn actions_are_announced_to_webhooks(t: Harness) {
    at(&t, &[20]).await;
    let lease = lease(&t).await;
    let url = "https://hooks.example.test/fader";
    let (id, secret) = t.store.create_webhook(&admin(), url, Reach::Public).await.expect("added");
    assert_eq!(secret.len(), 64);
    act(&t, &lease, 2, GuardAction::Stop).await;
    t.store.test_webhook(&admin(), id).await.expect("queued");
    let due = t.store.list_due_deliveries(&lease).await.expect("reads");
    assert_eq!(due.len(), 2);
    assert_eq!((due[0].url.as_str(), &due[0].secret), (url, &secret));
    let body: serde_json::Value = serde_json::from_str(&due[0].body).expect("JSON");
    assert_eq!((&body["event"], &body["flag"]), (&"guard.stopped".into(), &"a".into()));
    assert_eq!(body["sentence"], "stopped Flag a in production");
    for delivery in &due {
        t.store.note_delivery(&lease, delivery, None).await.expect("noted");
    }
    assert_eq!(t.store.list_due_deliveries(&lease).await.expect("reads"), []);
    let webhooks = t.store.list_webhooks(&admin()).await.expect("reads");
    assert_eq!((webhooks[0].waiting, webhooks[0].last_done_ms), (0, Some(t.clock.now_ms())));
    t.store.delete_webhook(&admin(), id).await.expect("deleted");
    let again = t.store.delete_webhook(&admin(), id).await;
    assert!(matches!(again, Err(StoreError::NotFound { kind: ObjectKind::Webhook, .. })));
    let wrong = t.store.create_webhook(&admin(), "ftp://x", Reach::Public).await;
    assert!(matches!(wrong, Err(StoreError::Invalid(Invalid::WebhookUrl))));
    let private = t.store.create_webhook(&admin(), "http://127.1:9000/x", Reach::Public).await;
    assert!(matches!(private, Err(StoreError::Invalid(Invalid::WebhookPrivate))));
    t.store.create_webhook(&admin(), "http://127.1:9000/x", Reach::Private).await.expect("allowed");
}

async fn test_messages_are_audited_and_limited_and_no_secret_is_kept(t: Harness) {
    let url = "https://hooks.example.test/services/secret?token=secret";
    let (id, _) = t.store.create_webhook(&admin(), url, Reach::Public).await.expect("added");
    assert_eq!(t.last_sentence().await, "added the webhook https://hooks.example.test/…");
    for _ in 0..10 {
        t.store.test_webhook(&admin(), id).await.expect("queued");
    }
    assert_eq!(t.last_sentence().await, "sent a test message to the webhook https://hooks.example.test/…");
    let refused = t.store.test_webhook(&admin(), id).await;
    assert!(matches!(refused, Err(StoreError::Invalid(Invalid::TooManyWebhookTests))), "{refused:?}");
    t.advance(60_001);
    t.store.test_webhook(&admin(), id).await.expect("queued");
    t.store.delete_webhook(&admin(), id).await.expect("deleted");
    let row = if t.is_sqlite() {
        "group_concat(CAST(json_array(sentence, object_name, changes) AS TEXT))"
    } else {
        "string_agg(sentence || object_name || changes, ',')"
    };
    let kept = t.text(&format!("SELECT {row} FROM audit")).await;
    assert!(kept.contains("hooks.example.test") && !kept.contains("secret"), "{kept}");
}

async fn a_checkpoint_is_announced_once(t: Harness) {
    let lease = lease(&t).await;
    t.store.create_webhook(&admin(), "https://hooks.example.test", Reach::Public).await.expect("added");
    let head = t.store.audit_report(&[]).await.expect("walks").head;
    let other = t.another().await;
    for store in [&t.store, &other, &t.store] {
        store.announce_checkpoint(&head, serde_json::json!({ "signature": "x" })).await.expect("announced");
    }
    let due = t.store.list_due_deliveries(&lease).await.expect("reads");
    assert_eq!(due.len(), 1, "two copies of the server tell of one entry once");
    let body: serde_json::Value = serde_json::from_str(&due[0].body).expect("JSON");
    assert_eq!((&body["event"], &body["seq"]), (&"audit.checkpoint".into(), &head.seq.into()));
    assert_eq!(body["checkpoint"]["signature"], "x");
}

async fn deliveries_are_tried_again_and_given_up(t: Harness) {
    let lease = lease(&t).await;
    let (id, _) = t
        .store
        .create_webhook(&admin(), "https://hooks.example.test/x?token=secret", Reach::Public)
        .await
        .expect("added");
    t.store.test_webhook(&admin(), id).await.expect("queued");
    let mut tries = 0;
    for _ in 0..20 {
        let due = t.store.list_due_deliveries(&lease).await.expect("reads");
        for delivery in &due {
            t.store.note_delivery(&lease, delivery, Some("no answer")).await.expect("noted");
            assert_eq!(t.store.list_due_deliveries(&lease).await.expect("reads"), [], "not at once");
            tries += 1;
        }
        t.advance(43_200_000);
    }
    assert_eq!(tries, 10);
    let webhooks = t.store.list_webhooks(&admin()).await.expect("reads");
    assert_eq!((webhooks[0].waiting, webhooks[0].last_problem.as_deref()), (0, Some("no answer")));
}
