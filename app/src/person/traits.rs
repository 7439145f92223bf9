//! The form of what is stored with a person. What was not touched stays as it is stored, to the last digit: each field
//! carries the value that it showed, and only one that says something else is read.

use engine::{AttributeName, AttributeSchema, AttributeType, AttributeValue, Attributes};
use leptos::prelude::*;

use crate::form::{
    fields::Fields,
    value::{parse, shown_as, type_of, type_word},
};

/// Empty lines offered for what is not stored yet.
const ROWS_SPARE: usize = 2;

/// The form, which posts to `action`.
pub(super) fn edit(stored: &Attributes, schema: &AttributeSchema, action: String) -> impl IntoView + use<> {
    let described = schema.definitions().iter().map(|it| it.name.to_string());
    let unknown = stored.iter().map(|(name, _)| name.to_owned()).filter(|name| schema.get(name).is_none());
    let rows: Vec<_> = described.chain(unknown).map(|name| row(name, stored, schema)).collect();
    let spare = (1..=ROWS_SPARE)
        .map(|at| {
            view! {
                <input name="a" aria-label=format!("New attribute {at}") placeholder="attribute" autocomplete="off" />
                <span>
                    <input type="hidden" name="was" value="" />
                    <input name="v" aria-label=format!("Value of new attribute {at}") placeholder="value" autocomplete="off" />
                </span>
            }
        })
        .collect_view();
    view! {
        <details id="edit-traits">
            <summary>"Edit"</summary>
            <form method="post" action=action class="stack">
                <div class="person-edit">{rows}{spare}</div>
                <p class="hint">
                    "An empty value takes the attribute away. A list is written a, b. Of a new attribute that the schema does \
                     not know, true, false and numbers such as 42 or 0.5 are read as such, and everything else as a text, also \
                     00501 and +4712345678; in quotes it is always a text: \"42\"."
                </p>
                <div class="cluster">
                    <button name="intent" value="traits" class="button" data-kind="primary">"Save"</button>
                </div>
            </form>
        </details>
    }
}

fn row(name: String, stored: &Attributes, schema: &AttributeSchema) -> impl IntoView + use<> {
    let value = stored.get(&name);
    let value_type = type_for(&name, value, schema);
    let was = value.and_then(|value| serde_json::to_string(value).ok()).unwrap_or_default();
    let shown = value.map(|value| shown_as(value, value_type)).unwrap_or_default();
    let id = format!("trait-{name}");
    let type_id = format!("{id}-type");
    let word = value_type.map(type_word).unwrap_or_default();
    let word =
        if schema.get(&name).is_some() { word.to_owned() } else { format!("{word}, not in the schema") };
    view! {
        <label for=id.clone()>{name.clone()}" "<small class="muted" id=type_id>{word}</small></label>
        <span>
            <input type="hidden" name="a" value=name />
            <input type="hidden" name="was" value=was />
            <input id=id name="v" value=shown autocomplete="off" />
        </span>
    }
}

/// As the schema says; for what it does not know, as it is stored.
fn type_for(name: &str, stored: Option<&AttributeValue>, schema: &AttributeSchema) -> Option<AttributeType> {
    schema.get(name).map(|definition| definition.value_type).or_else(|| stored.map(type_of))
}

/// What is stored once the form is saved over `stored`, which may have changed since the form was shown; or a sentence.
pub fn edited(fields: &Fields, stored: &Attributes, schema: &AttributeSchema) -> Result<Attributes, String> {
    let mut traits: std::collections::BTreeMap<String, AttributeValue> = stored.clone().into();
    if [fields.all("was").count(), fields.all("v").count()] != [fields.all("a").count(); 2] {
        return Err("the form is not whole; open the page again".to_owned());
    }
    let rows = fields.all("a").zip(fields.all("was")).zip(fields.all("v"));
    for ((name, was), value) in rows {
        let (name, was) = (name.trim(), serde_json::from_str::<AttributeValue>(was).ok());
        if name.is_empty() || is_untouched(name, was.as_ref(), value, schema) {
            continue;
        }
        AttributeName::parse(name).map_err(|error| format!("an attribute name {error}"))?;
        if value.trim().is_empty() {
            traits.remove(name);
            continue;
        }
        let value = parse(value, type_for(name, was.as_ref(), schema));
        let value = value.map_err(|error| format!("{name}: {error}"))?;
        traits.insert(name.to_owned(), value);
    }
    Ok(traits.into())
}

/// The field says what it said. The schema may have changed meanwhile, and with it how the value would be shown.
fn is_untouched(name: &str, was: Option<&AttributeValue>, value: &str, schema: &AttributeSchema) -> bool {
    let Some(was) = was else { return value.trim().is_empty() };
    let own = Some(type_of(was));
    [type_for(name, Some(was), schema), own, None].into_iter().any(|it| shown_as(was, it) == value)
}

