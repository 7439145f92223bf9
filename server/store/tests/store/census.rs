//! Counting known people, from what is stored.

use std::{sync::Arc, time::Duration};

use engine::{Condition, Count, Operator, Rollout, Side, SubjectKey, Test};
use store::{Moving, Patience};

use crate::{
    harness::*,
    people::{reader, subject, traits},
};

on_both!(
    a_survey_follows_people_and_definitions,
    a_changed_group_is_counted_and_listed,
    the_desk_counts_what_changed,
    those_whom_a_change_moves_are_named_and_the_look_is_audited,
    conditions_are_counted_in_one_pass,
);

const PATIENT: Patience = Patience { exact: Duration::from_secs(20), first: Duration::from_secs(20) };

async fn with_people(t: &Harness, count: usize) {
    let person = |n: usize| {
        let tier = if n.is_multiple_of(4) { "vip" } else { "basic" };
        (subject(&format!("person-{n:03}")), traits(&[("tier", tier)]))
    };
    t.store.put_people(&admin(), (0..count).map(person).collect()).await.expect("saved");
}

fn vips_only(rollout: &mut engine::Rollout) {
    rollout.rules = vec![for_group("vip-agencies", 100)];
}

async fn a_survey_follows_people_and_definitions(t: Harness) {
    with_people(&t, 100).await;
    t.create_group("vip-agencies", "vip").await;
    t.create_flag("fast-payment").await;
    let holders = async || {
        let by = viewer();
        let snapshot = t.store.live().snapshot("production").expect("production");
        let compiled = snapshot.flag("fast-payment").expect("the flag");
        let (flag, rollout) = (Arc::clone(compiled.flag()), Arc::clone(compiled.rollout()));
        let asked = (None, PATIENT);
        let survey = t.store.census().survey(&by, &snapshot, &flag, &[&rollout], asked).await;
        let survey = survey.expect("compiles").expect("counted");
        survey.sample().count(survey.holders((0, &rollout)))
    };
    assert_eq!(holders().await, Count::Exact(0), "no rules");
    t.change("fast-payment", vips_only).await.expect("changed");
    assert_eq!(holders().await, Count::Exact(25), "definitions are others");
    with_people(&t, 200).await;
    assert_eq!(holders().await, Count::Exact(50), "people are others");
    let gone: SubjectKey = subject("person-000");
    t.store.erase_subject(&admin(), &gone).await.expect("erased");
    assert_eq!(holders().await, Count::Exact(49), "the erased do not count");
}

async fn a_changed_group_is_counted_and_listed(t: Harness) {
    with_people(&t, 100).await;
    let group = t.create_group("vip-agencies", "vip").await;
    t.create_flag("fast-payment").await;
    t.change("fast-payment", vips_only).await.expect("changed");
    let by = viewer();
    let snapshot = t.store.live().snapshot("production").expect("production");
    let nobody = engine::Group { condition: None, ..group.clone() };
    let used_by = t.store.group_use(&by, &group.key).await.expect("uses");
    let (before, after) = (Arc::new(nobody), Arc::new(group));
    let everywhere = [Arc::clone(&snapshot)];
    let change = t.store.census().group_change(
        &by,
        (&snapshot, &everywhere),
        (Some(&after), &before),
        &used_by,
        None,
        (None, PATIENT),
    );
    let change = change.await.expect("counted");
    assert_eq!((change.impact.before, change.impact.lost, change.impact.gained), (25, 25, 0));
    assert_eq!(change.flags.iter().map(|it| it.lost).collect::<Vec<_>>(), [25]);
    assert!(change.listed.subjects.is_empty(), "nobody asked who they are");
    let (read, search) = (reader(), "PERSON-00");
    let listed = t.store.census().group_change(
        &by,
        (&snapshot, &[]),
        (None, &after),
        &[],
        Some((&read, search)),
        (None, PATIENT),
    );
    let listed = listed.await.expect("counted").listed;
    assert_eq!(
        (listed.found, &listed.subjects[..2]),
        (3, &["person-000".to_owned(), "person-004".to_owned()][..])
    );
}

async fn the_desk_counts_what_changed(t: Harness) {
    with_people(&t, 100).await;
    let by = viewer();
    t.create_group("vip-agencies", "vip").await;
    t.create_flag("a").await;
    t.create_flag("b").await;
    t.change("a", vips_only).await.expect("changed");
    let on = async |flag: &str| {
        let until = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let snapshot = t.store.live().snapshot("production").expect("production");
            let desk = t.store.census().desk(&by, &snapshot).await;
            if let Some(impact) = desk.of(flag) {
                return impact.after;
            }
            assert!(tokio::time::Instant::now() < until, "never counted");
        }
    };
    assert_eq!((on("a").await, on("b").await), (25, 0));
    t.change("b", vips_only).await.expect("changed");
    let counted = async {
        while on("b").await != 25 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), counted).await.expect("b is counted again");
    assert_eq!(on("a").await, 25);
}

async fn those_whom_a_change_moves_are_named_and_the_look_is_audited(t: Harness) {
    with_people(&t, 100).await;
    let group = t.create_group("vip-agencies", "vip").await;
    t.create_flag("fast-payment").await;
    t.change("fast-payment", vips_only).await.expect("changed");
    let snapshot = t.store.live().snapshot("production").expect("production");
    let compiled = snapshot.flag("fast-payment").expect("the flag");
    let (flag, saved) = (Arc::clone(compiled.flag()), Arc::clone(compiled.rollout()));
    let nobody = Arc::new(Rollout { rules: Vec::new(), ..(*saved).clone() });
    let before = t.store.live().seq();
    let moving = || Moving::Rollout {
        flag: Arc::clone(&flag),
        before: Arc::clone(&saved),
        after: Arc::clone(&nobody),
    };
    for _ in 0..2 {
        let moves = t.store.moves(&reader(), &snapshot, moving(), (None, PATIENT)).await.expect("may");
        let moves = moves.expect("found");
        let told = moves.page(Side::Lost, 20, 50);
        assert_eq!((moves.moved.places(Side::Lost).len(), told.len()), (25, 5));
        assert_eq!(told[0], ("person-080".to_owned(), "no longer through Group vip-agencies".to_owned()));
    }
    assert_eq!(t.store.live().seq(), before + 1, "one entry");
    let empty = Arc::new(engine::Group { condition: None, ..group.clone() });
    let moving = Moving::Group { before: Some(empty), after: Arc::new(group) };
    let moves =
        t.store.moves(&reader(), &snapshot, moving, (None, PATIENT)).await.expect("may").expect("found");
    assert_eq!(moves.page(Side::Gained, 0, 1), [("person-000".to_owned(), "tier = vip".to_owned())]);
}

async fn conditions_are_counted_in_one_pass(t: Harness) {
    with_people(&t, 100).await;
    let snapshot = t.store.live().snapshot("production").expect("production");
    let tier = |operator| {
        let attribute = engine::AttributeName::parse("tier").expect("a name");
        Condition::Test(Test { attribute, operator, negated: false, ignore_case: false })
    };
    let asked = [
        tier(Operator::Equals("vip".into())),
        tier(Operator::Matches("(".into())),
        tier(Operator::Exists),
        tier(Operator::Equals("gold".into())),
    ];
    let counts = t.store.census().conditions(&viewer(), &snapshot, &asked, (None, PATIENT)).await;
    assert_eq!(counts.expect("counted").people, [Some(25), None, Some(100), Some(0)]);
}
