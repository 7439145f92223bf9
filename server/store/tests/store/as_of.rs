use engine::{Arm, Context, Flag, Lifecycle, Pin, Reason, VariantKey};
use store::{EnrolmentChoice, EnrolmentLine, EnrolmentList, ObjectRef};

use crate::{
    harness::*,
    people::{reader, subject, traits},
};

on_both!(
    a_rollout_decides_as_it_did_then,
    a_group_is_as_it_was_then,
    an_enrolment_that_has_ended_since_still_counts_then,
    an_enrolment_of_today_says_nothing_about_yesterday,
    a_deleted_group_ends_a_stay_and_a_restored_one_begins_another,
    what_came_later_is_absent_and_what_went_later_is_there,
    a_revert_and_a_pin_are_told_apart_by_time,
    other_environments_and_the_schema_are_as_they_were,
);

const MINUTE_MS: i64 = 60_000;

impl Harness {
    /// The variant that the configuration of an instant gives to somebody with these traits, and why.
    async fn decided(&self, flag: &str, at_ms: i64, tier: &str) -> Option<(String, Reason)> {
        let as_of = self.store.snapshot_as_of(&reader(), &production(), at_ms).await.expect("compiles");
        let traits = traits(&[("tier", tier)]);
        let context = Context::from_traits("ada", &traits);
        let decision = as_of.snapshot.evaluate(flag, &context, at_ms).ok()?;
        Some((decision.variant.key.to_string(), decision.reason))
    }

    fn now(&self) -> i64 {
        self.clock.now_ms()
    }
}

fn on(reason: Reason) -> (String, Reason) {
    ("on".to_owned(), reason)
}

fn off(reason: Reason) -> (String, Reason) {
    ("off".to_owned(), reason)
}

async fn a_rollout_decides_as_it_did_then(t: Harness) {
    t.create_flag("a").await;
    t.advance(MINUTE_MS);
    t.change("a", |rollout| rollout.rules = vec![everyone(100)]).await.expect("saved");
    t.advance(MINUTE_MS);
    t.store.stop(&stopper(), &production(), &flag_key("a"), "").await.expect("stopped");
    t.advance(MINUTE_MS);
    t.store.resume(&editor(), &production(), &flag_key("a"), "").await.expect("resumed");
    t.change("a", |rollout| rollout.rules = vec![everyone(0)]).await.expect("saved");
    let at = |minutes: i64| START_MS + minutes * MINUTE_MS;
    assert_eq!(t.decided("a", at(0) - 1, "vip").await, None, "not made yet");
    assert_eq!(t.decided("a", at(0), "vip").await, Some(off(Reason::Static)));
    assert_eq!(t.decided("a", at(1) - 1, "vip").await, Some(off(Reason::Static)));
    assert_eq!(
        t.decided("a", at(1), "vip").await,
        Some(on(Reason::TargetingMatch)),
        "in force at its very instant"
    );
    assert_eq!(t.decided("a", at(2), "vip").await, Some(off(Reason::Disabled)));
    assert_eq!(t.decided("a", at(3), "vip").await, Some(off(Reason::Default)));
    assert_eq!(
        t.decided("a", at(1) + 1, "vip").await,
        Some(on(Reason::TargetingMatch)),
        "asked in any order"
    );
    let as_of = t.store.snapshot_as_of(&reader(), &production(), at(3)).await.expect("compiles");
    let again = t.store.snapshot_as_of(&reader(), &production(), at(9)).await.expect("compiles");
    assert!(
        std::ptr::eq(&raw const *as_of.snapshot, &raw const *again.snapshot),
        "nothing changed in between"
    );
    let context = Context::from_traits("ada", engine::Attributes::EMPTY);
    let decision = as_of.snapshot.evaluate("a", &context, at(3)).expect("decides");
    assert_eq!(decision.arm, Some(Arm::Control));
}

async fn a_group_is_as_it_was_then(t: Harness) {
    t.create_flag("a").await;
    let mut group = t.create_group("vip", "vip").await;
    t.change("a", |rollout| rollout.rules = vec![for_group("vip", 100)]).await.expect("saved");
    let first = t.now();
    t.advance(MINUTE_MS);
    group.condition = Some(condition("tier", "gold"));
    t.store.update_group(&editor(), 1, group, "").await.expect("saved");
    let second = t.now();
    t.advance(MINUTE_MS);
    t.change("a", |rollout| rollout.rules = vec![everyone(100)]).await.expect("saved");
    t.store.delete_group(&editor(), 2, &group_key("vip"), "").await.expect("deleted");
    let third = t.now();
    assert_eq!(t.decided("a", first, "vip").await, Some(on(Reason::TargetingMatch)));
    assert_eq!(t.decided("a", first, "gold").await, Some(off(Reason::Default)));
    assert_eq!(t.decided("a", second, "vip").await, Some(off(Reason::Default)));
    assert_eq!(t.decided("a", second, "gold").await, Some(on(Reason::TargetingMatch)));
    assert_eq!(t.decided("a", third, "vip").await, Some(on(Reason::TargetingMatch)));
    let groups = async |at| {
        let as_of = t.store.snapshot_as_of(&reader(), &production(), at).await.expect("compiles");
        as_of.snapshot.groups().len()
    };
    assert_eq!((groups(second).await, groups(third).await), (1, 0));
}

