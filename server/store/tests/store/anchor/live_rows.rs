//! What is in force against what the log knows of it.

use super::*;

on_both!(
    changed_live_rows_are_named,
    a_live_row_cannot_hide_behind_a_version_that_nobody_recorded,
    guardrails_and_plans_in_force_are_compared,
    what_no_version_knows_is_compared_with_its_entry,
    environments_and_what_they_keep_are_compared,
);

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
