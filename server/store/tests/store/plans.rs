//! Release plans: each move once, with the rollout it sets; approvals by somebody else; never up by the guard's hand.

mod approvals;

use engine::{
    Percentage,
    guardrail::{GuardAction, Judgement},
    plan::{Gate, HoldReason, Percentages, Plan, PlanDecision, PlanState, Refused, Seen, Step, advance},
};
use store::{
    Approver, Consequence, Decided, DeniedBecause, FlagEditor, Followed, Invalid, NewToken, PlanMove,
    Principal, ReleasePlan, Role, StoreError, TokenHash, TokenKind, TokenScope,
};

use crate::{
    guard::{judged, lease, rule_id},
    harness::*,
};

on_both!(
    starting_a_plan_sets_the_first_step,
    a_plan_needs_rules_that_exist,
    a_move_on_an_old_version_is_a_conflict,
    two_servers_advance_once,
    a_plan_goes_on_after_a_restart,
    what_was_reached_stays_and_what_comes_can_change,
    a_breach_steps_back_and_the_plan_stays_there,
    the_guard_does_not_raise_what_a_person_lowered,
    a_hold_is_told_once,
    stopping_by_the_guard_keeps_the_percentages,
    pausing_keeps_the_same_people,
    a_plan_in_force_is_what_the_log_says,
);

fn step(per_cent: u32, gates: Vec<Gate>) -> Step {
    let percentage = Percentage::whole(per_cent).expect("a percentage");
    Step { title: String::new(), percentages: [(rule_id("everyone"), percentage)].into(), gates }
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan { name: "Careful".to_owned(), steps }
}

const HOLD: Gate = Gate::Hold { hold_ms: 60_000 };

async fn save(t: &Harness, by: &FlagEditor, steps: Vec<Step>) -> ReleasePlan {
    let (environment, flag) = (production(), flag_key("a"));
    let expected =
        t.store.find_plan(&viewer(), &environment, &flag).await.expect("reads").map_or(0, |it| it.version);
    t.store.save_plan(by, &environment, &flag, expected, plan(steps), "").await.expect("saved")
}

async fn go(t: &Harness, what: PlanMove) -> Result<ReleasePlan, StoreError> {
    let version = found(t).await.version;
    t.store.move_plan(&editor(), &production(), &flag_key("a"), version, what, "").await
}

async fn found(t: &Harness) -> ReleasePlan {
    t.store.find_plan(&viewer(), &production(), &flag_key("a")).await.expect("reads").expect("a plan")
}

/// A flag with everyone at 0 %, and its plan: 20, 50, 100 %, a minute each.
async fn started(t: &Harness) -> ReleasePlan {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(0)]).await.expect("saved");
    save(t, &editor(), vec![step(20, vec![HOLD]), step(50, vec![HOLD]), step(100, vec![])]).await;
    go(t, PlanMove::Start).await.expect("started")
}

async fn per_cent(t: &Harness) -> String {
    t.rollout("a").await.value.rules[0].percentage.to_string()
}

/// Nothing is watched.
fn unwatched(t: &Harness) -> Judgement {
    let guard = engine::guardrail::Guard::new(&[], &[], engine::guardrail::Proof::default(), 0);
    guard.judge(&engine::guardrail::Surroundings::default(), t.clock.now_ms())
}

fn decide(t: &Harness, release: &ReleasePlan, current: &Percentages, judgement: &Judgement) -> PlanDecision {
    let seen = Seen { judgement, subjects: 0, current, changed_by_person_ms: None };
    advance(&release.plan, &release.state, &seen, t.clock.now_ms())
}

async fn follow(t: &Harness, judgement: &Judgement) -> Followed {
    let (release, rollout) = (found(t).await, t.rollout("a").await);
    let lease = lease(t).await;
    let decision = decide(t, &release, &rollout.value.percentages(), judgement);
    let judgements = [(rule_id("everyone"), judgement.clone())];
    let (environment, flag) = (production(), flag_key("a"));
    let decided = Decided {
        environment: &environment,
        flag: &flag,
        version: release.version,
        rollout_version: rollout.version,
        decision,
        judgements: &judgements,
    };
    t.store.follow_plan(&lease, decided).await.expect("follows")
}

