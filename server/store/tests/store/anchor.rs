//! What an audit log can prove when somebody has the database in their hands: its end is noted elsewhere, its entries are
//! keyed, and what is in force is held against it.

mod live_rows;

use engine::{
    Percentage,
    guardrail::{GuardAction, Guardrail},
};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use store::{
    AuditHead, AuditReport, AuditSecret, AuditVerdict, BrokenChain, Clock, GuardrailSet, Invalid, Kept,
    Opening, Store, StoreError,
};

use crate::harness::*;

on_both!(
    a_cut_tail_is_noticed_with_a_head_that_was_noted,
    a_log_computed_again_after_a_falsification_is_noticed,
    a_chain_of_before_keys_still_verifies_and_goes_on_keyed,
    there_is_no_way_back_to_entries_without_a_key,
    a_secret_from_outside_keys_the_log,
    a_page_reads_only_what_is_new,
    old_falsifications_are_found_by_the_walk_over_the_whole_chain,
    a_log_that_is_cut_under_a_running_server_is_noticed,
);

async fn steps(t: &Harness) -> AuditHead {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(20)]).await.expect("saved");
    t.change("a", |rollout| rollout.rules[0].percentage = Percentage::ALL).await.expect("saved");
    t.store.audit_report(&[]).await.expect("walks").head
}

async fn report(store: &Store, anchors: &[AuditHead]) -> AuditReport {
    store.audit_report(anchors).await.expect("walks")
}

fn broken(seq: u64, why: BrokenChain) -> AuditVerdict {
    AuditVerdict::Broken { seq, why }
}

async fn a_cut_tail_is_noticed_with_a_head_that_was_noted(t: Harness) {
    let head = steps(&t).await;
    assert_eq!(
        (head.seq, report(&t.store, std::slice::from_ref(&head)).await.verdict),
        (3, AuditVerdict::Intact { entries: 3 })
    );
    // The last change is undone without a trace: entry, version, live row and head are those of before.
    t.drop_triggers().await;
    t.store.close().await;
    t.sql(
        "DELETE FROM audit WHERE seq = 3; DELETE FROM versions WHERE audit_seq = 3; \
         UPDATE workspace SET audit_seq = 2, audit_hash = (SELECT hash FROM audit WHERE seq = 2); \
         UPDATE rollouts SET version = 2, audit_seq = 2, document = (SELECT document FROM versions \
             WHERE audit_seq = 2 AND object_kind = 'rollout') WHERE environment = 'production'",
    )
    .await
    .expect("cut");
    let other = t.another().await;
    let verdict = report(&other, &[]).await.verdict;
    assert_eq!(verdict, AuditVerdict::Intact { entries: 2 }, "by itself it looks whole");
    assert_eq!(report(&other, std::slice::from_ref(&head)).await.verdict, broken(3, BrokenChain::CutOff));
    // Somebody goes on from there.
    other.stop(&stopper(), &production(), &flag_key("a"), "").await.expect("stops");
    assert_eq!(report(&other, &[head]).await.verdict, broken(3, BrokenChain::Rewritten));
}

const COLUMNS: &str = "previous_hash, seq, at_ms, actor_kind, actor_id, actor, actor_email, action, object_kind, object_key, \
    object_name, environment, sentence, changes, reason, request_id, address, version, document_before, \
    document_after, versions_hash";

/// Computes the whole chain again as somebody would who has the database but not the key: with `hash` and `format`.
async fn compute_again(t: &Harness, format: i64, hash: impl Fn(&str) -> String) {
    let array = if t.is_sqlite() { "json_array" } else { "json_build_array" };
    let mut previous = String::new();
    let entries: u64 = t.text("SELECT CAST(COUNT(*) AS TEXT) FROM audit").await.parse().expect("a number");
    for seq in 1..=entries {
        let sql =
            format!("UPDATE audit SET previous_hash = '{previous}', format = {format} WHERE seq = {seq}");
        t.sql(&sql).await.expect("linked");
        let sql = format!(
            "SELECT CAST({array}('fader-audit-{format}', {COLUMNS}) AS TEXT) FROM audit WHERE seq = {seq}"
        );
        let row: Vec<serde_json::Value> = serde_json::from_str(&t.text(&sql).await).expect("JSON");
        previous = hash(&serde_json::to_string(&row).expect("JSON"));
        t.sql(&format!("UPDATE audit SET hash = '{previous}' WHERE seq = {seq}")).await.expect("sealed");
    }
    t.sql(&format!("UPDATE workspace SET audit_hash = '{previous}', audit_format = {format}"))
        .await
        .expect("head");
}

