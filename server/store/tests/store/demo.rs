use std::time::Instant;

use engine::{
    Attributes, Context,
    plan::{Gate, PlanState},
};
use store::{AuditFilter, AuditVerdict, Consequence, DEMO_PASSWORD, Invalid, Role, StoreError};

use crate::harness::*;

on_both!(
    the_demo_is_seeded_once,
    the_demo_keeps_away_from_members,
    the_demo_has_its_stable_names,
    the_history_is_believable,
    plans_wait_ask_and_were_taken_back,
);

async fn the_demo_is_seeded_once(t: Harness) {
    let started = Instant::now();
    let first = t.store.seed_demo(&admin()).await.expect("seeded");
    println!("the demo was seeded in {:?}", started.elapsed());
    assert!(first.created);
    assert_eq!(first.accounts.len(), 5);
    let seq = t.store.live().seq();
    let second = t.store.seed_demo(&admin()).await.expect("seeded");
    assert!(!second.created);
    assert_eq!((second.accounts, t.store.live().seq()), (first.accounts.clone(), seq));
    for account in first.accounts {
        let session = t.store.sign_in(account.email, DEMO_PASSWORD, &origin(), "").await.expect("signs in");
        assert_eq!(session.principal.role(), account.role);
    }
    assert!(!t.store.setup_needed().await.expect("reads"));
    t.store.add_user(&admin(), "ann@example.test", "Ann", Role::Viewer, PASSWORD).await.expect("added");
    assert!(!t.store.seed_demo(&admin()).await.expect("a demo that is there goes on working").created);
}

async fn the_demo_keeps_away_from_members(t: Harness) {
    t.store.add_user(&admin(), "ann@example.test", "Ann", Role::Viewer, PASSWORD).await.expect("added");
    let seq = t.store.live().seq();
    let refused = t.store.seed_demo(&admin()).await;
    assert!(matches!(refused, Err(StoreError::Invalid(Invalid::DemoAmongMembers))), "{refused:?}");
    assert_eq!(t.store.live().seq(), seq, "nothing was written");
    assert_eq!(t.store.list_members(&admin()).await.expect("reads").len(), 1);
}

async fn the_demo_has_its_stable_names(t: Harness) {
    t.store.seed_demo(&admin()).await.expect("seeded");
    let rollout = t.rollout("fast-payment").await.value;
    let rules: Vec<_> =
        rollout.rules.iter().map(|rule| (rule.id.as_str(), rule.percentage.to_string())).collect();
    assert_eq!(rules, [("internal", "100".into()), ("vip", "0".into()), ("everyone", "0".into())]);
    let snapshot = t.store.live().snapshot("production").expect("snapshot");
    for attribute in ["tier", "role", "tenant"] {
        assert!(snapshot.attributes().is_trusted(attribute), "{attribute}");
    }
    assert!(snapshot.attributes().get("transactions_30d").is_some());
    let people = t.store.live().people();
    assert_eq!(people.len(), 1560);
    let members = |key: &str| {
        let group = snapshot.group(key).expect("a group");
        people.contexts().filter(|context| group.contains(context, START_MS)).count()
    };
    assert_eq!((members("vip-agencies"), members("internal")), (62, 37));
    for group in snapshot.groups() {
        assert!(members(group.key().as_str()) > 0, "nobody is in {}", group.key());
    }
    let staging = t.store.live().snapshot("staging").expect("snapshot");
    let context = Context::from_server(Some("anybody"), Attributes::EMPTY);
    let decision = staging.evaluate("fast-payment", &context, START_MS).expect("decides");
    assert_eq!(decision.variant.key.as_str(), "on");
    assert!(t.store.list_personas(&viewer()).await.expect("reads").len() >= 3);
}

async fn the_history_is_believable(t: Harness) {
    t.store.seed_demo(&admin()).await.expect("seeded");
    let filter = AuditFilter { limit: 500, ..AuditFilter::default() };
    let entries = t.store.list_audit(&auditor(), &filter).await.expect("reads");
    let backwards: Vec<_> = entries
        .windows(2)
        .filter(|pair| pair[0].at_ms < pair[1].at_ms)
        .map(|pair| (&pair[1].sentence, &pair[0].sentence))
        .collect();
    assert!(backwards.is_empty(), "time runs forward: {backwards:#?}");
    assert!(entries.iter().all(|entry| entry.at_ms < START_MS));
    let sentences: Vec<_> = entries.iter().map(|entry| entry.sentence.as_str()).collect();
    for sentence in [
        "raised everyone 25 → 50 % on New seat map in production",
        "stopped Automatic refunds in production",
        "archived Voucher import",
        "marked New seat map as completed",
    ] {
        assert!(sentences.contains(&sentence), "{sentence}\n{sentences:#?}");
    }
    assert_eq!(
        t.store.verify_audit().await.expect("walks"),
        AuditVerdict::Intact { entries: entries.len() as u64 }
    );
    let members = t.store.list_members(&admin()).await.expect("reads");
    assert_eq!(members.iter().filter(|member| member.role == Role::Admin).count(), 1);
}

async fn plans_wait_ask_and_were_taken_back(t: Harness) {
    t.store.seed_demo(&admin()).await.expect("seeded");
    let plan = async |flag: &str| {
        let found = t.store.find_plan(&viewer(), &production(), &flag_key(flag)).await.expect("reads");
        found.expect("a plan")
    };
    let to_start = plan("fast-payment").await;
    assert_eq!(to_start.state, PlanState::Draft);
    // Whoever looks for the first time sees everyone have it within a quarter of an hour, alone, with the simulated
    // customers: thousands, ten a second.
    let (last, before) = to_start.plan.steps.split_last().expect("steps");
    let entered: Vec<_> = last.percentages.values().map(ToString::to_string).collect();
    assert_eq!(entered, ["100"]);
    let mut held_ms = 0;
    for (gate, step) in before.iter().flat_map(|step| step.gates.iter().map(move |gate| (gate, step))) {
        match gate {
            Gate::Hold { hold_ms } => held_ms += hold_ms,
            Gate::Sample { subjects_min } => {
                let share = step.percentages.values().map(|it| u64::from(it.thousandths())).sum::<u64>();
                assert!(subjects_min * 100_000 <= 1_000 * share, "{step:?}");
            }
            Gate::Healthy => {}
            Gate::Approval | Gate::NotBefore { .. } => panic!("nobody else is there: {step:?}"),
        }
    }
    assert!(held_ms <= 10 * 60_000, "{held_ms}");
    assert!(!last.gates.contains(&Gate::Approval));
    assert!(matches!(plan("group-bookings").await.state, PlanState::Running { .. }));
    let taken_back = plan("trip-suggestions").await;
    let sentence = taken_back.state.sentence(taken_back.plan.steps.len());
    assert!(sentence.starts_with("Went back from step 2 of 4 to step 1: Errors "), "{sentence}");
    assert_eq!(t.rollout("trip-suggestions").await.value.rules[1].percentage.to_string(), "5");
    let flag = flag_key("trip-suggestions");
    let verdicts = t.store.list_verdicts(&viewer(), &production(), &flag, 0, 10).await.expect("reads");
    let taken: Vec<_> = verdicts.iter().map(|verdict| verdict.taken).collect();
    assert_eq!(taken, [Some(Consequence::SteppedBack), Some(Consequence::PlanAdvanced)]);
    assert!(t.store.take_guard_lease("server").await.expect("reads").is_some(), "the play guards no more");
}
