use engine::{
    AttributeDefinition, AttributeName, AttributeType, AttributeValue, Attributes, GroupKey, SubjectKey,
    VariantKey,
};
use store::{
    Action, AuditFilter, Compared, Delivery, DeniedBecause, Exposure, Invalid, NewToken, PeopleReader,
    PeopleWriter, Principal, Rank, Role, StoreError, TokenHash, TokenKind, TokenScope,
};

use crate::harness::*;

on_both!(
    who_is_as_they_were_is_left_alone,
    a_value_of_the_wrong_type_is_refused_and_nothing_is_written,
    people_are_found_by_anything_known_about_them,
    a_search_is_audited_once_in_ten_minutes_without_what_was_asked,
    a_look_up_is_audited_once_in_ten_minutes_and_wakes_nobody,
    people_beside_something_else_are_audited_once_for_each_place,
    traits_are_kept_as_they_were,
    a_backend_stores_its_users_with_a_server_token,
    somebody_erased_is_forgotten_by_every_copy,
    an_answer_compares_what_was_served_with_what_is_decided,
    every_kind_of_value_is_known_exactly_as_it_was_stored,
    many_changes_are_read_in_pages_and_a_row_that_cannot_be_read_is_left_out,
);

pub fn reader() -> PeopleReader {
    Principal::command_line().people_reader().expect("may read")
}

pub fn subject(key: &str) -> SubjectKey {
    SubjectKey::parse(key).expect("a key")
}

pub fn traits(pairs: &[(&str, &str)]) -> Attributes {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), AttributeValue::Text((*value).to_owned())))
        .collect()
}

fn compared(new: usize, changed: usize, unchanged: usize) -> Compared {
    Compared { new, changed, unchanged }
}

async fn who_is_as_they_were_is_left_alone(t: Harness) {
    let ada = || (subject("ada"), traits(&[("tier", "vip")]));
    assert_eq!(t.store.put_people(&admin(), vec![ada()]).await.expect("saved"), compared(1, 0, 0));
    let (revision, seq) = (t.revision(&production()), t.store.live().seq());
    assert_eq!(t.store.put_people(&admin(), vec![ada()]).await.expect("nothing new"), compared(0, 0, 1));
    assert_eq!((t.revision(&production()), t.store.live().seq()), (revision, seq), "nothing was written");
    let batch = vec![ada(), (subject("bob"), traits(&[])), (subject("ada"), traits(&[("tier", "gold")]))];
    assert_eq!(t.store.put_people(&admin(), batch).await.expect("saved"), compared(1, 1, 0));
    assert_eq!(t.store.live().people().traits("ada"), Some((&traits(&[("tier", "gold")])).into()));
    assert_eq!(t.last_sentence().await, "saved 2 known people");
}

async fn a_value_of_the_wrong_type_is_refused_and_nothing_is_written(t: Harness) {
    let definition = AttributeDefinition {
        name: AttributeName::parse("transactions_30d").expect("a name"),
        value_type: AttributeType::Number,
        description: String::new(),
        trusted: false,
        personal: false,
    };
    t.store.put_attribute(&admin(), definition).await.expect("saved");
    let people = vec![
        (subject("ada"), traits(&[("tier", "vip")])),
        (subject("bob"), traits(&[("transactions_30d", "many")])),
    ];
    let refused = t.store.put_people(&admin(), people).await.expect_err("refused");
    assert!(matches!(refused, StoreError::Invalid(Invalid::TraitType { .. })));
    assert_eq!(refused.to_string(), "transactions_30d of bob has to be a number, not \"many\"");
    assert!(t.store.live().people().is_empty());
}

async fn people_are_found_by_anything_known_about_them(t: Harness) {
    let people = vec![
        (subject("ada.moreau"), traits(&[("name", "Ada Moreau"), ("tenant", "belvedere")])),
        (subject("u-2"), traits(&[("name", "Joan Adams"), ("email", "joan@belvedere.example")])),
        (subject("u-3"), traits(&[("name", "Lin Canada")])),
    ];
    t.store.put_people(&admin(), people).await.expect("saved");
    let found = async |query: &str| {
        let matches = t.store.search_people(&reader(), query, 10).await.expect("searches");
        matches.people.into_iter().map(|it| (it.subject.to_string(), it.rank)).collect::<Vec<_>>()
    };
    let expected = [("ada.moreau", Rank::KeyPrefix), ("u-2", Rank::WordPrefix), ("u-3", Rank::Inside)];
    assert_eq!(found("ada").await, expected.map(|(key, rank)| (key.to_owned(), rank)));
    assert_eq!(found("BELVEDERE").await.len(), 2);
    assert_eq!(found("u-3").await, [("u-3".to_owned(), Rank::ExactKey)]);
    let viewer = t.member(Role::Viewer).await;
    assert!(viewer.people_reader().is_err(), "a viewer finds nobody");
}

