use engine::{Audience, Lifecycle, Percentage, Prerequisite, Problem, RuleId, VariantKey};
use store::{Invalid, StoreError};

use crate::harness::*;

on_both!(
    a_saved_rollout_is_in_force_at_once,
    two_editors_conflict_and_the_second_learns_what_changed,
    a_draft_becomes_active_when_somebody_is_served,
    an_unknown_group_is_refused,
    a_circle_of_prerequisites_is_refused,
    stopping_never_conflicts,
    resuming_brings_back_the_same_rollout,
    only_re_randomising_changes_the_seed,
    saving_nothing_new_changes_nothing,
    one_percentage_is_set_in_whatever_is_in_force,
    an_old_version_can_be_read,
    an_old_version_counts_again_with_its_places,
    a_long_comment_is_refused,
    odd_characters_reach_both_databases,
);

async fn a_saved_rollout_is_in_force_at_once(t: Harness) {
    t.create_flag("a").await;
    t.create_group("vip", "vip").await;
    let (production_before, staging_before) = (t.revision(&production()), t.revision(&staging()));
    t.change("a", |rollout| rollout.rules = vec![for_group("vip", 50), everyone(0)]).await.expect("saved");
    t.change("a", |rollout| rollout.rules[0].percentage = Percentage::ALL).await.expect("saved");
    assert_eq!(t.last_sentence().await, "raised Group vip 50 → 100 % on Flag a in production");
    assert_eq!(t.revision(&production()), production_before + 2);
    assert_eq!(t.revision(&staging()), staging_before, "only this environment can decide differently");
    let snapshot = t.store.live().snapshot("production").expect("snapshot");
    assert_eq!(snapshot.revision(), production_before + 2);
    let vip = serde_json::json!({"tier": "vip"});
    let attributes = engine::Attributes::from_json(vip.as_object().expect("object"));
    let decision =
        snapshot.evaluate("a", &engine::Context::from_server(Some("u"), &attributes), 0).expect("decides");
    assert_eq!(decision.variant.key.as_str(), "on");
}

async fn two_editors_conflict_and_the_second_learns_what_changed(t: Harness) {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(20)]).await.expect("saved");
    let read = t.rollout("a").await;
    t.change("a", |rollout| rollout.rules[0].percentage = Percentage::ALL).await.expect("saved");
    let seq = t.store.live().seq();
    let error = t
        .store
        .save_rollout(&editor(), &production(), &flag_key("a"), read.version, read.value, "")
        .await
        .expect_err("conflict");
    let StoreError::Conflict(conflict) = error else { panic!("{error:?}") };
    assert_eq!((conflict.expected, conflict.current), (2, 3));
    assert_eq!(conflict.changes[0].phrase, "raised everyone 20 → 100 %");
    assert_eq!(t.rollout("a").await.version, 3);
    assert_eq!(t.store.live().seq(), seq);
}

async fn a_draft_becomes_active_when_somebody_is_served(t: Harness) {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(0)]).await.expect("saved");
    let lifecycle = async || {
        t.store.find_flag(&viewer(), &flag_key("a")).await.expect("reads").expect("flag").value.lifecycle
    };
    assert_eq!(lifecycle().await, Lifecycle::Draft);
    t.change("a", |rollout| rollout.rules[0].percentage = Percentage::ALL).await.expect("saved");
    assert_eq!(lifecycle().await, Lifecycle::Active);
}

async fn an_unknown_group_is_refused(t: Harness) {
    t.create_flag("a").await;
    let error =
        t.change("a", |rollout| rollout.rules = vec![for_group("nobody", 50)]).await.expect_err("refused");
    let StoreError::Refused(problems) = error else { panic!("{error:?}") };
    assert!(matches!(problems[..], [Problem::UnknownGroup { .. }]));
    assert!(t.rollout("a").await.value.rules.is_empty());
}

