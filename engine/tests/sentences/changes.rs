//! What the audit log says of a change.

use engine::{Change, flag_changes, group_changes, rollout_changes};
use serde_json::{Value as Json, json};

use crate::{NOW_MS, flag, group, in_groups, is, name, rollout, rollout_with, rule};

fn phrases(changes: Vec<Change>) -> Vec<String> {
    changes.into_iter().map(|change| change.phrase).collect()
}

fn of_rollouts(before: &Json, after: &Json) -> Vec<String> {
    phrases(rollout_changes(&rollout_with(before), &rollout_with(after), &name))
}

#[test]
fn a_step_names_the_audience_and_both_percentages() {
    let at = |thousandths| rollout(&json!([rule("vip", &in_groups(&["vip-agencies"]), thousandths)]));
    let changes = rollout_changes(&at(50_000), &at(100_000), &name);
    let expected = Change {
        phrase: "raised VIP agencies 50 → 100 %".to_owned(),
        before: Some("50 %".to_owned()),
        after: Some("100 %".to_owned()),
    };
    assert_eq!(changes, [expected]);
    assert_eq!(phrases(rollout_changes(&at(1), &at(0), &name)), ["lowered VIP agencies 0.001 → 0 %"]);
    assert_eq!(rollout_changes(&at(20_000), &at(20_000), &name), []);
}

#[test]
fn stopping_keeps_quiet_about_what_it_keeps() {
    assert_eq!(of_rollouts(&json!({}), &json!({ "enabled": false })), ["stopped"]);
    assert_eq!(of_rollouts(&json!({ "enabled": false }), &json!({})), ["resumed"]);
    assert_eq!(of_rollouts(&json!({}), &json!({ "seed": "other" })), ["re-randomised everyone"]);
}

#[test]
fn rules_come_go_move_and_change() {
    let everyone = rule("all", &json!("everyone"), 20_000);
    let vip = rule("vip", &in_groups(&["vip-agencies"]), 100_000);
    assert_eq!(
        of_rollouts(&json!({ "rules": [vip] }), &json!({ "rules": [everyone] })),
        ["added everyone at 20 %", "removed VIP agencies at 100 %"]
    );
    assert_eq!(
        of_rollouts(&json!({ "rules": [vip, everyone] }), &json!({ "rules": [everyone, vip] })),
        ["changed the order of the rules"]
    );
    let wider = rule("vip", &in_groups(&["vip-agencies", "internal"]), 100_000);
    assert_eq!(
        of_rollouts(&json!({ "rules": [vip] }), &json!({ "rules": [wider] })),
        ["changed an audience from VIP agencies to VIP agencies or Internal users"]
    );
    let mut drawn = everyone.clone();
    drawn["bucket_by"] = json!({ "attribute": "tenant" });
    drawn["split"] = json!([{ "variant": "on", "weight": 333 }, { "variant": "off", "weight": 667 }]);
    assert_eq!(
        of_rollouts(&json!({ "rules": [everyone] }), &json!({ "rules": [drawn] })),
        [
            "changed everyone to be drawn by tenant instead of by subject",
            "changed the split of everyone to on 33.3 %, off 66.7 %",
        ]
    );
}

#[test]
fn subjects_groups_and_prerequisites_are_named() {
    let full = json!({
        "prerequisites": [{ "flag": "new-checkout", "variant": "on" }],
        "exclusions": { "subjects": ["ada"], "groups": ["internal"] },
        "pins": [{ "subject": "eva", "variant": "on" }],
    });
    assert_eq!(
        of_rollouts(&json!({}), &full),
        [
            "added the prerequisite new-checkout = “on”",
            "added the exclusion of ada",
            "added the exclusion of Internal users",
            "added the pin of eva = “on”",
        ]
    );
    assert_eq!(
        of_rollouts(&full, &json!({ "pins": [{ "subject": "eva", "variant": "off" }] })),
        [
            "removed the prerequisite new-checkout = “on”",
            "removed the exclusion of ada",
            "removed the exclusion of Internal users",
            "changed the pin of eva from “on” to “off”",
        ]
    );
}

#[test]
fn a_flag_tells_which_value_changed() {
    let before = flag("fast-payment", "Fast payment");
    let mut after = before.clone();
    after.name = "Faster payment".to_owned();
    after.tags = vec!["payments".to_owned()];
    after.lifecycle = engine::Lifecycle::Archived;
    after.variants[0].value = json!("blue");
    assert_eq!(
        phrases(flag_changes(&before, &after)),
        [
            "moved it from draft to archived",
            "changed the name",
            "added the tag payments",
            "changed the value of “on” from true to \"blue\"",
        ]
    );
    let mut swapped = before.clone();
    swapped.variants.reverse();
    assert_eq!(flag_changes(&before, &swapped), [], "the same variants, and rules still serve \"on\"");
    swapped.off_variant = before.variants[0].key.clone();
    assert_eq!(
        phrases(flag_changes(&before, &swapped)),
        ["changed the variant that rules serve", "changed the off variant"]
    );
}

#[test]
fn a_group_tells_who_came_and_until_when() {
    let before = group(&json!({ "key": "t", "name": "T", "condition": is("tier", "vip"), "enrolments": [
        { "subject": "ada" }, { "subject": "eva" },
    ] }));
    let after = group(&json!({ "key": "t", "name": "T", "enrolments": [
        { "subject": "eva", "until_ms": NOW_MS, "purpose": "pilot calls" }, { "subject": "mia" },
    ] }));
    let changes = group_changes(&before, &after);
    assert_eq!(
        phrases(changes.clone()),
        [
            "changed the condition",
            "added the tester mia",
            "removed the tester ada",
            "changed the enrolment of eva",
        ]
    );
    assert_eq!(changes[0].before.as_deref(), Some("tier is “vip”"));
    assert_eq!(changes[0].after.as_deref(), Some("no condition"));
    assert_eq!(changes[3].before.as_deref(), Some("without end"));
    assert_eq!(changes[3].after.as_deref(), Some("until 2026-02-25 06:13 UTC for pilot calls"));
}

#[test]
fn a_long_list_is_counted() {
    let many: Vec<_> = (0..1200).map(|n| json!({ "subject": format!("user-{n}") })).collect();
    let empty = group(&json!({ "key": "t", "name": "T" }));
    let full = group(&json!({ "key": "t", "name": "T", "enrolments": many }));
    assert_eq!(phrases(group_changes(&empty, &full)), ["added 1,200 testers"]);
    assert_eq!(phrases(group_changes(&full, &empty)), ["removed 1,200 testers"]);
}
