//! What changed for somebody between two moments, and what did it: a case for each cause.

use engine::{AttributeName, EnrolmentState, Pin, Prerequisite, Test, VariantKey};
use store::{
    Action, AuditFilter, Cause, EnrolmentChoice, EnrolmentLine, EnrolmentList, FlagChanged, PersonChanges,
    Principal, limits::REPLAYED_STEPS_MAX,
};

use crate::{
    harness::*,
    people::{reader, subject, traits},
};

on_both!(
    a_change_of_the_rollout_is_named_with_who_and_when,
    nothing_changed_is_nothing,
    a_group_and_what_is_stored_with_them_change_it_too,
    an_enrolment_is_a_change_and_its_end_is_none,
    a_flag_that_another_needs_changes_that_one,
    a_condition_moves_with_the_clock,
    a_group_that_was_deleted_and_put_back_is_followed,
    of_more_changes_than_are_replayed_the_first_are_taken_as_one,
    of_many_turns_the_last_are_told,
    what_was_made_or_archived_meanwhile_is_told_and_other_environments_are_not,
);

const MINUTE_MS: i64 = 60_000;

impl Harness {
    async fn changed(&self, from_ms: i64, until_ms: i64) -> PersonChanges {
        let environment = self.store.live().environment("production").expect("an environment");
        let changed =
            self.store.changed_for(&reader(), &environment, &subject("ada"), from_ms, until_ms).await;
        changed.expect("an answer")
    }

    /// The one flag that changed.
    async fn only(&self, from_ms: i64) -> FlagChanged {
        let mut changed = self.changed(from_ms, self.clock.now_ms()).await;
        assert_eq!(changed.flags.len(), 1, "{:#?}", changed.flags);
        changed.flags.remove(0)
    }

    async fn store_tier(&self, tier: &str) {
        let people = vec![(subject("ada"), traits(&[("tier", tier)]))];
        self.store.put_people(&admin(), people).await.expect("saved");
    }
}

fn ends(flag: &FlagChanged) -> (Option<String>, Option<String>) {
    let variant = |served: Option<&engine::Served>| served.map(|it| it.variant.to_string());
    (variant(flag.given_then()), variant(flag.given_now()))
}

fn on_now() -> (Option<String>, Option<String>) {
    (Some("off".to_owned()), Some("on".to_owned()))
}

fn off_now() -> (Option<String>, Option<String>) {
    (Some("on".to_owned()), Some("off".to_owned()))
}

/// The sentence of the entry that made it what it is.
fn sentence(flag: &FlagChanged) -> &str {
    match &flag.turns.last().expect("a turn").cause {
        Cause::Entry(entry) => &entry.sentence,
        other => panic!("{other:?}"),
    }
}

async fn a_change_of_the_rollout_is_named_with_who_and_when(t: Harness) {
    t.create_flag("a").await;
    t.create_flag("quiet").await;
    t.advance(MINUTE_MS);
    let from = t.clock.now_ms();
    t.advance(MINUTE_MS);
    t.change("a", |rollout| rollout.rules = vec![everyone(0)]).await.expect("saved");
    t.advance(MINUTE_MS);
    t.change("a", |rollout| rollout.rules = vec![everyone(100)]).await.expect("saved");
    let at_ms = t.clock.now_ms();
    t.advance(MINUTE_MS);
    let version = t.rollout("a").await.version;
    t.store.re_randomise(&editor(), &production(), &flag_key("a"), version, "").await.expect("saved");
    t.advance(MINUTE_MS);
    let flag = t.only(from).await;
    assert_eq!(ends(&flag), on_now());
    assert_eq!((flag.turns.len(), flag.turns[0].at_ms, flag.earlier), (1, at_ms, 0), "{:#?}", flag.turns);
    let Cause::Entry(entry) = &flag.turns[0].cause else { panic!("{:?}", flag.turns[0].cause) };
    assert_eq!(
        (entry.action, entry.actor.as_str(), entry.at_ms),
        (Action::RolloutChanged, "command line", at_ms)
    );
    assert_eq!(t.changed(from, at_ms - 1).await.flags.len(), 0, "not yet");
    assert_eq!(t.changed(at_ms, at_ms).await.flags.len(), 0, "in force at its very instant");

    t.store.stop(&stopper(), &production(), &flag_key("a"), "").await.expect("stopped");
    let stopped = t.only(at_ms).await;
    assert_eq!(ends(&stopped), off_now());
    assert!(sentence(&stopped).contains("stopped"), "{}", sentence(&stopped));
    let both = t.changed(from, t.clock.now_ms()).await;
    assert!(both.flags.is_empty(), "off at both ends: nothing is another now");
}

