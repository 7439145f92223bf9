//! A decision without a trace allocates nothing.

use std::sync::Arc;

use engine::{AttributeSchema, Attributes, Context, EnvironmentConfig, Flag, Group, Rollout, Snapshot};
use serde_json::{Value as Json, json};

const NOW_MS: i64 = 1_772_000_000_000;

fn read<T: serde::de::DeserializeOwned>(json: Json) -> Arc<T> {
    Arc::new(serde_json::from_value(json).expect("definition"))
}

fn snapshot() -> Snapshot {
    let test =
        |attribute: &str, operator: Json| json!({ "test": { "attribute": attribute, "operator": operator } });
    let group: Arc<Group> = read(json!({ "key": "busy", "name": "Busy agencies", "condition": { "all": [
        test("tier", json!({ "equals": "vip" })),
        test("country", json!({ "one_of": ["NO", "SE"] })),
        test("visits", json!({ "at_least": 30 })),
        test("since", json!({ "before": "2026-01-01" })),
        test("client", json!({ "version_above": "2.1" })),
        test("teams", json!({ "contains_any": ["sales"] })),
        { "not": test("visits", json!({ "equals": "31" })) },
        { "test": { "attribute": "tier", "operator": { "equals": "VIP" }, "ignore_case": true } },
        { "test": { "attribute": "city", "operator": { "contains": "ØBENHAVN" }, "ignore_case": true } },
        test("city", json!({ "ends_with": "O\u{308}" })),
        test("account", json!({ "one_of": ["9007199254740993"] })),
        test("next", json!({ "version_at_least": "1.0.0-alpha.beta.gamma" })),
        test("seen", json!({ "after": "2020-01-01T10:00" })),
    ] }, "enrolments": [{ "subject": "ada", "until_ms": NOW_MS }] }));
    let rollout: Arc<Rollout> = read(json!({ "enabled": true, "seed": "fast-payment",
        "prerequisites": [{ "flag": "base", "variant": "on" }],
        "exclusions": { "subjects": ["mia"], "groups": [] },
        "pins": [{ "subject": "eva", "variant": "on" }],
        "rules": [
            { "id": "nobody", "audience": "everyone", "percentage": 0 },
            { "id": "tenant", "audience": "everyone", "percentage": 1, "bucket_by": { "attribute": "visits" } },
            { "id": "busy", "audience": { "matching": { "groups": ["busy"] } }, "percentage": 20_000,
              "split": [{ "variant": "on", "weight": 500 }, { "variant": "off", "weight": 500 }] },
            { "id": "all", "audience": "everyone", "percentage": 5_000 },
        ] }));
    let base: Arc<Rollout> = read(json!({ "enabled": true, "seed": "base", "rules": [
        { "id": "all", "audience": "everyone", "percentage": 100_000 },
    ] }));
    let flag = |key: &str| Arc::new(Flag::boolean(key.parse().expect("key"), key));
    let config = EnvironmentConfig {
        environment: "production".parse().expect("key"),
        revision: 1,
        flags: vec![(flag("fast-payment"), rollout), (flag("base"), base)],
        groups: vec![group],
        attributes: Arc::new(AttributeSchema::default()),
    };
    let (snapshot, errors) = Snapshot::compile(config, None);
    assert_eq!(errors, []);
    snapshot
}

#[test]
fn deciding_a_boolean_flag_allocates_nothing() {
    let snapshot = snapshot();
    let json = json!({ "tier": "vip", "country": "NO", "visits": 42, "since": "2020-05-17", "client": "2.10.0",
        "city": "København Ö", "account": 9_007_199_254_740_993_i64, "next": "v2.0-a-long-name-before.7",
        "seen": 1_772_000_000_000_i64,
        "teams": ["ops", "sales"] });
    let sent = Attributes::from_json(json.as_object().expect("object"));
    for subject in ["agency-17", "user-1", "ada", "eva", "mia"] {
        for attributes in [&sent, Attributes::EMPTY] {
            let context = Context::from_server(Some(subject), attributes);
            let info = allocation_counter::measure(|| {
                let decision = snapshot.evaluate("fast-payment", &context, NOW_MS);
                assert!(decision.is_ok());
            });
            assert_eq!(info.count_total, 0, "{subject}");
        }
    }
    let context = Context::from_server(Some("agency-17"), &sent);
    let explained = allocation_counter::measure(|| drop(snapshot.explain("fast-payment", &context, NOW_MS)));
    assert!(explained.count_total > 0, "the counter counts");
}
