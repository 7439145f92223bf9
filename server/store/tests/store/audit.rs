use engine::{Flag, Percentage};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use store::{
    Action, ActorKind, AuditFilter, AuditVerdict, BrokenChain, Invalid, ObjectKind, ObjectRef, Operation,
    Role, RoleCell, RoleTable, StoreError,
};

use crate::harness::*;

on_both!(
    the_log_tells_who_what_where_and_why,
    the_log_is_read_in_pages_and_filtered,
    both_sides_come_when_asked_for,
    support_sees_what_was_done_about_flags_and_people,
    the_history_of_a_flag_has_its_definition_and_one_rollout,
    the_database_refuses_to_change_the_log,
    an_untouched_chain_is_intact,
    a_changed_entry_is_named,
    a_missing_entry_is_named,
    an_entry_that_was_sealed_again_breaks_the_link,
    a_changed_version_is_named,
    a_log_cut_at_the_end_is_noticed,
    a_rollout_goes_back_to_where_it_was,
    going_back_never_switches_a_stopped_flag_on,
    undoing_takes_back_only_the_last_change,
    undoing_a_stop_resumes,
    a_definition_goes_back,
    what_does_not_fit_any_more_is_not_reverted,
);

async fn three_steps(t: &Harness) {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(20)]).await.expect("saved");
    t.change("a", |rollout| rollout.rules[0].percentage = Percentage::ALL).await.expect("saved");
}

async fn the_log_tells_who_what_where_and_why(t: Harness) {
    t.create_flag("a").await;
    let support = t.member(Role::Support).await;
    t.advance(5000);
    t.store
        .stop(&support.stopper().expect("may stop"), &production(), &flag_key("a"), "errors\nspike")
        .await
        .expect("stops");
    let entry = t.store.find_audit(&auditor(), t.store.live().seq()).await.expect("reads").expect("an entry");
    assert_eq!(entry.sentence, "stopped Flag a in production");
    assert_eq!((entry.actor.as_str(), entry.actor_kind), ("Support One", ActorKind::Member));
    assert_eq!((entry.action, entry.object), (Action::RolloutStopped, ObjectRef::new(ObjectKind::Flag, "a")));
    assert_eq!((entry.object_name.as_str(), entry.environment), ("Flag a", Some(production())));
    assert_eq!(
        (entry.reason.as_str(), entry.at_ms, entry.version),
        ("errors\nspike", START_MS + 5000, Some(2))
    );
    assert_eq!((entry.request_id.as_str(), entry.address.as_str()), ("req-1", "192.0.2.1"));
    assert_eq!(entry.before.expect("before")["enabled"], true);
    assert_eq!(entry.after.expect("after")["enabled"], false);
    assert_eq!(entry.hash.len(), 64);
}

async fn the_log_is_read_in_pages_and_filtered(t: Harness) {
    three_steps(&t).await;
    t.create_group("vip", "vip").await;
    let list = |filter: AuditFilter| {
        let store = t.store.clone();
        async move {
            let entries = store.list_audit(&auditor(), &filter).await.expect("reads");
            entries.iter().map(|entry| entry.seq).collect::<Vec<_>>()
        }
    };
    let all = AuditFilter::default;
    assert_eq!(list(AuditFilter { limit: 3, ..all() }).await, [4, 3, 2]);
    assert_eq!(list(AuditFilter { limit: 3, before_seq: Some(2), ..all() }).await, [1]);
    assert_eq!(list(AuditFilter { object_kind: Some(ObjectKind::Group), ..all() }).await, [4]);
    assert_eq!(
        list(AuditFilter { object_key: Some("a".into()), environment: Some(production()), ..all() }).await,
        [3, 2]
    );
    assert_eq!(list(AuditFilter { action: Some(Action::FlagCreated), ..all() }).await, [1]);
    assert_eq!(list(AuditFilter { actor: Some("command line".into()), ..all() }).await.len(), 4);
    assert!(list(AuditFilter { actor: Some("nobody".into()), ..all() }).await.is_empty());
    assert_eq!(list(AuditFilter { text: Some("RAISED everyone 20 → 100 %".into()), ..all() }).await, [3]);
    assert!(list(AuditFilter { text: Some("_".into()), ..all() }).await.is_empty());
    assert!(
        list(AuditFilter { from_ms: Some(START_MS), until_ms: Some(START_MS), ..all() }).await.is_empty()
    );
    assert_eq!(list(AuditFilter { until_ms: Some(START_MS + 1), ..all() }).await.len(), 4);
    assert_eq!(t.store.list_actors(&auditor()).await.expect("reads"), ["command line"]);
}

