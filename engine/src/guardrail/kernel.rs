//! What one block adds to the logarithm of the evidence, for one alternative: e-variables, each with expectation
//! at most 1 while the treatment is not worse. Turner, Ly & Grünwald (arXiv 2106.02693); with a margin Turner &
//! Grünwald (arXiv 2203.09785).

use serde::{Deserialize, Serialize};

use super::tally::{Block, Kernel};

/// No alternative claims more than this rate.
const RATE_MAX: f64 = 0.9;

/// Which way a rate must move to be bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worse {
    Higher,
    Lower,
}

impl Worse {
    /// +1 when higher is worse, −1 when lower is.
    pub const fn sign(self) -> f64 {
        match self {
            Self::Higher => 1.0,
            Self::Lower => -1.0,
        }
    }

    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Higher => Self::Lower,
            Self::Lower => Self::Higher,
        }
    }

    /// The ratio of the rates that still counts as "not worse" with this margin (0.1 = 10 %).
    pub fn null_ratio(self, margin: f64) -> f64 {
        match self {
            Self::Higher => 1.0 + margin,
            Self::Lower => 1.0 / (1.0 + margin),
        }
    }
}

/// One alternative against the null: the rates' ratio is `rho` at the edge of harmless, `rho · lambda` if harmful.
#[derive(Debug, Clone, Copy)]
pub struct Alternative {
    pub lambda: f64,
    pub rho: f64,
    /// +1 or −1, see [`Worse::sign`].
    pub sign: f64,
}

/// Logarithm of the e-variable of one block; 0 when an arm is empty. `theta` is the base rate as known before it.
pub fn log_e(kernel: Kernel, block: &Block, theta: f64, alternative: Alternative) -> f64 {
    if block.n_t == 0.0 || block.n_c == 0.0 {
        return 0.0;
    }
    match kernel {
        Kernel::Bernoulli => bernoulli(block, theta, alternative),
        Kernel::Poisson => poisson(block, alternative),
    }
}

fn bernoulli(block: &Block, theta: f64, Alternative { lambda, rho, sign }: Alternative) -> f64 {
    let Block { n_t, x_t, n_c, x_c } = *block;
    let total = n_t + n_c;
    let share = n_t / total;
    let mean_ratio = share * rho * lambda + 1.0 - share;
    let q_c = (theta / mean_ratio).min(RATE_MAX);
    let q_t = (rho * lambda * q_c).min(RATE_MAX);
    if sign * (q_t - rho * q_c) <= 0.0 {
        return 0.0;
    }
    // The control rate on the edge of the null that is closest to the alternative: the smaller root of
    // a·t² − b·t + c, in the form that does not cancel.
    let square = rho * total;
    let linear = n_t * (rho + q_t) + n_c * (1.0 + rho * q_c);
    let constant = n_t * q_t + n_c * q_c;
    let root = (linear * linear - 4.0 * square * constant).max(0.0).sqrt();
    let t_0 = 2.0 * constant / (linear + root);
    let edge = rho * t_0;
    x_t * (q_t / edge).ln()
        + (n_t - x_t) * ((-q_t).ln_1p() - (-edge).ln_1p())
        + x_c * (q_c / t_0).ln()
        + (n_c - x_c) * ((-q_c).ln_1p() - (-t_0).ln_1p())
}

/// Given the sum of events, those of the treatment are binomial: no base rate is needed.
fn poisson(block: &Block, Alternative { lambda, rho, .. }: Alternative) -> f64 {
    let exposed = rho * block.n_t;
    let ratio = (exposed * lambda + block.n_c) / (exposed + block.n_c);
    block.x_t * lambda.ln() - (block.x_t + block.x_c) * ratio.ln()
}

/// Evidence that a rate lies beyond `limit`, without a control. 0 for an alternative on the harmless side.
pub fn log_e_absolute(trials: f64, events: f64, limit: f64, lambda: f64) -> f64 {
    let rate = (lambda * limit).min(RATE_MAX);
    if (rate - limit) * (lambda - 1.0) <= 0.0 {
        return 0.0;
    }
    events * (rate / limit).ln() + (trials - events) * ((-rate).ln_1p() - (-limit).ln_1p())
}

/// The same for counts that may exceed the number of subjects: events are Poisson with at most `limit` per trial.
pub fn log_e_absolute_count(trials: f64, events: f64, limit: f64, lambda: f64) -> f64 {
    events * lambda.ln() - trials * limit * (lambda - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOUBLE: Alternative = Alternative { lambda: 2.0, rho: 1.0, sign: 1.0 };

    fn block(treatment: (f64, f64), control: (f64, f64)) -> Block {
        Block::new(Kernel::Bernoulli, treatment, control).unwrap()
    }

    #[test]
    fn an_empty_arm_says_nothing() {
        for kernel in [Kernel::Bernoulli, Kernel::Poisson] {
            assert_eq!(log_e(kernel, &block((0.0, 0.0), (100.0, 5.0)), 0.01, DOUBLE).to_bits(), 0);
            assert_eq!(log_e(kernel, &block((100.0, 5.0), (0.0, 0.0)), 0.01, DOUBLE).to_bits(), 0);
        }
    }

    /// Sums the e-variable over every outcome of a small block, weighted with its probability.
    #[test]
    fn no_harmless_pair_of_rates_expects_more_than_one() {
        let binomial = |n: u32, p: f64| -> Vec<f64> {
            let choose = |k: u32| (1..=k).map(|i| f64::from(n + 1 - i) / f64::from(i)).product::<f64>();
            (0..=n)
                .map(|k| choose(k) * p.powi(k.cast_signed()) * (1.0 - p).powi((n - k).cast_signed()))
                .collect()
        };
        for (p_t, p_c) in [(0.01, 0.01), (0.1, 0.1), (0.5, 0.5), (0.05, 0.2), (0.2, 0.2), (0.9, 0.95)] {
            for lambda in [1.1, 2.0, 30.0] {
                let alternative = Alternative { lambda, ..DOUBLE };
                let mut expected = 0.0;
                for (x_t, w_t) in binomial(6, p_t).iter().enumerate() {
                    for (x_c, w_c) in binomial(14, p_c).iter().enumerate() {
                        let counts = |n: f64, x: usize| (n, f64::from(u32::try_from(x).unwrap()));
                        let block = block(counts(6.0, x_t), counts(14.0, x_c));
                        expected += w_t * w_c * log_e(Kernel::Bernoulli, &block, 0.03, alternative).exp();
                    }
                }
                assert!(expected <= 1.0 + 1e-9, "{p_t} {p_c} {lambda}: {expected}");
            }
        }
    }
}
