//! Release plans of the demo: one that is written and waits for somebody to start it, one that waits for an approval,
//! and one that the guard took back, with the outcomes that it judged.

use engine::{
    Arm, GuardrailId, MetricDefinition, MetricKey, MetricKind, Percentage, RuleId, allocation,
    guardrail::{
        Accepts, CustomKind, Exposed, Guard, GuardAction, Guardrail, Judgement, Limit, Metric, Proof,
        Quantile, Surroundings,
    },
    plan::{Gate, Percentages, Plan, Seen, Step, advance},
};

use super::{Stage, environment_key, flag_key, people::mix};
use crate::{
    ArmCount, CELL_MS, Cell, CellKey, Decided, GuardLease, GuardrailSet, PlanMove, StoreError, Written,
    clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    number,
};

const PRODUCTION: &str = "production";
const SUGGESTIONS: &str = "trip-suggestions";
/// Requests of an arm in ten seconds for each 10 % that it has.
const REQUESTS: u64 = 6;
/// Failures in a thousand: as always, and of the feature once it is broken.
const USUAL: u64 = 6;
const BROKEN: u64 = 90;

fn rule_id(id: &str) -> RuleId {
    RuleId::parse(id).unwrap_or_else(|_| unreachable!("a literal id"))
}

fn metric(key: &str) -> MetricKey {
    MetricKey::parse(key).unwrap_or_else(|_| unreachable!("a literal key"))
}

fn step(rule: &str, per_cent: u32, gates: &[Gate]) -> Step {
    let percentage = Percentage::whole(per_cent).unwrap_or_default();
    Step { title: String::new(), percentages: [(rule_id(rule), percentage)].into(), gates: gates.to_vec() }
}

fn plan(name: &str, steps: Vec<Step>) -> Plan {
    Plan { name: name.to_owned(), steps }
}

fn guardrail(id: &str, metric: Metric, limit: Limit, action: GuardAction) -> Guardrail {
    let id = GuardrailId::parse(id).unwrap_or_else(|_| unreachable!("a literal id"));
    Guardrail { id, metric, limit, action, accepts: Accepts::usual_for(action) }
}

impl Stage {
    /// On the third day: the first step goes well, the second makes errors, and the guard steps back.
    pub(super) async fn plan_trip_suggestions(&self) -> Result<(), StoreError> {
        if self.has_plan(SUGGESTIONS).await? {
            return Ok(());
        }
        let (production, flag) = (environment_key(PRODUCTION), flag_key(SUGGESTIONS));
        let by = self.product.flag_editor()?;
        self.set_time(2, 15, 0);
        let guardrails = vec![
            guardrail("errors", Metric::ErrorRate, Limit::Comparison { margin: 0.0 }, GuardAction::StepBack),
            guardrail(
                "slow",
                Metric::Latency(Quantile::P95),
                Limit::Comparison { margin: 0.2 },
                GuardAction::Notify,
            ),
        ];
        let set = GuardrailSet { guardrails, proof: Proof::default() };
        self.store
            .save_guardrails(&by, &production, &flag, 0, set.clone(), "nobody must wait for ideas")
            .await?;
        let gates = [Gate::Hold { hold_ms: DAY_MS }, Gate::Sample { subjects_min: 500 }, Gate::Healthy];
        let steps = vec![
            step("everyone", 5, &[Gate::Sample { subjects_min: 100 }]),
            step("everyone", 20, &gates),
            step("everyone", 50, &gates),
            step("everyone", 100, &[Gate::Approval, Gate::Hold { hold_ms: DAY_MS }]),
        ];
        self.begin(SUGGESTIONS, plan("Ideas for everybody", steps)).await?;
        let began_ms = self.store.clock().now_ms();
        self.requests(15, false).await?;
        self.look(&set, began_ms).await?;
        self.requests(25, false).await?;
        self.requests(4, true).await?;
        self.look(&set, began_ms).await
    }