async fn an_enrolment_that_has_ended_since_still_counts_then(t: Harness) {
    t.create_flag("a").await;
    t.create_group("beta", "nobody").await;
    t.change("a", |rollout| rollout.rules = vec![for_group("beta", 100)]).await.expect("saved");
    let line = EnrolmentLine {
        purpose: "checks the payment steps".to_owned(),
        from_ms: Some(START_MS + MINUTE_MS),
        until_ms: Some(START_MS + 3 * MINUTE_MS),
        ..EnrolmentLine::new(1, subject("ada"))
    };
    let enroller = store::Principal::command_line().enroller().expect("may enrol");
    let (list, choice) = (EnrolmentList::of(vec![line]), EnrolmentChoice::default());
    t.store.enrol(&enroller, &group_key("beta"), &list, choice, None, "").await.expect("enrolled");
    t.advance(60 * MINUTE_MS);
    let at = |minutes: i64| START_MS + minutes * MINUTE_MS;
    assert_eq!(t.decided("a", at(0), "x").await, Some(off(Reason::Default)), "not yet");
    assert_eq!(t.decided("a", at(1), "x").await, Some(on(Reason::TargetingMatch)));
    assert_eq!(t.decided("a", at(3) - 1, "x").await, Some(on(Reason::TargetingMatch)));
    assert_eq!(t.decided("a", at(3), "x").await, Some(off(Reason::Default)), "it ended by itself");
    let removed = t.store.remove_testers(&enroller, &group_key("beta"), &[subject("ada")], "").await;
    assert_eq!(removed.expect("removed"), 1);
    assert_eq!(
        t.decided("a", at(2), "x").await,
        Some(on(Reason::TargetingMatch)),
        "removed later, there then"
    );
}

/// Enrolled by name, from a moment of its own or at once.
async fn enrol(t: &Harness, from_ms: Option<i64>) {
    let line = EnrolmentLine {
        purpose: "checks the payment steps".to_owned(),
        from_ms,
        ..EnrolmentLine::new(1, subject("ada"))
    };
    let enroller = store::Principal::command_line().enroller().expect("may enrol");
    let (list, choice) = (EnrolmentList::of(vec![line]), EnrolmentChoice::default());
    t.store.enrol(&enroller, &group_key("beta"), &list, choice, None, "").await.expect("enrolled");
}

/// From which minute until which ada was in which group.
async fn stays(t: &Harness) -> Vec<(String, Option<i64>, Option<i64>)> {
    let minute = |ms: i64| (ms - START_MS) / MINUTE_MS;
    let stays = t.store.stays_of(&reader(), &subject("ada")).await.expect("reads");
    stays.into_iter().map(|it| (it.group_name, it.from_ms.map(minute), it.until_ms.map(minute))).collect()
}

async fn an_enrolment_of_today_says_nothing_about_yesterday(t: Harness) {
    let enroller = store::Principal::command_line().enroller().expect("may enrol");
    let beta = group_key("beta");
    let ada = [subject("ada")];
    let stay = |from: i64, until: Option<i64>| ("Group beta".to_owned(), Some(from), until);
    t.create_group("beta", "nobody").await;
    assert_eq!(stays(&t).await, []);
    t.advance(5 * MINUTE_MS);
    // The moment that was typed lies before anybody had typed it.
    enrol(&t, Some(START_MS)).await;
    assert_eq!(stays(&t).await, [stay(5, None)]);
    t.advance(5 * MINUTE_MS);
    t.store.remove_testers(&enroller, &beta, &ada, "").await.expect("removed");
    assert_eq!(stays(&t).await, [stay(5, Some(10))]);
    t.advance(10 * MINUTE_MS);
    enrol(&t, None).await;
    assert_eq!(stays(&t).await, [stay(5, Some(10)), stay(20, None)]);
    t.advance(10 * MINUTE_MS);
    let end = Some(START_MS + 60 * MINUTE_MS);
    t.store.extend_testers(&enroller, &beta, &ada, end, "").await.expect("extended");
    assert_eq!(stays(&t).await, [stay(5, Some(10)), stay(20, Some(60))], "one stay with another end");
    t.advance(60 * MINUTE_MS);
    t.store.extend_testers(&enroller, &beta, &ada, None, "").await.expect("extended");
    let all = [stay(5, Some(10)), stay(20, Some(60)), stay(90, None)];
    assert_eq!(stays(&t).await, all, "what had ended stays ended");
    // The configuration of each moment says the same.
    for minute in 0..100 {
        let at_ms = START_MS + minute * MINUTE_MS;
        let snapshot =
            t.store.snapshot_as_of(&reader(), &production(), at_ms).await.expect("compiles").snapshot;
        let group = snapshot.groups().find(|group| *group.key() == beta).expect("the group").group();
        let is_in = group.enrolments.iter().any(|it| it.subject == ada[0] && it.is_active(at_ms));
        let told = all.iter().any(|(_, from, until)| {
            from.is_none_or(|from| from <= minute) && until.is_none_or(|until| minute < until)
        });
        assert_eq!(is_in, told, "minute {minute}");
    }
}

