//! Flags over REST: listed page by page and filtered, created, read, changed, archived and restored.

use reqwest::Method;
use serde_json::{Value as Json, json};
use store::Role;

use crate::{
    app::TestApp,
    fixtures::{everyone, group},
};

const FLAGS: &str = "/api/v1/flags";
const FLAG: &str = "/api/v1/flags/book-groups";

impl TestApp {
    async fn keys(&self, token: &str, query: &str) -> Vec<String> {
        let path = format!("{FLAGS}?environment=production&{query}");
        let (status, list) = self.rest(token, Method::GET, &path, None).await;
        assert_eq!(status, 200, "{query}: {list}");
        let flags = list["flags"].as_array().expect("flags");
        flags.iter().map(|it| it["key"].as_str().expect("a key").to_owned()).collect()
    }
}

fn pointers(problem: &Json) -> Vec<&str> {
    let errors = problem["errors"].as_array().expect("errors");
    errors.iter().map(|it| it["pointer"].as_str().expect("a pointer")).collect()
}

#[tokio::test]
async fn a_program_creates_a_flag_and_changes_it() {
    let app = TestApp::start().await;
    let token = app.workspace_token(Role::Product).await;
    let new = json!({"key": "book-groups", "name": "Book groups", "kind": "permission", "tags": ["booking"]});
    let request = app.request(Method::POST, FLAGS).bearer_auth(&token).json(&new);
    let answer = request.send().await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (201, &FLAG.parse().expect("a value"))
    );
    let created: Json = answer.json().await.expect("JSON");
    assert_eq!((&created["version"], &created["lifecycle"]), (&json!(1), &json!("draft")));
    assert_eq!(created["definition"]["variants"][0], json!({"key": "on", "value": true}));
    assert!(created["changed_at"].as_str().is_some_and(|it| it.ends_with('Z')), "{created}");
    let (status, again) = app.rest(&token, Method::POST, FLAGS, Some(new)).await;
    assert!(
        status == 409 && again["detail"].as_str().is_some_and(|it| it.contains("exists already")),
        "{again}"
    );

    let mut flag = created["definition"].clone();
    flag["owner"] = json!("Priya");
    let change = json!({"version": 1, "flag": flag, "comment": "hers"});
    let (status, saved) = app.rest(&token, Method::PUT, FLAG, Some(change.clone())).await;
    assert_eq!((status, &saved["version"]), (200, &json!(2)), "{saved}");
    let mut other = change;
    other["flag"]["name"] = json!("Groups");
    let (status, conflict) = app.rest(&token, Method::PUT, FLAG, Some(other)).await;
    assert_eq!((status, &conflict["code"]), (409, &json!("conflict")));
    assert!(
        conflict["detail"].as_str().is_some_and(|it| it.contains("owner")),
        "says what changed: {conflict}"
    );
    let (_, read) = app.rest(&token, Method::GET, FLAG, None).await;
    assert_eq!((&read["definition"]["owner"], &read["name"]), (&json!("Priya"), &json!("Book groups")));
}

#[tokio::test]
async fn what_does_not_fit_is_told_with_its_place() {
    let app = TestApp::start().await;
    let token = app.workspace_token(Role::Product).await;
    let create = async |body: Json| {
        let (status, problem) = app.rest(&token, Method::POST, FLAGS, Some(body)).await;
        assert_eq!((status, &problem["code"]), (422, &json!("refused")), "{problem}");
        problem
    };
    let text = |value: Json| json!({"key": "a", "value": value});
    let problem = create(json!({
        "key": "greeting", "name": "", "value_type": "string",
        "variants": [text(json!("hello")), {"key": "b", "value": 7}], "off_variant": "c"
    }))
    .await;
    assert_eq!(pointers(&problem), ["/name", "/variants/1/value", "/off_variant"]);
    assert_eq!(pointers(&create(json!({"key": "a b", "name": "A"})).await), ["/key"]);
    assert_eq!(pointers(&create(json!({"key": "a", "name": "A", "nmae": 1})).await), ["/nmae"]);
    assert_eq!(
        pointers(&create(json!({"key": "a", "name": "A", "value_type": "number"})).await),
        ["/variants"]
    );
    assert_eq!(pointers(&create(json!(7)).await), [""]);
    app.boolean_flag("book-groups").await;
    let (_, read) = app.rest(&token, Method::GET, FLAG, None).await;
    let put = async |at: &str, value: Json| {
        let mut body = json!({"version": read["version"], "flag": read["definition"]});
        *body.pointer_mut(at).expect("is there") = value;
        app.rest(&token, Method::PUT, FLAG, Some(body)).await
    };
    for (at, value, place) in [
        ("/flag/key", json!("another"), "/flag/key"),
        ("/flag/variants/0/key", json!("a b"), "/flag/variants/0/key"),
        ("/flag/tags", json!([""]), "/flag/tags"),
    ] {
        let (status, problem) = put(at, value).await;
        assert_eq!((status, pointers(&problem)), (422, vec![place]), "{problem}");
    }
    let comment = json!({"version": read["version"], "flag": read["definition"], "comment": "x".repeat(501)});
    let (status, problem) = app.rest(&token, Method::PUT, FLAG, Some(comment)).await;
    assert_eq!((status, pointers(&problem)), (422, vec!["/comment"]), "{problem}");
}