fn at_step(release: &ReleasePlan) -> usize {
    release.state.progress().expect("started").step
}

async fn a_plan_in_force_is_what_the_log_says(t: Harness) {
    let release = started(&t).await;
    let intact = store::AuditVerdict::Intact { entries: 4 };
    assert_eq!(t.store.verify_audit().await.expect("walks"), intact);
    let (environment, flag) = (production(), flag_key("a"));
    let mut watched = release.state.clone();
    if let PlanState::Running { progress, .. } = &mut watched {
        (progress.held_ms, progress.seen_ms) = (5000, t.clock.now_ms() + 5000);
    }
    assert_ne!(watched, release.state);
    let lease = lease(&t).await;
    t.store.keep_watched(&lease, &environment, &flag, release.version, &watched).await.expect("kept");
    assert_eq!(t.store.verify_audit().await.expect("walks"), intact, "the guard notes how long it watched");
    let forged = "UPDATE plans SET state = REPLACE(state, '\"approvals\":[]', \
                  '\"approvals\":[{\"step\":1,\"by\":\"Ann\",\"at_ms\":1}]')";
    for forged in [forged, "UPDATE plans SET proposed_by = 99", "DELETE FROM plans"] {
        t.sql(forged).await.expect("forged");
        match t.store.verify_audit().await.expect("walks") {
            store::AuditVerdict::Differs { row } => {
                assert_eq!(row.to_string(), "the release plan of a in production");
            }
            other => panic!("{forged}: {other:?}"),
        }
    }
}

async fn starting_a_plan_sets_the_first_step(t: Harness) {
    let release = started(&t).await;
    assert_eq!((at_step(&release), per_cent(&t).await.as_str()), (0, "20"));
    let entries = t.store.list_audit(&auditor(), &store::AuditFilter::default()).await.expect("reads");
    assert_eq!(
        entries[0].sentence,
        "started the release plan of Flag a in production at step 1 (everyone 20 % for 1 minute)"
    );
    assert_eq!(entries[0].changes[0].phrase, "raised everyone 0 → 20 %");
    assert!(entries[0].is_revertible(), "the percentages can be undone");
    assert_eq!(entries[1].sentence, "made the release plan of Flag a in production");
    let lifecycle = t.store.find_flag(&viewer(), &flag_key("a")).await.expect("reads").expect("a flag");
    assert_eq!(lifecycle.value.lifecycle, engine::Lifecycle::Active);
}

async fn a_plan_needs_rules_that_exist(t: Harness) {
    t.create_flag("a").await;
    let (environment, flag) = (production(), flag_key("a"));
    let save = async |expected| {
        t.store.save_plan(&editor(), &environment, &flag, expected, plan(vec![step(20, vec![])]), "").await
    };
    assert!(matches!(save(0).await, Err(StoreError::Refused(_))));
    assert!(matches!(save(3).await, Err(StoreError::Conflict(_))));
    let start = t.store.move_plan(&editor(), &environment, &flag, 1, PlanMove::Start, "").await;
    assert!(matches!(start, Err(StoreError::Invalid(Invalid::NoPlan))));
}

async fn a_move_on_an_old_version_is_a_conflict(t: Harness) {
    let release = started(&t).await;
    let (environment, flag) = (production(), flag_key("a"));
    let jump = async |version| {
        t.store.move_plan(&editor(), &environment, &flag, version, PlanMove::Jump { to: 1 }, "").await
    };
    assert!(matches!(jump(release.version - 1).await, Err(StoreError::Conflict(_))));
    assert_eq!(per_cent(&t).await, "20");
    jump(release.version).await.expect("jumps");
    assert_eq!(per_cent(&t).await, "50");
    assert!(matches!(
        go(&t, PlanMove::Resume).await,
        Err(StoreError::Invalid(Invalid::Plan(Refused::NothingToResume)))
    ));
}