async fn a_search_is_audited_once_in_ten_minutes_without_what_was_asked(t: Harness) {
    let people = ["ivo", "ivor", "eve"].map(|key| (subject(key), traits(&[("tier", "vip")]))).to_vec();
    t.store.put_people(&admin(), people).await.expect("saved");
    let support = t.member(Role::Support).await.people_reader().expect("may read");
    let mut announcements = t.store.live().subscribe();
    let entries = async || {
        let filter = AuditFilter { action: Some(Action::PeopleSearched), ..AuditFilter::default() };
        t.store.list_audit(&auditor(), &filter).await.expect("reads")
    };
    let search = async |query: &str| t.store.search_people(&support, query, 1).await.expect("searches");
    search("ivo").await;
    t.store.learned_subjects(&support, "ivo").await.expect("the same question, asked of the ledger");
    search(" ivo ").await;
    t.advance(9 * 60_000);
    search("ivo").await;
    search("  ").await;
    search("eve").await;
    search("nobody").await;
    let told: Vec<_> = entries().await.into_iter().map(|entry| entry.sentence).collect();
    let all = [
        "searched people: nobody found",
        "searched people: 1 found",
        "searched people: the first 1 shown of more",
    ];
    assert_eq!(told, all);
    for entry in entries().await {
        let text = format!("{entry:?}");
        assert!(!text.contains("ivo") && !text.contains("nobody\""), "what was asked stands nowhere: {text}");
    }
    for n in 0..200 {
        search(&format!("nobody-{n}")).await;
    }
    let entries = entries().await;
    assert_eq!(entries.len(), 21, "typing does not fill the log");
    assert_eq!(entries[0].sentence, "searched people more than 20 times in ten minutes");
    let tier = AttributeDefinition {
        name: AttributeName::parse("tier").expect("a name"),
        value_type: AttributeType::Text,
        description: String::new(),
        trusted: false,
        personal: false,
    };
    t.store.put_attribute(&admin(), tier).await.expect("saved");
    let heard = announced(&mut announcements).await;
    assert!(heard.objects.iter().all(|it| it.kind != store::ObjectKind::Workspace), "{heard:?}");
}

async fn people_beside_something_else_are_audited_once_for_each_place(t: Harness) {
    let support = t.member(Role::Support).await.people_reader().expect("may read");
    let qa = t.member(Role::Qa).await.people_reader().expect("may read");
    assert!(t.store.suggest_people(&support, "", 20).await.expect("nobody").is_empty());
    let people = ["ada", "adam", "eve"].map(|key| (subject(key), traits(&[("tier", "vip")]))).to_vec();
    t.store.put_people(&admin(), people).await.expect("saved");
    let vip = GroupKey::parse("vip").expect("a key");
    for _ in 0..30 {
        t.store.audit_group_shown(&support, Some(&vip)).await.expect("audited");
        t.store.audit_group_shown(&support, None).await.expect("audited");
    }
    t.store.audit_group_shown(&qa, Some(&vip)).await.expect("audited");
    for typed in ["a", "ad", "ada", "e"] {
        t.store.suggest_people(&support, typed, 20).await.expect("audited");
    }
    assert_eq!(t.store.suggest_people(&support, "da", 1).await.expect("audited"), ["ada"]);
    let entries = async || {
        let filter = AuditFilter { action: Some(Action::PeopleSearched), ..AuditFilter::default() };
        let entries = t.store.list_audit(&auditor(), &filter).await.expect("reads");
        entries.into_iter().map(|entry| entry.sentence).collect::<Vec<_>>()
    };
    let all = [
        "was suggested people while typing",
        "looked at the people of group vip",
        "looked at the people of a group that is not saved yet",
        "looked at the people of group vip",
    ];
    assert_eq!(entries().await, all);
    t.advance(10 * 60_000);
    t.store.audit_group_shown(&support, Some(&vip)).await.expect("audited");
    assert_eq!(entries().await.len(), 5, "ten minutes later");
}

