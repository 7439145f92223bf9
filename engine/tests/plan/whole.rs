//! A plan and its guard together, from VIP agencies to 100 %, and what stops them.

use engine::Percentage;
use engine::guardrail::{
    Accepts, Basis, Cells, Exposed, Guard, GuardAction, Guardrail, Limit, Metric, Proof, Surroundings,
};
use engine::plan::{Percentages, Picture, PlanState, consider};

use crate::{LOOK_MS, ada, cell, percentages, plan, rule};

/// A rollout under a plan, with its traffic.
struct World {
    state: PlanState,
    guard: Guard,
    current: Percentages,
    enabled: bool,
    cells: Cells,
    at: i64,
    history: Vec<(i64, String)>,
}

fn basis() -> Basis {
    Basis { metric: Metric::ErrorRate, accepts: Accepts::Servers }
}

fn guardrails() -> Vec<Guardrail> {
    let errors = |id: &str, limit, action| Guardrail {
        id: id.parse().expect("id"),
        metric: Metric::ErrorRate,
        limit,
        action,
        accepts: Accepts::Servers,
    };
    vec![
        errors("worse", Limit::Comparison { margin: 0.0 }, GuardAction::StepBack),
        errors("outage", Limit::Ceiling { limit: 0.3 }, GuardAction::Stop),
    ]
}

impl World {
    fn start() -> Self {
        let current = percentages(0, 0);
        let moved = PlanState::Draft.start(&plan(), &current, 0).expect("start");
        Self {
            state: moved.state,
            guard: Guard::new(&guardrails(), &[rule("everyone")], Proof::default(), 0),
            current: moved.percentages.expect("percentages"),
            enabled: true,
            cells: [(rule("everyone"), [(basis(), Vec::new())].into())].into(),
            at: 0,
            history: Vec::new(),
        }
    }

    /// Ten seconds of traffic, of which `fails` per cent of the treatment and 1 % of control fail, and a look.
    fn live(&mut self, fails: Option<u64>) {
        let share = u64::from(self.current[&rule("everyone")].thousandths()).max(20_000) * 2 / 1_000;
        if let Some(fails) = fails {
            let control = 200 - share;
            let noise = u64::from(self.at % 5 == 0);
            // At 100 % there is no control; one failure in five looks is 1 % at 20 trials.
            let arms = ((share, share * fails / 100 + noise * share / 20), (control, noise * control / 20));
            let own = self.cells.get_mut(&rule("everyone")).expect("rule");
            let cells = own.get_mut(&basis()).expect("cells");
            cells.retain(|cell| cell.from_ms >= (self.at - 8) * LOOK_MS);
            cells.push(cell(self.at, arms.0, arms.1));
        }
        self.at += 1;
        let now_ms = self.at * LOOK_MS;
        let below = self.current[&rule("everyone")] < Percentage::ALL;
        let exposed = Exposed { treatment: true, control: below, has_treatment: true, has_control: below };
        let picture = Picture {
            cells: &self.cells,
            around: Surroundings { exposed: [(rule("everyone"), exposed)].into(), ..Surroundings::default() },
            subjects: 5_000,
            current: &self.current,
            changed_by_person_ms: None,
        };
        let (_, decision) = consider(&plan(), &self.state, &mut self.guard, &picture, now_ms);
        let moved = self.state.follow(decision, &self.current, now_ms).expect("fits");
        if moved.state.as_str() != self.state.as_str()
            || moved.state.progress().map(|p| p.step) != self.state.progress().map(|p| p.step)
        {
            self.history.push((self.at, moved.state.sentence(4)));
        }
        self.state = moved.state;
        // Now and then the server is killed and started again.
        if self.at % 17 == 0 {
            let json = serde_json::to_string(&(&self.state, &self.guard)).expect("state");
            (self.state, self.guard) = serde_json::from_str(&json).expect("state");
        }
        self.current.extend(moved.percentages.into_iter().flatten());
        self.enabled = moved.enabled.unwrap_or(self.enabled);
    }

    fn step(&self) -> usize {
        self.state.progress().expect("started").step
    }
}

#[test]
fn a_good_rollout_goes_to_everyone_after_its_approval() {
    let mut world = World::start();
    for _ in 0..1_200 {
        world.live(Some(0));
    }
    assert_eq!(world.step(), 2, "{:?}", world.history);
    assert_eq!(world.current, percentages(100, 50), "the last step waits for its approval");
    world.state = world.state.approve(&plan(), 3, &ada(), world.at * LOOK_MS).expect("approve").state;
    for _ in 0..30 {
        world.live(Some(0));
    }
    assert_eq!((world.step(), world.current.clone()), (3, percentages(100, 100)), "{:?}", world.history);
}

#[test]
fn a_broken_step_goes_back_by_itself_and_says_why() {
    let mut world = World::start();
    while world.step() < 2 {
        world.live(Some(0));
    }
    let broke = world.at;
    while world.state.as_str() != "rolled_back" {
        world.live(Some(15));
        assert!(world.at < broke + 5, "half a minute: {:?}", world.history);
    }
    assert_eq!(world.current, percentages(100, 20));
    let sentence = world.state.sentence(4);
    assert!(sentence.starts_with("Went back from step 3 of 4 to step 2: Errors "), "{sentence}");
    assert!(
        sentence.contains(" in control within ") && sentence.ends_with(": worse, certain enough to act."),
        "{sentence}"
    );
    for _ in 0..500 {
        world.live(Some(0));
    }
    assert_eq!(world.state.as_str(), "rolled_back", "only a person goes on");
}

#[test]
fn an_outage_stops_the_flag() {
    let mut world = World::start();
    for _ in 0..100 {
        world.live(Some(0));
    }
    world.live(Some(90));
    assert!(!world.enabled, "{:?}", world.history);
    let sentence = world.state.sentence(4);
    assert_eq!(
        sentence,
        "Stopped at step 1 of 4: Errors 95 % (38 of 40) within 10 s, above the limit of 30 %, certain enough to act."
    );
}

#[test]
fn when_data_stop_the_plan_holds() {
    let mut world = World::start();
    for _ in 0..300 {
        world.live(Some(0));
    }
    for _ in 0..400 {
        world.live(None);
    }
    assert_eq!((world.state.as_str(), world.step()), ("holding", 0), "{:?}", world.history);
    assert_eq!(
        world.state.sentence(4),
        "At step 1 of 4. Holds: outcomes are missing, so nothing can be said."
    );
    for _ in 0..200 {
        world.live(Some(0));
    }
    assert!(world.step() >= 1, "{:?}", world.history);
}
