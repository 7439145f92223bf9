//! Simulates rollouts and lets the real guard decide about them: false alarms under continuous looking, how much it
//! takes to notice harm, and how soon. Printed beside what the method's documentation promises; then what a fold costs.

use std::collections::BTreeMap;

use divan::{Bencher, black_box};
use engine::RuleId;
use engine::guardrail::{
    Accepts, Basis, Cell, Cells, Guard, GuardAction, Guardrail, Health, Limit, Metric, Proof, Sample,
    Surroundings, Tally, verdict::Thresholds,
};
use engine::plan::power::{Question, trials_to_notice};

const CELL_MS: i64 = 10_000;
const SETTLE_MS: i64 = 10_000;
/// One-sided 5 %, as a person who watches a dashboard would test.
const Z_NAIVE: f64 = 1.645;

fn main() {
    // Only `cargo bench` asks for measurements; a test run just wants to know that it builds and starts.
    if std::env::args().any(|argument| argument == "--bench") {
        false_alarms();
        moving_base_rate();
        samples_to_alarm();
        time_to_alarm();
    }
    divan::main();
}

/// `SplitMix64` (Steele, Lea & Flood 2014): small, seeded, good enough for coin tosses.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In (0, 1].
    fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits")]
        let unit = ((self.next() >> 11) + 1) as f64 / 9_007_199_254_740_992.0;
        unit
    }

    /// Successes of `n` trials with probability `p`, by jumping from one to the next.
    fn binomial(&mut self, n: u64, p: f64) -> u64 {
        if p > 0.5 {
            return n - self.binomial(n, 1.0 - p);
        }
        let (mut at, mut successes) = (0.0, 0);
        let log_q = (-p).ln_1p();
        loop {
            at += (self.unit().ln() / log_q).floor() + 1.0;
            if p <= 0.0 || at > float(n) {
                return successes;
            }
            successes += 1;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn float(n: u64) -> f64 {
    n as f64
}

fn everyone() -> RuleId {
    "everyone".parse().expect("rule")
}

fn of(cells: Vec<Cell>) -> Cells {
    [(everyone(), BTreeMap::from([(basis(), cells)]))].into()
}

fn basis() -> Basis {
    Basis { metric: Metric::ErrorRate, accepts: Accepts::Servers }
}

fn own(cells: &mut Cells) -> &mut Vec<Cell> {
    cells.get_mut(&everyone()).and_then(|own| own.get_mut(&basis())).expect("cells")
}

fn guardrail(limit: Limit) -> Guardrail {
    let id = "errors".parse().expect("id");
    Guardrail { id, metric: Metric::ErrorRate, limit, action: GuardAction::Stop, accepts: Accepts::Servers }
}

/// A rollout that is fed with cells and judged after each of them.
struct Rollout {
    guard: Guard,
    cells: Cells,
    around: Surroundings,
    at_ms: i64,
    pooled: [Tally; 2],
    naive_alarm: bool,
}

impl Rollout {
    fn new(limit: Limit) -> Self {
        Self {
            guard: Guard::new(&[guardrail(limit)], &[everyone()], Proof::default(), 0),
            cells: of(Vec::new()),
            around: Surroundings { steps_ms: vec![0], ..Surroundings::default() },
            at_ms: 0,
            pooled: [Tally::default(); 2],
            naive_alarm: false,
        }
    }

    /// One cell of traffic; true when the guard calls it a breach.
    fn live(&mut self, dice: &mut Dice, trials: u64, share: f64, rates: (f64, f64)) -> bool {
        let now_ms = self.feed(dice, trials, share, rates);
        self.guard.judge(&self.around, now_ms).health == Health::Breach
    }

    /// One cell of traffic, folded but not judged; the moment at which it has settled.
    fn feed(&mut self, dice: &mut Dice, trials: u64, share: f64, rates: (f64, f64)) -> i64 {
        let n_t = dice.binomial(trials, share);
        let (x_t, x_c) = (dice.binomial(n_t, rates.0), dice.binomial(trials - n_t, rates.1));
        let until_ms = self.at_ms + CELL_MS;
        let cell = Cell {
            from_ms: self.at_ms,
            until_ms,
            allocation: self.around.steps_ms.len() as u64,
            treatment: Sample::counts(n_t, x_t),
            control: Sample::counts(trials - n_t, x_c),
        };
        self.naive(&cell);
        let cells = own(&mut self.cells);
        cells.retain(|kept| kept.from_ms >= self.guard.posts()[0].watch.folded_until_ms());
        cells.push(cell);
        self.at_ms = until_ms;
        self.guard.observe(&self.cells, &self.around.steps_ms, until_ms + SETTLE_MS);
        until_ms + SETTLE_MS
    }

    fn step(&mut self) {
        self.around.steps_ms.push(self.at_ms);
    }

    fn naive(&mut self, cell: &Cell) {
        self.pooled[0] = self.pooled[0].plus(cell.treatment.tally);
        self.pooled[1] = self.pooled[1].plus(cell.control.tally);
        let [t, c] = self.pooled;
        if let (Some(rate_t), Some(rate_c)) = (t.rate(), c.rate()) {
            let (n_t, n_c) = (float(t.trials), float(c.trials));
            let pooled = float(t.events + c.events) / (n_t + n_c);
            let error = (pooled * (1.0 - pooled) * (1.0 / n_t + 1.0 / n_c)).sqrt();
            self.naive_alarm |= error > 0.0 && (rate_t - rate_c) / error > Z_NAIVE;
        }
    }
}

const COMPARED: Limit = Limit::Comparison { margin: 0.0 };

fn share_with_error(count: u32, runs: u32) -> String {
    let share = f64::from(count) / f64::from(runs);
    let error = (share * (1.0 - share) / f64::from(runs)).sqrt();
    format!("{:5.1} % ± {:.1}", share * 100.0, error * 100.0)
}

/// Harmless rollouts, looked at after every cell for an hour.
fn false_alarms() {
    const RUNS: u32 = 500;
    println!("False alarms of harmless rollouts, looked at every 10 s for an hour (nominal 5 %)");
    println!("  {:<22} {:>14} {:>12}   {:>16}", "", "measured", "documented", "naive z-test");
    for (name, trials, share, rate) in [
        ("1 %, split 20/80", 100, 0.2, 0.01),
        ("1 %, split 50/50", 60, 0.5, 0.01),
        ("10 %, split 20/80", 60, 0.2, 0.1),
    ] {
        let (mut alarms, mut naive) = (0, 0);
        for run in 0..RUNS {
            let (mut dice, mut rollout) = (Dice(u64::from(run) + 1), Rollout::new(COMPARED));
            let alarm = (0..360).any(|_| rollout.live(&mut dice, trials, share, (rate, rate)));
            alarms += u32::from(alarm);
            naive += u32::from(rollout.naive_alarm);
        }
        let naive = share_with_error(naive, RUNS);
        println!("  {name:<22} {:>14} {:>12}   {naive:>16}", share_with_error(alarms, RUNS), "3.2-4.2 %");
    }
}

/// An incident in both arms, and a ramp 5 → 20 → 50 % meanwhile.
fn moving_base_rate() {
    const RUNS: u32 = 400;
    let (mut alarms, mut naive) = (0, 0);
    for run in 0..RUNS {
        let (mut dice, mut rollout) = (Dice(7_000 + u64::from(run)), Rollout::new(COMPARED));
        let mut alarm = false;
        for cell in 0..540 {
            let share = [0.05, 0.2, 0.5][cell / 180];
            if cell > 0 && cell % 180 == 0 {
                rollout.step();
            }
            let rate = if (240..360).contains(&cell) { 0.05 } else { 0.01 };
            // The naive test keeps its alarm to itself, so the run goes on to its end.
            alarm |= rollout.live(&mut dice, 100, share, (rate, rate));
        }
        alarms += u32::from(alarm);
        naive += u32::from(rollout.naive_alarm);
    }
    println!("False alarms while a x5 incident hits both arms and the ramp goes 5, 20, 50 %");
    let (measured, naive) = (share_with_error(alarms, RUNS), share_with_error(naive, RUNS));
    println!(
        "  {:<22} {measured:>14} {:>12}   {naive:>16}  (documented: pooled 46-100 %)",
        "1 %, x5 for 20 min", "3.3 %"
    );
}

/// Treatment samples until the guard acts.
fn samples_to_alarm() {
    const RUNS: u64 = 600;
    println!("Median treatment samples until the guard acts");
    println!("  {:<28} {:>9} {:>8} {:>11} {:>9}", "", "measured", "± s.e.", "documented", "forecast");
    let table = [
        (0.01, 0.2, 1.25, 13_752.0),
        (0.01, 0.2, 1.5, 3_740.0),
        (0.01, 0.2, 2.0, 1_170.0),
        (0.01, 0.2, 5.0, 166.0),
        (0.01, 0.2, 10.0, 62.0),
        (0.01, 0.5, 1.25, 23_201.0),
        (0.01, 0.5, 1.5, 6_096.0),
        (0.01, 0.5, 2.0, 2_064.0),
        (0.01, 0.5, 5.0, 288.0),
        (0.01, 0.5, 10.0, 114.0),
        (0.001, 0.2, 1.25, 130_734.0),
        (0.001, 0.2, 1.5, 34_120.0),
        (0.001, 0.2, 2.0, 11_228.0),
        (0.001, 0.2, 5.0, 1_601.0),
        (0.001, 0.2, 10.0, 590.0),
    ];
    for (rate, share, ratio, documented) in table {
        let mut samples: Vec<f64> =
            (0..RUNS).map(|run| one_run(10_000 + run, rate, share, ratio, documented)).collect();
        samples.sort_by(f64::total_cmp);
        let at = |q: f64| samples[index(q * float(samples.len() as u64 - 1))];
        // The order statistics one standard deviation of a binomial from the middle.
        let half = 0.5 / float(RUNS).sqrt();
        let error = (at(0.5 + half) - at(0.5 - half)) / 2.0;
        let question = Question { base_rate: rate, ratio, share, thresholds: Thresholds::default() };
        let forecast = trials_to_notice(&question).unwrap_or(f64::NAN);
        let name = format!("{} %, {:.0}/{:.0}, x{ratio}", rate * 100.0, share * 100.0, (1.0 - share) * 100.0);
        println!("  {name:<28} {:>9.0} {error:>8.0} {documented:>11.0} {forecast:>9.0}", at(0.5));
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
fn index(position: f64) -> usize {
    position.round() as usize
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
fn one_run(seed: u64, rate: f64, share: f64, ratio: f64, documented: f64) -> f64 {
    // About 60 blocks to the documented median, and never below the smallest block.
    let trials = (documented / share / 60.0).max(20.0) as u64;
    let (mut dice, mut rollout) = (Dice(seed), Rollout::new(COMPARED));
    for _ in 0..4_000 {
        if rollout.live(&mut dice, trials, share, (rate * ratio, rate)) {
            break;
        }
    }
    float(rollout.pooled[0].trials)
}

/// Seconds from the first failing request to the guard's decision, after hours of health.
fn time_to_alarm() {
    println!(
        "Seconds from the break to the decision, median of 30 (10-s cells, 10 s to settle; ceilings every 2 s)"
    );
    for (hours, rate) in [(0.25, 1.0), (2.0, 1.0), (2.0, 0.2), (24.0, 1.0)] {
        let mut seconds: Vec<f64> = (0..30).map(|run| comparison_delay(run, hours, rate)).collect();
        seconds.sort_by(f64::total_cmp);
        println!(
            "  comparison, {hours:>5} h healthy, then {:>3.0} % failing at 20/s, split 20/80: {:>4.0} s",
            rate * 100.0,
            seconds[15]
        );
    }
    for (hours, rate) in [(2.0, 1.0), (24.0, 1.0), (24.0, 0.3)] {
        let mut seconds: Vec<f64> = (0..30).map(|run| ceiling_delay(run, hours, rate)).collect();
        seconds.sort_by(f64::total_cmp);
        println!(
            "  ceiling 5 %, {hours:>4} h healthy, then {:>3.0} % failing at 10/s: {:>4.0} s",
            rate * 100.0,
            seconds[15]
        );
    }
}

/// The naive tests are over: only the guard is fed, and judged from the break on.
fn comparison_delay(seed: u64, hours: f64, rate: f64) -> f64 {
    let (mut dice, mut rollout) = (Dice(20_000 + seed), Rollout::new(COMPARED));
    // The break may come at any moment between two restarts.
    let healthy = index(hours * 360.0) + usize::try_from(seed * 3 % 90).expect("small");
    for _ in 0..healthy {
        rollout.feed(&mut dice, 200, 0.2, (0.004, 0.004));
    }
    let broke_ms = rollout.at_ms;
    for _ in 0..1_000 {
        if rollout.live(&mut dice, 200, 0.2, (rate, 0.004)) {
            break;
        }
    }
    seconds(rollout.at_ms + SETTLE_MS - broke_ms)
}

fn ceiling_delay(seed: u64, hours: f64, rate: f64) -> f64 {
    let mut dice = Dice(30_000 + seed);
    let mut guard =
        Guard::new(&[guardrail(Limit::Ceiling { limit: 0.05 })], &[everyone()], Proof::default(), 0);
    let around = Surroundings::default();
    let mut cells = of(Vec::new());
    let broke_ms = i64::try_from(index(hours * 1_800.0) * 2_000).expect("small");
    for look in 1_i64.. {
        let now_ms = look * 2_000;
        let from_ms = (now_ms - 1).div_euclid(CELL_MS) * CELL_MS;
        let failing = if now_ms > broke_ms { rate } else { 0.004 };
        let arrived = Sample::counts(20, dice.binomial(20, failing));
        let open = own(&mut cells);
        match open.last_mut() {
            Some(cell) if cell.from_ms == from_ms => cell.treatment.merge(&arrived),
            Some(_) | None => {
                open.clear();
                let until_ms = from_ms + CELL_MS;
                open.push(Cell {
                    from_ms,
                    until_ms,
                    allocation: 0,
                    treatment: arrived,
                    control: Sample::default(),
                });
            }
        }
        guard.observe(&cells, &[0], now_ms);
        if now_ms > broke_ms && guard.judge(&around, now_ms).health == Health::Breach || look > 100_000 {
            return seconds(now_ms - broke_ms);
        }
    }
    f64::NAN
}

fn seconds(ms: i64) -> f64 {
    float(ms.unsigned_abs()) / 1000.0
}

/// A cell of both arms closed, folded and judged: what one guardrail costs per block.
#[divan::bench(sample_count = 50, sample_size = 50)]
fn fold_and_judge_a_block(bencher: Bencher<'_, '_>) {
    let (mut dice, mut rollout) = (Dice(1), Rollout::new(COMPARED));
    bencher.bench_local(|| rollout.live(&mut dice, 200, 0.2, (0.01, 0.01)));
}

/// The same without the judgement and its interval.
#[divan::bench(sample_count = 50, sample_size = 50)]
fn fold_a_block(bencher: Bencher<'_, '_>) {
    let mut guard = Guard::new(&[guardrail(COMPARED)], &[everyone()], Proof::default(), 0);
    let mut at_ms = 0;
    bencher.bench_local(|| {
        let cell = Cell {
            from_ms: at_ms,
            until_ms: at_ms + CELL_MS,
            allocation: 0,
            treatment: Sample::counts(40, 1),
            control: Sample::counts(160, 2),
        };
        at_ms += CELL_MS;
        let cells = of(vec![cell]);
        guard.observe(black_box(&cells), &[0], at_ms + SETTLE_MS);
    });
}