async fn nothing_changed_is_nothing(t: Harness) {
    t.create_flag("a").await;
    t.advance(MINUTE_MS);
    let changed = t.changed(START_MS - 1, t.clock.now_ms()).await;
    assert_eq!(
        (changed.flags.len(), changed.compared, changed.more),
        (0, 1, 0),
        "made, and off for everybody"
    );
    assert_eq!((changed.stored_since_ms, changed.begun_ms.is_some()), (None, true));
}

async fn a_group_and_what_is_stored_with_them_change_it_too(t: Harness) {
    t.create_flag("a").await;
    let mut group = t.create_group("vip", "vip").await;
    t.change("a", |rollout| rollout.rules = vec![for_group("vip", 100)]).await.expect("saved");
    t.store_tier("gold").await;
    let stored_ms = t.clock.now_ms();
    t.advance(MINUTE_MS);
    let from = t.clock.now_ms();
    t.advance(MINUTE_MS);
    group.condition = Some(condition("tier", "gold"));
    t.store.update_group(&editor(), 1, group, "").await.expect("saved");
    let edited = t.only(from).await;
    assert_eq!(ends(&edited), on_now());
    let Cause::Entry(entry) = &edited.turns[0].cause else { panic!("{:?}", edited.turns[0].cause) };
    assert_eq!(entry.action, Action::GroupChanged);

    let from = t.clock.now_ms();
    t.advance(MINUTE_MS);
    t.store_tier("silver").await;
    let traits = t.only(from).await;
    assert_eq!(ends(&traits), off_now());
    let Cause::Entry(entry) = &traits.turns[0].cause else { panic!("{:?}", traits.turns[0].cause) };
    assert_eq!(entry.action, Action::PeopleSaved);
    assert_eq!(t.changed(from, t.clock.now_ms()).await.stored_since_ms, Some(stored_ms));

    t.store_tier("gold").await;
    let from = t.clock.now_ms();
    t.advance(MINUTE_MS);
    t.change("a", |rollout| rollout.rules = vec![for_group("vip", 100), everyone(100)]).await.expect("saved");
    t.store.delete_group(&editor(), 2, &group_key("vip"), "").await.expect_err("in use");
    assert!(t.changed(from, t.clock.now_ms()).await.flags.is_empty(), "another rule gives them the same");
}

async fn an_enrolment_is_a_change_and_its_end_is_none(t: Harness) {
    t.create_flag("a").await;
    t.create_group("beta", "nobody").await;
    t.change("a", |rollout| rollout.rules = vec![for_group("beta", 100)]).await.expect("saved");
    t.advance(MINUTE_MS);
    let from = t.clock.now_ms();
    let until_ms = from + 10 * MINUTE_MS;
    let line = EnrolmentLine {
        from_ms: Some(from + 5 * MINUTE_MS),
        until_ms: Some(until_ms),
        ..EnrolmentLine::new(1, subject("ada"))
    };
    let enroller = Principal::command_line().enroller().expect("may enrol");
    let (list, choice) = (EnrolmentList::of(vec![line]), EnrolmentChoice::default());
    t.advance(MINUTE_MS);
    t.store.enrol(&enroller, &group_key("beta"), &list, choice, None, "").await.expect("enrolled");
    assert!(t.changed(from, t.clock.now_ms()).await.flags.is_empty(), "not yet");
    t.advance(5 * MINUTE_MS);
    let began = t.only(from).await;
    assert_eq!((ends(&began), began.turns[0].at_ms), (on_now(), from + 5 * MINUTE_MS));
    let is = |flag: &FlagChanged, wanted: EnrolmentState| {
        matches!(&flag.turns.last().expect("a turn").cause, Cause::Enrolment { group, state }
            if group == "Group beta" && *state == wanted)
    };
    assert!(is(&began, EnrolmentState::Active), "{:?}", began.turns);
    let middle = t.clock.now_ms();
    t.advance(10 * MINUTE_MS);
    let ended = t.only(middle).await;
    assert_eq!((ends(&ended), ended.turns[0].at_ms), (off_now(), until_ms));
    assert!(is(&ended, EnrolmentState::Expired), "{:?}", ended.turns);

    let from = t.clock.now_ms();
    t.advance(MINUTE_MS);
    t.store
        .extend_testers(&enroller, &group_key("beta"), &[subject("ada")], None, "")
        .await
        .expect("extended");
    let extended = t.only(from).await;
    let Cause::Entry(entry) = &extended.turns[0].cause else { panic!("{:?}", extended.turns) };
    assert_eq!(entry.action, Action::EnrolmentsChanged);
    let from = t.clock.now_ms();
    t.advance(MINUTE_MS);
    t.store.remove_testers(&enroller, &group_key("beta"), &[subject("ada")], "").await.expect("removed");
    let removed = t.only(from).await;
    assert_eq!(ends(&removed), off_now());
    assert!(
        matches!(&removed.turns[0].cause, Cause::Entry(entry) if entry.action == Action::EnrolmentsChanged)
    );
}

