use engine::{AttributeDefinition, AttributeName, AttributeType, AttributeValue, Attributes, SubjectKey};
use store::{ObjectKind, Principal, StoreError};

use crate::harness::*;

on_both!(an_attribute_is_trusted_from_the_next_revision, people_are_known_at_once, personas_are_kept_by_name);

fn attribute(name: &str, trusted: bool) -> AttributeDefinition {
    AttributeDefinition {
        name: AttributeName::parse(name).expect("a name"),
        value_type: AttributeType::Text,
        description: String::new(),
        trusted,
        personal: false,
    }
}

async fn an_attribute_is_trusted_from_the_next_revision(t: Harness) {
    let before = t.revision(&staging());
    t.store.put_attribute(&admin(), attribute("tier", true)).await.expect("saved");
    assert!(t.store.live().snapshot("production").expect("snapshot").attributes().is_trusted("tier"));
    assert_eq!(t.revision(&staging()), before + 1);
    t.store.put_attribute(&admin(), attribute("tier", true)).await.expect("nothing new");
    assert_eq!(t.revision(&staging()), before + 1);
    t.store.delete_attribute(&admin(), &attribute("tier", true).name).await.expect("deleted");
    assert!(!t.store.live().snapshot("production").expect("snapshot").attributes().is_trusted("tier"));
    let again = t.store.delete_attribute(&admin(), &attribute("tier", true).name).await;
    assert!(matches!(again, Err(StoreError::NotFound { kind: ObjectKind::Attribute, .. })));
}

fn person(tier: &str) -> Attributes {
    [("tier".to_owned(), AttributeValue::Text(tier.to_owned()))].into_iter().collect()
}

async fn people_are_known_at_once(t: Harness) {
    let subject = |key: &str| SubjectKey::parse(key).expect("a key");
    let odd = "Zoë \"Z\" \\ 🚀";
    let both = vec![(subject("u-1"), person("vip")), (subject(odd), person("basic"))];
    t.store.put_people(&admin(), both).await.expect("saved");
    t.store.put_people(&admin(), vec![(subject("u-1"), person("gold"))]).await.expect("saved");
    let people = t.store.live().people();
    assert_eq!(people.len(), 2);
    assert_eq!(people.traits("u-1"), Some((&person("gold")).into()));
    assert_eq!(people.traits(odd), Some((&person("basic")).into()));
    assert_eq!(people.attribute_values("tier"), ["basic", "gold"]);
    let other = t.another().await;
    assert_eq!(other.live().people().len(), 2);
}

async fn personas_are_kept_by_name(t: Harness) {
    let by = Principal::command_line().people_reader().expect("may read");
    let first = t.store.save_persona(&by, "A VIP", None, person("vip")).await.expect("saved");
    let second = t.store.save_persona(&by, "a vip", None, person("gold")).await.expect("saved");
    assert_eq!(first, second, "the same name is the same persona");
    let personas = t.store.list_personas(&viewer()).await.expect("reads");
    assert_eq!((personas.len(), personas[0].name.as_str()), (1, "a vip"));
    assert_eq!(personas[0].attributes, person("gold"));
    t.store.delete_persona(&by, first).await.expect("deleted");
    assert!(matches!(t.store.delete_persona(&by, first).await, Err(StoreError::NotFound { .. })));
}
