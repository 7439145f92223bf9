//! What the document says of values that are written alike in many operations. Whatever stands here is what the readers
//! take; what no schema can say (how many bytes a text has, what exists in the workspace) is refused with 422.

use std::borrow::Cow;

use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Ref, RefOr, Schema},
};

/// A type that stands in the document only: `Name(holds other names) = its schema`.
macro_rules! words {
    ($($name:ident($($held:ident),*) = $schema:expr;)*) => {$(
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                read($schema)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }

            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                $(
                    schemas.push((<$held as ToSchema>::name().into_owned(), $held::schema()));
                    $held::schemas(schemas);
                )*
                // Without a name to hold, nothing is added.
                let _ = schemas;
            }
        }
    )*};
}

/// Names in a schema that holds them.
fn held(name: &str) -> String {
    Ref::from_schema_name(name).ref_location
}

/// A test reads every one of them.
fn read(schema: Value) -> RefOr<Schema> {
    serde_json::from_value(schema).unwrap_or_else(|error| unreachable!("a schema of ours: {error}"))
}

words! {
    Key() = json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 100,
        "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$",
        "description": "1 to 100 letters, digits, '.', '_' and '-'; the first is a letter or a digit."
    });
    IdempotencyKey() = json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[!-~]+$",
        "description": "1 to 255 visible ASCII characters, such as a UUID."
    });
    Subject() = json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 256,
        "description": "A targeting key: 1 to 256 bytes, no control characters, no space around it."
    });
    Comment() = json!({
        "type": "string",
        "maxLength": 500,
        "description": "Why, in at most 500 characters."
    });
    Version() = json!({"type": "integer", "format": "int64", "minimum": 0, "maximum": i64::MAX});
    Milliseconds() = json!({
        "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX,
        "description": "Since 1970-01-01T00:00:00Z."
    });
    Percentage() = json!({
        "type": "integer", "minimum": 0, "maximum": 100_000,
        "description": "In thousandths of a per cent: 20000 is 20 %."
    });
    PerCent() = json!({
        "type": "number", "minimum": 0, "maximum": 100,
        "description": "In per cent, in steps of 0.001: 20 is 20 %."
    });
    FlagKindWord() = json!({"type": "string", "enum": ["release", "operational", "permission"]});
    ValueTypeWord() = json!({"type": "string", "enum": ["boolean", "string", "number", "object"]});
    LifecycleWord() = json!({"type": "string", "enum": ["draft", "active", "completed", "archived"]});
    FlagVariant(Key) = members(json!({
        "key": {"$ref": held("Key")},
        "value": {"type": ["string", "number", "boolean", "object"], "description": "Of the flag's type."}
    }));
    Flag(Key, FlagKindWord, ValueTypeWord, LifecycleWord, FlagVariant) = json!({
        "type": "object",
        "required": ["key", "name", "kind", "value_type", "variants", "off_variant", "lifecycle"],
        "additionalProperties": false,
        "properties": {
            "key": {"$ref": held("Key")},
            "name": {"type": "string", "minLength": 1, "maxLength": 120},
            "description": {"type": "string", "maxLength": 2000},
            "owner": {"type": "string", "maxLength": 120},
            "tags": {
                "type": "array", "maxItems": 20, "items": {"type": "string", "minLength": 1, "maxLength": 50}
            },
            "kind": {"$ref": held("FlagKindWord")},
            "value_type": {"$ref": held("ValueTypeWord")},
            "variants": {"type": "array", "minItems": 2, "maxItems": 50, "items": {"$ref": held("FlagVariant")}},
            "off_variant": {"$ref": held("Key")},
            "lifecycle": {"$ref": held("LifecycleWord")},
            "public_name": {"type": "string", "maxLength": 120},
            "public_sentence": {"type": "string", "maxLength": 300}
        }
    });
    Condition() = json!({
        "type": "object",
        "description": "A tree of `all`, `any`, `not` and `test`, as it is answered: \
                        `{\"test\": {\"attribute\": \"tier\", \"operator\": {\"equals\": \"vip\"}}}`."
    });
    Rollout(Key, Subject, Percentage, RolloutRule) = json!({
        "type": "object",
        "required": ["enabled", "seed"],
        "additionalProperties": false,
        "properties": {
            "enabled": {"type": "boolean", "description": "False: stopped."},
            "prerequisites": {"type": "array", "maxItems": 20, "items": members(json!({
                "flag": {"$ref": held("Key")}, "variant": {"$ref": held("Key")}
            }))},
            "exclusions": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "subjects": {"type": "array", "maxItems": 1000, "items": {"$ref": held("Subject")}},
                    "groups": {"type": "array", "maxItems": 50, "items": {"$ref": held("Key")}}
                }
            },
            "pins": {"type": "array", "maxItems": 1000, "items": members(json!({
                "subject": {"$ref": held("Subject")}, "variant": {"$ref": held("Key")}
            }))},
            "rules": {"type": "array", "maxItems": 50, "items": {"$ref": held("RolloutRule")}},
            "seed": {"type": "string", "minLength": 1, "maxLength": 100, "description": "Stays as it was read."}
        }
    });
    RolloutRule(Key, Percentage) = json!({
        "type": "object",
        "required": ["id", "audience", "percentage"],
        "additionalProperties": false,
        "properties": {
            "id": {"$ref": held("Key")},
            "audience": {"oneOf": [
                {"type": "string", "enum": ["everyone"]},
                {
                    "type": "object", "required": ["matching"], "additionalProperties": false,
                    "properties": {"matching": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {
                            "groups": {"type": "array", "maxItems": 50, "items": {"$ref": held("Key")}},
                            "condition": {
                                "type": ["object", "null"],
                                "description": "A tree of `all`, `any`, `not` and `test`, as it is answered."
                            }
                        }
                    }}
                }
            ]},
            "percentage": {"$ref": held("Percentage")},
            "holdback": {"$ref": held("Percentage")},
            "bucket_by": {"oneOf": [
                {"type": "string", "enum": ["subject"]},
                {
                    "type": "object", "required": ["attribute"], "additionalProperties": false,
                    "properties": {"attribute": {"type": "string", "description": "The name of an attribute."}}
                }
            ]},
            "split": {"type": "array", "items": members(json!({
                "variant": {"$ref": held("Key")},
                "weight": {"type": "integer", "minimum": 0, "maximum": 1000, "description": "Out of 1000."}
            }))}
        }
    });
    Traits() = json!({
        "type": "object",
        "description": "Texts, numbers, booleans or lists, of the types in the attribute schema; null leaves one out.",
        "additionalProperties": {"type": ["string", "number", "boolean", "array", "null"]}
    });
    PlanTransition() = json!({
        "type": "string",
        "enum": ["start", "start_at", "pause", "resume", "jump", "step_back", "approve", "finish", "abandon"]
    });
    FeedbackCompleted() = json!({"type": "string", "enum": ["yes", "no", "partly"]});
    FeedbackWord() = json!({"type": "string", "enum": ["confusing", "broken", "slow", "love"]});
    TriageWord() = json!({"type": "string", "enum": ["new", "looking", "resolved", "wont_fix"]});
    AttributeTypeWord() = json!({
        "type": "string", "enum": ["text", "number", "boolean", "list", "date", "semver"]
    });
    MetricKindWord() = json!({"type": "string", "enum": [
        "error_rate", "latency", "conversion", "crashes", "complaints", "missing_outcome", "rate", "duration", "count"
    ]});
    TokenKindWord() = json!({"type": "string", "enum": ["server", "client", "admin"]});
    RoleWord() = json!({"type": "string", "enum": ["admin", "product", "qa", "support", "viewer"]});
    PlanGate(Milliseconds) = json!({"oneOf": [
        {"type": "string", "enum": ["healthy", "approval"]},
        one_of("hold", json!({"hold_ms": {"type": "integer", "minimum": 1000, "maximum": 31_622_400_000_i64}})),
        one_of("sample", json!({"subjects_min": {"type": "integer", "minimum": 1, "maximum": 1_000_000_000}})),
        one_of("not_before", json!({"at_ms": {"$ref": held("Milliseconds")}})),
    ]});
    PlanStep(Percentage, PlanGate) = json!({
        "type": "object",
        "required": ["percentages"],
        "additionalProperties": false,
        "properties": {
            "title": {"type": "string", "maxLength": 120, "description": "Empty: told from the percentages."},
            "percentages": {
                "type": "object",
                "description": "By rule; rules that are not named keep what they had.",
                "propertyNames": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"},
                "additionalProperties": {"$ref": held("Percentage")}
            },
            "gates": {"type": "array", "items": {"$ref": held("PlanGate")}}
        }
    });
    Guardrail(Key, GuardrailMetric, GuardrailLimit) = json!({
        "type": "object",
        "required": ["id", "metric", "limit", "action"],
        "additionalProperties": false,
        "properties": {
            "id": {"$ref": held("Key")},
            "metric": {"$ref": held("GuardrailMetric")},
            "limit": {"$ref": held("GuardrailLimit")},
            "action": {"type": "string", "enum": ["notify", "pause_plan", "step_back", "stop"]},
            "accepts": {
                "type": ["string", "null"],
                "enum": ["servers", "servers_and_browsers", null],
                "description": "Whose word counts; left out, by the action."
            }
        }
    });
    GuardrailMetric(Key) = json!({"oneOf": [
        {"type": "string", "enum": ["error_rate", "conversion", "crashes", "complaints", "missing_outcome"]},
        {
            "type": "object", "required": ["latency"], "additionalProperties": false,
            "properties": {"latency": quantile()}
        },
        one_of("custom", json!({
            "metric": {"$ref": held("Key")},
            "kind": {"oneOf": [
                {"type": "string", "enum": ["rate", "count"]},
                {
                    "type": "object", "required": ["duration"], "additionalProperties": false,
                    "properties": {"duration": quantile()}
                }
            ]},
            "lower_is_worse": {"type": "boolean"}
        })),
    ]});
    GuardrailLimit() = json!({"oneOf": [
        one_of("ceiling", json!({"limit": {
            "type": "number",
            "description": "A share (0.05 is 5 %), a number per subject, or milliseconds, by the metric."
        }})),
        one_of("comparison", json!({"margin": {
            "type": "number", "minimum": 0, "maximum": 10,
            "description": "How much worse than control is still well: 0.1 is 10 %."
        }})),
    ]});
    Proof(Version) = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "trials_min": {"$ref": held("Version")},
            "require_safe": {"type": "boolean"},
            "wait_max_s": {"type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX},
            "on_timeout": {"type": "string", "enum": ["hold:power", "promote"]}
        }
    });
}

/// An object with the one member `name`, an object that has these and no other members.
fn one_of(name: &str, properties: Value) -> Value {
    members(json!({name: members(properties)}))
}

/// An object that has these members and no others.
fn members(properties: Value) -> Value {
    let required: Vec<_> = properties.as_object().into_iter().flat_map(|it| it.keys().cloned()).collect();
    json!({"type": "object", "required": required, "additionalProperties": false, "properties": properties})
}

fn quantile() -> Value {
    json!({"type": "string", "enum": ["p50", "p95", "p99", "all"]})
}
