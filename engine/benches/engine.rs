//! What a decision, an explanation, a new revision and a preview cost.

use std::sync::Arc;

use divan::{Bencher, black_box};
use engine::{
    AttributeSchema, Attributes, Context, EnvironmentConfig, Flag, Group, Rollout, Snapshot, Surveyor,
};
use serde_json::{Value as Json, json};

const NOW_MS: i64 = 1_772_000_000_000;

fn main() {
    divan::main();
}

fn read<T: serde::de::DeserializeOwned>(json: Json) -> Arc<T> {
    Arc::new(serde_json::from_value(json).expect("definition"))
}

/// Three conditions, all of which must hold.
fn group(key: &str) -> Arc<Group> {
    read(json!({ "key": key, "name": key, "condition": { "all": [
        { "test": { "attribute": "tier", "operator": { "equals": "vip" } } },
        { "test": { "attribute": "country", "operator": { "one_of": ["NO", "SE", "DK"] } } },
        { "test": { "attribute": "transactions_30d", "operator": { "at_least": 30 } } },
    ] } }))
}

fn rollout(group: &str, thousandths: u32) -> Arc<Rollout> {
    let audience = json!({ "matching": { "groups": [group] } });
    read(json!({ "enabled": true, "seed": "fast-payment", "rules": [
        { "id": "group", "audience": audience, "percentage": thousandths },
    ] }))
}

fn config(flags: usize, groups: usize) -> EnvironmentConfig {
    let flag = |n: usize| {
        let flag = Flag::boolean(format!("flag-{n}").parse().expect("key"), "A flag");
        (Arc::new(flag), rollout(&format!("group-{}", n % groups), 20_000))
    };
    EnvironmentConfig {
        environment: "production".parse().expect("key"),
        revision: 1,
        flags: (0..flags).map(flag).collect(),
        groups: (0..groups).map(|n| group(&format!("group-{n}"))).collect(),
        attributes: Arc::new(AttributeSchema::default()),
    }
}

fn compile(config: EnvironmentConfig) -> Snapshot {
    Snapshot::compile(config, None).0
}

fn attributes(country: &str) -> Attributes {
    let json = json!({ "tier": "vip", "country": country, "transactions_30d": 42, "role": "agent" });
    Attributes::from_json(json.as_object().expect("object"))
}

/// A flag with a group of 3 conditions and a 20 % rule, among 500 flags.
#[divan::bench(args = ["agency-17", "user-1"], sample_size = 2000)]
fn decision(bencher: Bencher<'_, '_>, subject: &str) {
    let (snapshot, sent) = (compile(config(500, 50)), attributes("DK"));
    let context = Context::from_server(Some(subject), &sent);
    bencher.bench(|| {
        black_box(&snapshot)
            .evaluate(black_box("flag-123"), black_box(&context), NOW_MS)
            .expect("decision")
            .reason
    });
}

/// A flag for a text in any case: one that is written as it is expected, one that is folded, and one with letters beyond ASCII.
#[divan::bench(args = ["vip", "VIP", "tilbakemelding på nettside", "TILBAKEMELDING PÅ NETTSIDE"], sample_size = 2000)]
fn text_in_any_case(bencher: Bencher<'_, '_>, text: &str) {
    let mut config = config(500, 50);
    let tests = [json!({ "contains": "vi" }), json!({ "one_of": ["vip", "tilbakemelding på nettside"] })];
    let test = |operator: &Json| json!({ "test": { "attribute": "role", "operator": operator, "ignore_case": true } });
    let audience = json!({ "matching": { "condition": { "any": tests.each_ref().map(test) } } });
    config.flags[123].1 = read(json!({ "enabled": true, "seed": "fast-payment", "rules": [
        { "id": "texts", "audience": audience, "percentage": 20_000 },
    ] }));
    let json = json!({ "tier": "vip", "country": "NO", "transactions_30d": 42, "role": text });
    let (snapshot, sent) = (compile(config), Attributes::from_json(json.as_object().expect("object")));
    let context = Context::from_server(Some("agency-17"), &sent);
    bencher.bench(|| {
        black_box(&snapshot)
            .evaluate(black_box("flag-123"), black_box(&context), NOW_MS)
            .expect("decision")
            .reason
    });
}

