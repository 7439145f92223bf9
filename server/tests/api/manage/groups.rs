//! Pilot groups over REST, as at their page.

use reqwest::Method;
use serde_json::{Value as Json, json};
use store::Role;

use super::pointers;
use crate::{
    app::TestApp,
    fixtures::{everyone, group},
};

const GROUPS: &str = "/api/v1/groups";

fn tier(value: &str) -> Json {
    json!({"test": {"attribute": "tier", "operator": {"equals": value}}})
}

#[tokio::test]
async fn a_group_is_made_changed_and_deleted_with_its_version() {
    let app = TestApp::start().await;
    let token = app.workspace_token(Role::Product).await;
    let new = json!({"key": "vip", "name": "VIP", "condition": tier("vip"), "comment": "for the pilot"});
    let (status, made) = app.rest(&token, Method::POST, GROUPS, Some(new.clone())).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!((&made["version"], &made["sentence"]), (&json!(1), &json!("tier is “vip”")));
    assert_eq!(made["changed_at"], "2027-01-15T08:00:00Z");
    let (sentence, reason, _) = app.newest().await;
    assert_eq!((sentence.as_str(), reason.as_str()), ("created the group VIP", "for the pilot"));
    let (status, again) = app.rest(&token, Method::POST, GROUPS, Some(new)).await;
    assert_eq!((status, &again["code"]), (409, &json!("conflict")), "{again}");

    let one = format!("{GROUPS}/vip");
    let change = |version: u64, name: &str| json!({"version": version, "name": name, "condition": made["condition"], "comment": ""});
    let (status, changed) = app.rest(&token, Method::PUT, &one, Some(change(1, "VIP agencies"))).await;
    assert_eq!((status, &changed["version"]), (200, &json!(2)), "{changed}");
    let (status, conflict) = app.rest(&token, Method::PUT, &one, Some(change(1, "Mine"))).await;
    assert_eq!((status, &conflict["code"]), (409, &json!("conflict")), "{conflict}");
    let says = conflict["detail"].as_str().unwrap_or_default();
    assert!(
        says.contains("version 2 is in force") && says.contains("name"),
        "what changed meanwhile: {says}"
    );

    let (status, _) = app.rest(&token, Method::DELETE, &format!("{one}?version=1"), None).await;
    assert_eq!(status, 409, "somebody has changed it since");
    let gone = format!("{one}?version=2&comment=over");
    assert_eq!(app.rest(&token, Method::DELETE, &gone, None).await.0, 204);
    assert_eq!(app.newest().await.1, "over");
    assert_eq!(app.rest(&token, Method::GET, &one, None).await.0, 404);
}

