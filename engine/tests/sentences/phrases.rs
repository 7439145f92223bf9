//! Rollouts, audiences and conditions in words.

use engine::{Condition, audience_phrase, condition_phrase, rollout_phrase};
use serde_json::{Value as Json, json};

use crate::{attributes, in_groups, is, name, rollout, rollout_with, rule, test, where_};

fn state(rules: &Json) -> String {
    rollout_phrase(&rollout(rules), &name)
}

#[test]
fn the_state_of_a_rollout_fits_a_line() {
    let vip = rule("vip", &in_groups(&["vip-agencies"]), 100_000);
    let everyone = rule("all", &json!("everyone"), 20_000);
    assert_eq!(state(&json!([vip, everyone])), "VIP agencies + 20 % of everyone");
    assert_eq!(state(&json!([everyone])), "20 % of everyone");
    assert_eq!(state(&json!([rule("all", &json!("everyone"), 100_000)])), "Everyone");
    assert_eq!(state(&json!([rule("all", &json!("everyone"), 0)])), "Nobody");
    assert_eq!(state(&json!([rule("t", &in_groups(&["testers"]), 100_000)])), "iOS testers");
    assert_eq!(state(&json!([rule("c", &where_(&is("tier", "vip")), 100_000)])), "Those whose tier is “vip”");
    let mut drawn = everyone.clone();
    drawn["bucket_by"] = json!({ "attribute": "tenant" });
    assert_eq!(state(&json!([drawn])), "20 % of everyone by tenant");
    let of = |fields: &Json| rollout_phrase(&rollout_with(fields), &name);
    assert_eq!(of(&json!({ "pins": [{ "subject": "ada", "variant": "on" }] })), "1 pinned");
    assert_eq!(
        of(&json!({ "enabled": false, "rules": [vip, everyone] })),
        "Stopped (was: VIP agencies + 20 % of everyone)"
    );
}

#[test]
fn an_audience_joins_groups_and_a_condition() {
    let audience =
        json!({ "matching": { "groups": ["vip-agencies", "internal"], "condition": is("country", "NO") } });
    let audience = serde_json::from_value(audience).expect("audience");
    assert_eq!(audience_phrase(&audience, &name), "VIP agencies or Internal users where country is “NO”");
    let nobody = serde_json::from_value(json!({ "matching": {} })).expect("audience");
    assert_eq!(audience_phrase(&nobody, &name), "nobody");
}

fn phrase(condition: &Json) -> String {
    let condition: Condition = serde_json::from_value(condition.clone()).expect("condition");
    condition_phrase(&condition)
}

#[test]
fn branches_are_bracketed_where_it_matters() {
    let busy = test("visits", &json!({ "at_least": 30 }));
    let nested = json!({ "all": [is("tier", "vip"), { "any": [is("role", "staff"), busy] }] });
    assert_eq!(phrase(&nested), "tier is “vip” and (role is “staff” or visits is at least 30)");
    assert_eq!(phrase(&json!({ "all": [{ "any": [busy] }] })), "visits is at least 30");
    assert_eq!(
        phrase(&json!({ "not": { "any": [is("a", "x"), is("b", "y")] } })),
        "not (a is “x” or b is “y”)"
    );
}

