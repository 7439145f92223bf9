//! The program that asks for one flag, as it is shown: this server's address, the flag's key, the call for its type, and
//! the off variant's value to fall back to.

use engine::{Flag, ValueType};
use serde_json::Value as Json;

use super::{
    language::Language,
    literal::{Notation, fraction},
};

/// What stands in the place of a token that nobody made yet.
pub const NO_TOKEN: &str = "<your token>";

/// What a program needs to know.
pub struct Asked<'a> {
    /// `https://fader.example.org`
    pub address: &'a str,
    pub flag: &'a Flag,
    /// The secret, when it was made just now.
    pub token: Option<&'a str>,
}

impl Asked<'_> {
    pub fn program(&self, language: Language) -> String {
        let template = match language {
            Language::Node => include_str!("snippets/node.mjs"),
            Language::Web => include_str!("snippets/web.js"),
            Language::Python => include_str!("snippets/python.py"),
            Language::Go => include_str!("snippets/go.txt"),
            Language::Java => include_str!("snippets/java.txt"),
            Language::DotNet => include_str!("snippets/dotnet.txt"),
            Language::Php => include_str!("snippets/php.txt"),
            Language::Ruby => include_str!("snippets/ruby.txt"),
            Language::Rust => include_str!("snippets/rust.txt"),
            Language::Curl => include_str!("snippets/curl.sh"),
        };
        let outcome = if language == Language::Curl { include_str!("snippets/outcome.sh") } else { "" };
        let (call, default) = self.call(language);
        self.fill(&format!("{template}{outcome}"), &call, &default)
    }

    /// How an outcome is told, for languages whose program does not show it.
    pub fn outcome(&self, language: Language) -> Option<String> {
        match language {
            Language::Node | Language::Web | Language::Python | Language::Curl => None,
            Language::Go
            | Language::Java
            | Language::DotNet
            | Language::Php
            | Language::Ruby
            | Language::Rust => Some(self.fill(include_str!("snippets/outcome.sh"), "", "")),
        }
    }

    /// `FADER_TOKEN='fdr_…' node ask.mjs`
    pub fn command(&self, language: Language) -> Option<String> {
        Some(format!("FADER_TOKEN='{}' {}", self.token.unwrap_or(NO_TOKEN), language.run()?))
    }

    /// In one pass, so that nothing that is filled in is read as a place to fill.
    fn fill(&self, template: &str, call: &str, default: &str) -> String {
        let mut parts = template.split("{{");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once("}}").unwrap_or(("", part));
            text.push_str(match name {
                "address" => self.address,
                "flag" => self.flag.key.as_str(),
                "token" => self.token.unwrap_or(NO_TOKEN),
                "call" => call,
                "default" => default,
                _ => "",
            });
            text.push_str(rest);
        }
        text.trim_end().to_owned()
    }

    /// The part of the method's name that says the type, and the default as it is written.
    fn call(&self, language: Language) -> (String, String) {
        let off = self.flag.variant(&self.flag.off_variant).map_or(Json::Null, |it| it.value.clone());
        let kind = Kind::of(self.flag);
        match language {
            Language::Node | Language::Web => (
                kind.name(["Boolean", "String", "Number", "Number", "Object"]),
                Notation::JavaScript.write(&off),
            ),
            Language::Python => (
                kind.name(["boolean", "string", "integer", "float", "object"]),
                kind.write(Notation::Python, &off),
            ),
            Language::Go => {
                (kind.name(["Boolean", "String", "Int", "Float", "Object"]), kind.write(Notation::Go, &off))
            }
            Language::Java => {
                let default = kind.write(Notation::Java, &off);
                let default = match kind {
                    Kind::Object => format!("Value.objectToValue({default})"),
                    Kind::Boolean | Kind::String | Kind::Whole | Kind::Fraction => default,
                };
                (kind.name(["Boolean", "String", "Integer", "Double", "Object"]), default)
            }
            Language::DotNet => (
                kind.name(["Boolean", "String", "Integer", "Double", "Object"]),
                kind.write(Notation::CSharp, &off),
            ),
            Language::Php => (String::new(), Notation::Php.write(&off)),
            Language::Ruby => (
                kind.name(["boolean", "string", "integer", "float", "object"]),
                kind.write(Notation::Ruby, &off),
            ),
            Language::Rust => self.rust(kind, &off),
            Language::Curl => (String::new(), String::new()),
        }
    }

    /// Rust's SDK has no default: it returns a result.
    fn rust(&self, kind: Kind, off: &Json) -> (String, String) {
        let otherwise = match kind {
            Kind::Boolean | Kind::Whole => format!("unwrap_or({off})"),
            Kind::Fraction => format!("unwrap_or({})", fraction(off)),
            Kind::String => {
                format!("unwrap_or_else(|_| {:?}.to_owned())", off.as_str().unwrap_or_default())
            }
            Kind::Object => "unwrap_or_default()".to_owned(),
        };
        let of = if kind == Kind::Object { "::<open_feature::StructValue>" } else { "" };
        let call = kind.name(["bool", "string", "int", "float", "struct"]);
        (call, format!("{of}(\"{}\", Some(&user), None).await.{otherwise}", self.flag.key))
    }
}

