//! What support reads: `user-1` falls at 92.519 %, `agency-17` at 19.174 %.

use engine::{Attributes, Context, Explanation, Rollout, Sender, Step, Traits};
use serde_json::{Value as Json, json};

use crate::{
    NOW_MS, attributes, explain, in_groups, is, rollout, rollout_with, rule, snapshot, test, where_,
};

fn vip_then_everyone() -> Rollout {
    rollout(&json!([
        rule("vip", &in_groups(&["vip-agencies"]), 100_000),
        rule("all", &json!("everyone"), 20_000),
    ]))
}

fn one_rule(audience: &Json, thousandths: u32) -> Rollout {
    rollout(&json!([rule("r", audience, thousandths)]))
}

fn of_user_1(rollout: Rollout, sent: &Json) -> String {
    explain(rollout, Some("user-1"), sent).sentence()
}

#[test]
fn a_member_reads_why_it_is_in() {
    assert_eq!(
        of_user_1(vip_then_everyone(), &json!({ "tier": "vip" })),
        "Gets “on”: in VIP agencies (tier is “vip”), which is at 100 %."
    );
    assert_eq!(
        explain(vip_then_everyone(), Some("agency-17"), &json!({})).sentence(),
        "Gets “on”: inside the 20 % of everyone."
    );
    assert_eq!(
        of_user_1(one_rule(&json!("everyone"), 100_000), &json!({})),
        "Gets “on”: everyone is at 100 %."
    );
    assert_eq!(
        explain(one_rule(&in_groups(&["internal"]), 20_000), Some("agency-17"), &json!({ "role": "staff" }))
            .sentence(),
        "Gets “on”: in Internal users (role is “staff”), and inside its 20 %."
    );
    assert_eq!(
        explain(one_rule(&in_groups(&["testers"]), 100_000), Some("eva"), &json!({})).sentence(),
        "Gets “on”: in iOS testers (enrolled until 2026-02-25 06:14 UTC), which is at 100 %."
    );
}

#[test]
fn who_is_held_back_reads_so() {
    let mut held = rule("vip", &in_groups(&["vip-agencies"]), 100_000);
    held["holdback"] = json!(1000);
    let told = |subject: &str| explain(rollout(&json!([held])), Some(subject), &json!({ "tier": "vip" }));
    assert_eq!(
        told("user-493").sentence(),
        "Does not get it: in VIP agencies (tier is “vip”), but among the 1 % who are kept out for comparison."
    );
    let steps = told("user-493").steps;
    let inner = steps.iter().find(|step| matches!(step, Step::Rule { .. })).expect("a rule").children();
    assert_eq!(
        inner.last().map(Step::sentence).as_deref(),
        Some("For the holdback it falls at 0.987 %, inside the 1 % kept out for comparison.")
    );
    assert!(told("user-3").sentence().starts_with("Gets “on”"));
}

#[test]
fn an_outsider_reads_what_would_have_let_it_in() {
    let cases = [
        (
            json!({ "tier": "standard" }),
            "not in VIP agencies, because tier is “standard”, not “vip”; outside the 20 % of everyone",
        ),
        (json!({}), "not in VIP agencies, because tier is missing; outside the 20 % of everyone"),
    ];
    for (sent, reason) in cases {
        assert_eq!(of_user_1(vip_then_everyone(), &sent), format!("Does not get it: {reason}."));
    }
    let groups = one_rule(&in_groups(&["vip-agencies", "internal", "testers", "empty"]), 100_000);
    assert_eq!(
        explain(groups, Some("late"), &json!({ "role": "guest" })).sentence(),
        "Does not get it: not in VIP agencies, because tier is missing, \
         nor in Internal users, because role is “guest”, not “staff”, \
         nor in iOS testers, because the enrolment ended on 2026-02-25 06:12 UTC, \
         nor in Nobody yet, because not enrolled."
    );
    assert_eq!(
        of_user_1(one_rule(&in_groups(&["internal"]), 20_000), &json!({ "role": "staff" })),
        "Does not get it: in Internal users (role is “staff”), but outside its 20 %."
    );
    assert_eq!(
        of_user_1(one_rule(&json!("everyone"), 0), &json!({})),
        "Does not get it: everyone is at 0 %."
    );
}

