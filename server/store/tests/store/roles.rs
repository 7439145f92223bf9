use engine::{EnvironmentKey, Flag, Preview, Rollout, SubjectKey, VariantKey};
use store::{
    Action, AuditFilter, AuditVerdict, Denied, DeniedBecause, GuardrailSet, ObjectKind, Operation,
    PREVIEW_MS, PlanMove, Principal, Role, RoleCell, RoleTable, StoreError,
};

use crate::harness::*;

on_both!(
    a_signed_in_member_has_the_proofs_of_their_role,
    a_changed_table_is_in_force_everywhere_at_once,
    a_narrowed_member_changes_nothing_there_whatever_a_page_forgot,
    a_proof_from_before_is_worth_what_the_table_says_now,
    a_proof_from_before_is_worth_what_its_bearer_is_now,
    a_place_of_no_environment_is_refused,
    the_table_is_changed_like_anything_else,
    two_admins_who_change_the_table_at_once_are_told,
    a_table_that_cannot_be_read_lets_nobody_do_more_than_the_floors,
);

/// The defaults of the product: role, edit flags and groups, roll out, stop, enrol, exclude, look up people, handle
/// feedback, approve, read the trail, read the whole log, administer.
const TABLE: [(Role, [bool; 11]); 5] = [
    (Role::Admin, [true, true, true, true, true, true, true, true, true, true, true]),
    (Role::Product, [true, true, true, true, true, true, true, true, true, true, false]),
    (Role::Qa, [true, true, true, true, true, true, true, false, true, true, false]),
    (Role::Support, [false, false, true, false, false, true, true, false, true, false, false]),
    (Role::Viewer, [false; 11]),
];

async fn a_signed_in_member_has_the_proofs_of_their_role(t: Harness) {
    for (role, expected) in TABLE {
        let principal = t.member(role).await;
        let there = principal.within(&production()).expect("bound to none");
        let audit = principal.audit_reader();
        let whole = audit.as_ref().is_ok_and(|it| it.scope() == store::AuditScope::Whole);
        let proofs = [
            principal.flag_editor().is_ok(),
            there.flag_editor().is_ok(),
            there.stopper().is_ok(),
            principal.enroller().is_ok(),
            there.excluder().is_ok(),
            principal.people_reader().is_ok(),
            principal.feedback_handler().is_ok(),
            there.approver().is_ok(),
            audit.is_ok(),
            whole,
            principal.administrator().is_ok(),
        ];
        assert_eq!(proofs, expected, "{role}");
        let may = Operation::ALL.map(|operation| principal.may_in(operation, &production()));
        assert_eq!(may[1..], expected, "{role}: controls follow the same table");
        assert_eq!(
            principal.people_writer().is_ok(),
            principal.administrator().is_ok(),
            "{role} stores people"
        );
        assert!(may[0], "everybody signed in may look");
    }
}

/// QA: staging everything, production stop and enrol.
fn narrowed() -> RoleTable {
    let mut table = RoleTable::default();
    for operation in [Operation::RollOut, Operation::Exclude] {
        table.set(RoleCell::new(operation, Role::Qa, Some(&production())), false);
    }
    table
}

fn denied(error: StoreError) -> Option<(Operation, DeniedBecause)> {
    match error {
        StoreError::Denied(Denied { operation, because }) => Some((operation, because)),
        _ => None,
    }
}

async fn a_changed_table_is_in_force_everywhere_at_once(t: Harness) {
    let session = async |store: &store::Store, token: &str| {
        store.find_session(token, origin()).await.expect("reads").expect("a session")
    };
    t.member(Role::Qa).await;
    let token =
        t.store.sign_in("qa@example.test", PASSWORD, &origin(), "test").await.expect("signs in").token;
    let other = t.another().await;
    let may = |who: &Principal| who.may_in(Operation::RollOut, &production());
    assert!(may(&session(&t.store, &token).await) && may(&session(&other, &token).await));
    t.store.save_roles(&admin(), 0, narrowed(), "a calmer production").await.expect("saved");
    assert!(!may(&session(&t.store, &token).await), "the session that is open, before saving returns");
    assert!(session(&t.store, &token).await.may_in(Operation::RollOut, &staging()));
    eventually("the other copy knows", async || !may(&session(&other, &token).await)).await;
}

