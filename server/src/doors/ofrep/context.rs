//! Reads the body of an evaluation: `{"context": {"targetingKey": "…", any attributes}}`.
//!
//! Text that is not JSON, that is too deep or names a key twice is a `PARSE_ERROR`; JSON that is not such a context
//! is an `INVALID_CONTEXT`. Beside `context` anything may stand: later versions of the protocol and SDKs add fields,
//! and refusing them would break clients for what concerns no decision. Within `context` every name is an attribute.

mod value;

use std::fmt;

use engine::{AttributeValue, Attributes, SubjectKey, TARGETING_KEY};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use self::value::{Findings, NameSeed, Names, Read, ValueSeed};
use super::error::OfrepError;
use crate::limits::CONTEXT_ATTRIBUTES_MAX;

/// What a caller says of the subject.
#[derive(Debug, PartialEq)]
pub struct CallerContext {
    pub targeting_key: Option<SubjectKey>,
    pub attributes: Attributes,
    /// A preview token, from callers that cannot set a header. It is no attribute.
    pub preview: Option<String>,
}

/// The name in a context under which a preview token stands.
const PREVIEW: &str = "faderPreview";

/// Reads a body; nothing in it is too odd for an answer that says what is wrong.
pub fn parse(body: &[u8]) -> Result<CallerContext, OfrepError> {
    let mut findings = Findings::default();
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed =
        BodySeed(&mut findings).deserialize(&mut json).and_then(|context| json.end().map(|()| context));
    let context = parsed.map_err(|error| OfrepError::Parse(error.to_string()))?;
    if let Some(name) = findings.duplicate {
        return Err(OfrepError::Parse(format!("the key {name:?} stands there twice")));
    }
    if let Some(problem) = findings.problem {
        return Err(OfrepError::InvalidContext(problem));
    }
    context.ok_or_else(|| {
        invalid("send an object \"context\", for example {\"context\": {\"targetingKey\": \"u-1\"}}")
    })
}

fn invalid(sentence: &str) -> OfrepError {
    OfrepError::InvalidContext(sentence.to_owned())
}

/// Delegates everything that is not an object to [`ValueSeed`], so that it is read to its end and then refused.
macro_rules! only_objects {
    ($seed:ident, $refusal:literal, |$this:ident, $members:ident| $read:expr) => {
        impl<'de> DeserializeSeed<'de> for $seed<'_> {
            type Value = Option<CallerContext>;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                deserializer.deserialize_any(self)
            }
        }

        impl<'de> Visitor<'de> for $seed<'_> {
            type Value = Option<CallerContext>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut $members: A) -> Result<Self::Value, A::Error> {
                let $this = self;
                $read
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
                ValueSeed(self.0).visit_seq(items)?;
                self.0.problem($refusal);
                Ok(None)
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                self.0.problem($refusal);
                Ok(None)
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
                self.visit_unit()
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
                self.visit_unit()
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
                self.visit_unit()
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
                self.visit_unit()
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
                self.visit_unit()
            }
        }
    };
}

struct BodySeed<'f>(&'f mut Findings);

only_objects!(BodySeed, "the body has to be an object with a member \"context\"", |this, members| {
    let mut context = None;
    let mut names = Names::default();
    while let Some(name) = members.next_key_seed(NameSeed)? {
        if name == "context" {
            context = members.next_value_seed(ContextSeed(this.0))?;
        } else {
            members.next_value_seed(ValueSeed(this.0))?;
        }
        names.add(name, this.0);
    }
    Ok(context)
});

struct ContextSeed<'f>(&'f mut Findings);

only_objects!(ContextSeed, "\"context\" has to be an object", |this, members| {
    let mut context = CallerContext { targeting_key: None, attributes: Attributes::default(), preview: None };
    let mut names = Names::default();
    while let Some(name) = members.next_key_seed(NameSeed)? {
        let value = members.next_value_seed(ValueSeed(this.0))?;
        if name == TARGETING_KEY {
            context.targeting_key = targeting_key(value, this.0);
        } else if name == PREVIEW {
            context.preview = match value {
                Read::Value(AttributeValue::Text(token)) => Some(token),
                Read::Null | Read::Object | Read::Value(_) => None,
            };
        } else if let Some(value) = value.testable() {
            // Many names are refused below; until then they must not cost an insertion each.
            if context.attributes.len() < CONTEXT_ATTRIBUTES_MAX {
                context.attributes.set(&name, value);
            }
        }
        names.add(name, this.0);
    }
    if names.count() > CONTEXT_ATTRIBUTES_MAX {
        this.0.problem(format!("a context has at most {CONTEXT_ATTRIBUTES_MAX} attributes"));
    }
    Ok(Some(context))
});

