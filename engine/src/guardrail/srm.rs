//! Sample-ratio mismatch: are the arms as large as the percentages say? If not, the comparison itself is broken.
//! Dirichlet-multinomial Bayes factor, valid at every look: Lindon & Malek (arXiv 2011.03567).

use serde::{Deserialize, Serialize};

use super::numeric::float;

/// How closely the alternative keeps to the expected shares.
pub const KAPPA: f64 = 1000.0;

/// People by arm at their first exposure, while the percentages stayed the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    pub counts: Vec<u64>,
    /// Expected shares in any unit, in the order of `counts`.
    pub weights: Vec<f64>,
}

/// Logarithm of the evidence of a mismatch, summed over the segments. An arm without a share is left out: being
/// in it is not a matter of chance.
pub fn log_bayes_factor(segments: &[Segment], kappa: f64) -> f64 {
    segments.iter().map(|segment| segment_log_bayes_factor(segment, kappa)).sum()
}

fn segment_log_bayes_factor(segment: &Segment, kappa: f64) -> f64 {
    let arms = || {
        let pairs = segment.counts.iter().zip(&segment.weights);
        pairs.filter(|(_, weight)| weight.is_finite() && **weight > 0.0)
    };
    let weight_total: f64 = arms().map(|(_, weight)| weight).sum();
    let total: f64 = arms().map(|(count, _)| float(*count)).sum();
    let each = arms().map(|(count, weight)| {
        let (count, share) = (float(*count), weight / weight_total);
        libm::lgamma(kappa * share + count) - libm::lgamma(kappa * share) - count * share.ln()
    });
    libm::lgamma(kappa) - libm::lgamma(kappa + total) + each.sum::<f64>()
}

/// Evidence from which on the split is taken to be broken: α = 0.001.
pub fn is_mismatch(log_bf: f64) -> bool {
    log_bf >= 1000f64.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_as_promised_is_no_mismatch_and_a_skewed_one_is() {
        let segment = |counts: [u64; 2]| Segment { counts: counts.to_vec(), weights: vec![20.0, 80.0] };
        assert!(!is_mismatch(log_bayes_factor(&[segment([2_010, 7_990])], KAPPA)));
        assert!(is_mismatch(log_bayes_factor(&[segment([1_700, 8_300])], KAPPA)));
    }

    #[test]
    fn nonsense_is_not_evidence() {
        let segment = |weights: Vec<f64>| Segment { counts: vec![10, 20], weights };
        for weights in [vec![], vec![0.0, 0.0], vec![f64::NAN, 1.0], vec![-1.0, 1.0]] {
            let log_bf = log_bayes_factor(&[segment(weights.clone())], KAPPA);
            assert!(log_bf.abs() < 1e-9, "{weights:?}: {log_bf}");
        }
    }
}
