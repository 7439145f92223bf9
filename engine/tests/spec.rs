//! Runs the conformance cases of `spec/`; `spec/README.md` describes their format.

use std::{fs, path::Path, sync::Arc};

use engine::{
    AttributeDefinition, AttributeSchema, Attributes, CompiledGroup, Condition, Context, EnvironmentConfig,
    Flag, FlagKey, Group, Percentage, Preview, Rollout, Sender, Snapshot, SubjectKey, VariantKey,
    bucket_hash, position, variant_bucket,
};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

const NOW_MS: i64 = 1_772_000_000_000;

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum File {
    Decisions {
        #[expect(dead_code, reason = "for the reader of the file")]
        about: String,
        environment: Environment,
        cases: Vec<Case>,
    },
    Conditions {
        #[expect(dead_code, reason = "for the reader of the file")]
        about: String,
        #[serde(default)]
        attributes: Vec<AttributeDefinition>,
        conditions: Vec<ConditionCase>,
    },
    Vectors {
        #[expect(dead_code, reason = "for the reader of the file")]
        about: String,
        cases: Vec<Vector>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Environment {
    #[serde(default)]
    attributes: Vec<AttributeDefinition>,
    #[serde(default)]
    groups: Vec<Group>,
    flags: Vec<FlagAndRollout>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlagAndRollout {
    flag: Flag,
    rollout: Rollout,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    flag: String,
    context: CaseContext,
    preview: Option<CasePreview>,
    now_ms: Option<i64>,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionCase {
    name: String,
    now_ms: Option<i64>,
    condition: Condition,
    holds: Vec<CaseContext>,
    fails: Vec<CaseContext>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseContext {
    targeting_key: Option<String>,
    #[serde(default)]
    sender: CaseSender,
    #[serde(default)]
    sent: Attributes,
    #[serde(default)]
    signed: Attributes,
    #[serde(default)]
    traits: Attributes,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CaseSender {
    #[default]
    Server,
    Client,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    variant: Option<String>,
    value: Option<Json>,
    reason: Option<String>,
    rule: Option<String>,
    arm: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    seed: String,
    id: String,
    murmur3: u32,
    unleash_percent_bucket: u32,
    position: u32,
    #[expect(dead_code, reason = "for implementations that want to see it before the modulus")]
    variant_murmur3: u32,
    variant_bucket_1000: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CasePreview {
    flag: FlagKey,
    subject: SubjectKey,
    variant: VariantKey,
}

impl CaseContext {
    fn context(&self) -> Context<'_> {
        Context {
            targeting_key: self.targeting_key.as_deref(),
            sender: match self.sender {
                CaseSender::Server => Sender::Server,
                CaseSender::Client => Sender::Client,
            },
            sent: &self.sent,
            signed: &self.signed,
            traits: (&self.traits).into(),
        }
    }
}

fn compile(environment: Environment) -> Snapshot {
    let config = EnvironmentConfig {
        environment: "production".parse().expect("key"),
        revision: 1,
        flags: environment.flags.into_iter().map(|f| (Arc::new(f.flag), Arc::new(f.rollout))).collect(),
        groups: environment.groups.into_iter().map(Arc::new).collect(),
        attributes: Arc::new(AttributeSchema::new(environment.attributes)),
    };
    let (snapshot, errors) = Snapshot::compile(config, None);
    assert_eq!(errors, []);
    snapshot
}

/// The engine's answer in the form of the files; `evaluate` and `explain` must agree on it.
fn answer(
    snapshot: &Snapshot,
    flag: &str,
    context: &Context<'_>,
    preview: Option<&Preview>,
    now_ms: i64,
) -> Expected {
    let text = |json: Json| json.as_str().map(str::to_owned);
    let decided = match snapshot.evaluate_previewed(flag, context, preview, now_ms) {
        Ok(decision) => json!({
            "variant": decision.variant.key, "value": decision.variant.value, "reason": decision.reason,
            "rule": decision.rule, "arm": decision.arm,
        }),
        Err(error) => json!({ "error": error }),
    };
    let explained = match snapshot.explain_previewed(flag, context, preview, now_ms).decision {
        Ok(served) => serde_json::to_value(served).expect("served"),
        Err(error) => json!({ "error": error }),
    };
    assert_eq!(decided, explained, "evaluate and explain differ");
    let field = |name: &str| decided.get(name).cloned().unwrap_or_default();
    Expected {
        variant: text(field("variant")),
        value: decided.get("value").cloned(),
        reason: text(field("reason")),
        rule: text(field("rule")),
        arm: text(field("arm")),
        error: text(field("error")),
    }
}

fn run_decisions(file: &str, environment: Environment, cases: &[Case], failures: &mut Vec<String>) -> usize {
    let snapshot = compile(environment);
    for case in cases {
        let now_ms = case.now_ms.unwrap_or(NOW_MS);
        let preview = case.preview.as_ref().map(|it| Preview {
            flag: it.flag.clone(),
            subject: it.subject.clone(),
            variant: it.variant.clone(),
        });
        let actual = answer(&snapshot, &case.flag, &case.context.context(), preview.as_ref(), now_ms);
        if actual != case.expect {
            failures
                .push(format!("{file}: {}\n  expected {:?}\n  actual   {actual:?}", case.name, case.expect));
        }
    }
    cases.len()
}

/// A condition alone, as a group's, and as a rule's: all three must agree.
fn run_conditions(
    file: &str,
    attributes: Vec<AttributeDefinition>,
    conditions: Vec<ConditionCase>,
    failures: &mut Vec<String>,
) -> usize {
    let schema = AttributeSchema::new(attributes);
    let mut run = 0;
    for case in conditions {
        assert!(!case.holds.is_empty() || !case.fails.is_empty(), "{file}: {} has no contexts", case.name);
        let rule = json!([{ "id": "r", "audience": { "matching": { "condition": case.condition } }, "percentage": 100_000 }]);
        let rollout =
            serde_json::from_value(json!({ "enabled": true, "seed": "s", "rules": rule })).expect("rollout");
        let flag = Flag::boolean("f".parse().expect("key"), "f");
        let snapshot = compile(Environment {
            attributes: schema.definitions().to_vec(),
            groups: Vec::new(),
            flags: vec![FlagAndRollout { flag, rollout }],
        });
        let group = Group {
            key: "g".parse().expect("key"),
            name: "g".to_owned(),
            description: String::new(),
            condition: Some(case.condition),
            enrolments: Vec::new(),
        };
        let group = CompiledGroup::new(Arc::new(group), &schema).expect("group");
        let now_ms = case.now_ms.unwrap_or(NOW_MS);
        let contexts = case.holds.iter().map(|c| (c, true)).chain(case.fails.iter().map(|c| (c, false)));
        for (context, expected) in contexts {
            let served =
                answer(&snapshot, "f", &context.context(), None, now_ms).variant.as_deref() == Some("on");
            if served != expected || group.contains(&context.context(), now_ms) != expected {
                let verb = if expected { "should hold" } else { "should fail" };
                failures.push(format!("{file}: {} {verb} for {context:?}", case.name));
            }
            run += 1;
        }
    }
    run
}

fn run_vectors(cases: &[Vector]) -> usize {
    for case in cases {
        let (seed, id) = (case.seed.as_str(), case.id.as_str());
        assert_eq!(bucket_hash(seed, id), case.murmur3, "{seed}:{id}");
        assert_eq!(position(seed, id).get(), case.position, "{seed}:{id}");
        assert_eq!(variant_bucket(seed, id), case.variant_bucket_1000, "{seed}:{id}");
        for per_cent in 0..=100 {
            let inside = position(seed, id).is_inside(Percentage::whole(per_cent).expect("per cent"));
            assert_eq!(inside, case.unleash_percent_bucket <= per_cent, "{seed}:{id} at {per_cent} %");
        }
    }
    cases.len()
}

#[test]
fn every_conformance_case_is_met() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec");
    let (mut files, mut failures) = (0, Vec::new());
    for entry in fs::read_dir(&folder).expect("the folder of cases") {
        let path = entry.expect("entry").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path.file_name().expect("name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("readable file");
        let run = match serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")) {
            File::Decisions { environment, cases, .. } => {
                run_decisions(&name, environment, &cases, &mut failures)
            }
            File::Conditions { attributes, conditions, .. } => {
                run_conditions(&name, attributes, conditions, &mut failures)
            }
            File::Vectors { cases, .. } => run_vectors(&cases),
        };
        assert!(run > 0, "{name} has no cases");
        files += 1;
    }
    assert!(files > 0, "no files in {}", folder.display());
    assert!(failures.is_empty(), "{} cases are not met:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn unknown_fields_are_refused_everywhere() {
    let flag = json!({ "key": "f", "name": "f", "kind": "release", "value_type": "boolean", "off_variant": "off",
        "lifecycle": "active", "variants": [{ "key": "on", "value": true }, { "key": "off", "value": false }] });
    let rollout = json!({ "enabled": true, "seed": "s", "exclusions": { "subjects": [], "groups": [] },
        "prerequisites": [{ "flag": "a", "variant": "on" }], "pins": [{ "subject": "a", "variant": "on" }],
        "rules": [{ "id": "r", "percentage": 1, "split": [{ "variant": "on", "weight": 1000 }],
            "audience": { "matching": { "groups": ["g"], "condition": { "all": [{ "test": {
                "attribute": "a", "operator": { "between": { "low": 1, "high": 2 } } } }] } } } }] });
    let group = json!({ "key": "g", "name": "g", "enrolments": [{ "subject": "a" }] });
    let attribute = json!({ "name": "a", "type": "text" });
    refuses_additions::<Flag>(&flag);
    refuses_additions::<Rollout>(&rollout);
    refuses_additions::<Group>(&group);
    refuses_additions::<AttributeDefinition>(&attribute);
}

/// The document is read as it is, and refused with one more field in any of its objects.
fn refuses_additions<T: serde::de::DeserializeOwned>(document: &Json) {
    assert!(serde_json::from_value::<T>(document.clone()).is_ok(), "{document}");
    let mut objects = Vec::new();
    object_pointers(document, String::new(), &mut objects);
    for pointer in objects {
        let mut changed = document.clone();
        let object: &mut Map<_, _> =
            changed.pointer_mut(&pointer).and_then(Json::as_object_mut).expect("an object");
        object.insert("surprise".to_owned(), json!(1));
        assert!(serde_json::from_value::<T>(changed).is_err(), "a surprise at {pointer:?} was accepted");
    }
}

fn object_pointers(json: &Json, at: String, found: &mut Vec<String>) {
    match json {
        Json::Object(members) => {
            for (name, member) in members {
                object_pointers(member, format!("{at}/{name}"), found);
            }
            found.push(at);
        }
        Json::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                object_pointers(item, format!("{at}/{n}"), found);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}