async fn two_servers_advance_once(t: Harness) {
    let release = started(&t).await;
    t.advance(61_000);
    let rollout = t.rollout("a").await;
    let lease = lease(&t).await;
    let decision = decide(&t, &release, &rollout.value.percentages(), &unwatched(&t));
    assert!(matches!(decision, PlanDecision::Advance(_)), "{decision:?}");
    let (environment, flag) = (production(), flag_key("a"));
    let decided = || Decided {
        environment: &environment,
        flag: &flag,
        version: release.version,
        rollout_version: rollout.version,
        decision: decision.clone(),
        judgements: &[],
    };
    let other = t.another().await;
    let (one, two) =
        tokio::join!(t.store.follow_plan(&lease, decided()), other.follow_plan(&lease, decided()));
    let moved = [one.expect("follows"), two.expect("follows")];
    let advanced =
        moved.iter().filter(|it| matches!(it, Followed::Moved(_, Some(Consequence::PlanAdvanced)))).count();
    assert_eq!(advanced, 1, "{moved:?}");
    assert_eq!((at_step(&found(&t).await), per_cent(&t).await.as_str()), (1, "50"));
    let filter = store::AuditFilter { action: Some(store::Action::PlanAdvanced), ..Default::default() };
    assert_eq!(t.store.list_audit(&auditor(), &filter).await.expect("reads").len(), 1);
}

async fn a_plan_goes_on_after_a_restart(t: Harness) {
    started(&t).await;
    t.advance(30_000);
    let Followed::Watched(state) = follow(&t, &unwatched(&t)).await else { panic!("nothing is due") };
    let release = found(&t).await;
    let lease = lease(&t).await;
    t.store.keep_watched(&lease, &production(), &flag_key("a"), release.version, &state).await.expect("kept");
    let other = t.another().await;
    let again =
        other.find_plan(&viewer(), &production(), &flag_key("a")).await.expect("reads").expect("a plan");
    let progress = again.state.progress().expect("started");
    assert_eq!((progress.step, progress.held_ms, again.version), (0, 30_000, release.version));
    // Three hours of being down are not three hours of watching.
    t.advance(3 * 3_600_000);
    assert!(matches!(follow(&t, &unwatched(&t)).await, Followed::Moved(_, Some(Consequence::PlanAdvanced))));
    assert_eq!(at_step(&found(&t).await), 1, "one step, however long it was due");
}

async fn what_was_reached_stays_and_what_comes_can_change(t: Harness) {
    let release = started(&t).await;
    let (environment, flag) = (production(), flag_key("a"));
    let edit = async |steps| {
        let version = found(&t).await.version;
        t.store.save_plan(&editor(), &environment, &flag, version, plan(steps), "").await
    };
    let refused = edit(vec![step(30, vec![HOLD]), step(50, vec![HOLD])]).await;
    assert!(matches!(refused, Err(StoreError::Invalid(Invalid::PlanReached))));
    let shorter = edit(vec![step(20, vec![HOLD]), step(40, vec![])]).await.expect("saved");
    assert_eq!(shorter.state, release.state);
    go(&t, PlanMove::Abandon).await.expect("abandoned");
    assert_eq!(per_cent(&t).await, "20", "the percentages stay");
    let next = edit(vec![step(30, vec![])]).await.expect("a new plan");
    assert_eq!((next.state, next.moved_by), (PlanState::Draft, Vec::new()));
}

async fn a_breach_steps_back_and_the_plan_stays_there(t: Harness) {
    started(&t).await;
    t.advance(61_000);
    follow(&t, &unwatched(&t)).await;
    assert_eq!(per_cent(&t).await, "50");
    t.advance(120_000);
    let (_, judgement) = judged(&t, GuardAction::StepBack, 150);
    let moved = follow(&t, &judgement).await;
    assert!(matches!(moved, Followed::Moved(_, Some(Consequence::SteppedBack))), "{moved:?}");
    assert_eq!(per_cent(&t).await, "20");
    assert!(
        t.last_sentence().await.ends_with(" from step 2 to step 1 (everyone 20 % for 1 minute)"),
        "{}",
        t.last_sentence().await
    );
    t.advance(600_000);
    assert!(matches!(follow(&t, &judgement).await, Followed::Watched(_)), "only a person goes on");
    go(&t, PlanMove::Resume).await.expect("a person goes on");
    let verdicts =
        t.store.list_verdicts(&viewer(), &production(), &flag_key("a"), 0, 10).await.expect("reads");
    assert_eq!(verdicts[0].taken, Some(Consequence::SteppedBack));
}