#[cfg(test)]
mod tests {
    use engine::AttributeDefinition;
    use serde_json::json;

    use super::*;

    fn attributes(json: serde_json::Value) -> Attributes {
        serde_json::from_value(json).expect("attributes")
    }

    fn schema() -> AttributeSchema {
        let definition = |name: &str, value_type| AttributeDefinition {
            name: AttributeName::parse(name).expect("a name"),
            value_type,
            description: String::new(),
            trusted: false,
            personal: false,
        };
        AttributeSchema::new(vec![
            definition("tier", AttributeType::Text),
            definition("visits", AttributeType::Number),
            definition("beta", AttributeType::Boolean),
            definition("since", AttributeType::Date),
        ])
    }

    /// The form as the page shows it, with what somebody typed into some of its fields.
    fn posted(stored: &Attributes, typed: &[(&str, &str)]) -> Fields {
        let mut body = form_urlencoded::Serializer::new(String::new());
        let new = typed.iter().map(|(name, _)| *name).filter(|name| stored.get(name).is_none());
        for name in stored.iter().map(|(name, _)| name).chain(new) {
            let value = stored.get(name);
            let shown = value.map(|it| shown_as(it, type_for(name, Some(it), &schema()))).unwrap_or_default();
            let was = value.map(|it| serde_json::to_string(it).expect("JSON")).unwrap_or_default();
            let says =
                typed.iter().find(|(it, _)| *it == name).map_or(shown, |(_, value)| (*value).to_owned());
            body.append_pair("a", name).append_pair("was", &was).append_pair("v", &says);
        }
        Fields::parse(body.finish().as_bytes()).expect("fields")
    }

    fn odd() -> Attributes {
        attributes(json!({
            "zip": "00501", "phone": "+4712345678", "account": "9007199254740993", "id": 9_007_199_254_740_993_i64,
            "said": "true", "quoted": "\"x\"", "spaced": " x ", "lines": "a\nb", "list": ["a, b", ""], "none": "",
            // Not of their types: the schema came later.
            "tier": 7, "visits": "many", "beta": "yes", "since": 1_772_000_000_000_i64,
        }))
    }

    #[test]
    fn untouched_stays_untouched() {
        let exact = |it: &Attributes| serde_json::to_string(it).expect("JSON");
        let saved = edited(&posted(&odd(), &[]), &odd(), &schema()).expect("saved");
        assert_eq!(exact(&saved), exact(&odd()));
        let saved = edited(&posted(&odd(), &[("zip", "00502")]), &odd(), &schema()).expect("saved");
        let mut wanted = odd();
        wanted.set("zip", AttributeValue::Text("00502".into()));
        assert_eq!(exact(&saved), exact(&wanted), "a text stays a text");
    }

    #[test]
    fn what_is_touched_is_read_by_its_type() {
        let typed =
            [("tier", "8"), ("visits", "9007199254740993"), ("id", "12"), ("none", "x"), ("phone", "")];
        let saved = edited(&posted(&odd(), &typed), &odd(), &schema()).expect("saved");
        assert_eq!(saved.get("tier"), Some(&AttributeValue::Text("8".into())));
        assert_eq!(saved.get("visits"), Some(&AttributeValue::Number(9_007_199_254_740_993_i64.into())));
        assert_eq!(saved.get("id"), Some(&AttributeValue::Number(12.into())));
        assert_eq!(saved.get("none"), Some(&AttributeValue::Text("x".into())));
        assert_eq!(saved.get("phone"), None);
        let new = [("code", "007"), ("count", "7"), ("text", "\"7\"")];
        let saved = edited(&posted(&odd(), &new), &odd(), &schema()).expect("saved");
        assert_eq!(saved.get("code"), Some(&AttributeValue::Text("007".into())));
        assert_eq!(saved.get("count"), Some(&AttributeValue::Number(7.into())));
        assert_eq!(saved.get("text"), Some(&AttributeValue::Text("7".into())));
        let wrong = edited(&posted(&odd(), &[("visits", "few")]), &odd(), &schema()).expect_err("refused");
        assert!(wrong.starts_with("visits: "), "{wrong}");
    }

    #[test]
    fn what_changed_meanwhile_stays_changed() {
        let shown = attributes(json!({ "tier": "vip", "gone": "x", "zip": "1" }));
        let meanwhile = attributes(json!({ "tier": "gold", "zip": "1", "new": 3 }));
        let saved = edited(&posted(&shown, &[("zip", "2")]), &meanwhile, &schema()).expect("saved");
        assert_eq!(saved, attributes(json!({ "tier": "gold", "zip": "2", "new": 3 })));
    }
}