async fn both_sides_come_when_asked_for(t: Harness) {
    three_steps(&t).await;
    let plain = t.store.list_audit(&auditor(), &AuditFilter::default()).await.expect("reads");
    assert!(plain.iter().all(|entry| entry.before.is_none() && entry.after.is_none()));
    let filter = AuditFilter { documents: true, ..AuditFilter::default() };
    let full = t.store.list_audit(&auditor(), &filter).await.expect("reads");
    let percentage =
        |json: &Option<serde_json::Value>| json.as_ref().expect("a side")["rules"][0]["percentage"].clone();
    assert_eq!((percentage(&full[0].before), percentage(&full[0].after)), (20_000.into(), 100_000.into()));
    assert_eq!(full[2].before, None);
    assert_eq!(full[2].after.as_ref().expect("the definition")["key"], "a");
}

async fn support_sees_what_was_done_about_flags_and_people(t: Harness) {
    three_steps(&t).await;
    let (qa, support) = (t.member(Role::Qa).await, t.member(Role::Support).await);
    t.store.stop(&qa.stopper().expect("may stop"), &production(), &flag_key("a"), "").await.expect("stops");
    let ada = engine::SubjectKey::parse("ada").expect("a key");
    t.store.look_up(&qa.people_reader().expect("may read"), &ada).await.expect("looked up");
    let all =
        t.store.list_audit(&qa.audit_reader().expect("may"), &AuditFilter::default()).await.expect("reads");
    assert_eq!(all.len() as u64, t.store.live().seq(), "QA reads the whole log");
    let reader = support.audit_reader().expect("may read");
    let seen = t.store.list_audit(&reader, &AuditFilter::default()).await.expect("reads");
    assert_eq!(
        seen.iter().map(|entry| entry.action).collect::<Vec<_>>(),
        [
            Action::PersonLookedUp,
            Action::RolloutStopped,
            // Their own; neither QA's nor how either became a member.
            Action::SignedIn,
            Action::RolloutChanged,
            Action::RolloutChanged,
            Action::FlagCreated,
        ]
    );
    for entry in &all {
        let found = t.store.find_audit(&reader, entry.seq).await.expect("reads").is_some();
        assert_eq!((found, reader.sees(entry)), (seen.contains(entry), seen.contains(entry)), "{entry:?}");
    }
    let mut actors = t.store.list_actors(&reader).await.expect("reads");
    actors.sort();
    assert_eq!(actors, ["QA One", "Support One", "command line"]);
    let mut table = RoleTable::default();
    table.set(RoleCell::new(Operation::ReadPeople, Role::Support, None), false);
    t.store.save_roles(&admin(), 0, table, "").await.expect("saved");
    let reader = t.sign_in("support@example.test").await.audit_reader().expect("may read");
    let seen = t.store.list_audit(&reader, &AuditFilter::default()).await.expect("reads");
    assert!(
        seen.iter().all(|entry| entry.object.kind != ObjectKind::Person),
        "of nobody they may not look up"
    );
}

async fn the_history_of_a_flag_has_its_definition_and_one_rollout(t: Harness) {
    three_steps(&t).await;
    t.store.stop(&stopper(), &staging(), &flag_key("a"), "").await.expect("stops");
    let flag = ObjectRef::new(ObjectKind::Flag, "a");
    let seqs = async |environment, before, limit| {
        let entries = t.store.history(&viewer(), &flag, environment, before, limit).await.expect("reads");
        entries.iter().map(|entry| entry.seq).collect::<Vec<_>>()
    };
    let (production, staging) = (production(), staging());
    assert_eq!(seqs(Some(&production), None, 50).await, [3, 2, 1]);
    assert_eq!(seqs(Some(&staging), None, 50).await, [4, 1]);
    assert_eq!(seqs(None, Some(4), 2).await, [3, 2]);
    let member = ObjectRef::new(ObjectKind::Member, "1");
    assert_eq!(t.store.history(&viewer(), &member, None, None, 50).await.expect("reads"), []);
}

