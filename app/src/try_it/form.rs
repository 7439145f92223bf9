//! What "Try it" is asked: a subject, attributes and who sends them. All of it stands in the page's address.

use engine::{AttributeName, AttributeSchema, AttributeType, Attributes, Sender, SubjectKey};
use serde_json::Value as Json;
use store::Persona;

use crate::form::{error::FieldError, value};

/// More rows than anybody fills in by hand.
const ROWS_MAX: usize = 100;
/// Rows that are offered beyond those filled in.
const ROWS_SPARE: usize = 2;

/// The question as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialForm {
    pub subject: String,
    pub browser: bool,
    pub rows: Vec<Row>,
    /// A JSON object; a row of the same name wins over it.
    pub json: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    pub name: String,
    pub value: String,
}

impl TrialForm {
    /// From the pairs of a query or a form. The names are `subject`, `as`, `a` and `v` in turn, `json`.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut form = Self { subject: String::new(), browser: false, rows: Vec::new(), json: String::new() };
        for (name, value) in pairs {
            match name.as_str() {
                "subject" => {
                    let typed = value.trim();
                    form.subject = SubjectKey::parse(typed).map_or_else(|_| typed.to_owned(), String::from);
                }
                "as" => form.browser = value == "browser",
                "json" => form.json = value,
                "a" if form.rows.len() < ROWS_MAX => {
                    form.rows.push(Row { name: value.trim().to_owned(), value: String::new() });
                }
                "v" => {
                    if let Some(row) = form.rows.last_mut() {
                        row.value = value;
                    }
                }
                _ => {}
            }
        }
        form.rows.retain(|row| !row.name.is_empty() || !row.value.trim().is_empty());
        form
    }

    pub fn from_persona(persona: &Persona, schema: &AttributeSchema) -> Self {
        let (mut rows, mut others) = (Vec::new(), Attributes::default());
        for (name, attribute) in persona.attributes.iter() {
            match value::written(attribute, type_of(schema, name)) {
                Some(value) if rows.len() < ROWS_MAX => rows.push(Row { name: name.to_owned(), value }),
                // What no row can say stands in the JSON.
                Some(_) | None => others.set(name, attribute.clone()),
            }
        }
        let json = if others.is_empty() { None } else { serde_json::to_string(&others).ok() };
        Self {
            subject: persona.subject.as_ref().map(ToString::to_string).unwrap_or_default(),
            browser: false,
            rows,
            json: json.unwrap_or_default(),
        }
    }

    /// Whether anything was asked yet.
    pub fn is_empty(&self) -> bool {
        self.subject.is_empty() && self.rows.is_empty() && self.json.trim().is_empty()
    }

    pub fn sender(&self) -> Sender {
        if self.browser { Sender::Client } else { Sender::Server }
    }

    /// The rows with some empty ones to fill in.
    pub fn offered_rows(&self) -> impl Iterator<Item = Row> {
        self.rows.iter().cloned().chain(std::iter::repeat_n(Row::default(), ROWS_SPARE))
    }

    /// The query that asks the same.
    pub fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.subject.is_empty() {
            query.append_pair("subject", &self.subject);
        }
        if self.browser {
            query.append_pair("as", "browser");
        }
        for row in &self.rows {
            query.append_pair("a", &row.name).append_pair("v", &row.value);
        }
        if !self.json.trim().is_empty() {
            query.append_pair("json", &self.json);
        }
        query.finish()
    }

    /// The attributes that are sent, or everything that is wrong with them; fields are `json` and `row-0`, `row-1` …
    pub fn attributes(&self, schema: &AttributeSchema) -> Result<Attributes, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut attributes = match parse_json(&self.json) {
            Ok(attributes) => attributes,
            Err(wrong) => {
                errors.push(wrong);
                Attributes::default()
            }
        };
        for (at, row) in self.rows.iter().enumerate() {
            let field = || format!("row-{at}");
            if let Err(invalid) = AttributeName::parse(&row.name) {
                errors.push(FieldError::at(field(), format!("an attribute name {invalid}")));
                continue;
            }
            match value::parse(&row.value, type_of(schema, &row.name)) {
                Ok(value) => attributes.set(&row.name, value),
                Err(sentence) => errors.push(FieldError::at(field(), sentence)),
            }
        }
        if errors.is_empty() { Ok(attributes) } else { Err(errors) }
    }
}

