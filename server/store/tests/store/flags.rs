use engine::{Flag, Lifecycle, Prerequisite, Problem, ValueType, VariantKey};
use store::{Action, AuditFilter, Invalid, ObjectKind, ObjectRef, StoreError, Taken};

use crate::harness::*;

on_both!(
    a_new_flag_stands_in_every_environment,
    a_taken_key_is_refused,
    a_flag_cannot_be_called_what_addresses_mean,
    one_of_two_who_ask_for_a_key_at_once_gets_it,
    a_flag_with_problems_is_refused_and_nothing_is_written,
    two_editors_of_a_flag_conflict,
    a_new_name_moves_no_revision,
    a_variant_in_use_stays,
    what_others_wait_for_is_not_archived,
    an_archived_flag_is_not_found_by_decisions_and_comes_back,
    the_desk_tells_the_last_change,
);

async fn a_new_flag_stands_in_every_environment(t: Harness) {
    let before = t.revision(&production());
    t.create_flag("a").await;
    for environment in [production(), staging()] {
        let rollout = t.rollout_in("a", &environment).await;
        assert!(rollout.value.enabled && rollout.value.rules.is_empty());
        assert_eq!(rollout.version, 1);
        assert!(t.store.live().snapshot(environment.as_str()).expect("snapshot").flag("a").is_some());
    }
    let (a, b) = (t.rollout("a").await.value.seed, t.rollout_in("a", &staging()).await.value.seed);
    assert_ne!(a, b, "every rollout has its own seed");
    assert_eq!(t.revision(&production()), before + 1);
    assert_eq!(t.last_sentence().await, "created the flag Flag a");
}

async fn a_taken_key_is_refused(t: Harness) {
    let flag = t.create_flag("a").await;
    let error = t.store.create_flag(&editor(), flag.clone()).await.expect_err("refused");
    assert!(matches!(error, StoreError::AlreadyExists { by: Taken::Present, .. }), "{error:?}");
    let other_case = Flag::boolean(flag_key("A"), "Another");
    let error = t.store.create_flag(&editor(), other_case.clone()).await.expect_err("refused");
    let StoreError::AlreadyExists { key, by: Taken::InOtherCase, .. } = &error else { panic!("{error:?}") };
    assert_eq!(key, "a");
    let archived = Flag { lifecycle: Lifecycle::Archived, ..flag };
    t.store.update_flag(&editor(), 1, archived.clone(), "").await.expect("archived");
    for taken in [Flag { lifecycle: Lifecycle::Draft, ..archived }, other_case] {
        let error = t.store.create_flag(&editor(), taken).await.expect_err("refused");
        assert!(
            error.to_string().contains("\"a\" belongs to a flag that is archived; restore it"),
            "{error}"
        );
    }
}

async fn a_flag_cannot_be_called_what_addresses_mean(t: Harness) {
    for key in ["new", "NEW"] {
        let refused = t.store.create_flag(&editor(), Flag::boolean(flag_key(key), "New")).await;
        assert!(matches!(refused, Err(StoreError::Invalid(Invalid::KeyMeansAPlace(_)))), "{refused:?}");
    }
    t.create_flag("new.flag").await;
}

/// At once, from two copies of the server: one of them gets it.
async fn one_of_two_who_ask_for_a_key_at_once_gets_it(t: Harness) {
    let other = t.another().await;
    let make = |key: &str| Flag::boolean(flag_key(key), key);
    let by = editor();
    let (one, two) = tokio::join!(t.store.create_flag(&by, make("Pay")), other.create_flag(&by, make("pay")));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
}

async fn a_flag_with_problems_is_refused_and_nothing_is_written(t: Harness) {
    let seq = t.store.live().seq();
    let flag = Flag { name: String::new(), ..Flag::boolean(flag_key("a"), "A") };
    let error = t.store.create_flag(&editor(), flag).await.expect_err("refused");
    assert!(
        matches!(&error, StoreError::Refused(problems) if matches!(problems[..], [Problem::Name { .. }]))
    );
    assert_eq!(t.store.find_flag(&viewer(), &flag_key("a")).await.expect("reads"), None);
    t.create_flag("b").await;
    assert_eq!(t.store.live().seq(), seq + 1, "the refused change took no place in the log");
}

async fn two_editors_of_a_flag_conflict(t: Harness) {
    let flag = t.create_flag("a").await;
    let first = Flag { description: "one".into(), ..flag.clone() };
    assert_eq!(t.store.update_flag(&editor(), 1, first, "").await.expect("saved"), 2);
    let second = Flag { name: "Two".into(), ..flag };
    let error = t.store.update_flag(&editor(), 1, second, "").await.expect_err("conflict");
    let StoreError::Conflict(conflict) = error else { panic!("{error:?}") };
    assert_eq!((conflict.expected, conflict.current, conflict.by.as_str()), (1, 2, "command line"));
    assert_eq!(conflict.at_ms, START_MS);
    assert_eq!(conflict.changes[0].phrase, "changed the description");
    let kept = t.store.find_flag(&viewer(), &flag_key("a")).await.expect("reads").expect("a flag");
    assert_eq!((kept.value.name.as_str(), kept.value.description.as_str()), ("Flag a", "one"));
}