async fn a_circle_of_prerequisites_is_refused(t: Harness) {
    for flag in ["a", "b", "c"] {
        t.create_flag(flag).await;
    }
    let on =
        |flag: &str| Prerequisite { flag: flag_key(flag), variant: VariantKey::parse("on").expect("a key") };
    t.change("a", |rollout| rollout.prerequisites.push(on("b"))).await.expect("saved");
    t.change("b", |rollout| rollout.prerequisites.push(on("c"))).await.expect("saved");
    let error = t.change("c", |rollout| rollout.prerequisites.push(on("a"))).await.expect_err("refused");
    assert!(error.to_string().contains("c → a → b → c"), "{error}");
    let error = t.change("c", |rollout| rollout.prerequisites.push(on("c"))).await.expect_err("refused");
    assert!(error.to_string().contains("c → c"), "{error}");
    let odd = Prerequisite { flag: flag_key("a"), variant: VariantKey::parse("purple").expect("a key") };
    let error = t.change("c", |rollout| rollout.prerequisites.push(odd)).await.expect_err("refused");
    assert!(error.to_string().contains("no variant \"purple\""), "{error}");
}

async fn stopping_never_conflicts(t: Harness) {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(40)]).await.expect("saved");
    let stop = |reason: &'static str| {
        let store = t.store.clone();
        async move { store.stop(&stopper(), &production(), &flag_key("a"), reason).await.expect("stops") }
    };
    let version = stop("errors spike").await;
    assert_eq!(t.last_sentence().await, "stopped Flag a in production");
    let seq = t.store.live().seq();
    assert_eq!(stop("again").await, version, "stopping a stopped flag changes nothing");
    assert_eq!(t.store.live().seq(), seq);
    let stopped = t.rollout("a").await;
    assert!(!stopped.value.enabled);
    assert_eq!(stopped.value.rules[0].percentage.to_string(), "40", "it keeps its percentage on purpose");
}

async fn resuming_brings_back_the_same_rollout(t: Harness) {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(40)]).await.expect("saved");
    let before = t.rollout("a").await.value;
    t.store.stop(&stopper(), &production(), &flag_key("a"), "").await.expect("stops");
    t.store.resume(&editor(), &production(), &flag_key("a"), "fixed").await.expect("resumes");
    assert_eq!(t.rollout("a").await.value, before);
    assert_eq!(t.last_sentence().await, "resumed Flag a in production");
}

async fn only_re_randomising_changes_the_seed(t: Harness) {
    t.create_flag("a").await;
    let before = t.rollout("a").await;
    let error = t.change("a", |rollout| rollout.seed = "other".into()).await.expect_err("refused");
    assert!(matches!(error, StoreError::Invalid(Invalid::SeedChanged)), "{error}");
    let version = t
        .store
        .re_randomise(&editor(), &production(), &flag_key("a"), before.version, "new experiment")
        .await
        .expect("re-randomised");
    assert_eq!(version, before.version + 1);
    assert_ne!(t.rollout("a").await.value.seed, before.value.seed);
    assert_eq!(t.last_sentence().await, "re-randomised everyone on Flag a in production");
    let stale = t.store.re_randomise(&editor(), &production(), &flag_key("a"), before.version, "").await;
    assert!(matches!(stale, Err(StoreError::Conflict(_))));
}

async fn saving_nothing_new_changes_nothing(t: Harness) {
    t.create_flag("a").await;
    let (seq, revision) = (t.store.live().seq(), t.revision(&production()));
    assert_eq!(t.change("a", |_| {}).await.expect("accepted"), 1);
    assert_eq!((t.store.live().seq(), t.revision(&production())), (seq, revision));
}

