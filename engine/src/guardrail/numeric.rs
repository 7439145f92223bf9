//! Sums of exponentials that never leave the logarithm.

/// ln(e^a + e^b); minus infinity is the logarithm of zero.
pub(super) fn log_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    if high == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

/// ln(Σ e^term).
pub(super) fn log_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let high = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if high == f64::NEG_INFINITY {
        return high;
    }
    high + terms.map(|term| (term - high).exp()).sum::<f64>().ln()
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53; Block refuses larger ones")]
pub(super) fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_huge_and_tiny_terms_stay_finite() {
        assert!((log_add(0.0, 0.0) - 2f64.ln()).abs() < 1e-15);
        assert!((log_add(5000.0, f64::NEG_INFINITY) - 5000.0).abs() < 1e-12);
        assert!((log_sum([5000.0, 5000.0].into_iter()) - (5000.0 + 2f64.ln())).abs() < 1e-12);
        assert!(log_sum(std::iter::empty()).is_infinite());
    }
}
