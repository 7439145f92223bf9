//! Who may approve a step, and who may not.

use super::*;

on_both!(
    an_approval_is_never_ones_own,
    ones_tokens_are_oneself,
    whoever_set_a_plan_going_does_not_approve,
    another_name_makes_no_step_ones_own,
    what_waits_for_approval_is_listed,
);

async fn an_approval_is_never_ones_own(t: Harness) {
    let product = t.member(Role::Product).await;
    let admin = t.member(Role::Admin).await;
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(0)]).await.expect("saved");
    let author = product.flag_editor().expect("may");
    save(&t, &author, vec![step(20, vec![]), step(100, vec![Gate::Approval])]).await;
    let (environment, flag) = (production(), flag_key("a"));
    let starter = admin.flag_editor().expect("may");
    let version = found(&t).await.version;
    t.store.move_plan(&starter, &environment, &flag, version, PlanMove::Start, "").await.expect("started");
    let approve = async |by: Approver, step| {
        let version = found(&t).await.version;
        t.store.approve_step(&by, &environment, &flag, version, step, "").await
    };
    for own in [&product, &admin] {
        let refused = approve(own.approver().expect("may"), 1).await;
        assert!(matches!(refused, Err(StoreError::Invalid(Invalid::OwnApproval))), "{}", own.name());
    }
    assert!(!matches!(follow(&t, &unwatched(&t)).await, Followed::Moved(..)), "not without it");
    let other = store::Principal::command_line().approver().expect("may");
    let nothing = approve(other.clone(), 0).await;
    assert!(matches!(nothing, Err(StoreError::Invalid(Invalid::Plan(Refused::NoApprovalAsked(0))))));
    approve(other, 1).await.expect("approved");
    assert_eq!(
        t.last_sentence().await,
        "approved step 2 of the release plan of Flag a in production (everyone 100 % after an approval)"
    );
    assert!(matches!(follow(&t, &unwatched(&t)).await, Followed::Moved(_, Some(Consequence::PlanAdvanced))));
    assert_eq!(per_cent(&t).await, "100");
}

/// A management token of this member, as it acts.
async fn token_of(t: &Harness, owner: &Principal, name: &str, role: Role) -> Principal {
    let new = NewToken {
        owner: Some(owner.email().to_owned()),
        ..NewToken::new(name, TokenKind::Admin(role), TokenScope::Environment(production()))
    };
    let secret = t.store.create_token(&admin(), new).await.expect("a token");
    let token = t.store.live().token(&TokenHash::of(&secret), t.clock.now_ms()).expect("works");
    Principal::of_token(&token, t.store.live(), origin()).expect("manages")
}

fn approver(of: &Principal) -> Approver {
    of.approver().expect("may approve")
}

async fn approve(t: &Harness, by: &Principal) -> Result<ReleasePlan, StoreError> {
    let version = found(t).await.version;
    t.store.approve_step(&approver(by), &production(), &flag_key("a"), version, 1, "").await
}

async fn go_as(t: &Harness, by: &Principal, what: PlanMove) {
    let version = found(t).await.version;
    let editor = by.flag_editor().expect("may edit");
    t.store.move_plan(&editor, &production(), &flag_key("a"), version, what, "").await.expect("moved");
}

async fn ones_tokens_are_oneself(t: Harness) {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(0)]).await.expect("saved");
    let (ada, grace) = (t.member(Role::Admin).await, t.member(Role::Product).await);
    let [bot, other] =
        [token_of(&t, &ada, "deploy-bot", Role::Admin).await, token_of(&t, &ada, "two", Role::Product).await];
    save(&t, &bot.flag_editor().expect("may"), vec![step(20, vec![]), step(100, vec![Gate::Approval])]).await;
    go_as(&t, &bot, PlanMove::Start).await;
    let entries = t.store.list_audit(&auditor(), &store::AuditFilter::default()).await.expect("reads");
    assert_eq!(entries[0].actor, "Admin One's token deploy-bot");
    for oneself in [&ada, &bot, &other] {
        let refused = approve(&t, oneself).await;
        assert!(matches!(refused, Err(StoreError::Invalid(Invalid::OwnApproval))), "{}", oneself.name());
        assert!(!t.store.list_approvals(&oneself.viewer()).await.expect("reads")[0].may_be_mine);
    }
    let nobodys = NewToken::new("nobody's", TokenKind::Admin(Role::Admin), TokenScope::Workspace);
    let secret = t.store.create_token(&admin(), nobodys).await.expect("a token");
    let token = t.store.live().token(&TokenHash::of(&secret), START_MS).expect("works");
    let nobody = Principal::of_token(&token, t.store.live(), origin()).expect("manages");
    let denied = nobody.approver().expect_err("somebody has to answer for it");
    assert_eq!(denied.because, DeniedBecause::Nobodys);
    approve(&t, &token_of(&t, &grace, "hers", Role::Product).await).await.expect("four eyes");
}

