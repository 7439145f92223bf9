//! What admins settle over REST: schema, personas, retention, webhooks, tokens, members, roles. Secrets are told once.

use reqwest::{Method, header};
use serde_json::{Value as Json, json};
use store::{Role, TokenKind};

use super::pointers;
use crate::{
    app::{TestApp, administrator},
    fixtures::everyone,
};

#[tokio::test]
async fn attributes_and_metrics_are_kept_while_something_uses_them() {
    let app = TestApp::start().await;
    app.vip_agencies().await;
    let token = app.manager().await;
    let one = "/api/v1/attributes/plan";
    let body = json!({"type": "text", "description": "What they pay for", "trusted": true});
    let (status, made) = app.rest(&token, Method::PUT, one, Some(body)).await;
    assert_eq!((status, &made["trusted"]), (200, &json!(true)), "{made}");
    let names: Vec<_> = app.all(&token, "/api/v1/attributes", "attributes", 1).await;
    assert_eq!(names.iter().filter_map(|it| it["name"].as_str()).collect::<Vec<_>>(), ["plan", "tier"]);
    assert_eq!(app.rest(&token, Method::DELETE, one, None).await.0, 204);
    assert_eq!(app.rest(&token, Method::DELETE, one, None).await.0, 404);
    let (_, tier) = app.rest(&token, Method::GET, "/api/v1/attributes/tier", None).await;
    assert_eq!(tier["used_by"][0]["key"], "vip-agencies", "{tier}");
    let (status, refused) = app.rest(&token, Method::DELETE, "/api/v1/attributes/tier", None).await;
    assert_eq!(status, 409, "{refused}");
    assert!(refused["detail"].as_str().is_some_and(|it| it.contains("the group vip-agencies")), "{refused}");

    let metric = "/api/v1/metrics/basket";
    let body = |kind: &str| json!({"name": "Basket", "kind": kind, "unit": "€", "lower_is_better": false});
    assert_eq!(app.rest(&token, Method::PUT, metric, Some(body("count"))).await.0, 200);
    let (status, refused) = app.rest(&token, Method::PUT, metric, Some(body("rate"))).await;
    assert_eq!((status, pointers(&refused)), (422, vec!["/kind"]), "{refused}");
    let keys = app.all(&token, "/api/v1/metrics", "metrics", 2).await;
    assert!(keys.iter().any(|it| it["key"] == "basket") && keys.len() > 5, "{keys:?}");
    assert_eq!(app.rest(&token, Method::DELETE, "/api/v1/metrics/error_rate", None).await.0, 422, "built in");
    assert_eq!(app.rest(&token, Method::DELETE, metric, None).await.0, 204);
}

#[tokio::test]
async fn personas_and_how_long_things_are_kept() {
    let app = TestApp::start().await;
    let token = app.manager().await;
    for name in ["A VIP", "Nobody", "Somebody"] {
        let body = json!({"name": name, "subject": "u-1", "attributes": {"tier": "vip", "age": 30}});
        let (status, made) = app.rest(&token, Method::POST, "/api/v1/personas", Some(body)).await;
        assert_eq!(status, 201, "{made}");
    }
    let all = app.all(&token, "/api/v1/personas", "personas", 2).await;
    assert_eq!((all.len(), &all[0]["attributes"]["tier"]), (3, &json!("vip")), "{all:?}");
    let one = format!("/api/v1/personas/{}", all[0]["id"]);
    assert_eq!(app.rest(&token, Method::DELETE, &one, None).await.0, 204);
    assert_eq!(app.rest(&token, Method::DELETE, &one, None).await.0, 404);

    let bound = app.bound_to("staging", Role::Viewer).await;
    let (_, seen) = app.rest(&bound, Method::GET, "/api/v1/environments", None).await;
    let keys: Vec<_> = seen["environments"].as_array().expect("a list").iter().map(|it| &it["key"]).collect();
    assert_eq!(keys, ["staging"], "no other than its own");
    let path = "/api/v1/environments/production/retention";
    assert_eq!(app.rest(&token, Method::PUT, path, Some(json!({"exposures_days": 30}))).await.0, 204);
    let (_, kept) = app.rest(&token, Method::GET, path, None).await;
    assert_eq!(kept["exposures_days"], 30, "{kept}");
    let both = json!({"exposures_days": 31, "feedback_days": 0});
    let (status, refused) = app.rest(&token, Method::PUT, path, Some(both)).await;
    assert_eq!((status, pointers(&refused)), (422, vec!["/feedback_days"]), "{refused}");
    assert_eq!(app.rest(&token, Method::GET, path, None).await.1["exposures_days"], 30, "neither was set");
}

