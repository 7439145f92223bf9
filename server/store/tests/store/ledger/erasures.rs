//! That nothing of the erased is left in the ledger, whoever writes at the time.

use super::*;

on_both!(
    an_erasure_leaves_no_trace_of_the_key,
    what_was_on_its_way_stays_erased,
    an_erasure_waits_for_whoever_writes,
);

async fn an_erasure_leaves_no_trace_of_the_key(t: Harness) {
    t.record(vec![exposure("ada@example.test", START_MS), exposure("b", START_MS)]).await;
    t.record_in(staging(), vec![exposure("ada@example.test", START_MS)]).await;
    let erased = t.store.erase_subject(&admin(), &subject("ada@example.test")).await.expect("erased");
    assert_eq!(erased.rows, 3, "two lines and the learned key");
    assert!(t.of("ada@example.test").await.is_empty());
    assert_eq!(t.of("b").await.len(), 1);
    let entry = t.store.find_audit(&auditor(), t.store.live().seq()).await.expect("reads").expect("an entry");
    assert_eq!(entry.action, Action::PersonErased);
    assert!(t.store.learned_subjects(&reader(), "ada").await.expect("reads").is_empty());
    assert!(!serde_json::to_string(&entry).expect("JSON").contains("ada@"), "the log keeps no key");
    let again = t.store.erase_subject(&admin(), &subject("ada@example.test")).await;
    assert!(matches!(again, Err(StoreError::NotFound { kind: ObjectKind::Person, .. })));
}

async fn what_was_on_its_way_stays_erased(t: Harness) {
    let other = t.another().await;
    let record = async |store: &store::Store, who: &str, at_ms| {
        let delivery = Delivery {
            environment: production(),
            sender: engine::Sender::Server,
            exposures: vec![exposure(who, at_ms)],
            ids: Vec::new(),
        };
        store.record_exposures(&[delivery]).await.expect("recorded");
    };
    record(&t.store, "ada", START_MS).await;
    t.advance(MINUTE);
    let erased_ms = t.clock.now_ms();
    t.store.erase_subject(&admin(), &subject("ada")).await.expect("erased");
    for store in [&t.store, &other] {
        record(store, "ada", erased_ms).await;
        record(store, "bob", erased_ms).await;
    }
    assert!(t.of("ada").await.is_empty(), "nobody writes what they were served before");
    assert!(t.store.learned_subjects(&reader(), "ada").await.expect("reads").is_empty());
    assert_eq!(t.of("bob").await[0].count, 2);
    record(&other, "ada", erased_ms + 1).await;
    assert_eq!(t.of("ada").await[0].first_ms, erased_ms + 1, "they may come back");
}

async fn an_erasure_waits_for_whoever_writes(t: Harness) {
    for n in 0..20 {
        let who = format!("u-{n}");
        t.record(vec![exposure(&who, START_MS)]).await;
        let who = subject(&who);
        let (by, late) = (admin(), t.record(vec![exposure(who.as_str(), START_MS)]));
        let (erased, ()) = tokio::join!(t.store.erase_subject(&by, &who), late);
        erased.expect("erased");
        assert!(t.of(who.as_str()).await.is_empty(), "{n}");
    }
}