#[tokio::test]
async fn a_flag_is_archived_and_restored() {
    let app = TestApp::start().await;
    let token = app.workspace_token(Role::Product).await;
    app.boolean_flag("book-groups").await;
    app.rules("book-groups", json!([everyone(100)])).await;
    let (server, context) = (app.server_token().await, json!({"targetingKey": "ada"}));
    let (_, read) = app.rest(&token, Method::GET, FLAG, None).await;
    let (archive, restore) = (format!("{FLAG}/archive"), format!("{FLAG}/restore"));
    let body = json!({"version": read["version"], "comment": "done"});
    let (status, archived) = app.rest(&token, Method::POST, &archive, Some(body.clone())).await;
    assert_eq!((status, &archived["lifecycle"]), (200, &json!("archived")), "{archived}");
    let gone = app.evaluate(&server, "book-groups", &context).send().await.expect("an answer");
    assert_eq!(gone.status(), 404);
    let (status, conflict) = app.rest(&token, Method::POST, &restore, Some(body)).await;
    assert_eq!(status, 409, "read before: {conflict}");
    let body = json!({"version": archived["version"]});
    let (status, restored) = app.rest(&token, Method::POST, &restore, Some(body)).await;
    assert_eq!((status, &restored["lifecycle"]), (200, &json!("active")), "{restored}");
    assert_eq!(app.decision(&server, "book-groups", context).await["value"], true, "as it was before");
    let body = json!({"version": restored["version"]});
    let (_, same) = app.rest(&token, Method::POST, &restore, Some(body)).await;
    assert_eq!(same["version"], restored["version"], "nothing to restore");
    let nothing = "/api/v1/flags/nothing/archive";
    assert_eq!(app.rest(&token, Method::POST, nothing, Some(json!({"version": 1}))).await.0, 404);
}

#[tokio::test]
async fn flags_are_found_as_at_the_desk_and_come_page_by_page() {
    let app = TestApp::start().await;
    let token = app.workspace_token(Role::Viewer).await;
    let editor = app.workspace_token(Role::Product).await;
    for (key, owner, kind) in
        [("a", "Priya", "release"), ("b", "Omar", "permission"), ("c", "Priya", "release")]
    {
        let new =
            json!({"key": key, "name": format!("Flag {key}"), "owner": owner, "kind": kind, "tags": [key]});
        assert_eq!(app.rest(&editor, Method::POST, FLAGS, Some(new)).await.0, 201);
    }
    app.vip_agencies().await;
    app.rules("a", json!([everyone(100)])).await;
    app.rules("b", json!([group("vip-agencies")])).await;
    app.boolean_flag("gone").await;
    app.archive("gone").await;
    for (query, found) in [
        ("", vec!["a", "b", "c"]),
        ("q=flag%20C", vec!["c"]),
        ("owner=Priya", vec!["a", "c"]),
        ("owner=Priya&tag=a", vec!["a"]),
        ("kind=permission", vec!["b"]),
        ("state=full", vec!["a"]),
        ("state=serving", vec!["a", "b"]),
        ("state=nobody", vec!["c"]),
        ("lifecycle=draft", vec!["c"]),
        ("lifecycle=archived", vec!["gone"]),
        ("lifecycle=all&cursor=b", vec!["c", "gone"]),
    ] {
        assert_eq!(app.keys(&token, query).await, found, "{query}");
    }
    let page = async |query: &str| {
        let path = format!("{FLAGS}?environment=production&limit=2{query}");
        app.rest(&token, Method::GET, &path, None).await.1
    };
    let first = page("").await;
    assert_eq!((first["flags"].as_array().map(Vec::len), &first["next"]), (Some(2), &json!("b")), "{first}");
    assert_eq!(
        (&first["flags"][0]["serves"], &first["flags"][0]["state"]),
        (&json!("full"), &json!("Everyone"))
    );
    let second = page("&cursor=b").await;
    assert_eq!((&second["flags"][0]["key"], &second["next"]), (&json!("c"), &Json::Null), "{second}");
    for (query, status) in [("limit=0", 422), ("limit=1001", 422), ("state=x", 400), ("stat=full", 400)] {
        let path = format!("{FLAGS}?environment=production&{query}");
        assert_eq!(app.rest(&token, Method::GET, &path, None).await.0, status, "{query}");
    }
}