async fn a_look_up_is_audited_once_in_ten_minutes_and_wakes_nobody(t: Harness) {
    t.store.put_people(&admin(), vec![(subject("ada"), traits(&[("tier", "vip")]))]).await.expect("saved");
    let support = t.member(Role::Support).await.people_reader().expect("may read");
    let qa = t.member(Role::Qa).await.people_reader().expect("may read");
    let revision = t.revision(&production());
    let mut announcements = t.store.live().subscribe();
    let looks = async || {
        let filter = AuditFilter { action: Some(Action::PersonLookedUp), ..AuditFilter::default() };
        t.store.list_audit(&auditor(), &filter).await.expect("reads")
    };
    let found = t.store.look_up(&support, &subject("ada")).await.expect("found");
    assert_eq!(found.traits(), Some((&traits(&[("tier", "vip")])).into()));
    t.store.look_up(&support, &subject("ada")).await.expect("found");
    t.advance(9 * 60_000);
    t.store.look_up(&support, &subject("ada")).await.expect("found");
    assert_eq!(looks().await.len(), 1);
    assert_eq!(looks().await[0].sentence, "looked up ada");
    t.store.look_up(&qa, &subject("ada")).await.expect("found");
    let nobody =
        t.store.look_up(&support, &subject("nobody")).await.expect("unknown people can be looked up");
    assert_eq!(nobody.traits(), None);
    t.advance(2 * 60_000);
    t.store.look_up(&support, &subject("ada")).await.expect("found");
    assert_eq!(looks().await.len(), 4);
    assert_eq!(t.revision(&production()), revision);
    assert!(announcements.try_recv().is_err(), "a look-up is announced to nobody");
    t.create_flag("a").await;
    assert_eq!(announced(&mut announcements).await.objects.len(), 1, "what comes after it is");
}

async fn traits_are_kept_as_they_were(t: Harness) {
    let ada = subject("ada");
    let put = async |tier: &str| {
        t.store.put_people(&admin(), vec![(subject("ada"), traits(&[("tier", tier)]))]).await.expect("saved")
    };
    let tier_at = async |at_ms: i64| t.store.traits_as_of(&reader(), &ada, at_ms).await.expect("reads");
    put("basic").await;
    t.advance(1000);
    put("vip").await;
    assert_eq!(tier_at(START_MS - 1).await, None, "not known yet");
    assert_eq!(tier_at(START_MS).await, Some(traits(&[("tier", "basic")])));
    assert_eq!(tier_at(START_MS + 999).await, Some(traits(&[("tier", "basic")])));
    assert_eq!(tier_at(START_MS + 1000).await, Some(traits(&[("tier", "vip")])));
}

async fn a_backend_stores_its_users_with_a_server_token(t: Harness) {
    let made = async |new: NewToken| {
        let secret = t.store.create_token(&admin(), new).await.expect("a token");
        t.store.live().token(&TokenHash::of(&secret), START_MS).expect("known")
    };
    let live = t.store.live();
    let why =
        |token| PeopleWriter::of_token(token, live, origin()).map(drop).map_err(|denied| denied.because);
    let server = || NewToken::new("shop", TokenKind::Server, production());
    let reader = made(server()).await;
    assert_eq!(why(&reader), Err(DeniedBecause::NoTraits), "only where it was granted");
    let shop = made(NewToken { writes_traits: true, ..server() }).await;
    let origins = vec!["https://example.org".to_owned()];
    let page = made(NewToken { origins, ..NewToken::new("page", TokenKind::Client, production()) }).await;
    assert_eq!(why(&page), Err(DeniedBecause::ClientToken), "a browser does not say who is a VIP");
    let bound = made(NewToken::new("admin", TokenKind::Admin(Role::Admin), staging())).await;
    assert_eq!(why(&bound), Err(DeniedBecause::OneEnvironment));
    let whole = made(NewToken::new("admin", TokenKind::Admin(Role::Admin), TokenScope::Workspace)).await;
    assert_eq!(why(&whole), Ok(()));
    let writer = PeopleWriter::of_token(&shop, live, origin()).expect("may write");
    t.store.put_people(&writer, vec![(subject("ada"), traits(&[]))]).await.expect("saved");
    let entries = t.store.list_audit(&auditor(), &AuditFilter::default()).await.expect("reads");
    assert_eq!(entries[0].actor, "token shop");
}