fn type_of(schema: &AttributeSchema, name: &str) -> Option<AttributeType> {
    schema.get(name).map(|definition| definition.value_type)
}

fn parse_json(text: &str) -> Result<Attributes, FieldError> {
    if text.trim().is_empty() {
        return Ok(Attributes::default());
    }
    match serde_json::from_str(text) {
        Ok(Json::Object(members)) => Ok(Attributes::from_json(&members)),
        Ok(_) => Err(FieldError::at("json", "write an object such as {\"tier\": \"vip\"}")),
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            Err(FieldError::at(
                "json",
                format!("this is not JSON ({place}); write an object such as {{\"tier\": \"vip\"}}"),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::{AttributeDefinition, AttributeValue};

    use super::*;

    fn schema() -> AttributeSchema {
        let definition = |name: &str, value_type| AttributeDefinition {
            name: AttributeName::parse(name).expect("a name"),
            value_type,
            description: String::new(),
            trusted: false,
            personal: false,
        };
        AttributeSchema::new(vec![
            definition("age", AttributeType::Number),
            definition("tags", AttributeType::List),
            definition("tier", AttributeType::Text),
        ])
    }

    fn asked(query: &str) -> TrialForm {
        TrialForm::from_pairs(form_urlencoded::parse(query.as_bytes()).into_owned())
    }

    #[test]
    fn the_address_asks_the_same_question_again() {
        let form = asked(
            "subject=user-1&as=browser&a=tier&v=vip&a=&v=&a=age&v=30&json=%7B%22x%22%3A1%7D&env=staging",
        );
        assert_eq!(form.rows.len(), 2);
        assert!(form.browser);
        assert_eq!(asked(&form.query()), form);
    }

    #[test]
    fn a_row_wins_over_the_json_and_is_read_by_its_type() {
        let form =
            asked("a=tier&v=7&a=age&v=7&a=tags&v=a,+b&json=%7B%22tier%22%3A%22old%22%2C%22x%22%3Atrue%7D");
        let attributes = form.attributes(&schema()).expect("attributes");
        assert_eq!(attributes.get("tier"), Some(&AttributeValue::Text("7".into())));
        assert_eq!(attributes.get("age"), Some(&AttributeValue::Number(7.into())));
        assert_eq!(attributes.get("tags"), Some(&AttributeValue::List(vec!["a".into(), "b".into()])));
        assert_eq!(attributes.get("x"), Some(&AttributeValue::Boolean(true)));
    }

    #[test]
    fn what_cannot_be_read_is_named_at_its_row() {
        let errors = asked("a=age&v=old&a=b+c&v=1&json=%5B1%5D").attributes(&schema()).expect_err("errors");
        let fields: Vec<_> = errors.iter().map(|wrong| wrong.field.as_str()).collect();
        assert_eq!(fields, ["json", "row-0", "row-1"]);
    }

    #[test]
    fn a_persona_asks_with_just_what_was_saved() {
        use AttributeValue::{Boolean, List, Number, Text};
        let values = [
            ("age", Text("5".into())),
            ("zip", Text("00501".into())),
            ("phone", Text("+4712345678".into())),
            ("account", Number(9_007_199_254_740_993_i64.into())),
            ("beta", Boolean(true)),
            ("said", Text("true".into())),
            ("tags", List(vec!["a, b".into(), "c".into()])),
            ("tier", Number(7.into())),
            ("note", Text("a\nb".into())),
        ];
        let many = (0..ROWS_MAX).map(|n| (format!("x{n}"), Number(1.into())));
        let attributes: Attributes =
            values.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(many).collect();
        let persona = Persona {
            id: "1".parse().expect("an id"),
            name: "Ada".to_owned(),
            subject: None,
            attributes: attributes.clone(),
        };
        let form = TrialForm::from_persona(&persona, &schema());
        assert!(form.json.contains("\"tier\":7"), "a number is no text: {}", form.json);
        let again = asked(&form.query());
        assert_eq!(again, form);
        assert_eq!(again.attributes(&schema()), Ok(attributes));
    }
}