async fn the_guard_does_not_raise_what_a_person_lowered(t: Harness) {
    started(&t).await;
    t.advance(61_000);
    follow(&t, &unwatched(&t)).await;
    t.advance(10_000);
    t.change("a", |rollout| rollout.rules = vec![everyone(5)]).await.expect("a person lowers");
    // Stale by one version: what was decided before the person is not carried out.
    let (release, rollout) = (found(&t).await, t.rollout("a").await);
    let lease = lease(&t).await;
    t.advance(120_000);
    let (_, judgement) = judged(&t, GuardAction::StepBack, 150);
    let decision = decide(&t, &release, &rollout.value.percentages(), &judgement);
    assert!(matches!(decision, PlanDecision::Breach(_)), "{decision:?}");
    let (environment, flag) = (production(), flag_key("a"));
    let decided = |rollout_version| Decided {
        environment: &environment,
        flag: &flag,
        version: release.version,
        rollout_version,
        decision: decision.clone(),
        judgements: &[],
    };
    let stale = t.store.follow_plan(&lease, decided(rollout.version - 1)).await.expect("follows");
    assert_eq!(stale, Followed::Outdated);
    t.store.follow_plan(&lease, decided(rollout.version)).await.expect("follows");
    assert_eq!(per_cent(&t).await, "5", "the step back to 20 % would be a raise");
}

async fn a_hold_is_told_once(t: Harness) {
    started(&t).await;
    let guardrail = crate::guard::guardrail(
        "limit",
        engine::guardrail::Limit::Ceiling { limit: 0.05 },
        GuardAction::Stop,
    );
    let silent = |t: &Harness| {
        let began_ms = t.clock.now_ms() - 3_600_000;
        let proof = engine::guardrail::Proof::default();
        let guard = engine::guardrail::Guard::new(
            std::slice::from_ref(&guardrail),
            &[rule_id("everyone")],
            proof,
            began_ms,
        );
        guard.judge(&engine::guardrail::Surroundings::default(), t.clock.now_ms())
    };
    let Followed::Moved(release, None) = follow(&t, &silent(&t)).await else { panic!("it holds") };
    assert!(matches!(release.state, PlanState::Holding { reason: HoldReason::MissingData, .. }));
    assert!(t.last_sentence().await.contains(" at step 1 ("), "{}", t.last_sentence().await);
    let seq = t.store.live().seq();
    t.advance(120_000);
    assert!(matches!(follow(&t, &silent(&t)).await, Followed::Watched(_)));
    assert_eq!((t.store.live().seq(), per_cent(&t).await.as_str()), (seq, "20"));
}

async fn stopping_by_the_guard_keeps_the_percentages(t: Harness) {
    started(&t).await;
    t.advance(120_000);
    let (_, judgement) = judged(&t, GuardAction::Stop, 150);
    let moved = follow(&t, &judgement).await;
    assert!(matches!(moved, Followed::Moved(_, Some(Consequence::Stopped))), "{moved:?}");
    assert!(!t.rollout("a").await.value.enabled);
    assert_eq!(per_cent(&t).await, "20");
    t.advance(1_000);
    let release = go(&t, PlanMove::Resume).await.expect("a person goes on");
    assert!(matches!(release.state, PlanState::Running { .. }));
    assert!(t.rollout("a").await.value.enabled);
}

async fn pausing_keeps_the_same_people(t: Harness) {
    started(&t).await;
    let before = t.rollout("a").await;
    go(&t, PlanMove::Pause).await.expect("paused");
    assert_eq!(t.rollout("a").await.version, before.version);
    t.advance(600_000);
    assert!(matches!(follow(&t, &unwatched(&t)).await, Followed::Watched(_)));
    go(&t, PlanMove::Resume).await.expect("resumed");
    let after = t.rollout("a").await;
    assert_eq!((after.value.seed, per_cent(&t).await), (before.value.seed, "20".to_owned()));
}
