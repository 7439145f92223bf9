use engine::{Attributes, Preview, SubjectKey, VariantKey};
use store::{
    Acceptance, ActorKind, AuditFilter, Enrolled, Enroller, EnrolmentChoice, EnrolmentList, Invalid,
    InvitationState, NewTesterInvitation, RawLine, RequestOrigin, StoreError, TesterStanding,
};

use crate::harness::*;

on_both!(
    a_dry_run_sorts_a_list_and_enrolling_goes_by_it,
    who_is_excluded_is_left_out_unless_chosen,
    a_report_that_does_not_hold_any_more_writes_nothing,
    testers_are_extended_and_removed_together,
    an_exclusion_needs_a_reason_and_can_be_taken_back,
    an_invitation_enrols_up_to_its_capacity,
    a_shut_invitation_says_why,
    the_last_place_is_given_once,
    making_a_preview_is_audited,
    enrolling_one_writes_one_and_leaves_the_group_alone,
    an_edit_of_the_group_keeps_who_was_enrolled_meanwhile,
    reverting_an_enrolment_leaves_later_ones_alone,
    another_copy_follows_who_comes_and_goes,
);

fn subject(key: &str) -> SubjectKey {
    SubjectKey::parse(key).expect("a key")
}

fn enroller() -> Enroller {
    store::Principal::command_line().enroller().expect("may enrol")
}

fn list(text: &str) -> EnrolmentList {
    EnrolmentList::parse(text, RawLine { purpose: "pilot", ..RawLine::default() }, START_MS)
}

async fn enrol(t: &Harness, text: &str) -> Enrolled {
    let choice = EnrolmentChoice::default();
    let key = group_key("pilot");
    t.store.enrol(&enroller(), &key, &list(text), choice, None, "").await.expect("enrolled")
}

async fn enrolled(t: &Harness) -> Vec<String> {
    let found = t.store.find_group(&viewer(), &group_key("pilot")).await.expect("reads").expect("a group");
    found.value.enrolments.iter().map(|it| it.subject.to_string()).collect()
}

/// A group without a condition, used by flag `a` in production.
async fn pilot(t: &Harness) -> engine::Group {
    let group = engine::Group { condition: None, ..group("pilot", "vip") };
    t.store.create_group(&editor(), group.clone(), "").await.expect("a group");
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![for_group("pilot", 100)]).await.expect("saved");
    group
}

async fn a_dry_run_sorts_a_list_and_enrolling_goes_by_it(t: Harness) {
    pilot(&t).await;
    t.store.put_people(&admin(), vec![(subject("ada"), Attributes::default())]).await.expect("a person");
    let until = "2026-01-05 12:00";
    let soon = EnrolmentList::parse("old", RawLine { until, ..RawLine::default() }, START_MS);
    let choice = EnrolmentChoice::default();
    t.store.enrol(&enroller(), &group_key("pilot"), &soon, choice, None, "").await.expect("enrolled");
    enrol(&t, "in").await;
    t.clock.advance(30 * 24 * 3_600_000);
    let group = t.store.find_group(&viewer(), &group_key("pilot")).await.expect("reads").expect("a group");
    let text = "ada\nnew\nold\nin\nada\n\u{1}";
    let report = t.store.check_enrolments(&enroller(), &group.value, &list(text)).await.expect("a dry run");
    let standings: Vec<_> = report.lines.iter().map(|it| (it.standing, it.known)).collect();
    assert_eq!(
        standings,
        [
            (TesterStanding::New, true),
            (TesterStanding::New, false),
            (TesterStanding::Renewed, false),
            (TesterStanding::AlreadyIn, false),
            (TesterStanding::Duplicate { of: 1 }, true),
        ]
    );
    assert_eq!(report.malformed.len(), 1);
    assert_eq!(enrolled(&t).await, ["old", "in"], "a dry run writes nothing");
    let seen = report.fingerprint();
    let done = t
        .store
        .enrol(&enroller(), &group_key("pilot"), &list(text), choice, Some(&seen), "a pilot")
        .await
        .expect("enrolled");
    assert_eq!(done, Enrolled::Done(report));
    assert_eq!(enrolled(&t).await, ["in", "ada", "new", "old"]);
    let group = t.store.find_group(&viewer(), &group_key("pilot")).await.expect("reads").expect("a group");
    let ada = &group.value.enrolments[1];
    assert_eq!(
        (ada.by.as_str(), ada.at_ms, ada.purpose.as_str()),
        ("command line", Some(t.clock.now_ms()), "pilot")
    );
    let unknown = EnrolmentChoice { with_unknown: false, ..choice };
    t.store.enrol(&enroller(), &group_key("pilot"), &list("x"), unknown, None, "").await.expect("nobody");
    assert_eq!(enrolled(&t).await.len(), 4);
}

