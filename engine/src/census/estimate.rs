//! What a random sample says of all people.

/// Of how many people how many were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    pub seen: usize,
    pub known: usize,
}

/// A number of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Exact(usize),
    /// From a sample: in 95 of 100 samples the true number is within `within` of `about`.
    About {
        about: usize,
        within: usize,
    },
}

impl Sample {
    pub fn whole(known: usize) -> Self {
        Self { seen: known, known }
    }

    /// Everybody was looked at.
    pub fn is_whole(&self) -> bool {
        self.seen == self.known
    }

    /// How many of all there are when there are `hits` among those who were looked at.
    pub fn count(&self, hits: usize) -> Count {
        if self.is_whole() {
            return Count::Exact(hits);
        }
        let Self { seen, known } = *self;
        let about = if seen == 0 { 0 } else { scaled(hits, known, seen) };
        Count::About { about, within: interval_95(hits, seen, known) }
    }
}

fn scaled(hits: usize, known: usize, seen: usize) -> usize {
    let all = (hits as u128 * known as u128 + seen as u128 / 2) / seen as u128;
    usize::try_from(all).unwrap_or(usize::MAX)
}

/// Half the width of the 95 % interval of a number of people, `hits` of `seen` drawn from `known` without putting back:
/// `1.96 · N · √(p̃ (1 − p̃) / (n + 4) · (N − n) / (N − 1))` with `p̃ = (hits + 2) / (n + 4)` (Agresti and Coull 1998, with the
/// correction for a finite population), so that it is wide enough also where nobody or everybody was a hit.
pub fn interval_95(hits: usize, seen: usize, known: usize) -> usize {
    if seen == 0 {
        return known;
    }
    if seen >= known {
        return 0;
    }
    #[expect(clippy::cast_precision_loss, reason = "people are fewer than 2^53")]
    let (hits, n, all) = (hits as f64, seen as f64, known as f64);
    let p = (hits + 2.0) / (n + 4.0);
    let left = (all - n) / (all - 1.0);
    let half = 1.96 * all * (p * (1.0 - p) / (n + 4.0) * left).sqrt();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and all people")]
    let half = half.ceil() as usize;
    half.min(known)
}

impl Count {
    pub fn value(self) -> usize {
        match self {
            Self::Exact(count) | Self::About { about: count, .. } => count,
        }
    }

    pub fn is_exact(self) -> bool {
        matches!(self, Self::Exact(_))
    }

    /// `1,240`, or `about 124,000 ± 900`: the interval with one digit, rounded up, and the number no finer than that.
    pub fn phrase(self) -> String {
        match self {
            Self::Exact(count) => grouped(count),
            Self::About { .. } => format!("about {}", self.number()),
        }
    }

    /// Without `about`: `124,000 ± 900`.
    pub fn number(self) -> String {
        match self {
            Self::Exact(count) => grouped(count),
            Self::About { about, within } => {
                let unit = 10usize.pow(within.max(1).ilog10());
                let rounded = (about + unit / 2) / unit * unit;
                let within = (within + rounded.abs_diff(about)).div_ceil(unit) * unit;
                format!("{} ± {}", grouped(rounded), grouped(within))
            }
        }
    }
}

/// A count with a comma at every third digit.
pub fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shuffled;

    #[test]
    fn a_count_says_how_sure_it_is() {
        let sample = Sample { seen: 50_000, known: 1_000_000 };
        assert_eq!(sample.count(6_200).phrase(), "about 124,000 ± 3,000");
        assert_eq!(Count::About { about: 123_961, within: 873 }.phrase(), "about 124,000 ± 1,000");
        assert_eq!(Count::About { about: 123_996, within: 873 }.phrase(), "about 124,000 ± 900");
        assert_eq!(Count::About { about: 7, within: 0 }.phrase(), "about 7 ± 0");
        assert_eq!(Sample::whole(2_400).count(1_240).phrase(), "1,240");
        assert_eq!(Sample { seen: 0, known: 10 }.count(0), Count::About { about: 0, within: 10 });
    }

    /// However rare or common: the interval holds the true number in at least 90 of 100 samples: 95 are meant, and few are
    /// drawn here.
    #[test]
    fn the_interval_covers() {
        const KNOWN: usize = 100_000;
        let order = Shuffled::new(KNOWN);
        for true_number in [1, 30, 500, 20_000, 50_000, 99_990] {
            let (mut covered, mut samples) = (0, 0);
            for (size, first) in [(400, 0), (2_000, 40_000)] {
                for at in 0..30 {
                    let from = first + at * size;
                    let drawn = (from..from + size).filter_map(|place| order.at(place));
                    let hits = drawn.filter(|person| person % KNOWN < true_number).count();
                    let Count::About { about, within } = (Sample { seen: size, known: KNOWN }).count(hits)
                    else {
                        panic!("a sample is not exact")
                    };
                    samples += 1;
                    covered += usize::from(about.abs_diff(true_number) <= within);
                }
            }
            assert!(covered * 100 >= samples * 90, "{true_number}: {covered} of {samples}");
        }
    }
}
