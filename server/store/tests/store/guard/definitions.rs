//! Guardrails as they are saved, inherited and given up.

use super::*;

on_both!(
    guardrails_are_saved_once_and_refused_when_they_cannot_be,
    defaults_guard_every_rollout_without_its_own,
    a_rollout_goes_back_to_the_defaults,
    the_workspace_goes_back_to_the_built_in_guardrails,
    whoever_saves_second_is_told_what_changed,
    cells_are_replayed_for_every_guardrail_of_their_metric,
);

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
        .map(|from_ms| [cell(Arm::Treatment, from_ms, 150), cell(Arm::Control, from_ms, 1)]);
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