    /// On the day before the present: agencies switch together, and somebody else has to agree to the next step.
    pub(super) async fn plan_group_bookings(&self) -> Result<(), StoreError> {
        self.set_time(5, 15, 30);
        let steps = vec![
            step("everyone", 30, &[]),
            step("everyone", 60, &[Gate::Approval, Gate::Hold { hold_ms: DAY_MS }]),
            step("everyone", 100, &[Gate::Approval, Gate::Hold { hold_ms: DAY_MS }]),
        ];
        if self.has_plan("group-bookings").await? {
            return Ok(());
        }
        let (by, production, flag) =
            (self.product.flag_editor()?, environment_key(PRODUCTION), flag_key("group-bookings"));
        let version = self.store.find_guardrails(&by.viewer(), &production, &flag).await?.version();
        let nothing = GuardrailSet::default();
        let why = "the agencies call us; nothing is measured there yet";
        self.store.save_guardrails(&by, &production, &flag, version, nothing, why).await?;
        self.begin("group-bookings", plan("Agency by agency", steps)).await
    }

    /// What would take Fast payment back: errors, slowness, and people who leave without paying.
    async fn guard_fast_payment(&self) -> Result<(), StoreError> {
        let abandonment = MetricDefinition {
            key: metric("abandonment"),
            name: "Abandonment".to_owned(),
            description: "Customers who came to the payment and left without trying it.".to_owned(),
            kind: MetricKind::Rate,
            unit: "%".to_owned(),
            lower_is_better: true,
        };
        self.store.put_metric(&self.admin, abandonment).await?;
        let (by, production, flag) =
            (self.product.flag_editor()?, environment_key(PRODUCTION), flag_key("fast-payment"));
        let abandonment =
            Metric::Custom { metric: metric("abandonment"), kind: CustomKind::Rate, lower_is_worse: false };
        let above = |limit| Limit::Ceiling { limit };
        let guardrails = vec![
            guardrail("errors-limit", Metric::ErrorRate, above(0.05), GuardAction::Stop),
            guardrail(
                "errors-worse",
                Metric::ErrorRate,
                Limit::Comparison { margin: 0.0 },
                GuardAction::StepBack,
            ),
            guardrail("slow", Metric::Latency(Quantile::P95), above(1_000.0), GuardAction::Stop),
            guardrail("abandonment", abandonment, above(0.15), GuardAction::Stop),
        ];
        // Weak enough to be met while somebody watches.
        let proof = Proof { trials_min: 200, require_safe: false, ..Proof::default() };
        let set = GuardrailSet { guardrails, proof };
        let version = self.store.find_guardrails(&by.viewer(), &production, &flag).await?.version();
        let why = "errors, slow payments, and customers who leave without paying";
        self.store.save_guardrails(&by, &production, &flag, version, set, why).await?;
        self.store.clock().advance(2 * MINUTE_MS);
        Ok(())
    }

    /// Written, not started: quick enough to be watched to its end, and it waits for nobody else.
    pub(super) async fn plan_fast_payment(&self) -> Result<(), StoreError> {
        self.set_time(5, 15, 40);
        if !self.has_plan("fast-payment").await? {
            self.guard_fast_payment().await?;
        }
        let gates = |subjects_min: u64| {
            [Gate::Hold { hold_ms: 3 * MINUTE_MS }, Gate::Sample { subjects_min }, Gate::Healthy]
        };
        let steps = vec![
            step("vip", 100, &[Gate::Hold { hold_ms: MINUTE_MS }]),
            step("everyone", 20, &gates(200)),
            step("everyone", 50, &gates(500)),
            step("everyone", 100, &[Gate::Hold { hold_ms: HOUR_MS }]),
        ];
        if !self.has_plan("fast-payment").await? {
            let why = "short steps, so that we can watch it together";
            self.save("fast-payment", plan("VIP agencies, then everyone", steps), why).await?;
        }
        Ok(())
    }

