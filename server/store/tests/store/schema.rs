use engine::{
    AttributeDefinition, AttributeName, AttributeType, AttributeValue, Attributes, Audience, BucketBy, Rule,
    SubjectKey,
};
use store::{AttributeUse, ObjectKind, Principal, StoreError};

use crate::harness::*;

on_both!(
    an_attribute_is_trusted_from_the_next_revision,
    an_attribute_in_use_keeps_its_type_and_stays,
    whom_an_untrusted_attribute_lets_in_is_known_before,
    people_are_known_at_once,
    personas_are_kept_by_name,
);

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

async fn an_attribute_in_use_keeps_its_type_and_stays(t: Harness) {
    let refused = async |expected: &str| {
        let number = AttributeDefinition { value_type: AttributeType::Number, ..attribute("tier", false) };
        let name = number.name.clone();
        let refused =
            [t.store.put_attribute(&admin(), number).await, t.store.delete_attribute(&admin(), &name).await];
        for refused in refused {
            let Err(StoreError::InUse { kind: ObjectKind::Attribute, by, .. }) = refused else {
                panic!("{refused:?}")
            };
            assert_eq!(by, [expected]);
        }
    };
    t.store.put_attribute(&admin(), attribute("tier", false)).await.expect("saved");
    let group = t.create_group("vip", "vip").await;
    refused("the group vip").await;
    t.store.put_attribute(&admin(), attribute("tier", true)).await.expect("only trust changed");
    t.store.put_attribute(&admin(), attribute("tier", false)).await.expect("only trust changed");
    t.store.delete_group(&editor(), 1, &group.key, "").await.expect("deleted");
    t.create_flag("a").await;
    let matching =
        |tier: &str| Audience::Matching { groups: vec![], condition: Some(condition("tier", tier)) };
    t.change("a", |rollout| rollout.rules = vec![Rule { audience: matching("gold"), ..everyone(100) }])
        .await
        .expect("saved");
    refused("a in production").await;
    let bucket_by = BucketBy::Attribute(attribute("tier", false).name);
    t.change("a", |rollout| rollout.rules = vec![Rule { bucket_by, ..everyone(50) }]).await.expect("saved");
    refused("a in production").await;
    t.change("a", |rollout| rollout.rules.clear()).await.expect("saved");
    let by = Principal::command_line().people_reader().expect("may read");
    let persona = t.store.save_persona(&by, "A VIP", None, person("vip")).await.expect("saved");
    refused("the persona A VIP").await;
    let uses = t.store.attribute_uses(&admin()).await.expect("reads");
    assert_eq!(uses["tier"], [AttributeUse::Persona { name: "A VIP".to_owned() }]);
    t.store.delete_persona(&by, persona).await.expect("deleted");
    t.store.delete_attribute(&admin(), &attribute("tier", true).name).await.expect("deleted");
}

async fn whom_an_untrusted_attribute_lets_in_is_known_before(t: Harness) {
    t.store.put_attribute(&admin(), attribute("tier", true)).await.expect("saved");
    t.create_group("vip", "vip").await;
    for flag in ["by-group", "by-rule", "by-another", "archived"] {
        t.create_flag(flag).await;
    }
    let rule = |name: &str| {
        let condition = Some(condition(name, "gold"));
        Rule { audience: Audience::Matching { groups: vec![], condition }, ..everyone(100) }
    };
    t.change("by-group", |rollout| rollout.rules = vec![for_group("vip", 10)]).await.expect("saved");
    for (flag, attribute) in [("by-rule", "tier"), ("by-another", "country"), ("archived", "tier")] {
        t.change(flag, |rollout| rollout.rules = vec![rule(attribute)]).await.expect("saved");
    }
    let archived = t.store.find_flag(&viewer(), &flag_key("archived")).await.expect("reads").expect("a flag");
    let lifecycle = engine::Lifecycle::Archived;
    let flag = engine::Flag { lifecycle, ..archived.value };
    t.store.update_flag(&editor(), archived.version, flag, "").await.expect("archived");
    let entries = t.store.entries_by(&admin(), &attribute("tier", true).name);
    let flags: Vec<_> = entries.iter().map(|it| (it.flag.as_str(), it.environment.as_str())).collect();
    assert_eq!(flags, [("by-group", "production"), ("by-rule", "production")]);
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