async fn a_narrowed_member_changes_nothing_there_whatever_a_page_forgot(t: Harness) {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(20)]).await.expect("saved");
    let changed = t.store.live().seq();
    t.member(Role::Qa).await;
    t.store.save_roles(&admin(), 0, narrowed(), "").await.expect("saved");
    let qa = t.sign_in("qa@example.test").await;
    // Proofs that no environment was named for: each operation asks where.
    let (editor, enroller) = (qa.flag_editor().expect("may"), qa.enroller().expect("may"));
    let (seq, flag, who) = (t.store.live().seq(), flag_key("a"), SubjectKey::parse("ada").expect("a key"));
    let preview = Preview {
        flag: flag.clone(),
        subject: who.clone(),
        variant: VariantKey::parse("on").expect("a key"),
    };
    let plan = engine::plan::Plan { name: "Plan".to_owned(), steps: Vec::new() };
    let here = production();
    let found = t.rollout("a").await;
    let rollout = Rollout { rules: vec![everyone(50)], ..found.value };
    let (set, store) = (GuardrailSet::default(), &t.store);
    let refused = [
        store.save_rollout(&editor, &here, &flag, found.version, rollout, "").await.map(drop),
        store.re_randomise(&editor, &here, &flag, found.version, "").await.map(drop),
        store.resume(&editor, &here, &flag, "").await.map(drop),
        store.save_plan(&editor, &here, &flag, 0, plan, "").await.map(drop),
        store.move_plan(&editor, &here, &flag, 0, PlanMove::Start, "").await.map(drop),
        store.save_guardrails(&editor, &here, &flag, 0, set, "").await.map(drop),
        store.reset_guardrails(&editor, &here, &flag, 0, "").await,
        store.revert(&qa.viewer(), changed, "").await.map(drop),
        store.undo(&qa.viewer(), changed, "").await.map(drop),
    ];
    let role = |operation| {
        let who = vec![Role::Admin, Role::Product];
        Some((operation, DeniedBecause::Role { role: Role::Qa, who, environment: Some(production()) }))
    };
    for (at, refused) in refused.into_iter().enumerate() {
        assert_eq!(denied(refused.expect_err("refused")), role(Operation::RollOut), "{at}");
    }
    let excluded = store.exclude_tester(&enroller, &here, &flag, &who, "left").await;
    assert_eq!(denied(excluded.expect_err("refused")), role(Operation::Exclude));
    let previewed = store.make_preview(&enroller, &here, preview, PREVIEW_MS, "").await;
    assert_eq!(denied(previewed.expect_err("refused")), role(Operation::Exclude));
    assert_eq!(t.store.live().seq(), seq, "nothing was written");
    // And what stays: production's stop, staging, and what is the same everywhere.
    store.stop(&qa.stopper().expect("may"), &here, &flag, "errors").await.expect("stops");
    let found = t.rollout_in("a", &staging()).await;
    let rollout = Rollout { rules: vec![everyone(50)], ..found.value };
    store.save_rollout(&editor, &staging(), &flag, found.version, rollout, "").await.expect("saved");
    store.create_flag(&editor, Flag::boolean(flag_key("b"), "B")).await.expect("created");
}

async fn a_proof_from_before_is_worth_what_the_table_says_now(t: Harness) {
    t.create_flag("a").await;
    let (here, flag) = (production(), flag_key("a"));
    let qa = t.member(Role::Qa).await.within(&here).expect("bound to none");
    let (editor, stopper) = (qa.flag_editor().expect("may as yet"), qa.stopper().expect("may"));
    let found = t.rollout("a").await;
    let rollout = Rollout { rules: vec![everyone(50)], ..found.value };
    // Another copy saves it: this one need not have heard of it.
    let other = t.another().await;
    other.save_roles(&admin(), 0, narrowed(), "").await.expect("saved");
    let refused = t.store.save_rollout(&editor, &here, &flag, found.version, rollout, "").await.map(drop);
    let who = vec![Role::Admin, Role::Product];
    let because = DeniedBecause::Role { role: Role::Qa, who, environment: Some(production()) };
    assert_eq!(denied(refused.expect_err("refused")), Some((Operation::RollOut, because)));
    assert_eq!(t.rollout("a").await.version, found.version, "nothing was written");
    t.store.stop(&stopper, &here, &flag, "errors").await.expect("stopping stays");
}

async fn a_proof_from_before_is_worth_what_its_bearer_is_now(t: Harness) {
    let product = t.member(Role::Product).await;
    let editor = product.flag_editor().expect("may");
    t.store.set_role(&admin(), product.id(), Role::Support).await.expect("lowered");
    let create = async |key: &str| {
        let created = t.store.create_flag(&editor, Flag::boolean(flag_key(key), "A")).await.map(drop);
        denied(created.expect_err("refused"))
    };
    let who = vec![Role::Admin, Role::Product, Role::Qa];
    let because = DeniedBecause::Role { role: Role::Support, who, environment: None };
    assert_eq!(create("a").await, Some((Operation::EditFlags, because)));
    t.store.disable_member(&admin(), product.id()).await.expect("disabled");
    assert_eq!(create("b").await.map(|(_, because)| because), Some(DeniedBecause::Disabled));
}