/// The same with two variants behind the rule, half each.
#[divan::bench(args = ["agency-17", "user-1"], sample_size = 2000)]
fn decision_with_a_split(bencher: Bencher<'_, '_>, subject: &str) {
    let mut config = config(500, 50);
    config.flags[123].1 = read(json!({ "enabled": true, "seed": "fast-payment", "rules": [
        { "id": "group", "audience": { "matching": { "groups": ["group-23"] } }, "percentage": 100_000,
          "split": [{ "variant": "on", "weight": 500 }, { "variant": "off", "weight": 500 }] },
    ] }));
    let (snapshot, sent) = (compile(config), attributes("DK"));
    let context = Context::from_server(Some(subject), &sent);
    bencher.bench(|| {
        black_box(&snapshot)
            .evaluate(black_box("flag-123"), black_box(&context), NOW_MS)
            .expect("decision")
            .reason
    });
}

/// Every flag there is, as a bulk answer decides them; ten flags share a group.
#[divan::bench(args = [10, 500], sample_size = 50)]
fn all_flags(bencher: Bencher<'_, '_>, flags: usize) {
    let (snapshot, sent) = (compile(config(flags, flags.div_ceil(10))), attributes("DK"));
    let context = Context::from_server(Some("agency-17"), &sent);
    bencher.counter(divan::counter::ItemsCount::new(flags)).bench(|| {
        let mut evaluator = black_box(&snapshot).evaluator(black_box(&context), NOW_MS);
        let decisions = snapshot.flags().map(|flag| evaluator.evaluate(flag, None));
        decisions.filter(|decision| decision.as_ref().is_ok_and(|it| it.rule.is_some())).count()
    });
}

#[divan::bench(sample_size = 500)]
fn explanation(bencher: Bencher<'_, '_>) {
    let (snapshot, sent) = (compile(config(500, 50)), attributes("DK"));
    let context = Context::from_server(Some("agency-17"), &sent);
    bencher.bench(|| black_box(&snapshot).explain(black_box("flag-123"), black_box(&context), NOW_MS));
}

#[divan::bench(sample_count = 20)]
fn compile_10_000_flags_and_1_000_groups(bencher: Bencher<'_, '_>) {
    let config = config(10_000, 1_000);
    bencher.with_inputs(|| config.clone()).bench_values(compile);
}

#[divan::bench(sample_count = 20)]
fn recompile_them_after_one_change(bencher: Bencher<'_, '_>) {
    let mut config = config(10_000, 1_000);
    let previous = compile(config.clone());
    config.flags[123].1 = rollout("group-1", 50_000);
    bencher.with_inputs(|| config.clone()).bench_values(|config| Snapshot::compile(config, Some(&previous)));
}

fn known_people(count: usize) -> Vec<(String, Attributes)> {
    (0..count).map(|n| (format!("user-{n}"), attributes(if n % 2 == 0 { "NO" } else { "FI" }))).collect()
}

fn surveyed(snapshot: &Arc<Snapshot>, people: &[(String, Attributes)]) -> Surveyor {
    let key = "flag-123".parse().expect("a key");
    let mut surveyor = Surveyor::new(&key, &[Arc::clone(snapshot)]).expect("flag");
    for (key, traits) in people {
        surveyor.look(&Context::from_traits(key, traits), NOW_MS);
    }
    surveyor
}

/// What a survey costs before any fader of the flag is moved.
#[divan::bench(sample_count = 20)]
fn survey_of_100_000_people(bencher: Bencher<'_, '_>) {
    let (snapshot, people) = (Arc::new(compile(config(500, 50))), known_people(100_000));
    bencher.bench(|| surveyed(&snapshot, &people).survey(people.len()));
}

/// What the sentence beside a fader costs while it is dragged: 20 → 50 % for 100,000 known people.
#[divan::bench]
fn impact_from_a_survey_of_100_000_people(bencher: Bencher<'_, '_>) {
    let (snapshot, people) = (Arc::new(compile(config(500, 50))), known_people(100_000));
    let survey = surveyed(&snapshot, &people).survey(people.len());
    let (before, after) = (snapshot.flag("flag-123").expect("flag").rollout(), rollout("group-23", 50_000));
    bencher.bench(|| survey.impact((0, before), (0, &after)));
}
