//! What an audit log can prove when somebody has the database in their hands: its end is noted elsewhere, its entries are
//! keyed, and what is in force is held against it.

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
    changed_live_rows_are_named,
    a_live_row_cannot_hide_behind_a_version_that_nobody_recorded,
    guardrails_and_plans_in_force_are_compared,
    what_no_version_knows_is_compared_with_its_entry,
    environments_and_what_they_keep_are_compared,
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
    t.sql(
        "DELETE FROM audit WHERE seq = 3; DELETE FROM versions WHERE audit_seq = 3; \
         UPDATE workspace SET audit_seq = 2, audit_hash = (SELECT hash FROM audit WHERE seq = 2); \
         UPDATE rollouts SET version = 2, audit_seq = 2, document = (SELECT document FROM versions \
             WHERE audit_seq = 2 AND object_kind = 'rollout') WHERE environment = 'production'",
    )
    .await
    .expect("cut");
    assert_eq!(
        report(&t.store, &[]).await.verdict,
        AuditVerdict::Intact { entries: 2 },
        "by itself it looks whole"
    );
    assert_eq!(report(&t.store, std::slice::from_ref(&head)).await.verdict, broken(3, BrokenChain::CutOff));
    // Somebody goes on from there.
    let other = t.another().await;
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

async fn a_log_computed_again_after_a_falsification_is_noticed(t: Harness) {
    let head = steps(&t).await;
    assert_eq!(report(&t.store, &[]).await.keyed_from, Some(1));
    t.drop_triggers().await;
    t.sql(FALSIFY).await.expect("falsified");
    // Without the secret, a keyed hash cannot be made.
    compute_again(&t, 2, |line| keyed("a guess", line)).await;
    assert_eq!(report(&t.store, &[]).await.verdict, broken(1, BrokenChain::Changed));
    // With the secret out of the same database it can: that is why a head is noted elsewhere.
    let secret = t.text("SELECT secret FROM workspace").await;
    compute_again(&t, 2, |line| keyed(&secret, line)).await;
    assert_eq!(report(&t.store, &[]).await.verdict, AuditVerdict::Intact { entries: 3 });
    assert_eq!(report(&t.store, &[head]).await.verdict, broken(3, BrokenChain::Rewritten));
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

async fn differs(t: &Harness, sql: &str) -> String {
    t.sql(sql).await.expect(sql);
    match t.store.verify_audit().await.expect("walks") {
        AuditVerdict::Differs { row } => row.to_string(),
        other => panic!("{sql}: {other:?}"),
    }
}

async fn changed_live_rows_are_named(t: Harness) {
    steps(&t).await;
    t.create_group("vip", "vip").await;
    t.create_group("old", "old").await;
    t.store.delete_group(&editor(), 1, &group_key("old"), "").await.expect("deleted");
    assert_eq!(t.store.verify_audit().await.expect("walks"), AuditVerdict::Intact { entries: 6 });
    let undo = [
        (
            "UPDATE rollouts SET document = REPLACE(document, '100000', '99000') WHERE environment = 'production'",
            "the rollout of a in production",
            "UPDATE rollouts SET document = REPLACE(document, '99000', '100000')",
        ),
        (
            "UPDATE rollouts SET version = 1 WHERE environment = 'production'",
            "the rollout of a in production",
            "UPDATE rollouts SET version = 3 WHERE environment = 'production'",
        ),
        (
            "UPDATE rollouts SET audit_seq = 1 WHERE environment = 'production'",
            "the rollout of a in production",
            "UPDATE rollouts SET audit_seq = 3 WHERE environment = 'production'",
        ),
        (
            "UPDATE flags SET document = REPLACE(document, 'Flag a', 'Flag b')",
            "the flag a",
            "UPDATE flags SET document = REPLACE(document, 'Flag b', 'Flag a')",
        ),
        (
            "UPDATE groups SET document = REPLACE(document, '\"vip\"', '\"basic\"') WHERE key = 'vip'",
            "the group vip",
            "UPDATE groups SET document = REPLACE(document, '\"basic\"', '\"vip\"') WHERE key = 'vip'",
        ),
        (
            "UPDATE groups SET deleted = NOT deleted WHERE key = 'vip'",
            "the group vip",
            "UPDATE groups SET deleted = NOT deleted WHERE key = 'vip'",
        ),
        (
            "UPDATE groups SET deleted = NOT deleted WHERE key = 'old'",
            "the group old",
            "UPDATE groups SET deleted = NOT deleted WHERE key = 'old'",
        ),
        (
            "UPDATE metrics SET document = REPLACE(document, 'true', 'false') WHERE key = 'error_rate'",
            "the metric error_rate",
            "UPDATE metrics SET document = REPLACE(document, 'false', 'true') WHERE key = 'error_rate'",
        ),
    ];
    for (change, named, back) in undo {
        assert_eq!(differs(&t, change).await, named, "{change}");
        t.sql(back).await.expect("put back");
        assert_eq!(
            t.store.verify_audit().await.expect("walks"),
            AuditVerdict::Intact { entries: 6 },
            "{change}"
        );
    }
    assert_eq!(
        differs(&t, "DELETE FROM rollouts WHERE environment = 'staging'").await,
        "the rollout of a in staging"
    );
}

async fn a_live_row_cannot_hide_behind_a_version_that_nobody_recorded(t: Harness) {
    steps(&t).await;
    let add = |seq: i64| {
        format!(
            "INSERT INTO versions (object_kind, object_key, environment, version, document, at_ms, audit_seq) \
             SELECT object_kind, object_key, environment, version + 1, document, at_ms, {seq} FROM versions \
             WHERE audit_seq = 3"
        )
    };
    t.sql(&add(4)).await.expect("added");
    assert_eq!(t.store.verify_audit().await.expect("walks"), broken(4, BrokenChain::StrayVersions));
    t.drop_triggers().await;
    t.sql(&format!("DELETE FROM versions WHERE audit_seq = 4; {}", add(2))).await.expect("added");
    assert_eq!(t.store.verify_audit().await.expect("walks"), broken(2, BrokenChain::Versions));
}

fn ceiling() -> GuardrailSet {
    let mut set = GuardrailSet::built_in();
    set.guardrails.truncate(1);
    let Guardrail { action, .. } = &mut set.guardrails[0];
    *action = if *action == GuardAction::Stop { GuardAction::Notify } else { GuardAction::Stop };
    set
}

async fn guardrails_and_plans_in_force_are_compared(t: Harness) {
    steps(&t).await;
    let (production, key) = (production(), flag_key("a"));
    let version =
        t.store.save_guardrails(&editor(), &production, &key, 0, ceiling(), "").await.expect("saved");
    t.store.save_default_guardrails(&admin(), 0, ceiling(), "").await.expect("saved");
    let intact = AuditVerdict::Intact { entries: 5 };
    assert_eq!(t.store.verify_audit().await.expect("walks"), intact);
    let without = "UPDATE guardrails SET document = '{\"guardrails\":[]}'";
    t.sql("CREATE TABLE kept AS SELECT * FROM guardrails").await.expect("kept");
    assert_eq!(differs(&t, without).await, "the guardrails of a in production");
    assert_eq!(differs(&t, "DELETE FROM guardrails").await, "the guardrails of a in production");
    t.sql("INSERT INTO guardrails SELECT * FROM kept").await.expect("put back");
    assert_eq!(t.store.verify_audit().await.expect("walks"), intact);
    t.store.reset_guardrails(&editor(), &production, &key, version, "").await.expect("taken away");
    assert_eq!(t.store.verify_audit().await.expect("walks"), AuditVerdict::Intact { entries: 6 });
    assert_eq!(
        differs(&t, "INSERT INTO guardrails SELECT * FROM kept").await,
        "the guardrails of a in production",
        "what was taken away does not come back"
    );
    t.sql("DELETE FROM guardrails").await.expect("put back");
    assert_eq!(differs(&t, "DELETE FROM guardrail_defaults").await, "the default guardrails");
}

async fn what_no_version_knows_is_compared_with_its_entry(t: Harness) {
    let metric = engine::MetricDefinition {
        key: engine::MetricKey::parse("refunds").expect("a key"),
        name: "Refunds".into(),
        description: String::new(),
        kind: engine::MetricKind::Count,
        unit: String::new(),
        lower_is_better: true,
    };
    t.store.put_metric(&admin(), metric).await.expect("saved");
    let attribute = engine::AttributeDefinition {
        name: engine::AttributeName::parse("tier").expect("a name"),
        value_type: engine::AttributeType::Text,
        description: String::new(),
        trusted: true,
        personal: false,
    };
    t.store.put_attribute(&admin(), attribute).await.expect("saved");
    assert_eq!(t.store.verify_audit().await.expect("walks"), AuditVerdict::Intact { entries: 2 });
    for (table, key, named) in
        [("metrics", "refunds", "the metric refunds"), ("attributes", "tier", "the attribute tier")]
    {
        let of = if table == "metrics" { "key" } else { "name" };
        t.sql(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await.expect("kept");
        let change =
            format!("UPDATE {table} SET document = REPLACE(document, 'true', 'false') WHERE {of} = '{key}'");
        assert_eq!(differs(&t, &change).await, named);
        assert_eq!(differs(&t, &format!("DELETE FROM {table} WHERE {of} = '{key}'")).await, named);
        t.sql(&format!("INSERT INTO {table} SELECT * FROM kept_{table} WHERE {of} = '{key}'"))
            .await
            .expect("put back");
        assert_eq!(t.store.verify_audit().await.expect("walks"), AuditVerdict::Intact { entries: 2 });
    }
}

async fn environments_and_what_they_keep_are_compared(t: Harness) {
    t.store.set_retention(&admin(), Kept::Exposures, &production(), 30).await.expect("set");
    t.store.set_retention(&admin(), Kept::Feedback, &production(), 60).await.expect("set");
    t.store.set_retention(&admin(), Kept::Exposures, &production(), 40).await.expect("set");
    let intact = AuditVerdict::Intact { entries: 3 };
    assert_eq!(t.store.verify_audit().await.expect("walks"), intact);
    for (change, named, back) in [
        (
            "UPDATE environments SET protected = NOT protected WHERE key = 'production'",
            "the environment production",
            "UPDATE environments SET protected = NOT protected WHERE key = 'production'",
        ),
        (
            "UPDATE environments SET name = 'Production' WHERE key = 'staging'",
            "the environment staging",
            "UPDATE environments SET name = 'Staging' WHERE key = 'staging'",
        ),
        (
            "UPDATE ledger_retention SET days = 30",
            "the time that exposures are kept in production",
            "UPDATE ledger_retention SET days = 40",
        ),
        (
            "INSERT INTO ledger_retention (environment, days) VALUES ('staging', 1)",
            "the time that exposures are kept in staging",
            "DELETE FROM ledger_retention WHERE environment = 'staging'",
        ),
        (
            "DELETE FROM feedback_retention",
            "the time that feedback is kept in production",
            "INSERT INTO feedback_retention (environment, days) VALUES ('production', 60)",
        ),
    ] {
        assert_eq!(differs(&t, change).await, named, "{change}");
        t.sql(back).await.expect("put back");
        assert_eq!(t.store.verify_audit().await.expect("walks"), intact, "{change}");
    }
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