async fn a_flag_that_another_needs_changes_that_one(t: Harness) {
    t.create_flag("base").await;
    t.create_flag("a").await;
    t.change("base", |rollout| rollout.rules = vec![everyone(100)]).await.expect("saved");
    t.change("a", |rollout| {
        rollout.rules = vec![everyone(100)];
        let variant = VariantKey::parse("on").expect("a key");
        rollout.prerequisites = vec![Prerequisite { flag: flag_key("base"), variant }];
    })
    .await
    .expect("saved");
    t.advance(MINUTE_MS);
    let from = t.clock.now_ms();
    t.advance(MINUTE_MS);
    t.store.stop(&stopper(), &production(), &flag_key("base"), "").await.expect("stopped");
    let changed = t.changed(from, t.clock.now_ms()).await;
    let of = |key: &str| changed.flags.iter().find(|it| it.flag.key.as_str() == key).expect("changed");
    assert_eq!((ends(of("a")), ends(of("base"))), (off_now(), off_now()));
    let Cause::Entry(entry) = &of("a").turns[0].cause else { panic!("{:?}", of("a").turns) };
    assert_eq!((entry.action, entry.object.key.as_str()), (Action::RolloutStopped, "base"));
}

async fn a_condition_moves_with_the_clock(t: Harness) {
    t.create_flag("a").await;
    let mut group = t.create_group("fresh", "x").await;
    let operator = serde_json::from_str("{\"after\":\"1 day ago\"}").expect("an operator");
    let attribute = AttributeName::parse("since").expect("a name");
    group.condition =
        Some(engine::Condition::Test(Test { attribute, operator, ignore_case: false, negated: false }));
    t.store.update_group(&editor(), 1, group, "").await.expect("saved");
    t.change("a", |rollout| rollout.rules = vec![for_group("fresh", 100)]).await.expect("saved");
    let since_ms = t.clock.now_ms() - 20 * 60 * MINUTE_MS;
    let since = engine::instant_phrase(since_ms).replace(" UTC", ":00Z").replacen(' ', "T", 1);
    let people = vec![(subject("ada"), traits(&[("since", &since)]))];
    t.store.put_people(&admin(), people).await.expect("saved");
    t.advance(MINUTE_MS);
    let from = t.clock.now_ms();
    t.advance(10 * 60 * MINUTE_MS);
    let flag = t.only(from).await;
    assert_eq!(ends(&flag), off_now());
    assert!(matches!(flag.turns[0].cause, Cause::Time), "{:?}", flag.turns);
    let day_ms = 24 * 60 * MINUTE_MS;
    let off_by_ms = flag.turns[0].at_ms - (since_ms + day_ms);
    assert!((-MINUTE_MS..=MINUTE_MS).contains(&off_by_ms), "{off_by_ms}");
}

async fn a_group_that_was_deleted_and_put_back_is_followed(t: Harness) {
    t.create_flag("a").await;
    t.create_group("vip", "gold").await;
    t.store_tier("gold").await;
    t.change("a", |rollout| rollout.rules = vec![for_group("vip", 0)]).await.expect("saved");
    t.advance(MINUTE_MS);
    let from = t.clock.now_ms();
    t.advance(MINUTE_MS);
    t.change("a", |rollout| rollout.rules = vec![]).await.expect("saved");
    t.store.delete_group(&editor(), 1, &group_key("vip"), "").await.expect("deleted");
    let entries = t.store.list_audit(&auditor(), &AuditFilter::default()).await.expect("reads");
    t.advance(MINUTE_MS);
    t.store.revert(&viewer(), entries[0].seq, "").await.expect("put back");
    t.advance(MINUTE_MS);
    t.change("a", |rollout| rollout.rules = vec![for_group("vip", 100)]).await.expect("saved");
    let at_ms = t.clock.now_ms();
    t.advance(MINUTE_MS);
    let flag = t.only(from).await;
    assert_eq!(
        (ends(&flag), flag.turns.len(), flag.turns[0].at_ms),
        (on_now(), 1, at_ms),
        "{:#?}",
        flag.turns
    );
    let Cause::Entry(entry) = &flag.turns[0].cause else { panic!("{:?}", flag.turns) };
    assert_eq!(entry.action, Action::RolloutChanged);
}