#[tokio::test]
async fn what_is_wrong_is_told_by_field() {
    let app = TestApp::start().await;
    let token = app.workspace_token(Role::Product).await;
    for (body, expected) in [
        (json!({"key": "a b", "name": "A"}), "/key"),
        (json!({"key": "new", "name": "A"}), "/key"),
        (json!({"key": "a", "name": ""}), "/name"),
        (json!({"key": "a", "name": "A", "description": "x".repeat(5000)}), "/description"),
        (json!({"key": "a", "name": "A", "condition": {"all": []}}), "/condition"),
        (json!({"key": "a", "name": "A", "condition": {"some": []}}), "/condition"),
        (json!({"key": "a", "name": "A", "comment": "x".repeat(501)}), "/comment"),
    ] {
        let (status, problem) = app.rest(&token, Method::POST, GROUPS, Some(body.clone())).await;
        assert_eq!((status, pointers(&problem)), (422, vec![expected]), "{body}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|it| it.len() > 10), "{problem}");
    }
    let (status, _) = app.rest(&token, Method::POST, GROUPS, Some(json!({"key": "a", "nam": "A"}))).await;
    assert_eq!(status, 400, "a field that there is not");
    assert!(app.all(&token, GROUPS, "groups", 50).await.is_empty(), "nothing was made");
}

#[tokio::test]
async fn a_group_in_use_stays_and_says_who_uses_it() {
    let app = TestApp::start().await;
    app.vip_agencies().await;
    app.boolean_flag("fast-payment").await;
    app.boolean_flag("loyalty").await;
    app.rules("fast-payment", json!([group("vip-agencies"), everyone(20)])).await;
    app.rules_in("staging", "loyalty", json!([group("vip-agencies")])).await;
    let token = app.workspace_token(Role::Product).await;
    let (status, refused) =
        app.rest(&token, Method::DELETE, "/api/v1/groups/vip-agencies?version=1", None).await;
    assert_eq!(status, 409, "{refused}");
    assert!(
        refused["detail"].as_str().is_some_and(|it| it.contains("fast-payment in production")),
        "{refused}"
    );
    let uses = app.all(&token, "/api/v1/groups/vip-agencies/uses", "uses", 1).await;
    let places: Vec<_> = uses.iter().map(|it| (&it["environment"], &it["flag"])).collect();
    let (production, staging) = (json!("production"), json!("staging"));
    assert_eq!(places, [(&production, &json!("fast-payment")), (&staging, &json!("loyalty"))]);
    let bound = app.bound_to("staging", Role::Product).await;
    let uses = app.all(&bound, "/api/v1/groups/vip-agencies/uses", "uses", 10).await;
    assert!(
        uses.len() == 1 && uses[0]["environment"] == "staging",
        "nothing of another environment: {uses:?}"
    );
}

#[tokio::test]
async fn groups_come_in_parts_that_are_the_whole_list() {
    let app = TestApp::start().await;
    for key in ["b", "a", "d", "c", "e"] {
        app.testers(key, "u-1", None, None).await;
    }
    let token = app.workspace_token(Role::Viewer).await;
    for limit in [1, 2, 5, 200] {
        let all = app.all(&token, GROUPS, "groups", limit).await;
        let keys: Vec<_> = all.iter().filter_map(|it| it["key"].as_str()).collect();
        assert_eq!(keys, ["a", "b", "c", "d", "e"], "{limit} at a time");
        assert_eq!(all[0]["testers"], 1);
    }
    for wrong in ["limit=0", "limit=201"] {
        assert_eq!(app.rest(&token, Method::GET, &format!("{GROUPS}?{wrong}"), None).await.0, 422);
    }
}

#[tokio::test]
async fn a_condition_is_counted_before_it_is_saved() {
    let app = TestApp::start().await;
    app.vip_agencies().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([group("vip-agencies")])).await;
    for (subject, tier) in [("ada", "vip"), ("bo", "vip"), ("cy", "gold")] {
        app.person(subject, json!({"tier": tier})).await;
    }
    let token = app.workspace_token(Role::Viewer).await;
    let preview = "/api/v1/group-previews?environment=production";
    let (status, alone) =
        app.rest(&token, Method::POST, preview, Some(json!({"condition": tier("vip")}))).await;
    assert_eq!(status, 200, "{alone}");
    assert_eq!((&alone["known"], &alone["seen"]), (&json!(3), &json!(3)));
    assert_eq!(alone["members"], json!({"count": 2, "within": null}), "exact");
    let other = json!({"group": "vip-agencies", "condition": tier("gold")});
    let (_, changed) = app.rest(&token, Method::POST, preview, Some(other)).await;
    assert_eq!((&changed["gained"]["count"], &changed["lost"]["count"]), (&json!(1), &json!(2)), "{changed}");
    let flag = &changed["flags"][0];
    assert_eq!((&flag["flag"], &flag["before"]["count"]), (&json!("fast-payment"), &json!(2)));
    assert_eq!(flag["after"]["count"], 1);
    let (status, wrong) =
        app.rest(&token, Method::POST, preview, Some(json!({"condition": {"all": []}}))).await;
    assert_eq!((status, pointers(&wrong)), (422, vec!["/condition"]), "{wrong}");
    assert_eq!(app.rest(&token, Method::POST, preview, Some(json!({"group": "gone"}))).await.0, 404);
}

#[tokio::test]
async fn a_group_s_history_names_each_change() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    let token = app.workspace_token(Role::Product).await;
    let change = json!({"version": 1, "name": "Trial"});
    assert_eq!(app.rest(&token, Method::PUT, "/api/v1/groups/testers", Some(change)).await.0, 200);
    let entries = app.all(&token, "/api/v1/groups/testers/history", "changes", 1).await;
    assert!(entries.iter().all(|it| it.get("address").is_none()), "no colleague's address: {entries:?}");
    assert_eq!(entries.len(), 2, "{entries:?}");
    assert_eq!(entries[0]["details"][0]["after"], "Trial", "newest first: {}", entries[0]);
    assert_eq!(entries[1]["action"], "group_created");
}
