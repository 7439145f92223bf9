//! Release plans: people's transitions, what happens by itself, and the words for it.

mod by_itself;
mod people;
mod properties;
mod whole;
mod words;

use engine::guardrail::{
    Accepts, Cell, Guard, GuardAction, Guardrail, Health, Judgement, Limit, Metric, Proof, Sample,
    Surroundings, Warning,
};
use engine::plan::{Gate, Percentages, Person, Plan, PlanState, Seen, Step};
use engine::{Percentage, RuleId};

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const NOW_MS: i64 = 1_772_000_000_000;
/// The guard looks every 10 s in these tests.
pub(crate) const LOOK_MS: i64 = 10_000;

pub(crate) fn rule(id: &str) -> RuleId {
    id.parse().expect("rule")
}

pub(crate) fn per_cent(whole: u32) -> Percentage {
    Percentage::whole(whole).expect("percentage")
}

pub(crate) fn percentages(vip: u32, everyone: u32) -> Percentages {
    [(rule("vip"), per_cent(vip)), (rule("everyone"), per_cent(everyone))].into()
}

pub(crate) fn step(id: &str, whole: u32, gates: &[Gate]) -> Step {
    Step { title: String::new(), percentages: [(rule(id), per_cent(whole))].into(), gates: gates.to_vec() }
}

pub(crate) const HOLD: Gate = Gate::Hold { hold_ms: HOUR_MS };
pub(crate) const SAMPLE: Gate = Gate::Sample { subjects_min: 2_000 };

/// VIP agencies, then everyone 20, 50 and (approved) 100 %, an hour each.
pub(crate) fn plan() -> Plan {
    Plan {
        name: "Fast payment".to_owned(),
        steps: vec![
            step("vip", 100, &[HOLD]),
            step("everyone", 20, &[HOLD, SAMPLE, Gate::Healthy]),
            step("everyone", 50, &[HOLD, SAMPLE, Gate::Healthy]),
            step("everyone", 100, &[Gate::Approval, HOLD]),
        ],
    }
}

pub(crate) fn ada() -> Person {
    Person("Ada".to_owned())
}

/// A judgement of a guard with one guardrail, as wished.
pub(crate) fn judged(health: Health) -> Judgement {
    let guardrail = Guardrail {
        id: "errors".parse().expect("id"),
        metric: Metric::ErrorRate,
        limit: Limit::Comparison { margin: 0.0 },
        action: GuardAction::StepBack,
        accepts: Accepts::Servers,
    };
    let guard = Guard::new(&[guardrail], &[rule("everyone")], Proof::default(), NOW_MS);
    Judgement { health, ..guard.judge(&Surroundings::default(), NOW_MS) }
}

pub(crate) fn breach(action: GuardAction, since_ms: i64) -> Judgement {
    Judgement { action: Some(action), breach_since_ms: Some(since_ms), ..judged(Health::Breach) }
}

pub(crate) fn warned(warning: Warning) -> Judgement {
    Judgement { warnings: vec![warning], ..judged(Health::Inconclusive) }
}

/// Enough subjects, and nobody changed anything by hand.
pub(crate) fn seen<'a>(judgement: &'a Judgement, current: &'a Percentages) -> Seen<'a> {
    Seen { judgement, subjects: 5_000, current, changed_by_person_ms: None }
}

/// A plan that has just entered `step`, having met the gates of all before.
pub(crate) fn running(step: usize, now_ms: i64) -> PlanState {
    let moved = PlanState::Draft.start(&plan(), &percentages(0, 0), now_ms).expect("start");
    let PlanState::Running { mut progress } = moved.state else { panic!("not running") };
    progress.step = step;
    progress.good = (0..step).collect();
    PlanState::Running { progress }
}

/// The same after `held_ms` under watch.
pub(crate) fn held(state: &PlanState, held_ms: i64) -> PlanState {
    let mut state = state.clone();
    if let PlanState::Running { progress } | PlanState::Holding { progress, .. } = &mut state {
        progress.held_ms = held_ms;
        progress.seen_ms = progress.since_ms + held_ms;
    }
    state
}

pub(crate) fn cell(at: i64, treatment: (u64, u64), control: (u64, u64)) -> Cell {
    Cell {
        from_ms: at * LOOK_MS,
        until_ms: (at + 1) * LOOK_MS,
        allocation: 0,
        treatment: Sample::counts(treatment.0, treatment.1),
        control: Sample::counts(control.0, control.1),
    }
}