    async fn has_plan(&self, flag: &str) -> Result<bool, StoreError> {
        let (by, environment) = (self.product.viewer(), environment_key(PRODUCTION));
        Ok(self.store.find_plan(&by, &environment, &flag_key(flag)).await?.is_some())
    }

    async fn save(&self, flag: &str, plan: Plan, comment: &str) -> Result<u64, StoreError> {
        let (by, environment) = (self.product.flag_editor()?, environment_key(PRODUCTION));
        let saved = self.store.save_plan(&by, &environment, &flag_key(flag), 0, plan, comment).await?;
        self.store.clock().advance(2 * MINUTE_MS);
        Ok(saved.version)
    }

    async fn begin(&self, flag: &str, plan: Plan) -> Result<(), StoreError> {
        let version = self.save(flag, plan, "").await?;
        let (by, environment, key) =
            (self.product.flag_editor()?, environment_key(PRODUCTION), flag_key(flag));
        self.store.move_plan(&by, &environment, &key, version, PlanMove::Start, "").await?;
        self.store.clock().advance(2 * MINUTE_MS);
        Ok(())
    }

    /// What the guard does at this moment of the play: the engine judges the cells there are, and what it decides about
    /// the plan is carried out.
    async fn look(&self, set: &GuardrailSet, began_ms: i64) -> Result<(), StoreError> {
        let (production, flag, rule) =
            (environment_key(PRODUCTION), flag_key(SUGGESTIONS), rule_id("everyone"));
        let by = self.product.viewer();
        let Some(lease) = self.store.take_guard_lease("demo").await? else { return Ok(()) };
        let Some(release) = self.store.find_plan(&by, &production, &flag).await? else { return Ok(()) };
        let Some(rollout) = self.store.find_rollout(&by, &production, &flag).await? else { return Ok(()) };
        let judgement = self.judge(&lease, set, began_ms, &rule).await?;
        let now_ms = self.store.clock().now_ms();
        let current: Percentages = rollout.value.percentages();
        let exposures = self.store.first_exposures(&lease, &production, &flag, began_ms).await?;
        let seen = Seen {
            judgement: &judgement,
            subjects: release.subjects(&rollout.value, &exposures),
            current: &current,
            changed_by_person_ms: None,
        };
        let decision = advance(&release.plan, &release.state, &seen, now_ms);
        let judgements = [(rule, judgement)];
        let decided = Decided {
            environment: &production,
            flag: &flag,
            version: release.version,
            rollout_version: rollout.version,
            decision,
            judgements: &judgements,
        };
        self.store.follow_plan(&lease, decided).await?;
        self.give_back(&lease).await
    }

    async fn give_back(&self, lease: &GuardLease) -> Result<(), StoreError> {
        self.store.release_guard_lease(lease).await?;
        Ok(())
    }

    async fn judge(
        &self,
        lease: &GuardLease,
        set: &GuardrailSet,
        began_ms: i64,
        rule: &RuleId,
    ) -> Result<Judgement, StoreError> {
        let (production, flag) = (environment_key(PRODUCTION), flag_key(SUGGESTIONS));
        let now_ms = self.store.clock().now_ms();
        let wanted: Vec<_> = set.guardrails.iter().map(|it| (it.basis(), began_ms)).collect();
        let found = self.store.guarded_cells(lease, (&production, &flag, rule), &wanted, now_ms).await?;
        let cells =
            found.into_iter().map(|(basis, cells)| (basis, cells.into_iter().map(Into::into).collect()));
        let mut guard = Guard::at_rule(&set.guardrails, rule, 1, set.proof, began_ms);
        guard.observe(&[(rule.clone(), cells.collect())].into(), &[], now_ms);
        let exposed = Exposed { treatment: true, control: true, has_treatment: true, has_control: true };
        let around = Surroundings { exposed: [(rule.clone(), exposed)].into(), ..Surroundings::default() };
        Ok(guard.judge(&around, now_ms))
    }