async fn a_place_of_no_environment_is_refused(t: Harness) {
    let seq = t.store.live().seq();
    let mut table = narrowed();
    let nowhere = EnvironmentKey::parse("nowhere").expect("a key");
    table.set(RoleCell::new(Operation::RollOut, Role::Qa, Some(&nowhere)), false);
    let refused = t.store.save_roles(&admin(), 0, table.clone(), "").await;
    let Err(StoreError::NotFound { kind, key }) = refused else { panic!("refused: {refused:?}") };
    assert_eq!((kind, key.as_str(), t.store.live().seq()), (ObjectKind::Environment, "nowhere", seq));
    let table = table.only_of(&[production(), staging()]);
    assert_eq!(table, narrowed(), "and the rest is kept");
    t.store.save_roles(&admin(), 0, table, "").await.expect("saved");
}

async fn the_table_is_changed_like_anything_else(t: Harness) {
    let roles = async || t.store.find_roles(&viewer()).await.expect("reads");
    assert!(roles().await.table.is_default() && roles().await.version() == 0);
    assert_eq!(t.store.save_roles(&admin(), 0, RoleTable::default(), "").await.expect("nothing to do"), 0);
    let narrow = t.store.save_roles(&admin(), 0, narrowed(), "a calmer production").await.expect("saved");
    assert_eq!(
        t.last_sentence().await,
        "set that QA may no longer change rollouts, plans and guardrails of flags, or resume them in production, \
         and 1 more change"
    );
    let entry = t.store.find_audit(&auditor(), narrow).await.expect("reads").expect("an entry");
    assert_eq!((entry.action, entry.reason.as_str()), (Action::RolesChanged, "a calmer production"));
    assert_eq!(entry.changes.len(), 2);
    assert!(!entry.is_revertible(), "it has ways back of its own");
    let long = "x".repeat(10_000);
    let wordy = t.store.save_roles(&admin(), narrow, RoleTable::default(), &long).await;
    assert!(matches!(wordy, Err(StoreError::Invalid(_))));
    let back = t.store.save_roles(&admin(), narrow, RoleTable::default(), "").await.expect("saved");
    assert_eq!(t.last_sentence().await, "took the role table back to the defaults");
    let undone = t.store.undo_roles(&admin(), back, "by mistake").await.expect("taken back");
    assert_eq!(t.last_sentence().await, format!("took back change {back} of the role table"));
    assert_eq!((roles().await.table, roles().await.version()), (narrowed(), undone));
    assert_eq!(t.store.find_roles_version(&viewer(), back).await.expect("reads"), Some(RoleTable::default()));
    let verdict = t.store.verify_audit().await.expect("walks");
    assert!(matches!(verdict, AuditVerdict::Intact { .. }), "{verdict:?}");
    t.sql("UPDATE role_table SET document = '[]'").await.expect("done");
    let verdict = t.store.verify_audit().await.expect("walks");
    assert!(matches!(&verdict, AuditVerdict::Differs { row } if row.what == "role table"), "{verdict:?}");
}

async fn two_admins_who_change_the_table_at_once_are_told(t: Harness) {
    let first = t.store.save_roles(&admin(), 0, narrowed(), "").await.expect("saved");
    let mut mine = RoleTable::default();
    mine.set(RoleCell::new(Operation::Approve, Role::Qa, Some(&staging())), true);
    for refused in [
        t.store.save_roles(&admin(), 0, mine.clone(), "").await,
        t.store.undo_roles(&admin(), first + 9, "").await,
    ] {
        let Err(StoreError::Conflict(conflict)) = refused else { panic!("told: {refused:?}") };
        assert_eq!((conflict.current, conflict.by.as_str()), (first, "command line"));
    }
    let merged = narrowed().with(&RoleTable::default(), &mine);
    t.store.save_roles(&admin(), first, merged, "").await.expect("saved");
    assert_eq!(t.store.live().roles().differences().len(), 3, "both are in force");
    let nothing = t.store.list_audit(&auditor(), &AuditFilter::default()).await.expect("reads");
    assert_eq!(nothing.iter().filter(|entry| entry.action == Action::RolesChanged).count(), 2);
}

async fn a_table_that_cannot_be_read_lets_nobody_do_more_than_the_floors(t: Harness) {
    let version = t.store.save_roles(&admin(), 0, narrowed(), "").await.expect("saved");
    t.sql("UPDATE role_table SET document = 'gone'").await.expect("done");
    let other = t.another().await;
    let roles = other.live().roles();
    assert!(!roles.may(Role::Product, Operation::RollOut, Some(&staging())));
    assert!(roles.may(Role::Qa, Operation::Stop, Some(&production())), "stopping stays");
    assert!(roles.may(Role::Admin, Operation::Administer, None), "an admin mends it");
    assert!(other.find_roles(&viewer()).await.expect("reads").unreadable);
    other.save_roles(&admin(), version, narrowed(), "mended").await.expect("saved");
    assert_eq!(*other.live().roles(), narrowed());
}