fn sha256(line: &str) -> String {
    format!("{:x}", Sha256::digest(line))
}

fn keyed(secret: &str, line: &str) -> String {
    let mac = |key: &[u8], text: &[u8]| {
        let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key").chain_update(text);
        mac.finalize().into_bytes()
    };
    format!("{:x}", mac(&mac(secret.as_bytes(), b"fader audit log"), line.as_bytes()))
}

const FALSIFY: &str = "UPDATE audit SET actor = 'Somebody Else' WHERE seq = 2";

/// What a server finds that starts now.
async fn found_at_start(t: &Harness, anchors: &[AuditHead]) -> AuditVerdict {
    let store = t.another().await;
    let verdict = report(&store, anchors).await.verdict;
    store.close().await;
    verdict
}

async fn a_log_computed_again_after_a_falsification_is_noticed(t: Harness) {
    let head = steps(&t).await;
    assert_eq!(report(&t.store, &[]).await.keyed_from, Some(1));
    t.drop_triggers().await;
    // A running store would take it for a backup that was put back, and note that.
    t.store.close().await;
    t.sql(FALSIFY).await.expect("falsified");
    // Without the secret, a keyed hash cannot be made.
    compute_again(&t, 2, |line| keyed("a guess", line)).await;
    assert_eq!(found_at_start(&t, &[]).await, broken(1, BrokenChain::Changed));
    // With the secret out of the same database it can: that is why a head is noted elsewhere.
    let secret = t.text("SELECT secret FROM workspace").await;
    compute_again(&t, 2, |line| keyed(&secret, line)).await;
    assert_eq!(found_at_start(&t, &[]).await, AuditVerdict::Intact { entries: 3 });
    assert_eq!(found_at_start(&t, &[head]).await, broken(3, BrokenChain::Rewritten));
}

async fn a_chain_of_before_keys_still_verifies_and_goes_on_keyed(t: Harness) {
    steps(&t).await;
    t.drop_triggers().await;
    // A running store would take it for a backup that was put back.
    t.store.close().await;
    compute_again(&t, 1, sha256).await;
    let store = t.another().await;
    let old = report(&store, &[]).await;
    assert_eq!((old.verdict, old.keyed_from), (AuditVerdict::Intact { entries: 3 }, None));
    store.stop(&stopper(), &production(), &flag_key("a"), "").await.expect("stops");
    let new = report(&store, &[old.head]).await;
    assert_eq!((new.verdict, new.keyed_from), (AuditVerdict::Intact { entries: 4 }, Some(4)));
}

async fn there_is_no_way_back_to_entries_without_a_key(t: Harness) {
    let head = steps(&t).await;
    t.drop_triggers().await;
    t.sql(&format!("UPDATE audit SET sentence = 'nothing happened', format = 1 WHERE seq = {}", head.seq))
        .await
        .expect("falsified");
    assert_eq!(report(&t.store, &[]).await.verdict, broken(3, BrokenChain::Weaker));
}

async fn open_with(t: &Harness, secret: &str) -> Result<Store, StoreError> {
    let audit_secret = Some(AuditSecret::parse(secret).expect("a secret"));
    Store::open_with(&t.url, t.clock.clone(), Opening { audit_secret }).await
}

const SECRET: &str = "a secret that is in no database at all";

async fn a_secret_from_outside_keys_the_log(t: Harness) {
    steps(&t).await;
    let outside = open_with(&t, SECRET).await.expect("opens");
    outside.stop(&stopper(), &production(), &flag_key("a"), "").await.expect("stops");
    assert_eq!(report(&outside, &[]).await.verdict, AuditVerdict::Intact { entries: 4 });
    // Neither writing nor verifying works without it, nor with another.
    let without = t.store.stop(&stopper(), &staging(), &flag_key("a"), "").await;
    assert!(matches!(without, Err(StoreError::Invalid(Invalid::AuditSecretMissing))), "{without:?}");
    let unverified = t.store.verify_audit().await;
    assert!(matches!(unverified, Err(StoreError::Invalid(Invalid::AuditSecretMissing))), "{unverified:?}");
    let wrong = open_with(&t, "another secret that is long enough").await;
    assert!(matches!(wrong, Err(StoreError::Invalid(Invalid::AuditSecretWrong))));
    // Whoever has the whole database can compute again only what is keyed with what is in it.
    let secret = t.text("SELECT secret FROM workspace").await;
    t.drop_triggers().await;
    t.sql(FALSIFY).await.expect("falsified");
    compute_again(&t, 3, |line| keyed(&secret, line)).await;
    let verified =
        Store::open_with(&t.url, Clock::manual(START_MS), Opening::default()).await.expect("opens");
    let verified = verified.verify_audit().await;
    assert!(matches!(verified, Err(StoreError::Invalid(Invalid::AuditSecretMissing))), "{verified:?}");
    assert_eq!(report(&outside, &[]).await.verdict, broken(1, BrokenChain::Changed));
}

