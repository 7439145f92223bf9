//! The numbers beside entries of the navigation. Each is remembered until something changes, so no page looks for them.

use std::sync::Arc;

use engine::EnvironmentKey;
use store::{Operation, PlanUnderWay, Principal, Store, StoreError, Untriaged, Waiting};

use super::urgent;

/// What waits, for one reader in one environment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Flags that wait for a decision.
    pub desk: usize,
    /// Steps of plans that this reader may approve, in every environment.
    pub approvals: usize,
    /// `None` for whoever does not triage.
    pub feedback: Option<Untriaged>,
}

impl Counts {
    /// Zero where it cannot be read: a page never fails for a number beside it.
    pub async fn load(store: &Store, principal: &Principal, environment: &EnvironmentKey) -> Self {
        let untold = |error: &StoreError| tracing::warn!(%error, "the navigation shows no number");
        let waiting = store.waiting(&principal.viewer()).await.inspect_err(untold).unwrap_or_default();
        let live = store.live();
        let desk = live.snapshot(environment.as_str()).map_or(0, |snapshot| {
            let needs = urgent(&waiting, &snapshot, live.rollout_times(), store.clock().now_ms());
            needs.iter().filter(|need| need.topic().is_urgent()).count()
        });
        let feedback = match principal.feedback_handler() {
            Ok(by) => store.untriaged(&by, environment).await.inspect_err(untold).ok().map(|it| *it),
            Err(_) => None,
        };
        Self { desk, approvals: approvals(&waiting, store, principal), feedback }
    }
}

fn approvals(waiting: &Waiting, store: &Store, principal: &Principal) -> usize {
    let is_mine = |plan: &&Arc<PlanUnderWay>| {
        let snapshot = store.live().snapshot(plan.environment.as_str());
        let flag = snapshot.as_ref().and_then(|it| it.flag(plan.flag.as_str()));
        flag.is_some_and(|flag| !flag.is_archived())
            && principal.may_in(Operation::Approve, &plan.environment)
            && plan.release.awaits_approval().is_some()
            && plan.release.may_be_approved_by(principal.person())
    };
    waiting.plans.iter().filter(is_mine).count()
}