    /// Minutes of requests to the trips page, as a server adds them up.
    async fn requests(&self, minutes: i64, broken: bool) -> Result<(), StoreError> {
        let (production, flag, rule) =
            (environment_key(PRODUCTION), flag_key(SUGGESTIONS), rule_id("everyone"));
        let Some(rollout) = self.store.find_rollout(&self.product.viewer(), &production, &flag).await? else {
            return Ok(());
        };
        let Some(division) = allocation(&rollout.value, &rule) else { return Ok(()) };
        let inside = rollout.value.rule(rule.as_str()).map_or(0, |it| u64::from(it.percentage.thousandths()));
        let from_ms = self.store.clock().now_ms().div_euclid(CELL_MS) * CELL_MS;
        let cells = minutes * MINUTE_MS / CELL_MS;
        let mut written = Written::default();
        for at_ms in (0..cells).map(|at| from_ms + at * CELL_MS) {
            for (arm, share, failing) in [
                (Arm::Treatment, inside, if broken { BROKEN } else { USUAL }),
                (Arm::Control, 100_000 - inside, USUAL),
            ] {
                let requests = REQUESTS * share / 10_000;
                let [errors, latency] = ten_seconds(requests, failing, at_ms.unsigned_abs() + share);
                for (key, cell) in [("error_rate", errors), ("latency", latency)] {
                    let key = CellKey {
                        environment: production.clone(),
                        flag: flag.clone(),
                        metric: metric(key),
                        rule: rule.clone(),
                        arm,
                        allocation: division.id,
                        from_ms: at_ms,
                    };
                    written.cells.push((0, key, cell.into()));
                }
            }
        }
        self.store.clock().advance(minutes * MINUTE_MS);
        let last_ms = self.store.clock().now_ms();
        let people = number(cells) * REQUESTS / 2;
        written.counts.push(ArmCount {
            environment: production,
            flag,
            rule,
            allocation: division.id,
            treatment: people * inside / 10_000,
            control: people * (100_000 - inside) / 10_000,
            servers_treatment: people * inside / 10_000,
            servers_control: people * (100_000 - inside) / 10_000,
            shares: division.shares,
            first_ms: from_ms,
            treatment_last_ms: last_ms,
            control_last_ms: last_ms,
            entered: people * inside / 10_000,
            entered_last_ms: last_ms,
        });
        let run = format!("demo-{from_ms}");
        self.store.write_cells(&run, &written).await?;
        self.store.clock().advance(2 * CELL_MS);
        Ok(())
    }
}

/// Requests of as many people, `failing` of a thousand: errors and durations.
fn ten_seconds(requests: u64, failing: u64, salt: u64) -> [Cell; 2] {
    let (mut errors, mut latency) = (Cell::default(), Cell::default());
    for at in 0..requests {
        let chance = mix(at, salt);
        let (group, failed) = ((chance % 64).to_le_bytes()[0], chance / 64 % 1000 < failing);
        errors.outcomes += 1;
        errors.events += u64::from(failed);
        errors.tally = errors.tally.plus(engine::guardrail::Tally::new(1, u64::from(failed)));
        errors.groups.add(group, 1, u64::from(failed));
        if !failed {
            // Between 80 and 180 ms, and now and then much longer.
            let slow = if chance.is_multiple_of(29) { 3.0 } else { 1.0 };
            let ms = slow * (80.0 + f64::from(u32::try_from(chance / 64_000 % 100).unwrap_or(0)));
            latency.outcomes += 1;
            latency.sum += ms;
            latency.add_duration(ms);
            latency.add_trial_duration(ms, Some(group));
            latency.tally = latency.tally.plus(engine::guardrail::Tally::new(1, 0));
        }
    }
    [errors, latency]
}