/// What a typed call is for: numbers are of two kinds in most languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boolean,
    String,
    /// Every variant is a whole number of 32 bits.
    Whole,
    Fraction,
    Object,
}

impl Kind {
    fn of(flag: &Flag) -> Self {
        let whole = |value: &Json| value.as_i64().is_some_and(|it| i32::try_from(it).is_ok());
        match flag.value_type {
            ValueType::Boolean => Self::Boolean,
            ValueType::String => Self::String,
            ValueType::Number if flag.variants.iter().all(|it| whole(&it.value)) => Self::Whole,
            ValueType::Number => Self::Fraction,
            ValueType::Object => Self::Object,
        }
    }

    fn name(self, names: [&'static str; 5]) -> String {
        let [boolean, string, whole, fraction, object] = names;
        let name = match self {
            Self::Boolean => boolean,
            Self::String => string,
            Self::Whole => whole,
            Self::Fraction => fraction,
            Self::Object => object,
        };
        name.to_owned()
    }

    fn write(self, notation: Notation, value: &Json) -> String {
        if self == Self::Fraction { fraction(value) } else { notation.write(value) }
    }
}

#[cfg(test)]
mod tests {
    use engine::FlagKey;
    use serde_json::json;

    use super::*;

    fn flag(value_type: ValueType, [on, off]: [Json; 2]) -> Flag {
        let mut flag = Flag::boolean(FlagKey::parse("page-size").expect("a key"), "Page size");
        flag.value_type = value_type;
        flag.variants[0].value = on;
        flag.variants[1].value = off;
        flag
    }

    fn calls(flag: &Flag) -> Vec<String> {
        let asked = Asked { address: "https://fader.test", flag, token: None };
        let of = |language: Language| {
            let program = asked.program(language);
            let line =
                program.lines().find(|line| line.contains("page-size") && !line.contains("console.log"));
            line.unwrap_or_default().trim().to_owned()
        };
        [Language::Node, Language::Python, Language::Go, Language::Rust].map(of).into()
    }

    #[test]
    fn each_type_has_its_call_and_falls_back_to_the_off_variant() {
        let text = calls(&flag(ValueType::String, [json!("bold"), json!("{{token}} it's")]));
        assert!(text[0].contains(r#"getStringValue('page-size', "{{token}} it's", {"#), "{}", text[0]);
        let whole = calls(&flag(ValueType::Number, [json!(50), json!(20)]));
        assert!(whole[0].contains("getNumberValue('page-size', 20, {"), "{}", whole[0]);
        assert!(whole[1].contains(r#"get_integer_value("page-size", 20, "#), "{}", whole[1]);
        assert!(
            whole[2].contains(r#"IntValue(context.Background(), "page-size", 20, user)"#),
            "{}",
            whole[2]
        );
        let fraction = calls(&flag(ValueType::Number, [json!(0.5), json!(20)]));
        assert!(fraction[1].contains(r#"get_float_value("page-size", 20.0, "#), "{}", fraction[1]);
        assert!(
            fraction[3].contains(r#"get_float_value("page-size", Some(&user), None).await.unwrap_or(20.0)"#)
        );
        let object = calls(&flag(ValueType::Object, [json!({"a": 1}), json!({"a": [true]})]));
        assert!(object[1].contains(r#"get_object_value("page-size", {"a": [True]}, "#), "{}", object[1]);
        assert!(
            object[2].contains(
                r#"ObjectValue(context.Background(), "page-size", map[string]any{"a": []any{true}}"#
            )
        );
    }

    #[test]
    fn every_program_has_the_address_and_nothing_is_left_to_fill() {
        let flag = flag(ValueType::Boolean, [json!(true), json!(false)]);
        for language in Language::ALL {
            let asked = Asked { address: "https://fader.test", flag: &flag, token: Some("fdr_1") };
            let program = asked.program(language);
            assert!(program.contains("https://fader.test") && program.contains("page-size"), "{program}");
            assert!(!program.contains("{{") && !program.contains(NO_TOKEN), "{program}");
            assert_eq!(program.contains("fdr_1"), language == Language::Web, "only a page holds its token");
            let told = program.contains("/api/v1/events") || asked.outcome(language).is_some();
            assert!(told, "{language:?} says how an outcome is told");
        }
    }
}
