use engine::{Enrolment, Group, SubjectKey};
use store::{EnrolmentChoice, EnrolmentList, Invalid, RawLine, StoreError, Taken};

use crate::harness::*;

on_both!(
    a_new_condition_moves_every_environment,
    a_group_in_use_is_not_deleted,
    a_deleted_group_comes_back_with_its_versions,
    testers_change_without_touching_the_condition,
    two_editors_of_a_group_conflict,
    a_group_that_ends_before_it_starts_is_refused,
    a_group_cannot_be_called_what_addresses_mean_or_like_another,
);

fn tester(subject: &str) -> Enrolment {
    Enrolment::new(SubjectKey::parse(subject).expect("a key"))
}

async fn a_new_condition_moves_every_environment(t: Harness) {
    let group = t.create_group("vip", "vip").await;
    let before = (t.revision(&production()), t.revision(&staging()));
    let changed = Group { condition: Some(condition("tier", "gold")), ..group.clone() };
    t.store.update_group(&editor(), 1, changed.clone(), "").await.expect("saved");
    assert_eq!((t.revision(&production()), t.revision(&staging())), (before.0 + 1, before.1 + 1));
    assert_eq!(t.last_sentence().await, "changed the condition of Group vip");
    t.store.update_group(&editor(), 2, Group { name: "Gold".into(), ..changed }, "").await.expect("saved");
    assert_eq!(t.revision(&production()), before.0 + 1, "a name decides nothing");
}

async fn a_group_in_use_is_not_deleted(t: Harness) {
    t.create_flag("a").await;
    t.create_group("vip", "vip").await;
    t.change("a", |rollout| rollout.rules = vec![for_group("vip", 0)]).await.expect("saved");
    let used = t.store.group_use(&viewer(), &group_key("vip")).await.expect("reads");
    assert_eq!((used.len(), used[0].flag_name.as_str()), (1, "Flag a"));
    let listed = t.store.list_groups(&viewer()).await.expect("reads");
    assert_eq!(listed[0].used_by, used);
    let error = t.store.delete_group(&editor(), 1, &group_key("vip"), "").await.expect_err("in use");
    assert!(matches!(&error, StoreError::InUse { by, .. } if by == &["a in production"]), "{error}");
    t.change("a", |rollout| rollout.rules.clear()).await.expect("saved");
    t.store.delete_group(&editor(), 1, &group_key("vip"), "").await.expect("deleted");
    assert_eq!(t.store.find_group(&viewer(), &group_key("vip")).await.expect("reads"), None);
    assert!(t.store.live().snapshot("production").expect("snapshot").group("vip").is_none());
}

async fn a_deleted_group_comes_back_with_its_versions(t: Harness) {
    let group = t.create_group("vip", "vip").await;
    t.store.delete_group(&editor(), 1, &group.key, "").await.expect("deleted");
    assert!(matches!(
        t.store.delete_group(&editor(), 2, &group.key, "").await,
        Err(StoreError::NotFound { .. })
    ));
    let seq = t.store.live().seq();
    for key in ["vip", "VIP"] {
        let again = Group { key: group_key(key), ..group.clone() };
        let taken = t.store.create_group(&editor(), again, "").await.expect_err("taken");
        let StoreError::AlreadyExists { key, by, .. } = &taken else { panic!("{taken:?}") };
        assert_eq!((key.as_str(), *by), ("vip", Taken::Deleted { seq }));
        let sentence = "the key \"vip\" belongs to a group that was deleted; restore it, or choose another";
        assert_eq!(taken.to_string(), sentence);
    }
    assert_eq!(t.store.revert(&viewer(), seq, "").await.expect("reverted"), 3);
    let found = t.store.find_group(&viewer(), &group.key).await.expect("reads").expect("a group");
    assert_eq!((found.version, found.value), (3, group));
    assert!(t.store.live().snapshot("staging").expect("snapshot").group("vip").is_some());
}

async fn testers_change_without_touching_the_condition(t: Harness) {
    let group = t.create_group("vip", "vip").await;
    let by = store::Principal::command_line().enroller().expect("may enrol");
    let list = EnrolmentList::parse("u-1", RawLine::default(), START_MS);
    let choice = EnrolmentChoice::default();
    t.store.enrol(&by, &group.key, &list, choice, None, "asked").await.expect("enrolled");
    assert_eq!(t.last_sentence().await, "added the tester u-1 to Group vip");
    let kept = t.store.find_group(&viewer(), &group.key).await.expect("reads").expect("a group");
    assert_eq!((kept.value.condition, kept.value.enrolments.len()), (group.condition.clone(), 1));
    let subjects = [kept.value.enrolments[0].subject.clone()];
    t.advance(60_000);
    t.store.remove_testers(&by, &group.key, &subjects, "").await.expect("removed");
    assert_eq!(t.last_sentence().await, "removed the tester u-1 from Group vip");
    let listed = t.store.list_groups(&viewer()).await.expect("reads");
    assert_eq!((listed[0].version, listed[0].changed_ms), (1, START_MS + 60_000), "the last change is told");
    let other = Group { key: group_key("twice"), enrolments: vec![tester("u"), tester("u")], ..group };
    let twice = t.store.create_group(&editor(), other, "").await;
    assert!(matches!(twice, Err(StoreError::Refused(_))));
}

async fn two_editors_of_a_group_conflict(t: Harness) {
    let group = t.create_group("vip", "vip").await;
    let first = Group { name: "One".into(), ..group.clone() };
    t.store.update_group(&editor(), 1, first, "").await.expect("saved");
    let second = Group { name: "Two".into(), ..group };
    let error = t.store.update_group(&editor(), 1, second, "").await.expect_err("conflict");
    assert!(
        matches!(&error, StoreError::Conflict(c) if c.changes[0].phrase == "changed the name"),
        "{error}"
    );
}

async fn a_group_that_ends_before_it_starts_is_refused(t: Harness) {
    let mut group = group("vip", "vip");
    group.enrolments = vec![Enrolment { from_ms: Some(2), until_ms: Some(1), ..tester("u") }];
    let error = t.store.create_group(&editor(), group, "").await.expect_err("refused");
    assert!(matches!(error, StoreError::Refused(_)), "{error}");
    assert!(t.store.list_groups(&viewer()).await.expect("reads").is_empty());
}

async fn a_group_cannot_be_called_what_addresses_mean_or_like_another(t: Harness) {
    for key in ["new", "New"] {
        let refused = t.store.create_group(&editor(), group(key, "vip"), "").await;
        assert!(matches!(refused, Err(StoreError::Invalid(Invalid::KeyMeansAPlace(_)))), "{refused:?}");
    }
    t.create_group("vip", "vip").await;
    for (key, expected) in [("vip", Taken::Present), ("ViP", Taken::InOtherCase)] {
        let refused = t.store.create_group(&editor(), group(key, "vip"), "").await;
        assert!(matches!(refused, Err(StoreError::AlreadyExists { by, .. }) if by == expected), "{key}");
    }
    assert_eq!(t.store.list_groups(&viewer()).await.expect("reads").len(), 1);
}