/// What was found is not quite what the test is for: the explanation says both, and how the value was read.
#[test]
fn a_value_of_another_type_is_told_with_what_was_expected() {
    let told = |name: &str, operator: &Json, sent: &Json| {
        of_user_1(one_rule(&where_(&test(name, operator)), 100_000), sent)
    };
    for (name, operator, sent, sentence) in [
        (
            "client",
            json!({ "version_below": "2.10.0" }),
            json!({ "client": "latest" }),
            "Does not get it: client is “latest” (a text), where a version like 2.10.0 is expected.",
        ),
        (
            "client",
            json!({ "version_at_least": "2.10.0" }),
            json!({ "client": 2.1 }),
            "Does not get it: client is 2.1 (a number, read as a version; send versions as texts), \
             not at least version 2.10.0.",
        ),
        (
            "beta",
            json!({ "is": true }),
            json!({ "beta": "yes" }),
            "Does not get it: beta is “yes” (a text), where true or false is expected.",
        ),
        (
            "beta",
            json!({ "is": true }),
            json!({ "beta": "false" }),
            "Does not get it: beta is “false” (a text, read as true or false), not true.",
        ),
        (
            "tier",
            json!({ "equals": "vip" }),
            json!({ "tier": 7 }),
            "Does not get it: tier is 7 (a number, compared as text), not “vip”.",
        ),
        (
            "visits",
            json!({ "at_least": 30 }),
            json!({ "visits": "12" }),
            "Does not get it: visits is “12” (a text, read as a number), not at least 30.",
        ),
        (
            "user.plan",
            json!({ "equals": "pro" }),
            json!({ "user": { "plan": "pro" } }),
            "Does not get it: user.plan is missing, because “user” is an object, which is not looked into.",
        ),
        (
            "ip",
            json!({ "in_network": ["10.0.0.0/8"] }),
            json!({ "ip": "10.0.0.1:443" }),
            "Does not get it: ip is “10.0.0.1:443” (a text), where an IP address is expected.",
        ),
        (
            "user",
            json!({ "equals": "pro" }),
            json!({ "user": { "plan": "pro" } }),
            "Does not get it: user is an object, which cannot be compared.",
        ),
        (
            "since",
            json!({ "before": "2026-03-01" }),
            json!({ "since": "2026-03-01T14:10" }),
            "Does not get it: since is “2026-03-01T14:10” (read as 2026-03-01 14:10 UTC), not before 2026-03-01.",
        ),
        (
            "since",
            json!({ "after": "2026-03-01T12:00" }),
            json!({ "since": 1_772_000_000_000_i64 }),
            "Does not get it: since is 1772000000000 (milliseconds, read as 2026-02-25 06:13 UTC), \
             not after 2026-03-01T12:00 (UTC).",
        ),
        (
            "since",
            json!({ "before": "2026-03-01" }),
            json!({ "since": 20_260_228 }),
            "Does not get it: since is 20260228 (a number), where a date like 2026-01-31 is expected.",
        ),
    ] {
        assert_eq!(told(name, &operator, &sent), sentence);
    }
}

#[test]
fn conditions_are_told_with_what_was_found() {
    let busy = test("visits", &json!({ "at_least": 30 }));
    let audience = json!({ "matching": { "groups": ["internal"], "condition": busy } });
    assert_eq!(
        of_user_1(one_rule(&audience, 100_000), &json!({ "role": "staff", "visits": 12 })),
        "Does not get it: in Internal users (role is “staff”), but visits is 12, not at least 30."
    );
    assert_eq!(
        of_user_1(one_rule(&audience, 100_000), &json!({ "role": "staff", "visits": 42 })),
        "Gets “on”: in Internal users (role is “staff”), and visits is 42, which is at least 30; \
         the rule is at 100 %."
    );
    assert_eq!(
        of_user_1(one_rule(&where_(&busy), 100_000), &json!({ "visits": "many" })),
        "Does not get it: visits is “many” (a text), where a number is expected."
    );
    let ends = test("email", &json!({ "ends_with": "@vip.example" }));
    assert_eq!(
        of_user_1(one_rule(&where_(&ends), 100_000), &json!({ "email": "a@b.example" })),
        "Does not get it: email is “a@b.example”, which does not end with “@vip.example”."
    );
    let both = json!({ "all": [is("tier", "vip"), is("country", "NO"), { "not": is("role", "guest") }] });
    assert_eq!(
        of_user_1(
            one_rule(&where_(&both), 100_000),
            &json!({ "tier": "gold", "country": "NO", "role": "guest" })
        ),
        "Does not get it: tier is “gold”, not “vip”, and role is “guest”."
    );
}

#[test]
fn what_comes_before_the_rules_is_told_alone() {
    let cases = [
        (json!({ "enabled": false }), "Does not get it: the rollout is stopped."),
        (json!({}), "Does not get it: the rollout has no rules."),
        (
            json!({ "prerequisites": [{ "flag": "new-checkout", "variant": "on" }] }),
            "Does not get it: it needs “New checkout” to serve “on”, which serves “off”.",
        ),
        (
            json!({ "prerequisites": [{ "flag": "gone", "variant": "on" }] }),
            "Does not get it: it needs “gone” to serve “on”, which does not exist or is archived.",
        ),
        (
            json!({ "exclusions": { "subjects": ["user-1"] } }),
            "Does not get it: excluded from this flag by name.",
        ),
        (
            json!({ "exclusions": { "groups": ["vip-agencies"] } }),
            "Does not get it: excluded with everyone in VIP agencies (tier is “vip”).",
        ),
        (
            json!({ "pins": [{ "subject": "user-1", "variant": "on" }] }),
            "Gets “on”: pinned to it on this flag.",
        ),
    ];
    for (fields, sentence) in cases {
        assert_eq!(of_user_1(rollout_with(&fields), &json!({ "tier": "vip" })), sentence);
    }
}