async fn of_more_changes_than_are_replayed_the_first_are_taken_as_one(t: Harness) {
    t.create_flag("a").await;
    t.create_group("vip", "gold").await;
    t.change("a", |rollout| rollout.rules = vec![for_group("vip", 100)]).await.expect("saved");
    t.advance(MINUTE_MS);
    let from = t.clock.now_ms();
    t.advance(MINUTE_MS);
    t.store_tier("gold").await;
    for turn in 0..REPLAYED_STEPS_MAX {
        let other = subject(if turn % 2 == 0 { "ben" } else { "cleo" });
        t.change("a", |rollout| rollout.exclusions.subjects = vec![other]).await.expect("saved");
    }
    let flag = t.only(from).await;
    assert_eq!((ends(&flag), flag.turns.len()), (on_now(), 1), "{:#?}", flag.turns);
    assert!(matches!(flag.turns[0].cause, Cause::Many), "{:?}", flag.turns);
    t.store_tier("silver").await;
    t.store_tier("gold").await;
    let turns = t.only(from).await.turns;
    assert!(matches!(turns[0].cause, Cause::Many), "{turns:?}");
    let last = turns[1..].iter().map(|turn| match &turn.cause {
        Cause::Entry(entry) => entry.action,
        other => panic!("{other:?}"),
    });
    assert_eq!(last.collect::<Vec<_>>(), [Action::PeopleSaved; 2]);
}

async fn of_many_turns_the_last_are_told(t: Harness) {
    t.create_flag("a").await;
    let from = t.clock.now_ms();
    for turn in 0..9 {
        t.advance(MINUTE_MS);
        let per_cent = if turn % 2 == 0 { 100 } else { 0 };
        t.change("a", |rollout| rollout.rules = vec![everyone(per_cent)]).await.expect("saved");
    }
    let flag = t.only(from).await;
    assert_eq!((flag.turns.len(), flag.earlier, ends(&flag)), (5, 4, on_now()));
    assert!(flag.turns.is_sorted_by_key(|turn| turn.at_ms));
}

async fn what_was_made_or_archived_meanwhile_is_told_and_other_environments_are_not(t: Harness) {
    t.create_flag("old").await;
    t.change("old", |rollout| rollout.rules = vec![everyone(100)]).await.expect("saved");
    t.create_flag("pinned").await;
    t.advance(MINUTE_MS);
    let from = t.clock.now_ms();
    t.advance(MINUTE_MS);
    t.create_flag("fresh").await;
    t.change("fresh", |rollout| rollout.rules = vec![everyone(100)]).await.expect("saved");
    let found = t.store.find_flag(&viewer(), &flag_key("old")).await.expect("read").expect("a flag");
    let archived = engine::Flag { lifecycle: engine::Lifecycle::Archived, ..found.value };
    t.store.update_flag(&editor(), found.version, archived, "").await.expect("archived");
    let staging = t.rollout_in("pinned", &staging()).await;
    let mut rollout = staging.value;
    rollout.pins = vec![Pin { subject: subject("ada"), variant: VariantKey::parse("on").expect("a key") }];
    t.store
        .save_rollout(
            &editor(),
            &crate::harness::staging(),
            &flag_key("pinned"),
            staging.version,
            rollout,
            "",
        )
        .await
        .expect("saved");
    let changed = t.changed(from, t.clock.now_ms()).await;
    let told: Vec<_> = changed.flags.iter().map(|it| (it.flag.key.to_string(), ends(it))).collect();
    assert_eq!(
        told,
        [
            ("fresh".to_owned(), (None, Some("on".to_owned()))),
            ("old".to_owned(), (Some("on".to_owned()), None)),
        ]
    );
    assert!(sentence(&changed.flags[1]).contains("archived"), "{}", sentence(&changed.flags[1]));
}
