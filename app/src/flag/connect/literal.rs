//! A flag's value as it is written in a programming language: the default that a program falls back to.

use serde_json::Value as Json;

/// How a language writes values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    JavaScript,
    Python,
    Go,
    Java,
    CSharp,
    Php,
    Ruby,
}

impl Notation {
    /// The value, where the language infers its type.
    pub fn write(self, value: &Json) -> String {
        match value {
            Json::Null => self.null().to_owned(),
            Json::Bool(truth) => self.truth(*truth).to_owned(),
            Json::Number(number) => number.to_string(),
            Json::String(text) => self.text(text),
            Json::Array(items) => self.list(items.iter().map(|it| self.nested(it)).collect()),
            Json::Object(members) => {
                self.object(members.iter().map(|(name, it)| (self.text(name), self.nested(it))).collect())
            }
        }
    }

    /// Inside another value.
    fn nested(self, value: &Json) -> String {
        match (self, value) {
            (Self::CSharp, Json::Bool(_) | Json::Number(_) | Json::String(_)) => {
                format!("new Value({})", self.write(value))
            }
            (_, value) => self.write(value),
        }
    }

    fn null(self) -> &'static str {
        match self {
            Self::JavaScript | Self::Php => "null",
            Self::Python => "None",
            Self::Go | Self::Ruby => "nil",
            Self::Java | Self::CSharp => "new Value()",
        }
    }

    fn truth(self, truth: bool) -> &'static str {
        match (self, truth) {
            (Self::Python, true) => "True",
            (Self::Python, false) => "False",
            (_, true) => "true",
            (_, false) => "false",
        }
    }

    fn text(self, text: &str) -> String {
        match self {
            // Single quotes: in double ones they read names and expressions out of the text.
            Self::Php | Self::Ruby => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
            Self::JavaScript | Self::Python | Self::Go | Self::Java | Self::CSharp => {
                Json::from(text).to_string()
            }
        }
    }

    fn list(self, items: Vec<String>) -> String {
        let items = items.join(", ");
        match self {
            Self::JavaScript | Self::Python | Self::Php | Self::Ruby => format!("[{items}]"),
            Self::Go => format!("[]any{{{items}}}"),
            Self::Java => format!("List.of({items})"),
            Self::CSharp => format!("new Value(new List<Value> {{ {items} }})"),
        }
    }

    fn object(self, members: Vec<(String, String)>) -> String {
        let (between, separator) = match self {
            Self::JavaScript | Self::Python | Self::Go => (": ", ", "),
            Self::Php | Self::Ruby => (" => ", ", "),
            Self::Java => (", ", "), Map.entry("),
            Self::CSharp => (", ", ").Set("),
        };
        let members: Vec<_> =
            members.into_iter().map(|(name, value)| format!("{name}{between}{value}")).collect();
        let (empty, members) = (members.is_empty(), members.join(separator));
        match (self, empty) {
            (Self::JavaScript | Self::Python | Self::Ruby, _) => format!("{{{members}}}"),
            (Self::Php, _) => format!("[{members}]"),
            (Self::Go, _) => format!("map[string]any{{{members}}}"),
            (Self::Java, true) => "Map.of()".to_owned(),
            (Self::Java, false) => format!("Map.ofEntries(Map.entry({members}))"),
            (Self::CSharp, true) => "new Value(Structure.Builder().Build())".to_owned(),
            (Self::CSharp, false) => format!("new Value(Structure.Builder().Set({members}).Build())"),
        }
    }
}

/// A number that is read as one with a fraction.
pub fn fraction(number: &Json) -> String {
    let text = number.to_string();
    if text.contains(['.', 'e', 'E']) { text } else { format!("{text}.0") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_written_as_each_language_does() {
        let value = json!({"hours": 48, "names": ["a", true, null]});
        for (notation, written) in [
            (Notation::JavaScript, r#"{"hours": 48, "names": ["a", true, null]}"#),
            (Notation::Python, r#"{"hours": 48, "names": ["a", True, None]}"#),
            (Notation::Go, r#"map[string]any{"hours": 48, "names": []any{"a", true, nil}}"#),
            (Notation::Php, "['hours' => 48, 'names' => ['a', true, null]]"),
            (Notation::Ruby, "{'hours' => 48, 'names' => ['a', true, nil]}"),
            (
                Notation::Java,
                r#"Map.ofEntries(Map.entry("hours", 48), Map.entry("names", List.of("a", true, new Value())))"#,
            ),
            (
                Notation::CSharp,
                r#"new Value(Structure.Builder().Set("hours", new Value(48)).Set("names", new Value(new List<Value> { new Value("a"), new Value(true), new Value() })).Build())"#,
            ),
        ] {
            assert_eq!(notation.write(&value), written);
        }
        assert_eq!(Notation::Java.write(&json!({})), "Map.of()");
    }

    #[test]
    fn a_text_stays_a_text() {
        let text = json!("it's #{1 + 1} $x \"so\" \\ \n");
        assert_eq!(Notation::Ruby.write(&text), "'it\\'s #{1 + 1} $x \"so\" \\\\ \n'");
        assert_eq!(Notation::Go.write(&text), r#""it's #{1 + 1} $x \"so\" \\ \n""#);
    }

    #[test]
    fn a_number_with_a_fraction_looks_like_one() {
        assert_eq!([json!(20), json!(0.25)].map(|it| fraction(&it)), ["20.0", "0.25"]);
    }
}