async fn somebody_erased_is_forgotten_by_every_copy(t: Harness) {
    let people = vec![(subject("ada"), traits(&[("tier", "vip")])), (subject("bob"), traits(&[]))];
    t.store.put_people(&admin(), people).await.expect("saved");
    let other = t.another().await;
    let mut announcements = other.live().subscribe();
    let revision = t.revision(&production());
    let erased = t.store.erase_subject(&admin(), &subject("ada")).await.expect("erased");
    assert_eq!(erased.rows, 2, "the traits and their history");
    assert_eq!(t.revision(&production()), revision + 1, "decisions can differ without the traits");
    assert_eq!(t.store.live().people().traits("ada"), None);
    announced(&mut announcements).await;
    assert_eq!(other.live().people().traits("ada"), None);
    assert_eq!(other.live().people().len(), 1);
    assert_eq!(
        t.store.traits_as_of(&reader(), &subject("ada"), t.clock.now_ms()).await.expect("reads"),
        None
    );
    let entries = t.store.list_audit(&auditor(), &AuditFilter::default()).await.expect("reads");
    assert!(!entries[0].sentence.contains("ada") && !entries[0].object.key.contains("ada"));
    let again = t.store.erase_subject(&admin(), &subject("ada")).await;
    assert!(matches!(again, Err(StoreError::NotFound { .. })));
    t.store.put_people(&admin(), vec![(subject("ada"), traits(&[("tier", "new")]))]).await.expect("saved");
    let third = t.another().await;
    assert_eq!(
        third.live().people().traits("ada"),
        Some((&traits(&[("tier", "new")])).into()),
        "may come back"
    );
}

fn exposure(flag: &str, variant: &str, at_ms: i64) -> Exposure {
    Exposure {
        subject: subject("ada"),
        flag: flag_key(flag),
        variant: VariantKey::parse(variant).expect("a key"),
        revision: 7,
        rule: None,
        arm: None,
        at_ms,
    }
}

async fn an_answer_compares_what_was_served_with_what_is_decided(t: Harness) {
    for flag in ["a", "b"] {
        t.create_flag(flag).await;
    }
    t.create_group("vip", "vip").await;
    t.change("a", |rollout| rollout.rules = vec![for_group("vip", 100)]).await.expect("saved");
    t.store.put_people(&admin(), vec![(subject("ada"), traits(&[("tier", "vip")]))]).await.expect("saved");
    t.advance(60_000);
    let exposures = vec![exposure("a", "on", START_MS + 60_000), exposure("gone", "on", START_MS)];
    let delivery =
        Delivery { environment: production(), sender: engine::Sender::Server, exposures, ids: Vec::new() };
    t.store.record_exposures(&[delivery]).await.expect("recorded");
    t.advance(60_000);
    t.store.put_people(&admin(), vec![(subject("ada"), traits(&[("tier", "basic")]))]).await.expect("saved");
    let environment = t.store.live().environment("production").expect("an environment");
    let answer = async |at| {
        t.store.answer_person(&reader(), &environment, &subject("ada"), at).await.expect("answers")
    };
    let now = answer(None).await;
    let [a, b] = &now.flags[..] else { panic!("two flags") };
    assert_eq!((a.saw[0].variant.as_str(), a.decided().map(VariantKey::as_str)), ("on", Some("off")));
    assert!(a.differs() && !a.on);
    assert_eq!(a.hints, ["The rule for Group vip (100 %) would match if tier is “vip”."]);
    assert!(b.saw.is_empty() && !b.differs());
    assert_eq!(now.other.len(), 1, "a flag that is no more");
    let then = answer(Some(START_MS + 90_000)).await;
    assert_eq!(then.traits, Some(traits(&[("tier", "vip")])), "what was stored then");
    assert_eq!(then.flags[0].decided().map(VariantKey::as_str), Some("on"));
    assert!(!then.flags[0].differs());
    let before = answer(Some(START_MS + 30_000)).await;
    assert!(before.flags[0].saw.is_empty(), "served later");
}

