//! Numbers of guardrails as people read them.

use super::definition::{Counting, Metric};
use super::tally::{Kernel, Tally};

/// `0.42 %`, `5 %`, `48 %`: a share with two digits that say something.
pub(crate) fn share(share: f64) -> String {
    let per_cent = share * 100.0;
    let decimals = match per_cent.abs() {
        size if size >= 10.0 || size == 0.0 => 0,
        size if size >= 1.0 => 1,
        size if size >= 0.1 => 2,
        _ => 3,
    };
    format!("{} %", trimmed(per_cent, decimals))
}

/// A value of the metric: a share, a number per subject, or a duration.
pub(crate) fn value(metric: &Metric, value: f64) -> String {
    match metric.counting() {
        Counting::Tally(Kernel::Bernoulli) => share(value),
        Counting::Tally(Kernel::Poisson) => format!("{} per 100 subjects", trimmed(value * 100.0, 2)),
        Counting::Durations(_) => duration(value),
    }
}

/// `240 ms`, `1.5 s`.
fn duration(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms:.0} ms") } else { format!("{} s", trimmed(ms / 1000.0, 2)) }
}

/// `150 of 200`, `40 measured`, `12 of 40 subjects`.
pub(crate) fn count(metric: &Metric, tally: Tally) -> String {
    let grouped = |n: u64| crate::grouped(usize::try_from(n).unwrap_or(usize::MAX));
    match metric.counting() {
        Counting::Tally(Kernel::Bernoulli) => {
            format!("{} of {}", grouped(tally.events), grouped(tally.trials))
        }
        Counting::Tally(Kernel::Poisson) => {
            format!("{} from {}", grouped(tally.events), crate::counted(tally.trials, "subject"))
        }
        Counting::Durations(_) => format!("{} measured", grouped(tally.trials)),
    }
}

/// `10 s`, `4 min`: how much time was looked at, rounded up.
pub(crate) fn span(ms: i64) -> String {
    let seconds = ms.max(0).saturating_add(999) / 1000;
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", (seconds + 59) / 60) }
}

fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_keep_the_digits_that_say_something() {
        for (value, text) in [
            (0.05, "5 %"),
            (0.021, "2.1 %"),
            (0.0042, "0.42 %"),
            (0.004, "0.4 %"),
            (0.48321, "48 %"),
            (1.0, "100 %"),
            (0.0, "0 %"),
            (0.000_05, "0.005 %"),
        ] {
            assert_eq!(share(value), text);
        }
        assert_eq!(duration(1500.0), "1.5 s");
        assert_eq!([9_500, 60_000, 150_000, 300_000].map(span), ["10 s", "60 s", "3 min", "5 min"]);
        assert_eq!(duration(240.4), "240 ms");
    }
}