async fn a_new_name_moves_no_revision(t: Harness) {
    let flag = t.create_flag("a").await;
    let before = t.revision(&production());
    let mut announcements = t.store.live().subscribe();
    t.store.update_flag(&editor(), 1, Flag { name: "Better".into(), ..flag }, "").await.expect("saved");
    assert_eq!(t.revision(&production()), before);
    let changed = announced(&mut announcements).await;
    assert_eq!(changed.objects, [ObjectRef::new(ObjectKind::Flag, "a")]);
    assert!(changed.revisions.is_empty());
    let snapshot = t.store.live().snapshot("production").expect("snapshot");
    assert_eq!(snapshot.flag("a").expect("flag").flag().name, "Better");
    assert_eq!(t.last_sentence().await, "changed the name of Better");
}

async fn a_variant_in_use_stays(t: Harness) {
    let flag = t.create_flag("a").await;
    t.change("a", |rollout| {
        rollout.pins.push(engine::Pin {
            subject: engine::SubjectKey::parse("u-1").expect("a key"),
            variant: VariantKey::parse("on").expect("a key"),
        });
    })
    .await
    .expect("saved");
    let mut renamed = flag.clone();
    renamed.variants[0].key = VariantKey::parse("yes").expect("a key");
    let error = t.store.update_flag(&editor(), 1, renamed, "").await.expect_err("in use");
    assert!(matches!(&error, StoreError::InUse { by, .. } if by[0].contains("production")), "{error}");
    t.change("a", |rollout| rollout.rules.push(everyone(1))).await.expect("saved, and active from now on");
    let version = t.store.find_flag(&viewer(), &flag.key).await.expect("reads").expect("a flag");
    assert_eq!(version.value.lifecycle, Lifecycle::Active);
    let retyped = Flag { value_type: ValueType::String, variants: text_variants(), ..version.value };
    let error = t.store.update_flag(&editor(), version.version, retyped, "").await.expect_err("refused");
    assert!(matches!(error, StoreError::Invalid(Invalid::ValueTypeChanged)), "{error}");
}

fn text_variants() -> Vec<engine::Variant> {
    let variant =
        |key: &str| engine::Variant { key: VariantKey::parse(key).expect("a key"), value: key.into() };
    vec![variant("on"), variant("off")]
}

async fn what_others_wait_for_is_not_archived(t: Harness) {
    let a = t.create_flag("a").await;
    t.create_flag("b").await;
    t.change("b", |rollout| rollout.prerequisites.push(on(&a))).await.expect("saved");
    let archived = Flag { lifecycle: Lifecycle::Archived, ..a.clone() };
    let error = t.store.update_flag(&editor(), 1, archived.clone(), "").await.expect_err("in use");
    assert!(matches!(&error, StoreError::InUse { by, .. } if by == &["b in production"]), "{error}");
    t.change("b", |rollout| rollout.prerequisites.clear()).await.expect("saved");
    t.store.update_flag(&editor(), 1, archived, "").await.expect("archived");
    assert_eq!(t.last_sentence().await, "archived Flag a");
    let error = t.change("b", |rollout| rollout.prerequisites.push(on(&a))).await.expect_err("refused");
    assert!(
        matches!(&error, StoreError::Refused(p) if matches!(p[..], [Problem::UnknownFlag { .. }])),
        "{error}"
    );
}

fn on(flag: &Flag) -> Prerequisite {
    Prerequisite { flag: flag.key.clone(), variant: flag.variants[0].key.clone() }
}

async fn an_archived_flag_is_not_found_by_decisions_and_comes_back(t: Harness) {
    let flag = t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules.push(everyone(100))).await.expect("saved");
    let decide = || {
        let snapshot = t.store.live().snapshot("production").expect("snapshot");
        snapshot.evaluate("a", &engine::Context::from_server(Some("u"), engine::Attributes::EMPTY), 0).is_ok()
    };
    assert!(decide());
    let archived = Flag { lifecycle: Lifecycle::Archived, ..flag.clone() };
    t.store.update_flag(&editor(), 2, archived, "").await.expect("archived");
    assert!(!decide());
    let error = t.change("a", |rollout| rollout.rules.clear()).await.expect_err("archived");
    assert!(matches!(error, StoreError::Invalid(Invalid::Archived)), "{error}");
    t.store
        .update_flag(&editor(), 3, Flag { lifecycle: Lifecycle::Active, ..flag }, "")
        .await
        .expect("restored");
    assert!(decide());
    let filter = AuditFilter { action: Some(Action::FlagRestored), ..AuditFilter::default() };
    assert_eq!(t.store.list_audit(&auditor(), &filter).await.expect("reads").len(), 1);
}

async fn the_desk_tells_the_last_change(t: Harness) {
    t.create_flag("b").await;
    t.create_flag("a").await;
    t.advance(1000);
    t.change("b", |rollout| rollout.rules.push(everyone(20))).await.expect("saved");
    let desk = t.store.desk(&viewer(), &production()).await.expect("reads");
    let lines: Vec<_> =
        desk.iter().map(|row| (row.flag.key.as_str(), row.last_change.sentence.as_str())).collect();
    assert_eq!(
        lines,
        [("a", "created the flag Flag a"), ("b", "added everyone at 20 % on Flag b in production"),]
    );
    assert_eq!((desk[1].rollout_version, desk[1].flag_version), (2, 2));
    assert_eq!(desk[1].last_change.at_ms, START_MS + 1000);
    let staging = t.store.desk(&viewer(), &staging()).await.expect("reads");
    assert_eq!(staging[1].rollout_version, 1);
}