#[tokio::test]
async fn a_webhook_s_secret_is_told_once() {
    let app = TestApp::start().await;
    let token = app.manager().await;
    let path = "/api/v1/webhooks";
    let new = json!({"url": "https://hooks.example.org/fader?key=hidden"});
    let answer = app.asked(&token, Method::POST, path, Some(new)).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    let made: Json = answer.json().await.expect("JSON");
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    let all = app.all(&token, path, "webhooks", 1).await;
    let listed = all[0].to_string();
    assert!(!listed.contains(&secret) && !listed.contains("hidden"), "{listed}");
    let test = format!("{path}/{}/test", made["id"]);
    assert_eq!(app.rest(&token, Method::POST, &test, None).await.0, 202);
    let (status, problem) =
        app.rest(&token, Method::POST, path, Some(json!({"url": "http://127.0.0.1/"}))).await;
    assert_eq!((status, pointers(&problem)), (422, vec!["/url"]), "{problem}");
    assert_eq!(app.rest(&token, Method::DELETE, &format!("{path}/{}", made["id"]), None).await.0, 204);
    assert!(app.all(&token, path, "webhooks", 1).await.is_empty());
}

#[tokio::test]
async fn tokens_are_told_once_rotated_and_revoked() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([everyone(100)])).await;
    let token = app.manager().await;
    let path = "/api/v1/tokens";
    let new = json!({"name": "shop", "kind": "server", "environment": "production", "expires_in_days": 30});
    let answer = app.asked(&token, Method::POST, path, Some(new)).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    let made: Json = answer.json().await.expect("JSON");
    assert_eq!(made["expires_at"], "2027-02-14T08:00:00Z");
    let secret = made["token"].as_str().expect("a token").to_owned();
    let works = async |secret: &str| {
        let asked = app.evaluate(secret, "fast-payment", &json!({"targetingKey": "u"})).send().await;
        asked.expect("an answer").status() == 200
    };
    assert!(works(&secret).await);
    let all = app.all(&token, path, "tokens", 1).await;
    assert!(!Json::from(all.clone()).to_string().contains(&secret), "{all:?}");
    assert_eq!((&all[0]["name"], &all[0]["state"]), (&json!("shop"), &json!("expires_soon")), "newest first");
    assert_eq!(all[0]["owner"]["name"], "Owner admin", "the owner of the token that made it");
    let one = format!("{path}/{}", made["id"]);
    let rotation = Some(json!({"overlap_hours": 0}));
    let (status, fresh) = app.rest(&token, Method::POST, &format!("{one}/rotate"), rotation).await;
    assert_eq!((status, &fresh["id"]), (201, &made["id"]), "{fresh}");
    let fresh = fresh["token"].as_str().expect("a token");
    assert!(works(fresh).await && !works(&secret).await);
    let grant = json!({"stores_people": true});
    assert_eq!(app.rest(&token, Method::PUT, &format!("{one}/grant"), Some(grant)).await.0, 204);
    assert_eq!(app.rest(fresh, Method::PUT, "/api/v1/people/u", Some(json!({"traits": {}}))).await.0, 200);
    assert_eq!(app.rest(&token, Method::DELETE, &one, None).await.0, 204);
    assert!(!works(fresh).await);
    for (body, expected) in [
        (json!({"name": "", "kind": "server", "environment": "production"}), "/name"),
        (json!({"name": "x", "kind": "admin", "environment": "production"}), "/role"),
        (json!({"name": "x", "kind": "server"}), "/environment"),
        (json!({"name": "x", "kind": "client", "environment": "production"}), "/origins"),
        (json!({"name": "x", "kind": "admin", "role": "qa", "never_expires": true}), "/expires_in_days"),
    ] {
        let (status, problem) = app.rest(&token, Method::POST, path, Some(body.clone())).await;
        assert_eq!((status, pointers(&problem)), (422, vec![expected]), "{body}: {problem}");
    }
}

/// Whoever lowers a member lowers every token that the member's tokens made.
#[tokio::test]
async fn a_token_made_by_a_token_may_no_more_than_its_owner() {
    let app = TestApp::start().await;
    let token = app.manager().await;
    let new = json!({"name": "child", "kind": "admin", "role": "admin"});
    let (_, made) = app.rest(&token, Method::POST, "/api/v1/tokens", Some(new)).await;
    let child = made["token"].as_str().expect("a token");
    assert_eq!(app.rest(child, Method::GET, "/api/v1/tokens", None).await.0, 200);
    let members = app.store.list_members(&administrator()).await.expect("reads");
    let owner = members.iter().find(|it| it.name == "Owner admin").expect("the owner").id;
    app.store
        .add_user(&administrator(), "last@example.test", "Last", Role::Admin, "correct horse battery staple")
        .await
        .expect("added");
    app.store.set_role(&administrator(), owner, Role::Viewer).await.expect("lowered");
    for path in ["/api/v1/tokens", "/api/v1/members"] {
        assert_eq!(app.rest(child, Method::GET, path, None).await.0, 403, "{path}");
    }
    let foreign = app.workspace_token(Role::Product).await;
    let another = app.owned(Role::Admin, store::TokenScope::Workspace).await;
    let tokens = app.store.list_tokens(&administrator()).await.expect("reads");
    let theirs = tokens.iter().find(|it| it.kind == TokenKind::Admin(Role::Product)).expect("a token").id;
    let rotate = format!("/api/v1/tokens/{}/rotate", theirs.get());
    assert_eq!(app.rest(&another, Method::POST, &rotate, None).await.0, 403, "lowered as well");
    assert_eq!(app.rest(&foreign, Method::GET, "/api/v1/groups", None).await.0, 200, "and it works on");
}