async fn who_is_excluded_is_left_out_unless_chosen(t: Harness) {
    pilot(&t).await;
    t.create_group("vip", "vip").await;
    let vip: Attributes =
        [("tier".to_owned(), engine::AttributeValue::Text("vip".into()))].into_iter().collect();
    t.store.put_people(&admin(), vec![(subject("v"), vip)]).await.expect("a person");
    t.change("a", |rollout| {
        rollout.exclusions.subjects = vec![subject("x")];
        rollout.exclusions.groups = vec![group_key("vip")];
    })
    .await
    .expect("saved");
    let Enrolled::Done(report) = enrol(&t, "x\nv\ny").await else { panic!("nothing changed") };
    let through: Vec<_> =
        report.lines.iter().map(|it| it.excluded_from.first().map(|e| e.through.clone())).collect();
    assert_eq!(through, [Some(None), Some(Some((group_key("vip"), "Group vip".to_owned()))), None]);
    assert_eq!(enrolled(&t).await, ["y"]);
    let all = EnrolmentChoice { with_excluded: true, with_unknown: true };
    t.store.enrol(&enroller(), &group_key("pilot"), &list("x"), all, None, "").await.expect("enrolled");
    assert_eq!(enrolled(&t).await, ["y", "x"]);
    let by = store::Principal::command_line().people_reader().expect("may");
    let pilots = t.store.pilots_of(&by, &subject("x")).await.expect("reads");
    assert_eq!((pilots.len(), pilots[0].excluded_from[0].flag.as_str()), (1, "a"));
    let context = engine::Context::from_traits("x", Attributes::EMPTY);
    let snapshot = t.store.live().snapshot("production").expect("snapshot");
    let decision = snapshot.evaluate("a", &context, START_MS).expect("a decision");
    assert_eq!(decision.variant.key.as_str(), "off", "exclusion beats the enrolment");
}

async fn a_report_that_does_not_hold_any_more_writes_nothing(t: Harness) {
    let group = pilot(&t).await;
    let report = t.store.check_enrolments(&enroller(), &group, &list("x\ny")).await.expect("a dry run");
    enrol(&t, "unrelated").await;
    let (key, seen, choice) = (group_key("pilot"), report.fingerprint(), EnrolmentChoice::default());
    let confirm = async |text| {
        t.store.enrol(&enroller(), &key, &list(text), choice, Some(&seen), "").await.expect("an answer")
    };
    assert!(matches!(confirm("x\ny").await, Enrolled::Done(_)), "somebody else's testers change nothing");
    let seq = t.store.live().seq();
    let Enrolled::Changed(now) = confirm("x\ny").await else { panic!("they are in already") };
    assert_eq!(now.lines[0].standing, TesterStanding::AlreadyIn);
    assert!(matches!(confirm("z").await, Enrolled::Changed(_)), "another list");
    assert_eq!(t.store.live().seq(), seq);
}

async fn testers_are_extended_and_removed_together(t: Harness) {
    pilot(&t).await;
    enrol(&t, "a\nb\nc").await;
    let key = group_key("pilot");
    let two = [subject("a"), subject("b"), subject("nobody")];
    let until = Some(START_MS + 1000);
    assert_eq!(t.store.extend_testers(&enroller(), &key, &two, until, "").await.expect("extended"), 2);
    let past = t.store.extend_testers(&enroller(), &key, &two, Some(START_MS), "").await;
    assert!(matches!(past, Err(StoreError::Invalid(Invalid::EndHasPassed))));
    t.clock.advance(1000);
    let snapshot = t.store.live().snapshot("production").expect("snapshot");
    let is_in = |subject| {
        let context = engine::Context::from_traits(subject, Attributes::EMPTY);
        snapshot.group("pilot").expect("a group").contains(&context, t.clock.now_ms())
    };
    assert_eq!(["a", "b", "c"].map(is_in), [false, false, true], "they end by themselves");
    assert_eq!(t.store.remove_testers(&enroller(), &key, &two, "done").await.expect("removed"), 2);
    assert_eq!(enrolled(&t).await, ["c"]);
    assert_eq!(t.last_sentence().await, "removed the tester a from Group pilot, and 1 more change");
}