async fn the_database_refuses_to_change_the_log(t: Harness) {
    three_steps(&t).await;
    let mut attempts = vec![
        "UPDATE audit SET sentence = 'nothing happened'",
        "DELETE FROM audit",
        "UPDATE versions SET document = '{}'",
        "DELETE FROM versions WHERE version = 1",
    ];
    if t.is_sqlite() {
        attempts.push("INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 1");
        attempts.push("INSERT OR REPLACE INTO versions SELECT * FROM versions");
    } else {
        attempts.push("TRUNCATE audit");
        attempts.push("TRUNCATE versions");
    }
    for attempt in attempts {
        let error = t.sql(attempt).await.expect_err(attempt).to_string();
        assert!(error.contains("never changed") || error.contains("never deleted"), "{attempt}: {error}");
    }
    assert_eq!(t.store.verify_audit().await.expect("walks"), AuditVerdict::Intact { entries: 3 });
}

async fn an_untouched_chain_is_intact(t: Harness) {
    assert_eq!(t.store.verify_audit().await.expect("walks"), AuditVerdict::Intact { entries: 0 });
    t.create_flag("a").await;
    for percentage in 1..=60 {
        let rules = vec![everyone(percentage)];
        t.change("a", |rollout| rollout.rules = rules).await.expect("saved");
    }
    assert_eq!(t.store.verify_audit().await.expect("walks"), AuditVerdict::Intact { entries: 61 });
}

async fn broken(t: &Harness, sql: &str) -> (u64, BrokenChain) {
    t.drop_triggers().await;
    t.sql(sql).await.expect("tampered");
    match t.store.verify_audit().await.expect("walks") {
        AuditVerdict::Broken { seq, why } => (seq, why),
        other @ (AuditVerdict::Intact { .. } | AuditVerdict::Differs { .. }) => panic!("{other:?}"),
    }
}

async fn a_changed_entry_is_named(t: Harness) {
    three_steps(&t).await;
    let found = broken(&t, "UPDATE audit SET actor = 'Somebody Else' WHERE seq = 2").await;
    assert_eq!(found, (2, BrokenChain::Changed));
}

async fn a_missing_entry_is_named(t: Harness) {
    three_steps(&t).await;
    assert_eq!(broken(&t, "DELETE FROM audit WHERE seq = 2").await, (2, BrokenChain::Missing));
}

async fn an_entry_that_was_sealed_again_breaks_the_link(t: Harness) {
    three_steps(&t).await;
    // What somebody would do who knows how entries are sealed and has the workspace's secret: the documented serialisation, made outside the store.
    let columns = "previous_hash, seq, at_ms, actor_kind, actor_id, actor, actor_email, action, object_kind, object_key, \
                   object_name, environment, sentence, changes, reason, request_id, address, version, document_before, \
                   document_after, versions_hash";
    let array = if t.is_sqlite() { "json_array" } else { "json_build_array" };
    let row = t
        .text(&format!("SELECT CAST({array}('fader-audit-2', {columns}) AS TEXT) FROM audit WHERE seq = 2"))
        .await;
    let secret = t.text("SELECT secret FROM workspace").await;
    let mut row: Vec<serde_json::Value> = serde_json::from_str(&row).expect("JSON");
    let mac = |key: &[u8], text: &[u8]| {
        let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key").chain_update(text);
        mac.finalize().into_bytes()
    };
    let key = mac(secret.as_bytes(), b"fader audit log");
    let sealed = |row: &[serde_json::Value]| {
        let line = serde_json::to_string(row).expect("JSON");
        format!("{:x}", mac(&key, line.as_bytes()))
    };
    let entry = t.store.find_audit(&auditor(), 2).await.expect("reads").expect("an entry");
    assert_eq!(entry.hash, sealed(&row));
    row[3] = 1.into();
    let forged = format!("UPDATE audit SET at_ms = 1, hash = '{}' WHERE seq = 2", sealed(&row));
    assert_eq!(broken(&t, &forged).await, (3, BrokenChain::Link));
}

async fn a_changed_version_is_named(t: Harness) {
    three_steps(&t).await;
    let sql = "UPDATE versions SET document = '{}' WHERE object_kind = 'rollout' AND version = 2";
    assert_eq!(broken(&t, sql).await, (2, BrokenChain::Versions));
}

