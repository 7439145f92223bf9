//! Flags, groups and people as tests need them, written as the JSON that is stored.

use engine::{AttributeDefinition, Attributes, Enrolment, Flag, FlagKey, Group, GroupKey, Rule, SubjectKey};
use serde_json::{Value as Json, json};

use crate::app::{TestApp, administrator, editor, environment_key, viewer};

fn parse<T: serde::de::DeserializeOwned>(json: Json) -> T {
    serde_json::from_value(json).expect("a definition")
}

fn flag(key: &str, value_type: &str, values: &Json) -> Flag {
    let variants = values.as_object().expect("an object");
    let variants: Vec<_> = variants.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    parse(json!({
        "key": key, "name": key, "kind": "release", "value_type": value_type, "variants": variants,
        "off_variant": "off", "lifecycle": "active",
    }))
}

pub fn boolean(key: &str) -> Flag {
    flag(key, "boolean", &json!({"on": true, "off": false}))
}

impl TestApp {
    /// A flag with the variants of `values` (name → value); the one called `off` is the off variant.
    pub async fn flag(&self, key: &str, value_type: &str, values: Json) {
        self.store.create_flag(&editor(), flag(key, value_type, &values)).await.expect("a flag");
    }

    pub async fn boolean_flag(&self, key: &str) {
        self.store.create_flag(&editor(), boolean(key)).await.expect("a flag");
    }

    /// Replaces the rules in production.
    pub async fn rules(&self, flag: &str, rules: Json) {
        self.rules_in("production", flag, rules).await;
    }

    pub async fn rules_in(&self, environment: &str, flag: &str, rules: Json) {
        let rules: Vec<Rule> = parse(rules);
        self.change_rollout(environment, flag, |rollout| rollout.rules = rules).await;
    }

    pub async fn change_rollout(
        &self,
        environment: &str,
        flag: &str,
        change: impl FnOnce(&mut engine::Rollout),
    ) {
        let (environment, flag) = (environment_key(environment), flag_key(flag));
        let found = self.store.find_rollout(&viewer(), &environment, &flag).await.expect("read");
        let mut rollout = found.expect("a rollout");
        change(&mut rollout.value);
        let saved =
            self.store.save_rollout(&editor(), &environment, &flag, rollout.version, rollout.value, "").await;
        saved.expect("saved");
    }

    pub async fn everyone(&self, flag: &str) {
        self.rules(flag, json!([everyone(100)])).await;
    }

    pub async fn archive(&self, flag: &str) {
        let found = self.store.find_flag(&viewer(), &flag_key(flag)).await.expect("read").expect("a flag");
        let archived = Flag { lifecycle: engine::Lifecycle::Archived, ..found.value };
        self.store.update_flag(&editor(), found.version, archived, "").await.expect("archived");
    }

    pub async fn stop_flag(&self, flag: &str) {
        let by = store::Principal::command_line().stopper().expect("may");
        self.store.stop(&by, &environment_key("production"), &flag_key(flag), "test").await.expect("stopped");
    }

    /// `vip-agencies`: those whose trusted attribute `tier` is `vip`.
    pub async fn vip_agencies(&self) {
        let tier: AttributeDefinition = parse(json!({"name": "tier", "type": "text", "trusted": true}));
        self.store.put_attribute(&administrator(), tier).await.expect("an attribute");
        let group: Group = parse(json!({
            "key": "vip-agencies", "name": "VIP agencies",
            "condition": {"test": {"attribute": "tier", "operator": {"equals": "vip"}}},
        }));
        self.store.create_group(&editor(), group, "").await.expect("a group");
    }

    /// A group of one tester, enrolled from and until these times.
    pub async fn testers(&self, key: &str, subject: &str, from_ms: Option<i64>, until_ms: Option<i64>) {
        let enrolment = Enrolment { from_ms, until_ms, ..Enrolment::new(subject_key(subject)) };
        let group = Group {
            key: GroupKey::parse(key).expect("a key"),
            name: key.to_owned(),
            description: String::new(),
            condition: None,
            enrolments: vec![enrolment],
        };
        self.store.create_group(&editor(), group, "").await.expect("a group");
    }

    pub async fn person(&self, subject: &str, traits: Json) {
        let traits = Attributes::from_json(traits.as_object().expect("an object"));
        let people = vec![(subject_key(subject), traits)];
        self.store.put_people(&administrator(), people).await.expect("a person");
    }
}

pub fn everyone(per_cent: u32) -> Json {
    json!({"id": "everyone", "audience": "everyone", "percentage": per_cent * 1000})
}

pub fn group(key: &str) -> Json {
    json!({"id": key, "audience": {"matching": {"groups": [key]}}, "percentage": 100_000})
}

fn flag_key(key: &str) -> FlagKey {
    FlagKey::parse(key).expect("a key")
}

fn subject_key(key: &str) -> SubjectKey {
    SubjectKey::parse(key).expect("a key")
}