async fn an_exclusion_needs_a_reason_and_can_be_taken_back(t: Harness) {
    pilot(&t).await;
    enrol(&t, "x").await;
    let (flag, who) = (flag_key("a"), subject("x"));
    let silent = t.store.exclude_tester(&enroller(), &production(), &flag, &who, " ").await;
    assert!(matches!(silent, Err(StoreError::Invalid(Invalid::ReasonMissing))));
    t.store
        .exclude_tester(&enroller(), &production(), &flag, &who, "left the pilot")
        .await
        .expect("excluded");
    let by = store::Principal::command_line().people_reader().expect("may");
    let excluded = t.store.excluded_testers(&by, &group_key("pilot"), &[who.clone(), subject("y")]).await;
    assert_eq!(excluded.expect("reads").len(), 1);
    t.store.readmit_tester(&enroller(), &production(), &flag, &who, "is back").await.expect("readmitted");
    let excluded = t.store.excluded_testers(&by, &group_key("pilot"), &[who]).await;
    assert_eq!(excluded.expect("reads"), []);
}

fn invitation(capacity: u64) -> NewTesterInvitation {
    NewTesterInvitation {
        purpose: "second round".to_owned(),
        capacity,
        closes_ms: START_MS + 10_000,
        until_ms: Some(START_MS + 20_000),
    }
}

async fn accept(t: &Harness, token: &str, who: &str) -> Option<Acceptance> {
    let origin = RequestOrigin::default();
    t.store.accept_tester_invitation(token, &subject(who), &origin).await.expect("an answer")
}

async fn an_invitation_enrols_up_to_its_capacity(t: Harness) {
    pilot(&t).await;
    let key = group_key("pilot");
    let token = t.store.invite_testers(&enroller(), &key, invitation(2)).await.expect("a link");
    assert_eq!(t.last_sentence().await, "made an invitation for 2 testers to Group pilot");
    assert_eq!(accept(&t, token.as_str(), "x").await, Some(Acceptance::Enrolled));
    let newest = AuditFilter { limit: 1, ..AuditFilter::default() };
    let entries = t.store.list_audit(&auditor(), &newest).await.expect("reads");
    assert_eq!(entries[0].actor_kind, ActorKind::Invitation);
    assert_eq!(entries[0].sentence, "added the tester x to Group pilot");
    let again = accept(&t, token.as_str(), "x").await;
    assert_eq!(again, Some(Acceptance::AlreadyIn { until_ms: Some(START_MS + 20_000) }));
    t.change("a", |rollout| rollout.exclusions.subjects = vec![subject("z")]).await.expect("saved");
    assert_eq!(accept(&t, token.as_str(), "z").await, Some(Acceptance::Excluded));
    assert_eq!(accept(&t, token.as_str(), "y").await, Some(Acceptance::Enrolled));
    assert_eq!(accept(&t, token.as_str(), "w").await, Some(Acceptance::Shut(InvitationState::Full)));
    assert_eq!(enrolled(&t).await, ["x", "y"]);
    let listed = t.store.list_tester_invitations(&viewer(), &key).await.expect("reads");
    assert_eq!((listed[0].accepted, listed[0].capacity, listed[0].state), (2, 2, InvitationState::Full));
    assert!(t.text("SELECT token_hash FROM tester_invitations").await != token.as_str());
}

async fn a_shut_invitation_says_why(t: Harness) {
    pilot(&t).await;
    let key = group_key("pilot");
    let open = t.store.invite_testers(&enroller(), &key, invitation(9)).await.expect("a link");
    let revoked = t.store.invite_testers(&enroller(), &key, invitation(9)).await.expect("a link");
    let id = t.store.list_tester_invitations(&viewer(), &key).await.expect("reads")[0].id;
    t.store.revoke_tester_invitation(&enroller(), &key, id).await.expect("revoked");
    t.store.revoke_tester_invitation(&enroller(), &key, id).await.expect("nothing left to revoke");
    assert_eq!(accept(&t, revoked.as_str(), "x").await, Some(Acceptance::Shut(InvitationState::Revoked)));
    assert_eq!(accept(&t, "no such link", "x").await, None);
    t.clock.advance(10_000);
    assert_eq!(accept(&t, open.as_str(), "x").await, Some(Acceptance::Shut(InvitationState::Expired)));
    assert_eq!(enrolled(&t).await, [""; 0]);
    for (capacity, closes_ms, purpose) in [(0, i64::MAX, "x"), (9, START_MS, "x"), (9, i64::MAX, " ")] {
        let new = NewTesterInvitation { purpose: purpose.into(), closes_ms, ..invitation(capacity) };
        let refused = t.store.invite_testers(&enroller(), &key, new).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{capacity} {closes_ms} {purpose:?}");
    }
}

async fn the_last_place_is_given_once(t: Harness) {
    pilot(&t).await;
    let token =
        t.store.invite_testers(&enroller(), &group_key("pilot"), invitation(1)).await.expect("a link");
    let (a, b) = tokio::join!(accept(&t, token.as_str(), "x"), accept(&t, token.as_str(), "y"));
    let places = [a, b].into_iter().filter(|it| *it == Some(Acceptance::Enrolled)).count();
    assert_eq!((places, enrolled(&t).await.len()), (1, 1));
}