async fn a_deleted_group_ends_a_stay_and_a_restored_one_begins_another(t: Harness) {
    t.create_group("beta", "nobody").await;
    enrol(&t, None).await;
    t.advance(10 * MINUTE_MS);
    t.store.delete_group(&editor(), 1, &group_key("beta"), "").await.expect("deleted");
    assert_eq!(stays(&t).await, [("Group beta".to_owned(), Some(0), Some(10))]);
    t.advance(10 * MINUTE_MS);
    let deleted = t.store.live().seq();
    t.store.revert(&viewer(), deleted, "").await.expect("restored");
    let both = [("Group beta".to_owned(), Some(0), Some(10)), ("Group beta".to_owned(), Some(20), None)];
    assert_eq!(stays(&t).await, both);
}

async fn what_came_later_is_absent_and_what_went_later_is_there(t: Harness) {
    let flag = t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(100)]).await.expect("saved");
    let before = t.now();
    t.advance(MINUTE_MS);
    t.create_flag("b").await;
    let archived = Flag { lifecycle: Lifecycle::Archived, ..flag };
    let version = t.store.find_flag(&viewer(), &archived.key).await.expect("reads").expect("a flag").version;
    t.store.update_flag(&editor(), version, archived, "").await.expect("archived");
    assert_eq!(t.decided("a", before, "x").await, Some(on(Reason::TargetingMatch)), "archived later");
    assert_eq!(t.decided("a", t.now(), "x").await, None, "archived");
    let keys = async |at| {
        let as_of = t.store.snapshot_as_of(&reader(), &production(), at).await.expect("compiles");
        as_of.snapshot.flags().len()
    };
    assert_eq!((keys(before).await, keys(t.now()).await), (1, 2));
}

async fn a_revert_and_a_pin_are_told_apart_by_time(t: Harness) {
    t.create_flag("a").await;
    let pin = Pin { subject: subject("ada"), variant: VariantKey::parse("on").expect("a key") };
    t.change("a", |rollout| rollout.pins.push(pin)).await.expect("saved");
    let pinned = t.now();
    let object = ObjectRef::new(store::ObjectKind::Flag, "a");
    let history = t.store.history(&viewer(), &object, Some(&production()), None, 1).await.expect("reads");
    t.advance(MINUTE_MS);
    t.store.revert(&viewer(), history[0].seq, "").await.expect("reverted");
    assert_eq!(t.decided("a", pinned, "x").await, Some(on(Reason::TargetingMatch)));
    assert_eq!(t.decided("a", t.now(), "x").await, Some(off(Reason::Static)));
}

async fn other_environments_and_the_schema_are_as_they_were(t: Harness) {
    t.create_flag("a").await;
    let definition = |trusted| engine::AttributeDefinition {
        name: engine::AttributeName::parse("tier").expect("a name"),
        value_type: engine::AttributeType::Text,
        description: String::new(),
        trusted,
        personal: false,
    };
    t.store.put_attribute(&admin(), definition(true)).await.expect("saved");
    let trusted = t.now();
    t.advance(MINUTE_MS);
    t.store.put_attribute(&admin(), definition(false)).await.expect("saved");
    let changed = t.now();
    t.advance(MINUTE_MS);
    t.store.delete_attribute(&admin(), &definition(true).name).await.expect("deleted");
    t.change("a", |rollout| rollout.rules = vec![everyone(100)]).await.expect("saved");
    let of = async |environment: engine::EnvironmentKey, at| {
        t.store.snapshot_as_of(&reader(), &environment, at).await.expect("compiles").snapshot
    };
    assert!(of(production(), trusted).await.attributes().is_trusted("tier"));
    assert!(!of(production(), changed).await.attributes().is_trusted("tier"));
    assert_eq!(of(production(), t.now()).await.attributes().definitions(), []);
    let staging = of(staging(), t.now()).await;
    let decision = staging.evaluate("a", &Context::from_traits("ada", engine::Attributes::EMPTY), 0);
    assert_eq!(decision.expect("decides").reason, Reason::Static, "staging was not touched");
}
