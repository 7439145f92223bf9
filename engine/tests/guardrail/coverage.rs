//! The interval of the difference is to hold at every look together, also while the base rate moves.

use engine::guardrail::{
    DifferenceInterval,
    tally::{Block, Kernel},
};

struct Dice(u64);

impl Dice {
    /// `SplitMix64`, in [0, 1).
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        #[expect(clippy::cast_precision_loss, reason = "53 bits")]
        let unit = ((z ^ (z >> 31)) >> 11) as f64 / 9_007_199_254_740_992.0;
        unit
    }

    fn events(&mut self, trials: u32, rate: f64) -> f64 {
        f64::from((0..trials).map(|_| u32::from(self.unit() < rate)).sum::<u32>())
    }
}

/// Runs in which the true difference ever left the interval, out of 100; and the last width.
fn misses(difference: f64, base: fn(u32) -> f64, trials: fn(u32) -> (u32, u32)) -> (u32, f64) {
    let (mut missed, mut width) = (0, 0.0);
    for run in 0..100 {
        let (mut dice, mut state) = (Dice(run), DifferenceInterval::default());
        let (mut events, mut seen) = (0.5, 100.0);
        let mut left = false;
        for block in 0..75 {
            let ((n_t, n_c), rate) = (trials(block), base(block));
            let (x_t, x_c) = (dice.events(n_t, rate + difference), dice.events(n_c, rate));
            let (n_t, n_c) = (f64::from(n_t), f64::from(n_c));
            let counts = Block::new(Kernel::Bernoulli, (n_t, x_t), (n_c, x_c)).expect("counts");
            state.fold(&counts, events / seen);
            (events, seen) = (events * 0.99 + x_t + x_c, seen * 0.99 + n_t + n_c);
            let interval = state.interval(0.05, 1.0).expect("both arms");
            left |= difference < interval.low || difference > interval.high;
            width = interval.high - interval.low;
        }
        missed += u32::from(left);
    }
    (missed, width)
}

#[test]
fn the_difference_stays_in_its_interval_at_every_look() {
    for difference in [0.0, 0.02, -0.005] {
        let (missed, width) = misses(difference, |_| 0.02, |_| (20, 80));
        assert!(missed <= 10, "{missed} of 100");
        assert!(width < 0.08, "{width}");
    }
}

#[test]
fn an_incident_in_both_arms_during_a_ramp_does_not_move_it() {
    let base = |block| if (25..45).contains(&block) { 0.2 } else { 0.01 };
    let trials = |block| [(5, 95), (20, 80), (50, 50)][block as usize / 25];
    for difference in [0.0, 0.03] {
        let (missed, _) = misses(difference, base, trials);
        assert!(missed <= 10, "{missed} of 100");
    }
}