async fn making_a_preview_is_audited(t: Harness) {
    pilot(&t).await;
    let preview = |variant: &str| Preview {
        flag: flag_key("a"),
        subject: subject("x"),
        variant: VariantKey::parse(variant).expect("a key"),
    };
    let revision = t.revision(&production());
    let hour_ms = store::PREVIEW_MS;
    let made = t.store.make_preview(&enroller(), &production(), preview("on"), hour_ms, "to look").await;
    let (token, until_ms) = made.expect("a preview");
    assert_eq!(until_ms, START_MS + hour_ms);
    assert_eq!(
        t.last_sentence().await,
        "made a preview of “on” for x on Flag a in production, for 60 minutes"
    );
    assert_eq!(t.revision(&production()), revision, "it changes no decision of anybody else");
    let key = t.another().await.preview_key().await.expect("a key");
    let grant = key.verify(&token, START_MS).expect("another copy of the server reads it");
    assert_eq!((grant.preview, grant.environment), (preview("on"), production()));
    for (variant, holds_ms) in [("gone", hour_ms), ("on", 0), ("on", 2 * 24 * hour_ms)] {
        let refused = t.store.make_preview(&enroller(), &production(), preview(variant), holds_ms, "").await;
        assert!(refused.is_err(), "{variant} for {holds_ms}");
    }
}

async fn enrolling_one_writes_one_and_leaves_the_group_alone(t: Harness) {
    pilot(&t).await;
    let before = t.store.find_group(&viewer(), &group_key("pilot")).await.expect("reads").expect("a group");
    let many: Vec<_> = (0..500).map(|at| format!("u-{at:04}")).collect();
    enrol(&t, &many.join("\n")).await;
    enrol(&t, "one more").await;
    let after = t.store.find_group(&viewer(), &group_key("pilot")).await.expect("reads").expect("a group");
    assert_eq!(after.version, before.version, "a group's version does not carry testers");
    assert_eq!(after.value.enrolments.len(), 501);
    assert_eq!(after.value.enrolments[500].subject.as_str(), "one more", "in the order in which they came");
    let last = "SELECT CAST(SUM(LENGTH(document)) AS TEXT) FROM versions \
                WHERE audit_seq = (SELECT MAX(audit_seq) FROM versions)";
    let bytes: usize = t.text(last).await.parse().expect("a number");
    assert!(bytes < 300, "one enrolment wrote {bytes} bytes of versions");
    let groups = "SELECT CAST(COUNT(*) AS TEXT) FROM versions WHERE object_kind = 'group'";
    assert_eq!(t.text(groups).await, "1");
    assert!(matches!(t.store.verify_audit().await, Ok(store::AuditVerdict::Intact { .. })));
}

async fn an_edit_of_the_group_keeps_who_was_enrolled_meanwhile(t: Harness) {
    pilot(&t).await;
    let read = t.store.find_group(&viewer(), &group_key("pilot")).await.expect("reads").expect("a group");
    enrol(&t, "ada").await;
    let renamed = engine::Group { name: "Renamed".to_owned(), ..read.value };
    t.store.update_group(&editor(), read.version, renamed, "").await.expect("testers do not conflict");
    assert_eq!(enrolled(&t).await, ["ada"]);
}

async fn reverting_an_enrolment_leaves_later_ones_alone(t: Harness) {
    pilot(&t).await;
    enrol(&t, "ada\nben").await;
    let leaving = [subject("ada")];
    t.store.remove_testers(&enroller(), &group_key("pilot"), &leaving, "").await.expect("removed");
    let removal = t.store.live().seq();
    enrol(&t, "cleo").await;
    t.store.revert(&viewer(), removal, "too early").await.expect("reverted");
    let mut there = enrolled(&t).await;
    there.sort();
    assert_eq!(there, ["ada", "ben", "cleo"]);
    let enrolment = removal - 1;
    t.store.revert(&viewer(), enrolment, "").await.expect("reverted");
    assert_eq!(enrolled(&t).await, ["cleo"]);
}

async fn another_copy_follows_who_comes_and_goes(t: Harness) {
    pilot(&t).await;
    let other = t.another().await;
    let context = engine::Context::from_traits("ada", Attributes::EMPTY);
    let decided = || {
        let snapshot = other.live().snapshot("production").expect("a snapshot");
        let decision = snapshot.evaluate("a", &context, START_MS).expect("a decision");
        decision.variant.key.to_string()
    };
    enrol(&t, "ben").await;
    enrol(&t, "ada").await;
    eventually("the other copy knows who came", async || decided() == "on").await;
    t.store.remove_testers(&enroller(), &group_key("pilot"), &[subject("ada")], "").await.expect("removed");
    eventually("the other copy knows who went", async || decided() == "off").await;
}
