//! What is announced, to whom, and for how long it is tried.

use super::*;

on_both!(
    actions_are_announced_to_webhooks,
    test_messages_are_audited_and_limited_and_no_secret_is_kept,
    a_checkpoint_is_announced_once,
    deliveries_are_tried_again_and_given_up,
    a_long_queue_is_in_nobodys_way,
);

async fn actions_are_announced_to_webhooks(t: Harness) {
    at(&t, &[20]).await;
    let lease = lease(&t).await;
    let url = "https://hooks.example.test/fader";
    let (id, secret) = t.store.create_webhook(&admin(), url, Reach::Public).await.expect("added");
    assert_eq!(secret.len(), 64);
    act(&t, &lease, 2, GuardAction::Stop).await;
    t.store.test_webhook(&admin(), id).await.expect("queued");
    let due = t.store.list_due_deliveries(&lease).await.expect("reads");
    assert_eq!(due.len(), 2);
    assert_eq!((due[0].url.as_str(), &due[0].secret), (url, &secret));
    let body: serde_json::Value = serde_json::from_str(&due[0].body).expect("JSON");
    assert_eq!((&body["event"], &body["flag"]), (&"guard.stopped".into(), &"a".into()));
    assert_eq!(body["sentence"], "stopped Flag a in production");
    for delivery in &due {
        t.store.note_delivery(&lease, delivery, None).await.expect("noted");
    }
    assert_eq!(t.store.list_due_deliveries(&lease).await.expect("reads"), []);
    let webhooks = t.store.list_webhooks(&admin()).await.expect("reads");
    assert_eq!((webhooks[0].waiting, webhooks[0].last_done_ms), (0, Some(t.clock.now_ms())));
    t.store.delete_webhook(&admin(), id).await.expect("deleted");
    let again = t.store.delete_webhook(&admin(), id).await;
    assert!(matches!(again, Err(StoreError::NotFound { kind: ObjectKind::Webhook, .. })));
    let wrong = t.store.create_webhook(&admin(), "ftp://x", Reach::Public).await;
    assert!(matches!(wrong, Err(StoreError::Invalid(Invalid::WebhookUrl))));
    let private = t.store.create_webhook(&admin(), "http://127.1:9000/x", Reach::Public).await;
    assert!(matches!(private, Err(StoreError::Invalid(Invalid::WebhookPrivate))));
    t.store.create_webhook(&admin(), "http://127.1:9000/x", Reach::Private).await.expect("allowed");
}

async fn test_messages_are_audited_and_limited_and_no_secret_is_kept(t: Harness) {
    let url = "https://hooks.example.test/services/secret?token=secret";
    let (id, _) = t.store.create_webhook(&admin(), url, Reach::Public).await.expect("added");
    assert_eq!(t.last_sentence().await, "added the webhook https://hooks.example.test/…");
    for _ in 0..10 {
        t.store.test_webhook(&admin(), id).await.expect("queued");
    }
    assert_eq!(t.last_sentence().await, "sent a test message to the webhook https://hooks.example.test/…");
    let refused = t.store.test_webhook(&admin(), id).await;
    assert!(matches!(refused, Err(StoreError::Invalid(Invalid::TooManyWebhookTests))), "{refused:?}");
    t.advance(60_001);
    t.store.test_webhook(&admin(), id).await.expect("queued");
    t.store.delete_webhook(&admin(), id).await.expect("deleted");
    let row = if t.is_sqlite() {
        "group_concat(CAST(json_array(sentence, object_name, changes) AS TEXT))"
    } else {
        "string_agg(sentence || object_name || changes, ',')"
    };
    let kept = t.text(&format!("SELECT {row} FROM audit")).await;
    assert!(kept.contains("hooks.example.test") && !kept.contains("secret"), "{kept}");
}

async fn a_checkpoint_is_announced_once(t: Harness) {
    let lease = lease(&t).await;
    t.store.create_webhook(&admin(), "https://hooks.example.test", Reach::Public).await.expect("added");
    let head = t.store.audit_report(&[]).await.expect("walks").head;
    let other = t.another().await;
    for store in [&t.store, &other, &t.store] {
        store.announce_checkpoint(&head, serde_json::json!({ "signature": "x" })).await.expect("announced");
    }
    let due = t.store.list_due_deliveries(&lease).await.expect("reads");
    assert_eq!(due.len(), 1, "two copies of the server tell of one entry once");
    let body: serde_json::Value = serde_json::from_str(&due[0].body).expect("JSON");
    assert_eq!((&body["event"], &body["seq"]), (&"audit.checkpoint".into(), &head.seq.into()));
    assert_eq!(body["checkpoint"]["signature"], "x");
}

async fn deliveries_are_tried_again_and_given_up(t: Harness) {
    let lease = lease(&t).await;
    let (id, _) = t
        .store
        .create_webhook(&admin(), "https://hooks.example.test/x?token=secret", Reach::Public)
        .await
        .expect("added");
    t.store.test_webhook(&admin(), id).await.expect("queued");
    let mut tries = 0;
    for _ in 0..20 {
        let due = t.store.list_due_deliveries(&lease).await.expect("reads");
        for delivery in &due {
            t.store.note_delivery(&lease, delivery, Some("no answer")).await.expect("noted");
            assert_eq!(t.store.list_due_deliveries(&lease).await.expect("reads"), [], "not at once");
            tries += 1;
            let measured = t.store.measure().await.expect("measured");
            let expected = if tries < 10 { (1, 1, 0) } else { (0, 0, 1) };
            let found =
                (measured.deliveries_waiting, measured.deliveries_failing, measured.deliveries_given_up);
            assert_eq!(found, expected, "after try {tries}");
            assert!(measured.bytes > 100_000);
        }
        t.advance(43_200_000);
    }
    assert_eq!(tries, 10);
    let webhooks = t.store.list_webhooks(&admin()).await.expect("reads");
    assert_eq!((webhooks[0].waiting, webhooks[0].last_problem.as_deref()), (0, Some("no answer")));
}

async fn a_long_queue_is_in_nobodys_way(t: Harness) {
    let lease = lease(&t).await;
    let added = async |url| t.store.create_webhook(&admin(), url, Reach::Public).await.expect("added").0;
    let (slow, quick) = (added("https://slow.example.test").await, added("https://quick.example.test").await);
    for _ in 0..12 {
        t.store.test_webhook(&admin(), slow).await.expect("queued");
        t.advance(60_001);
    }
    t.store.test_webhook(&admin(), quick).await.expect("queued");
    let due = t.store.list_due_deliveries(&lease).await.expect("reads");
    let of = |webhook| due.iter().filter(|delivery| delivery.webhook == webhook).count();
    assert_eq!((of(slow), of(quick)), (10, 1));
}