/// Null and the empty text are how some SDKs say that there is no targeting key.
fn targeting_key(value: Read, findings: &mut Findings) -> Option<SubjectKey> {
    match value {
        Read::Null => None,
        Read::Value(AttributeValue::Text(text)) if text.is_empty() => None,
        Read::Value(AttributeValue::Text(text)) => SubjectKey::try_from(text)
            .inspect_err(|error| findings.problem(format!("\"targetingKey\" {error}")))
            .ok(),
        Read::Object | Read::Value(_) => {
            findings.problem("\"targetingKey\" has to be a text");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::JSON_DEPTH_MAX;

    fn refused(body: &[u8]) -> OfrepError {
        parse(body).expect_err("refused")
    }

    #[test]
    fn a_context_is_read_as_the_engine_would() {
        let body = br#"{"context": {"targetingKey": "u-1", "tier": "vip", "n": 3, "big": 1e300, "on": true,
            "list": ["a", 1, true, null, {"x": 1}], "nothing": null, "nested": {"a": {"b": 1}}}, "later": [1]}"#;
        let context = parse(body).expect("a context");
        assert_eq!(context.targeting_key.as_ref().map(SubjectKey::as_str), Some("u-1"));
        let json: serde_json::Value = serde_json::from_slice(body).expect("JSON");
        let mut members = json["context"].as_object().expect("an object").clone();
        members.remove(TARGETING_KEY);
        assert_eq!(context.attributes, Attributes::from_json(&members));
    }

    #[test]
    fn what_is_not_json_is_a_parse_error() {
        let deep =
            [b"{\"context\":{\"a\":".to_vec(), b"[".repeat(10_000), b"]".repeat(10_000), b"}}".to_vec()];
        let bad: [&[u8]; 9] = [
            b"",
            b"{",
            b"{\"context\": {}} x",
            b"{\"context\": {\"a\": \"\xff\"}}",
            b"{\"context\": {\"a\": 1e999}}",
            b"{\"context\": {\"a\": 1, \"a\": 2}}",
            b"{\"context\": {\"a\": null, \"a\": null}}",
            b"{\"context\": {}, \"context\": {}}",
            &deep.concat(),
        ];
        for body in bad {
            let error = refused(body);
            assert!(matches!(error, OfrepError::Parse(_)), "{}: {error}", String::from_utf8_lossy(body));
        }
        assert!(matches!(refused(b"{\"x\": {\"a\": 1, \"a\": 2}, \"context\": {}}"), OfrepError::Parse(_)));
    }

    #[test]
    fn json_that_is_no_context_is_an_invalid_context() {
        let many: Vec<_> = (0..=CONTEXT_ATTRIBUTES_MAX).map(|n| format!("\"a{n}\": 1")).collect();
        let many = format!("{{\"context\": {{{}}}}}", many.join(","));
        let long = format!("{{\"context\": {{\"targetingKey\": \"{}\"}}}}", "x".repeat(300));
        for body in [
            "{}",
            "[]",
            "null",
            "1",
            "\"x\"",
            "{\"context\": null}",
            "{\"context\": []}",
            "{\"context\": \"x\"}",
            "{\"context\": {\"targetingKey\": 7}}",
            "{\"context\": {\"targetingKey\": {}}}",
            &many,
            &long,
        ] {
            let error = refused(body.as_bytes());
            assert!(matches!(error, OfrepError::InvalidContext(_)), "{body}: {error}");
        }
    }

    #[test]
    fn nesting_is_followed_up_to_the_documented_depth() {
        let nested = |depth: usize| {
            // The body and the context are two of the levels.
            let inner = depth - 2;
            let body = format!("{{\"context\":{{\"a\":{}{}}}}}", "[".repeat(inner), "]".repeat(inner));
            parse(body.as_bytes())
        };
        assert!(nested(JSON_DEPTH_MAX - 1).is_ok());
        assert!(nested(JSON_DEPTH_MAX).is_err());
    }

    #[test]
    fn no_targeting_key_is_written_in_several_ways() {
        for body in [
            "{\"context\": {}}",
            "{\"context\": {\"targetingKey\": null}}",
            "{\"context\": {\"targetingKey\": \"\"}}",
        ] {
            assert_eq!(parse(body.as_bytes()).expect("a context").targeting_key, None, "{body}");
        }
    }
}