async fn a_log_cut_at_the_end_is_noticed(t: Harness) {
    three_steps(&t).await;
    assert_eq!(broken(&t, "DELETE FROM audit WHERE seq = 3").await, (2, BrokenChain::Truncated));
}

async fn a_rollout_goes_back_to_where_it_was(t: Harness) {
    three_steps(&t).await;
    t.change("a", |rollout| rollout.rules.push(rule("late", engine::Audience::Everyone, 1)))
        .await
        .expect("saved");
    let version = t.store.revert(&viewer(), 3, "too early").await.expect("reverted");
    let now = t.rollout("a").await;
    assert_eq!((now.version, version), (5, 5));
    assert_eq!((now.value.rules.len(), now.value.rules[0].percentage.to_string().as_str()), (1, "20"));
    assert_eq!(t.last_sentence().await, "reverted change 3 on Flag a in production");
    let entry = t.store.find_audit(&auditor(), 5).await.expect("reads").expect("an entry");
    assert_eq!(entry.changes[0].phrase, "lowered everyone 100 → 20 %");
    assert_eq!(t.store.revert(&viewer(), 3, "").await.expect("nothing to do"), 5);
}

async fn going_back_never_switches_a_stopped_flag_on(t: Harness) {
    three_steps(&t).await;
    t.store.stop(&stopper(), &production(), &flag_key("a"), "errors").await.expect("stops");
    t.store.revert(&viewer(), 3, "").await.expect("reverted");
    let now = t.rollout("a").await.value;
    assert_eq!((now.enabled, now.rules[0].percentage.to_string().as_str()), (false, "20"));
}

async fn undoing_takes_back_only_the_last_change(t: Harness) {
    three_steps(&t).await;
    let last = t.rollout("a").await;
    t.change("a", |rollout| rollout.rules[0].percentage = Percentage::NONE).await.expect("saved");
    match t.store.undo(&viewer(), last.seq, "").await {
        Err(StoreError::Conflict(conflict)) => {
            assert_eq!((conflict.expected, conflict.current), (last.version, last.version + 1));
            assert_eq!(conflict.changes[0].phrase, "lowered everyone 100 → 0 %");
        }
        other => panic!("somebody's change was taken back unseen: {other:?}"),
    }
    assert_eq!(t.rollout("a").await.version, last.version + 1);
    t.store.undo(&viewer(), t.rollout("a").await.seq, "").await.expect("the last one is taken back");
    assert_eq!(t.rollout("a").await.value, last.value);
}

async fn undoing_a_stop_resumes(t: Harness) {
    three_steps(&t).await;
    t.store.stop(&stopper(), &production(), &flag_key("a"), "errors").await.expect("stops");
    t.store.revert(&viewer(), 4, "a false alarm").await.expect("reverted");
    assert!(t.rollout("a").await.value.enabled);
}

async fn a_definition_goes_back(t: Harness) {
    let flag = t.create_flag("a").await;
    t.store.update_flag(&editor(), 1, Flag { name: "New".into(), ..flag.clone() }, "").await.expect("saved");
    assert_eq!(t.store.revert(&viewer(), 2, "").await.expect("reverted"), 3);
    let found = t.store.find_flag(&viewer(), &flag.key).await.expect("reads").expect("a flag");
    assert_eq!(found.value, flag);
    let created = t.store.revert(&viewer(), 1, "").await;
    assert!(
        matches!(created, Err(StoreError::Invalid(Invalid::NotRevertible))),
        "a creation has nothing before it"
    );
    assert!(matches!(t.store.revert(&viewer(), 99, "").await, Err(StoreError::NotFound { .. })));
}

async fn what_does_not_fit_any_more_is_not_reverted(t: Harness) {
    t.create_flag("a").await;
    t.create_group("vip", "vip").await;
    t.change("a", |rollout| rollout.rules = vec![for_group("vip", 50)]).await.expect("saved");
    t.change("a", |rollout| rollout.rules.clear()).await.expect("saved");
    t.store.delete_group(&editor(), 1, &group_key("vip"), "").await.expect("deleted");
    let refused = t.store.revert(&viewer(), 4, "").await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    assert!(t.rollout("a").await.value.rules.is_empty());
}