async fn one_percentage_is_set_in_whatever_is_in_force(t: Harness) {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(20)]).await.expect("saved");
    let read = t.rollout("a").await;
    let everyone = RuleId::parse("everyone").expect("an id");
    let set = async |rule: &RuleId, per_cent, expected| {
        let percentage = Percentage::whole(per_cent).expect("at most 100");
        let (by, flag) = (editor(), flag_key("a"));
        t.store.set_percentage(&by, &production(), &flag, (rule, percentage), expected, "step").await
    };
    assert_eq!(set(&everyone, 30, None).await.expect("set"), Some(read.version + 1));
    assert_eq!(t.last_sentence().await, "raised everyone 20 → 30 % on Flag a in production");
    let conflict = set(&everyone, 40, Some(read.version)).await.expect_err("read before");
    assert!(matches!(conflict, StoreError::Conflict(_)), "{conflict:?}");
    assert_eq!(set(&everyone, 30, None).await.expect("the same"), Some(read.version + 1));
    let seq = t.store.live().seq();
    assert_eq!(set(&RuleId::parse("nobody").expect("an id"), 40, None).await.expect("looked"), None);
    assert_eq!(t.store.live().seq(), seq, "nothing was written");
    t.change("a", |rollout| rollout.enabled = false).await.expect("stopped");
    set(&everyone, 50, None).await.expect("set");
    assert!(!t.rollout("a").await.value.enabled, "a stopped flag stays stopped");
}

async fn an_old_version_can_be_read(t: Harness) {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(20)]).await.expect("saved");
    t.change("a", |rollout| rollout.rules.clear()).await.expect("saved");
    let version = |version| {
        let store = t.store.clone();
        async move {
            store
                .find_rollout_version(&viewer(), &production(), &flag_key("a"), version)
                .await
                .expect("reads")
        }
    };
    let old = version(2).await.expect("version 2");
    assert_eq!((old.version, old.value.rules.len(), old.changed_by.as_str()), (2, 1, "command line"));
    assert_eq!(version(9).await, None);
}

async fn an_old_version_counts_again_with_its_places(t: Harness) {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(20)]).await.expect("saved");
    let old = t.rollout("a").await;
    let (by, there, key) = (editor(), production(), flag_key("a"));
    let drawn = t.store.re_randomise(&by, &there, &key, old.version, "").await.expect("drawn");
    let back = t.store.return_to_version(&by, &there, &key, (old.version, drawn), "oops").await;
    assert_eq!(back.expect("saved"), Some(drawn + 1));
    assert_eq!(t.rollout("a").await.value, old.value);
    t.store.stop(&stopper(), &there, &key, "").await.expect("stopped");
    let stopped = t.rollout("a").await;
    let back = t.store.return_to_version(&by, &there, &key, (drawn, stopped.version), "").await;
    assert_eq!(back.expect("saved"), Some(stopped.version + 1));
    let now = t.rollout("a").await.value;
    assert!(!now.enabled && now.seed != old.value.seed, "it stays stopped");
    let conflict = t.store.return_to_version(&by, &there, &key, (1, drawn), "").await;
    assert!(matches!(conflict, Err(StoreError::Conflict(_))), "{conflict:?}");
    let none = t.store.return_to_version(&by, &there, &key, (99, stopped.version + 1), "").await;
    assert_eq!(none.expect("asked"), None);
}

async fn a_long_comment_is_refused(t: Harness) {
    t.create_flag("a").await;
    let long = "x".repeat(store::limits::REASON_CHARS_MAX + 1);
    let error = t.store.stop(&stopper(), &production(), &flag_key("a"), &long).await.expect_err("refused");
    assert!(matches!(error, StoreError::Invalid(Invalid::ReasonTooLong)), "{error}");
    assert!(t.rollout("a").await.value.enabled);
}

async fn odd_characters_reach_both_databases(t: Harness) {
    let mut flag = engine::Flag::boolean(flag_key("a"), "Zahlung 🚀 \"schnell\"");
    flag.description = "a\u{0}b".into();
    t.store.create_flag(&editor(), flag.clone()).await.expect("created");
    let audience = Audience::Matching { groups: vec![], condition: Some(condition("x", "a\u{0}b")) };
    t.change("a", |rollout| rollout.rules = vec![rule("odd", audience, 50)]).await.expect("saved");
    t.store.stop(&stopper(), &production(), &flag.key, "NUL \u{0} here").await.expect("stops");
    let kept = t.store.find_flag(&viewer(), &flag.key).await.expect("reads").expect("a flag").value;
    assert_eq!(kept.description, flag.description);
    assert_eq!(t.store.verify_audit().await.expect("walks"), store::AuditVerdict::Intact { entries: 3 });
}