async fn whoever_set_a_plan_going_does_not_approve(t: Harness) {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(0)]).await.expect("saved");
    let (ada, grace) = (t.member(Role::Admin).await, t.member(Role::Product).await);
    let third = {
        t.store
            .add_user(&admin(), "mary@example.test", "Mary", Role::Product, PASSWORD)
            .await
            .expect("added");
        t.sign_in("mary@example.test").await
    };
    save(&t, &editor(), vec![step(20, vec![]), step(100, vec![Gate::Approval])]).await;
    go_as(&t, &ada, PlanMove::Start).await;
    go_as(&t, &ada, PlanMove::Pause).await;
    go_as(&t, &token_of(&t, &grace, "hers", Role::Product).await, PlanMove::Resume).await;
    for by in [&ada, &grace] {
        let refused = approve(&t, by).await;
        assert!(matches!(refused, Err(StoreError::Invalid(Invalid::OwnApproval))), "{}", by.name());
    }
    go_as(&t, &third, PlanMove::Jump { to: 0 }).await;
    assert!(approve(&t, &third).await.is_err(), "a jump sets it going, too");
    assert!(approve(&t, &ada).await.is_err(), "and who started it did so nevertheless");
}

async fn what_waits_for_approval_is_listed(t: Harness) {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(0)]).await.expect("saved");
    let product = t.member(Role::Product).await;
    let author = product.flag_editor().expect("may");
    save(&t, &author, vec![step(20, vec![]), step(100, vec![Gate::Approval])]).await;
    assert_eq!(t.store.list_approvals(&viewer()).await.expect("reads"), [], "not before it starts");
    go(&t, PlanMove::Start).await.expect("started");
    let requests = t.store.list_approvals(&product.viewer()).await.expect("reads");
    assert_eq!(requests.len(), 1);
    assert_eq!((requests[0].step, requests[0].next, requests[0].may_be_mine), (1, true, false));
    assert_eq!(requests[0].phrase, "everyone 100 % after an approval");
    t.sql("UPDATE plans SET document = 'nonsense'").await.expect("broken");
    assert_eq!(t.store.list_approvals(&viewer()).await.expect("the others work"), []);
}

async fn another_name_makes_no_step_ones_own(t: Harness) {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(0)]).await.expect("saved");
    let (ada, grace) = (t.member(Role::Admin).await, t.member(Role::Product).await);
    let steps = || vec![step(20, vec![]), step(100, vec![Gate::Approval])];
    let rename = async |by: &Principal, name: &str| {
        let version = found(&t).await.version;
        let plan = Plan { name: name.to_owned(), ..found(&t).await.plan };
        let editor = by.flag_editor().expect("may");
        t.store.save_plan(&editor, &production(), &flag_key("a"), version, plan, "").await.expect("saved")
    };
    for is_started in [false, true] {
        save(&t, &ada.flag_editor().expect("may"), steps()).await;
        if is_started {
            go_as(&t, &grace, PlanMove::Start).await;
        }
        rename(&grace, "One").await;
        rename(&grace, "Two").await;
        if !is_started {
            go_as(&t, &grace, PlanMove::Start).await;
        }
        for by in [&ada, &grace] {
            let refused = approve(&t, by).await;
            assert!(matches!(refused, Err(StoreError::Invalid(Invalid::OwnApproval))), "{}", by.name());
        }
        assert_eq!(found(&t).await.moved_by.len(), 2, "each once");
        go_as(&t, &grace, PlanMove::Abandon).await;
    }
    // An ended plan is nobody's: the next one begins anew.
    save(&t, &grace.flag_editor().expect("may"), steps()).await;
    go_as(&t, &grace, PlanMove::Start).await;
    approve(&t, &ada).await.expect("she had no hand in it");
}
