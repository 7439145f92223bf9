//! Every sentence that people read, word for word.

mod changes;
mod explanations;
mod impacts;
mod phrases;

use std::sync::Arc;

use engine::{
    AttributeSchema, Attributes, Context, EnvironmentConfig, Explanation, Flag, Group, GroupKey, Rollout,
    Snapshot,
};
use serde_json::{Value as Json, json};

pub(crate) const NOW_MS: i64 = 1_772_000_000_000;

pub(crate) fn rollout(rules: &Json) -> Rollout {
    rollout_with(&json!({ "rules": rules }))
}

/// A running rollout with the seed `fast-payment`; `fields` adds to it or replaces.
pub(crate) fn rollout_with(fields: &Json) -> Rollout {
    let mut json = json!({ "enabled": true, "seed": "fast-payment" });
    for (name, value) in fields.as_object().expect("fields") {
        json[name] = value.clone();
    }
    serde_json::from_value(json).expect("rollout")
}

pub(crate) fn rule(id: &str, audience: &Json, thousandths: u32) -> Json {
    json!({ "id": id, "audience": audience, "percentage": thousandths })
}

pub(crate) fn in_groups(groups: &[&str]) -> Json {
    json!({ "matching": { "groups": groups } })
}

pub(crate) fn where_(condition: &Json) -> Json {
    json!({ "matching": { "condition": condition } })
}

pub(crate) fn is(attribute: &str, text: &str) -> Json {
    test(attribute, &json!({ "equals": text }))
}

pub(crate) fn test(attribute: &str, operator: &Json) -> Json {
    json!({ "test": { "attribute": attribute, "operator": operator } })
}

pub(crate) fn group(json: &Json) -> Group {
    serde_json::from_value(json.clone()).expect("group")
}

pub(crate) fn flag(key: &str, name: &str) -> Flag {
    Flag::boolean(key.parse().expect("key"), name)
}

pub(crate) fn attributes(json: &Json) -> Attributes {
    Attributes::from_json(json.as_object().expect("attributes"))
}

pub(crate) fn name(key: &GroupKey) -> String {
    match key.as_str() {
        "vip-agencies" => "VIP agencies".to_owned(),
        "internal" => "Internal users".to_owned(),
        "testers" => "iOS testers".to_owned(),
        other => other.to_owned(),
    }
}

pub(crate) fn groups() -> Vec<Group> {
    vec![
        group(&json!({ "key": "vip-agencies", "name": "VIP agencies", "condition": is("tier", "vip") })),
        group(&json!({ "key": "internal", "name": "Internal users", "condition": is("role", "staff") })),
        group(&json!({ "key": "testers", "name": "iOS testers", "enrolments": [
            { "subject": "ada" },
            { "subject": "eva", "until_ms": NOW_MS + 60_000 },
            { "subject": "late", "until_ms": NOW_MS - 60_000 },
            { "subject": "early", "from_ms": NOW_MS + 60_000 },
        ] })),
        group(&json!({ "key": "empty", "name": "Nobody yet" })),
    ]
}

/// A snapshot of `fast-payment` under `rollout`, a stopped flag `new-checkout`, the demo's groups and schema.
pub(crate) fn snapshot(rollout: Rollout) -> Snapshot {
    let stopped = rollout_with(&json!({ "enabled": false }));
    let schema: AttributeSchema =
        serde_json::from_value(json!([{ "name": "tier", "type": "text", "trusted": true }])).expect("schema");
    let config = EnvironmentConfig {
        environment: "production".parse().expect("key"),
        revision: 7,
        flags: vec![
            (Arc::new(flag("fast-payment", "Fast payment")), Arc::new(rollout)),
            (Arc::new(flag("new-checkout", "New checkout")), Arc::new(stopped)),
        ],
        groups: groups().into_iter().map(Arc::new).collect(),
        attributes: Arc::new(schema),
    };
    let (snapshot, errors) = Snapshot::compile(config, None);
    assert_eq!(errors, []);
    snapshot
}

/// Why `subject` with `sent` gets what it gets of `fast-payment`.
pub(crate) fn explain(rollout: Rollout, subject: Option<&str>, sent: &Json) -> Explanation {
    let sent = attributes(sent);
    snapshot(rollout).explain("fast-payment", &Context::from_server(subject, &sent), NOW_MS)
}