#[test]
fn every_operator_has_both_of_its_phrases() {
    let cases = [
        (json!({ "equals": "x" }), "is “x”", "is not “x”"),
        (json!({ "one_of": ["x", "y"] }), "is one of “x”, “y”", "is not one of “x”, “y”"),
        (json!({ "contains": "x" }), "contains “x”", "does not contain “x”"),
        (json!({ "starts_with": "x" }), "starts with “x”", "does not start with “x”"),
        (json!({ "ends_with": "x" }), "ends with “x”", "does not end with “x”"),
        (json!({ "matches": "x+" }), "matches the pattern “x+”", "does not match the pattern “x+”"),
        (json!({ "number_equals": 1.5 }), "is 1.5", "is not 1.5"),
        (json!({ "less_than": 3 }), "is less than 3", "is not less than 3"),
        (json!({ "at_most": 3 }), "is at most 3", "is not at most 3"),
        (json!({ "greater_than": 3 }), "is more than 3", "is not more than 3"),
        (json!({ "at_least": 3 }), "is at least 3", "is not at least 3"),
        (json!({ "between": { "low": 1, "high": 2 } }), "is between 1 and 2", "is not between 1 and 2"),
        (json!({ "is": true }), "is true", "is not true"),
        (
            json!({ "contains_any": ["x", "y"] }),
            "contains any of “x”, “y”",
            "does not contain any of “x”, “y”",
        ),
        (
            json!({ "contains_all": ["x", "y"] }),
            "contains all of “x”, “y”",
            "does not contain all of “x”, “y”",
        ),
        (json!({ "before": "2026-03-01" }), "is before 2026-03-01", "is not before 2026-03-01"),
        (json!({ "after": "2026-03-01" }), "is after 2026-03-01", "is not after 2026-03-01"),
        (json!({ "after": "30 days ago" }), "is less than 30 days ago", "is not less than 30 days ago"),
        (json!({ "before": "30 days ago" }), "is more than 30 days ago", "is not more than 30 days ago"),
        (json!({ "before": "now" }), "is before now", "is not before now"),
        (
            json!({ "before": "in 7 days" }),
            "is before the moment in 7 days",
            "is not before the moment in 7 days",
        ),
        (json!({ "version_equals": "2.1" }), "is version 2.1", "is not version 2.1"),
        (json!({ "version_below": "2.1" }), "is below version 2.1", "is not below version 2.1"),
        (json!({ "version_above": "2.1" }), "is above version 2.1", "is not above version 2.1"),
        (
            json!({ "in_network": ["10.0.0.0/8", "::1"] }),
            "is an address in “10.0.0.0/8”, “::1”",
            "is not an address in “10.0.0.0/8”, “::1”",
        ),
        (json!({ "version_at_least": "2.1" }), "is at least version 2.1", "is not at least version 2.1"),
        (json!({ "version_at_most": "2.1" }), "is at most version 2.1", "is not at most version 2.1"),
        (
            json!({ "number_equals": 9_007_199_254_740_993_i64 }),
            "is 9007199254740993",
            "is not 9007199254740993",
        ),
        (
            json!({ "before": "2026-03-01T14:10" }),
            "is before 2026-03-01T14:10 (UTC)",
            "is not before 2026-03-01T14:10 (UTC)",
        ),
        (
            json!({ "after": "1772000000000" }),
            "is after 2026-02-25 06:13 UTC",
            "is not after 2026-02-25 06:13 UTC",
        ),
        (json!("exists"), "is present", "is missing"),
    ];
    for (operator, plain, negated) in cases {
        let mut condition = test("a", &operator);
        assert_eq!(phrase(&condition), format!("a {plain}"));
        condition["test"]["negated"] = json!(true);
        assert_eq!(phrase(&condition), format!("a {negated}"));
    }
}

#[test]
fn case_is_mentioned_where_it_counts() {
    let any_case = |operator: &Json| {
        let mut condition = test("a", operator);
        condition["test"]["ignore_case"] = json!(true);
        phrase(&condition)
    };
    assert_eq!(any_case(&json!({ "equals": "x" })), "a is “x” (any case)");
    assert_eq!(any_case(&json!({ "at_least": 3 })), "a is at least 3");
}

#[test]
fn long_values_are_cut_and_long_lists_counted() {
    let values: Vec<_> = (1..=8).map(|n| n.to_string()).collect();
    assert_eq!(
        phrase(&test("a", &json!({ "one_of": values }))),
        "a is one of “1”, “2”, “3”, “4”, “5” and 3 more"
    );
    assert_eq!(phrase(&is("a", &"é".repeat(100))), format!("a is “{}…”", "é".repeat(80)));
}

#[test]
fn attributes_fit_a_line_of_a_list() {
    let all = attributes(&json!({ "tier": "vip", "visits": 12, "staff": false, "teams": ["a", "b"] }));
    assert_eq!(engine::attributes_phrase(&all), "staff = false, teams = [a, b], tier = vip, visits = 12");
}