async fn a_page_reads_only_what_is_new(t: Harness) {
    steps(&t).await;
    let first = t.store.audit_standing(&auditor()).await.expect("asks");
    assert_eq!(
        (first.whole_ms, first.behind, t.store.audit_entries_read()),
        (None, 3, 0),
        "no page walks the chain"
    );
    let walked = t.store.walk_whole_audit(async || ()).await.expect("walks");
    assert_eq!((walked, t.store.audit_entries_read()), (AuditVerdict::Intact { entries: 3 }, 3));
    t.advance(60_000);
    t.change("a", |rollout| rollout.rules[0].percentage = Percentage::NONE).await.expect("saved");
    let ask = || async { t.store.audit_standing(&auditor()).await.expect("asks") };
    let (one, two, three) = tokio::join!(ask(), ask(), ask());
    assert_eq!((&one, &two), (&two, &three));
    assert_eq!((one.verdict, one.head.seq, one.behind), (AuditVerdict::Intact { entries: 4 }, 4, 0));
    assert_eq!(one.whole_ms, Some(START_MS), "when the whole chain was walked");
    assert_eq!(t.store.audit_entries_read(), 4, "three readers at once read one new entry once");
}

async fn old_falsifications_are_found_by_the_walk_over_the_whole_chain(t: Harness) {
    steps(&t).await;
    t.store.walk_whole_audit(async || ()).await.expect("walks");
    t.drop_triggers().await;
    t.sql(FALSIFY).await.expect("falsified");
    t.change("a", |rollout| rollout.rules[0].percentage = Percentage::NONE).await.expect("saved");
    assert_eq!(
        t.store.audit_standing(&auditor()).await.expect("asks").verdict,
        AuditVerdict::Intact { entries: 4 }
    );
    t.advance(1000);
    t.store.walk_whole_audit(async || ()).await.expect("walks");
    let found = t.store.audit_standing(&auditor()).await.expect("asks");
    assert_eq!((found.verdict, found.whole_ms), (broken(2, BrokenChain::Changed), Some(START_MS + 1000)));
}

async fn a_log_that_is_cut_under_a_running_server_is_noticed(t: Harness) {
    steps(&t).await;
    t.store.walk_whole_audit(async || ()).await.expect("walks");
    t.drop_triggers().await;
    t.sql(
        "DELETE FROM audit WHERE seq = 3; \
         UPDATE workspace SET audit_seq = 2, audit_hash = (SELECT hash FROM audit WHERE seq = 2)",
    )
    .await
    .expect("cut");
    let found = t.store.audit_standing_now().await.expect("asks");
    assert_eq!(found.verdict, broken(2, BrokenChain::Truncated));
}

/// What `docs/audit.md` tells to do: the owner migrates, and the server is a role that owns nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_works_as_a_role_that_owns_no_table() {
    let Some(mut t) = Harness::postgres().await else { return };
    t.sql(include_str!("../../../../docs/postgres-server-role.sql")).await.expect("the role is made");
    t.sql("ALTER ROLE fader_server PASSWORD 'of a test'").await.expect("a password");
    let (_, place) = t.url.split_once('@').expect("an address with a password");
    let url = format!("postgres://fader_server:of%20a%20test@{place}");
    let server = Store::open(&url, Clock::System).await.expect("opens without changing the schema");
    server.seed_demo(&admin()).await.expect("all kinds of changes");
    let report = server.audit_report(&[]).await.expect("walks");
    assert!(matches!(report.verdict, AuditVerdict::Intact { entries: 50.. }), "{report:?}");
    t.url = url;
    for attempt in [
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "UPDATE versions SET document = '{}'",
        "DELETE FROM versions",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_no_change ON audit",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TABLE mine (id BIGINT)",
        "DELETE FROM _sqlx_migrations",
    ] {
        let error = t.sql(attempt).await.expect_err(attempt).to_string();
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{attempt}: {error}");
    }
}