#[test]
fn a_company_switches_together_and_reads_so() {
    let by_tenant = |thousandths: u32| {
        rollout(&json!([{ "id": "r", "audience": "everyone", "percentage": thousandths,
            "bucket_by": { "attribute": "tenant" } }]))
    };
    assert_eq!(
        of_user_1(by_tenant(20_000), &json!({ "tenant": "agency-17" })),
        "Gets “on”: inside the 20 % of everyone by tenant (“agency-17”)."
    );
    assert_eq!(
        of_user_1(by_tenant(20_000), &json!({})),
        "Does not get it: tenant is missing, by which the 20 % of everyone is drawn."
    );
}

#[test]
fn a_split_is_named() {
    let split = rollout(&json!([{ "id": "r", "audience": "everyone", "percentage": 100_000, "split": [
        { "variant": "on", "weight": 534 }, { "variant": "off", "weight": 466 },
    ] }]));
    let explanation = explain(split, Some("user-1"), &json!({}));
    assert_eq!(explanation.sentence(), "Gets “on”, drawn from the split: everyone is at 100 %.");
    assert!(sentences(&explanation).contains(&"The split draws 534 of 1000: “on”.".to_owned()));
}

#[test]
fn no_answer_says_whose_default_applies() {
    assert_eq!(
        explain(one_rule(&json!("everyone"), 20_000), None, &json!({})).sentence(),
        "No answer, so the caller's own default applies: the flag is released by percentage, \
         and no targeting key was sent."
    );
    let unknown = snapshot(vip_then_everyone()).explain(
        "unknown",
        &Context::from_server(None, Attributes::EMPTY),
        NOW_MS,
    );
    assert_eq!(
        unknown.sentence(),
        "No answer, so the caller's own default applies: \
         the flag does not exist in this environment, or is archived."
    );
}

#[test]
fn many_rules_are_counted_not_told() {
    let rules: Vec<_> = (0..7).map(|n| rule(&format!("r{n}"), &json!("everyone"), 1000 + n)).collect();
    assert_eq!(
        of_user_1(rollout(&json!(rules)), &json!({})),
        "Does not get it: outside the 1 % of everyone; outside the 1.001 % of everyone; \
         outside the 1.002 % of everyone; outside the 1.003 % of everyone, and 3 more."
    );
}

/// All sentences of the trace, outer before inner.
fn sentences(explanation: &Explanation) -> Vec<String> {
    fn walk(steps: &[Step], sentences: &mut Vec<String>) {
        for step in steps {
            sentences.push(step.sentence());
            walk(step.children(), sentences);
        }
    }
    let mut all = Vec::new();
    walk(&explanation.steps, &mut all);
    all
}

#[test]
fn the_trace_reads_from_top_to_bottom() {
    let explanation = explain(vip_then_everyone(), Some("user-1"), &json!({ "tier": "standard" }));
    assert_eq!(
        sentences(&explanation),
        [
            "The rollout is running.",
            "VIP agencies at 100 %: does not match.",
            "Not in VIP agencies.",
            "tier is “vip”: no, it is “standard” (sent with the call).",
            "Everyone at 20 %: matches, but outside.",
            "The rule is for everyone.",
            "Falls at 92.519 %, outside 20 %.",
            "No rule lets the subject in: “off”.",
        ]
    );
}

#[test]
fn each_origin_has_its_words() {
    let (sent, stored) = (attributes(&json!({ "tier": "vip" })), attributes(&json!({ "tier": "gold" })));
    let of = |sender, sent, signed, traits| {
        let traits = Traits::from(traits);
        let context = Context { targeting_key: Some("user-1"), sender, sent, signed, traits };
        let explanation = snapshot(vip_then_everyone()).explain("fast-payment", &context, NOW_MS);
        sentences(&explanation)
            .into_iter()
            .find(|sentence| sentence.starts_with("tier"))
            .expect("a test of tier")
    };
    let none = Attributes::EMPTY;
    let (server, client) = (Sender::Server, Sender::Client);
    assert_eq!(of(server, &sent, none, &stored), "tier is “vip”: yes, it is “vip” (sent with the call).");
    assert_eq!(of(client, &sent, none, &stored), "tier is “vip”: no, it is “gold” (stored with the person).");
    assert_eq!(of(client, none, &sent, &stored), "tier is “vip”: yes, it is “vip” (signed by a backend).");
    assert_eq!(of(client, none, none, none), "tier is “vip”: no, it is missing.");
    assert_eq!(
        of(client, &sent, none, none),
        "tier is “vip”: no, “vip” was sent by a browser, which may not set it."
    );
}

#[test]
fn a_browser_that_claims_a_trusted_attribute_is_told_apart_from_silence() {
    let sent = attributes(&json!({ "tier": "vip" }));
    let context = Context {
        targeting_key: Some("user-1"),
        sender: Sender::Client,
        sent: &sent,
        signed: Attributes::EMPTY,
        traits: Traits::EMPTY,
    };
    assert_eq!(
        snapshot(vip_then_everyone()).explain("fast-payment", &context, NOW_MS).sentence(),
        "Does not get it: not in VIP agencies, because tier “vip” was sent by a browser, \
         which may not set it; outside the 20 % of everyone."
    );
}