/// Texts at which packing could go wrong: in capitals, longer in lower case, with the separators, digits beyond 2^53.
fn odd_traits() -> Attributes {
    let text = |text: &str| AttributeValue::Text(text.to_owned());
    let beyond = AttributeValue::from_json(&9_007_199_254_740_993_i64.into()).expect("a value");
    assert_eq!(beyond, AttributeValue::Number(9_007_199_254_740_993_i64.into()));
    let list = ["Ops", "it", "", "\t", "Straße", "9007199254740993"].map(str::to_owned).to_vec();
    let values = [
        ("account", beyond),
        ("active", AttributeValue::Boolean(false)),
        ("city", text("İstanbul\tΑΣ\nẞ")),
        ("empty", text("")),
        ("fraction", AttributeValue::Number(8.236_008_364_499_214_5e-19.into())),
        ("groups", AttributeValue::List(list)),
        ("huge", AttributeValue::Number((-1e300).into())),
        ("last", AttributeValue::Number(u64::MAX.into())),
        ("lowest", AttributeValue::Number(i64::MIN.into())),
        ("nothing", AttributeValue::List(Vec::new())),
        ("since", text("2020-05-17")),
        ("visits", AttributeValue::Number((-42).into())),
        ("vip", AttributeValue::Boolean(true)),
        ("zero", AttributeValue::Number((-0.0).into())),
    ];
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

async fn every_kind_of_value_is_known_exactly_as_it_was_stored(t: Harness) {
    let (odd, stored) = (subject("Ünïcode Ada 7 ユーザー"), odd_traits());
    let people = vec![(subject("ada"), traits(&[("tier", "vip")])), (odd.clone(), stored.clone())];
    t.store.put_people(&admin(), people).await.expect("saved");
    let exact = |attributes: &Attributes| {
        let bits = |value: &AttributeValue| match value {
            AttributeValue::Number(n) => format!("{:?}", n.parts()),
            AttributeValue::Boolean(_) | AttributeValue::Text(_) | AttributeValue::List(_) => {
                format!("{value:?}")
            }
        };
        attributes.iter().map(|(name, value)| format!("{name} {}", bits(value))).collect::<Vec<_>>()
    };
    for store in [&t.store, &t.another().await] {
        let people = store.live().people();
        let known = people.traits(odd.as_str()).expect("known");
        assert_eq!(exact(&known.to_attributes()), exact(&stored));
        assert!(known == stored && people.len() == 2);
        let found = store.search_people(&reader(), "straße", 10).await.expect("searches").people;
        assert_eq!(found.iter().map(|it| &*it.subject).collect::<Vec<_>>(), [odd.as_str()]);
    }
    let then = t.store.traits_as_of(&reader(), &odd, START_MS).await.expect("reads");
    assert_eq!(then.map(|then| exact(&then)), Some(exact(&stored)));
    let again = t.store.put_people(&admin(), vec![(odd, stored)]).await.expect("nothing new");
    assert_eq!(again, compared(0, 0, 1), "what is packed is compared as what was sent");
}

async fn many_changes_are_read_in_pages_and_a_row_that_cannot_be_read_is_left_out(t: Harness) {
    t.store.put_people(&admin(), vec![(subject("ada"), traits(&[("tier", "vip")]))]).await.expect("saved");
    t.sql(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 45000) \
         INSERT INTO people (subject, traits, changed_ms, audit_seq) \
         SELECT 'person-' || n, CASE n WHEN 30000 THEN '{' ELSE '{\"n\":' || n || '}' END, 0, 45999 - n FROM numbers",
    )
    .await
    .expect("written behind its back");
    t.store.put_people(&admin(), vec![(subject("eve"), traits(&[]))]).await.expect("saved");
    for store in [&t.store, &t.another().await] {
        let people = store.live().people();
        assert_eq!(people.len(), 45_001);
        assert!(people.iter().map(|(subject, _)| subject).is_sorted());
        assert_eq!(people.traits("person-30000"), None);
        for n in [1_u32, 19_999, 20_000, 20_001, 29_999, 30_001, 40_000, 45_000] {
            let known = people.traits(&format!("person-{n}")).and_then(|traits| traits.get("n"));
            assert_eq!(known, Some(engine::ValueRef::Number(n.into())), "{n}");
        }
    }
    // PostgreSQL takes no text that is none.
    if t.is_sqlite() {
        let sql = "INSERT INTO people (subject, traits, changed_ms, audit_seq) \
                   VALUES (CAST(x'66ff' AS TEXT), '{}', 0, 0), ('zoe', CAST(x'7bff7d' AS TEXT), 0, 0)";
        t.sql(sql).await.expect("written behind its back");
        assert_eq!(t.another().await.live().people().len(), 45_001, "the rest is known");
    }
}