#[tokio::test]
async fn members_are_invited_changed_and_the_last_admin_stays() {
    let app = TestApp::start().await;
    let token = app.manager().await;
    let path = "/api/v1/members";
    let new = json!({"email": "kim@example.test", "name": "Kim", "role": "qa"});
    let answer = app.asked(&token, Method::POST, path, Some(new.clone())).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    let made: Json = answer.json().await.expect("JSON");
    assert!(made["link"].as_str().is_some_and(|it| it.contains("/invite/")), "{made}");
    let (status, again) = app.rest(&token, Method::POST, path, Some(new)).await;
    assert!(status == 409 || status == 201, "{status} {again}");
    let wrong = json!({"email": "kim", "name": "Kim", "role": "qa"});
    let (status, problem) = app.rest(&token, Method::POST, path, Some(wrong)).await;
    assert_eq!((status, pointers(&problem)), (422, vec!["/email"]), "{problem}");
    let all = app.all(&token, path, "members", 1).await;
    let kim = all.iter().find(|it| it["name"] == "Kim").expect("Kim");
    assert_eq!((&kim["state"], &kim["role"]), (&json!("invited"), &json!("qa")));
    let one = format!("{path}/{}", kim["id"]);
    let (status, changed) = app.rest(&token, Method::PATCH, &one, Some(json!({"role": "product"}))).await;
    assert_eq!((status, &changed["role"]), (200, &json!("product")), "{changed}");
    let (_, changed) = app.rest(&token, Method::PATCH, &one, Some(json!({"disabled": true}))).await;
    assert_eq!(changed["state"], "disabled", "{changed}");
    let (status, _) =
        app.rest(&token, Method::PATCH, &one, Some(json!({"disabled": true, "role": "qa"}))).await;
    assert_eq!(status, 422, "one thing at a time");
    assert_eq!(app.rest(&token, Method::POST, &format!("{one}/sign-out"), None).await.0, 204);
    assert_eq!(
        app.rest(&token, Method::POST, &format!("{one}/reset"), None).await.0,
        422,
        "enable them first"
    );
    assert_eq!(app.rest(&token, Method::PATCH, &format!("{path}/99999"), Some(json!({}))).await.0, 404);
}

#[tokio::test]
async fn the_role_table_is_read_changed_within_its_floors_and_taken_back() {
    let app = TestApp::start().await;
    let token = app.manager().await;
    let path = "/api/v1/roles";
    let (_, read) = app.rest(&token, Method::GET, path, None).await;
    assert_eq!((&read["version"], &read["differences"]), (&json!(0), &json!([])), "{read}");
    let change = |version: u64, operation: &str, role: &str, environment: Option<&str>| {
        json!({"version": version, "comment": "narrower",
               "cells": [{"operation": operation, "role": role, "environment": environment, "may": false}]})
    };
    let qa = change(0, "roll_out", "qa", Some("production"));
    let (status, changed) = app.rest(&token, Method::PATCH, path, Some(qa.clone())).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(changed["differences"].as_array().map(Vec::len), Some(1), "{changed}");
    let (status, conflict) = app.rest(&token, Method::PATCH, path, Some(qa)).await;
    assert_eq!((status, &conflict["code"]), (409, &json!("conflict")), "{conflict}");
    let version = changed["version"].as_u64().expect("a version");
    for (body, expected) in [
        (change(version, "stop", "support", Some("production")), "/cells/0/may"),
        (change(version, "roll_out", "qa", None), "/cells/0"),
        (change(version, "fly", "qa", None), "/cells/0"),
    ] {
        let (status, problem) = app.rest(&token, Method::PATCH, path, Some(body)).await;
        assert_eq!((status, pointers(&problem)), (422, vec![expected]), "{problem}");
    }
    let undo = Some(json!({"version": version}));
    let (status, undone) = app.rest(&token, Method::POST, "/api/v1/roles/undo", undo).await;
    assert_eq!((status, &undone["differences"]), (200, &json!([])), "{undone}");
}
