//! Flags, rollouts, groups and conditions; why somebody gets what they get; what a change does to people.

use std::sync::Arc;

use engine::{
    AttributeSchema, Attributes, ChannelCount, Context, EnvironmentConfig, Flag, Group, GroupKey, Impact,
    Mover, Overlap, Question, Rollout, Sample, Side, Snapshot, Step, condition_phrase, flag_changes,
    group_changes, hints, move_reason, rollout_changes, rollout_phrase,
};
use serde_json::{Value as Json, json};

use super::Listed;
use crate::app::NOW_MS;

fn parse<T: serde::de::DeserializeOwned>(json: &Json) -> T {
    serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// `base` with these fields in place of its own.
fn with(base: &Json, fields: &Json) -> Json {
    let mut json = base.clone();
    for (name, value) in fields.as_object().expect("fields") {
        json[name] = value.clone();
    }
    json
}

fn name(key: &GroupKey) -> String {
    groups().iter().find(|group| group.key == *key).map_or_else(|| key.to_string(), |it| it.name.clone())
}

fn test(attribute: &str, operator: &Json) -> Json {
    json!({"test": {"attribute": attribute, "operator": operator}})
}

fn rule(id: &str, audience: &Json, thousandths: u32) -> Json {
    json!({"id": id, "audience": audience, "percentage": thousandths})
}

fn in_groups(keys: &[&str]) -> Json {
    json!({"matching": {"groups": keys}})
}

fn groups() -> Vec<Group> {
    let soon = NOW_MS + 60_000;
    let past = NOW_MS - 60_000;
    [
        json!({"key": "vip", "name": "VIP agencies", "condition": test("tier", &json!({"equals": "vip"}))}),
        json!({"key": "beta", "name": "Beta testers", "enrolments": [
            {"subject": "ada"}, {"subject": "eva", "until_ms": soon}, {"subject": "late", "until_ms": past},
            {"subject": "early", "from_ms": soon},
        ]}),
        json!({"key": "empty", "name": "Empty group"}),
    ]
    .iter()
    .map(parse)
    .collect()
}

fn rollout_json() -> Json {
    json!({"enabled": true, "seed": "seed", "rules": [
        rule("vip", &in_groups(&["vip"]), 100_000), rule("everyone", &json!("everyone"), 20_000),
    ]})
}

pub(super) fn list(listed: &mut Listed) {
    conditions(listed);
    rollouts(listed);
    flags_and_groups(listed);
    explanations(listed);
    impacts(listed);
}

fn conditions(listed: &mut Listed) {
    listed.section("Conditions");
    for operator in [
        json!({"equals": "vip"}),
        json!({"one_of": ["a", "b", "c", "d", "e", "f"]}),
        json!({"contains": "x"}),
        json!({"starts_with": "x"}),
        json!({"ends_with": "x"}),
        json!({"matches": "x+"}),
        json!({"in_network": ["10.0.0.0/8"]}),
        json!({"number_equals": 1}),
        json!({"less_than": 3}),
        json!({"at_most": 3}),
        json!({"greater_than": 3}),
        json!({"at_least": 3}),
        json!({"between": {"low": 1, "high": 2}}),
        json!({"is": true}),
        json!({"contains_any": ["x", "y"]}),
        json!({"contains_all": ["x"]}),
        json!({"before": "2026-03-01"}),
        json!({"after": "30 days ago"}),
        json!({"before": "now"}),
        json!({"version_equals": "2.1"}),
        json!({"version_below": "2.1"}),
        json!({"version_at_most": "2.1"}),
        json!({"version_above": "2.1"}),
        json!({"version_at_least": "2.1"}),
        json!("exists"),
    ] {
        let plain = test("tier", &operator);
        let mut negated = plain.clone();
        negated["test"]["negated"] = json!(true);
        for condition in [plain, negated] {
            listed.phrase(condition_phrase(&parse(&condition)));
        }
    }
    let vip = test("tier", &json!({"equals": "vip"}));
    let busy = test("visits", &json!({"at_least": 30}));
    for tree in [
        json!({"all": [vip, {"any": [vip, busy]}]}),
        json!({"not": {"any": [vip, busy]}}),
        json!({"not": busy}),
    ] {
        listed.phrase(condition_phrase(&parse(&tree)));
    }
}

fn rollouts(listed: &mut Listed) {
    listed.section("Rollouts: their state, and what changed");
    let base = rollout_json();
    let subjects = |n: usize| (0..n).map(|at| format!("s{at}")).collect::<Vec<_>>();
    let pins = |n: usize, variant: &str| {
        subjects(n).into_iter().map(|it| json!({"subject": it, "variant": variant})).collect::<Vec<_>>()
    };
    let mut drawn = rule("vip", &in_groups(&["vip"]), 100_000);
    drawn["bucket_by"] = json!({"attribute": "tenant"});
    drawn["holdback"] = json!(1000);
    drawn["split"] = json!([{"variant": "on", "weight": 500}, {"variant": "off", "weight": 500}]);
    let others = [
        json!({"enabled": false}),
        json!({"seed": "another"}),
        json!({"rules": []}),
        json!({"rules": [rule("vip", &in_groups(&["vip"]), 50_000)]}),
        json!({"rules": [rule("everyone", &json!("everyone"), 1), rule("vip", &in_groups(&["vip"]), 100_000)]}),
        json!({"rules": [rule("vip", &in_groups(&["vip", "beta"]), 100_000)]}),
        json!({"rules": [drawn]}),
        json!({"prerequisites": [{"flag": "checkout", "variant": "on"}]}),
        json!({"exclusions": {"subjects": ["ada"], "groups": ["vip"]}}),
        json!({"exclusions": {"subjects": subjects(11), "groups": []}}),
        json!({"pins": pins(1, "on")}),
        json!({"pins": pins(1, "off")}),
        json!({"pins": pins(12, "on")}),
    ];
    let all: Vec<Rollout> =
        std::iter::once(parse(&base)).chain(others.iter().map(|it| parse(&with(&base, it)))).collect();
    for one in &all {
        listed.phrase(rollout_phrase(one, &name));
    }
    let first: Rollout = parse(&base);
    for pair in all.windows(2).map(|two| (&two[0], &two[1])).chain(all.iter().map(|it| (&first, it))) {
        for (before, after) in [pair, (pair.1, pair.0)] {
            for change in rollout_changes(before, after, &name) {
                listed.phrase(change.phrase);
            }
        }
    }
}

fn flags_and_groups(listed: &mut Listed) {
    listed.section("Flags and groups: what changed");
    let base = json!({
        "key": "fast-payment", "name": "Fast payment", "kind": "release", "value_type": "string",
        "variants": [{"key": "on", "value": "1"}, {"key": "off", "value": "0"}], "off_variant": "off",
        "lifecycle": "draft",
    });
    let flag = |fields: &Json| parse::<Flag>(&with(&base, fields));
    let tags: Vec<_> = (0..11).map(|at| format!("t{at}")).collect();
    let mut flags = vec![
        flag(&json!({"name": "Faster payment", "description": "d", "owner": "o"})),
        flag(&json!({"tags": ["payments"]})),
        flag(&json!({"tags": tags})),
        flag(&json!({"kind": "permission", "off_variant": "on"})),
        flag(&json!({"variants": [{"key": "off", "value": "2"}, {"key": "blue", "value": "3"}]})),
    ];
    for lifecycle in ["active", "completed", "archived"] {
        flags.push(flag(&json!({"lifecycle": lifecycle})));
    }
    let first = flag(&json!({}));
    for one in &flags {
        for change in flag_changes(&first, one).into_iter().chain(flag_changes(one, &first)) {
            listed.phrase(change.phrase);
        }
    }
    let testers = |n: usize, until: Option<i64>| Group {
        enrolments: (0..n)
            .map(|at| parse(&json!({"subject": format!("s{at}"), "until_ms": until, "purpose": "calls"})))
            .collect(),
        ..groups().swap_remove(2)
    };
    let mut redefined = groups().swap_remove(0);
    redefined.key = testers(0, None).key;
    let groups = [
        testers(0, None),
        testers(1, None),
        testers(1, Some(NOW_MS)),
        testers(12, None),
        testers(12, Some(NOW_MS)),
        redefined,
    ];
    for two in groups.windows(2) {
        for change in group_changes(&two[0], &two[1]).into_iter().chain(group_changes(&two[1], &two[0])) {
            listed.phrase(change.phrase);
            for side in [change.before, change.after].into_iter().flatten().filter(|side| !side.is_empty()) {
                listed.phrase(side);
            }
        }
    }
}

fn snapshot(rollout: &Json) -> Snapshot {
    let schema: AttributeSchema = parse(&json!([{"name": "tier", "type": "text", "trusted": true}]));
    let flag = |key: &str, name: &str| Arc::new(Flag::boolean(key.parse().expect("a key"), name));
    let config = EnvironmentConfig {
        environment: "production".parse().expect("a key"),
        revision: 7,
        flags: vec![
            (flag("fast-payment", "Fast payment"), Arc::new(parse(rollout))),
            (flag("checkout", "New checkout"), Arc::new(parse(&json!({"enabled": false, "seed": "s"})))),
        ],
        groups: groups().into_iter().map(Arc::new).collect(),
        attributes: Arc::new(schema),
    };
    let (snapshot, errors) = Snapshot::compile(config, None);
    assert_eq!(errors, []);
    snapshot
}

fn explanations(listed: &mut Listed) {
    listed.section("Why somebody gets what they get");
    let base = rollout_json();
    let one = |audience: Json, thousandths| json!({"rules": [rule("r", &audience, thousandths)]});
    let where_ = |condition: Json| json!({"matching": {"condition": condition}});
    let busy = test("visits", &json!({"at_least": 30}));
    let mut held = rule("vip", &in_groups(&["vip"]), 100_000);
    held["holdback"] = json!(50_000);
    let mut drawn = rule("vip", &json!("everyone"), 50_000);
    drawn["bucket_by"] = json!({"attribute": "tenant"});
    let shapes = [
        json!({}),
        json!({"enabled": false}),
        json!({"rules": []}),
        one(json!("everyone"), 0),
        one(json!("everyone"), 50_000),
        one(json!("everyone"), 100_000),
        one(in_groups(&["vip", "beta", "empty"]), 100_000),
        one(in_groups(&["vip"]), 0),
        one(in_groups(&["beta"]), 50_000),
        one(where_(busy.clone()), 100_000),
        one(where_(json!({"not": {"all": [busy, test("tier", &json!("exists"))]}})), 50_000),
        json!({"rules": [held]}),
        json!({"rules": [drawn]}),
        json!({"prerequisites": [{"flag": "checkout", "variant": "on"}]}),
        json!({"prerequisites": [{"flag": "checkout", "variant": "off"}]}),
        json!({"exclusions": {"subjects": ["ada"], "groups": []}}),
        json!({"exclusions": {"subjects": [], "groups": ["beta"]}}),
        json!({"pins": [{"subject": "ada", "variant": "on"}]}),
    ];
    let subjects = [Some("ada"), Some("eva"), Some("late"), Some("early"), Some("user-3"), None];
    let contexts = [
        json!({}),
        json!({"tier": "vip", "visits": 12, "tenant": "acme"}),
        json!({"tier": 7, "visits": "many"}),
        json!({"visits": {"deep": 1}}),
    ];
    moves(&shapes, &base, &subjects[..4], listed);
    for shape in &shapes {
        let snapshot = snapshot(&with(&base, shape));
        for subject in subjects {
            for sent in &contexts {
                let sent = Attributes::from_json(sent.as_object().expect("an object"));
                let context = Context::from_server(subject, &sent);
                let told = snapshot.explain("fast-payment", &context, NOW_MS);
                listed.sentence(told.sentence());
                told.steps.iter().for_each(|step| of_step(step, listed));
                for hint in hints(&snapshot, &told, &context, NOW_MS) {
                    listed.sentence(hint);
                }
            }
        }
    }
    let nothing =
        snapshot(&base).explain("no-such-flag", &Context::from_server(None, Attributes::EMPTY), NOW_MS);
    listed.sentence(nothing.sentence());
}

/// Why going from each of these rollouts to the next moves somebody.
fn moves(shapes: &[Json], base: &Json, subjects: &[Option<&str>], listed: &mut Listed) {
    let rollouts: Vec<_> = shapes.iter().map(|shape| with(base, shape)).collect();
    for (old, new) in rollouts.iter().flat_map(|old| rollouts.iter().map(move |new| (old, new))) {
        let (before, after) = (Arc::new(snapshot(old)), Arc::new(snapshot(new)));
        let (was, is): (Rollout, Rollout) = (parse(old), parse(new));
        for subject in subjects {
            let context = Context::from_server(*subject, Attributes::EMPTY);
            let flag = "fast-payment".parse().expect("a key");
            let mut mover = Mover::new(Question::Changes {
                flag,
                before: Arc::clone(&before),
                after: Arc::clone(&after),
            });
            mover.look(0, &context, NOW_MS);
            let moved = mover.moved(1);
            for side in Side::ALL.into_iter().filter(|side| !moved.places(*side).is_empty()) {
                let explain = |of: &Snapshot| of.explain("fast-payment", &context, NOW_MS);
                let (had, has) = (explain(&before), explain(&after));
                listed.phrase(move_reason(side, (&had, &was), (&has, &is), &name));
            }
        }
    }
}

fn of_step(step: &Step, listed: &mut Listed) {
    listed.sentence(step.sentence());
    step.children().iter().for_each(|inner| of_step(inner, listed));
}

fn impacts(listed: &mut Listed) {
    listed.section("What a change does to people");
    for (seen, known) in [(0, 0), (1, 1), (1_560, 1_560), (400, 1_000_000)] {
        for after in [0_usize, 1, 310] {
            for (gained, lost, switched) in
                [(0, 0, 0), (1, 0, 0), (0, 1, 0), (12, 3, 0), (0, 0, 1), (2, 0, 7), (0, 2, 7), (2, 2, 2)]
            {
                let sample = Sample { seen, known };
                let before = (after + lost).saturating_sub(gained);
                let impact = Impact { sample, before, after, gained, lost, switched };
                listed.sentence(impact.sentence());
            }
        }
    }
    for sample in [Sample::whole(1_560), Sample { seen: 400, known: 1_000_000 }] {
        for (through, pinned, kept_out) in
            [(vec![], 0, 0), (vec![(0, 1)], 0, 0), (vec![(0, 72), (1, 9), (2, 4)], 2, 3), (vec![], 1, 1)]
        {
            let overlap = Overlap { through, pinned, kept_out };
            let count = ChannelCount { sample, audience: 322, inside: 322, served: 200, overlap };
            listed.phrase(count.phrase());
            let overlap =
                count.overlap_phrase(&|rule| ["Gold agencies", "VIP agencies", "x"][rule].to_owned());
            if !overlap.is_empty() {
                listed.phrase(overlap);
            }
        }
    }
}
