//! Which revisions an event may claim.

use serde_json::json;
use store::Store;

use crate::{
    app::{TestApp, editor},
    events::{exposure, with},
    fixtures::boolean,
};

/// Revisions that do not exist yet would pass for evidence of what is going to be.
#[tokio::test]
async fn nothing_was_decided_by_a_revision_that_does_not_exist() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let token = app.server_token().await;
    let decision = app.decision(&token, "fast-payment", json!({"targetingKey": "u"})).await;
    let head = decision["metadata"]["revision"].as_u64().expect("a revision");
    let of = |revision: u64| with(exposure("u"), json!({ "revision": revision }));
    let outcome = json!({"type": "outcome", "subject": "u", "metric": "error_rate", "ok": true,
        "features": [{"flag": "fast-payment", "revision": head + 1}]});
    let (status, body) = app.send(&token, &[of(head), of(head + 1), outcome, of(i64::MAX as u64)]).await;
    assert_eq!((status, &body["accepted"]), (202, &json!(1)), "{body}");
    let rejected = body["rejected"].as_array().expect("a list");
    assert_eq!(rejected.iter().map(|it| &it["index"]).collect::<Vec<_>>(), [1, 2, 3]);
    let detail = format!("\"revision\" is {}, and production is at {head}", head + 1);
    assert!(rejected[0]["detail"].as_str().is_some_and(|it| it.starts_with(&detail)), "{body}");
    // The first is seen when everything that came with it is.
    assert!(app.ledger(1).await.iter().all(|line| line["revision"].as_u64() <= Some(head)));
}

/// What one copy published a moment ago, another has not seen yet: it looks before it refuses.
#[tokio::test]
async fn a_copy_that_is_behind_takes_what_another_has_decided() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let token = app.server_token().await;
    let other = Store::open(&app.database_url, app.clock.clone()).await.expect("another copy");
    for n in 0..5 {
        let key = format!("new-{n}");
        other.create_flag(&editor(), boolean(&key)).await.expect("a flag");
        let head = other.live().environment("production").expect("is there").revision;
        let item = with(exposure("u"), json!({"flag": key, "revision": head, "variant": "on"}));
        let (_, body) = app.send(&token, &[item]).await;
        assert_eq!(body, json!({"accepted": 1, "duplicates": 0, "rejected": []}));
    }
    other.close().await;
}
