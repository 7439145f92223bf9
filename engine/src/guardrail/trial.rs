//! From requests to trials. Assignment is by person, so one person's requests are not independent: a trial is a
//! person and a minute, bad when any request in it was; and after a bad trial the person is out of the risk set for
//! ten minutes, so that one who always fails is not many failures.

/// How long a trial is.
pub const PERIOD_MS: i64 = 60_000;
/// How long a person with a bad trial is left out of this metric, neither trial nor event.
pub const COOL_DOWN_MS: i64 = 10 * 60_000;

/// A person's latest trial of one metric. Kept in memory: after a restart, people who were left out come back early, in
/// both arms alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// What it began with: it counts in the cell of this moment.
    pub at_ms: i64,
    pub event: bool,
    out_until_ms: i64,
}

/// What a further request of the person adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It belongs to the trial that there is, or to none.
    Nothing,
    /// Another trial.
    Trial(Trial),
    /// The event, to the trial that there is.
    Event(Trial),
}

impl Trial {
    /// `rests`: whether the event is a bad one, after which the person is left out.
    pub const fn new(at_ms: i64, event: bool, rests: bool) -> Self {
        let out_until_ms = if event && rests { at_ms.saturating_add(COOL_DOWN_MS) } else { i64::MIN };
        Self { at_ms, event, out_until_ms }
    }

    /// Whether a request at this time is none of another trial: of this minute or earlier, or of somebody left out.
    pub const fn covers(&self, at_ms: i64) -> bool {
        at_ms < self.out_until_ms || period(at_ms) <= period(self.at_ms)
    }

    /// What a request adds for somebody with this trial. Whoever crossed over to another arm meanwhile begins anew there.
    pub const fn add(&self, at_ms: i64, event: bool, rests: bool, same_arm: bool) -> Added {
        let same_minute = period(at_ms) == period(self.at_ms);
        if at_ms < self.out_until_ms || period(at_ms) < period(self.at_ms) {
            Added::Nothing
        } else if same_minute && same_arm && event && !self.event {
            let turned = Self::new(at_ms, event, rests);
            Added::Event(Self { at_ms: self.at_ms, ..turned })
        } else if same_minute && same_arm {
            Added::Nothing
        } else {
            Added::Trial(Self::new(at_ms, event, rests))
        }
    }
}

const fn period(at_ms: i64) -> i64 {
    at_ms.div_euclid(PERIOD_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(trial: Trial, at_ms: i64, bad: bool) -> Added {
        trial.add(at_ms, bad, true, true)
    }

    #[test]
    fn a_person_is_one_trial_per_minute_and_out_after_a_bad_one() {
        let good = Trial::new(1_000, false, true);
        assert_eq!(add(good, 59_000, false), Added::Nothing);
        let Added::Event(turned) = add(good, 2_000, true) else { panic!("the trial turns bad") };
        assert_eq!((turned.at_ms, turned.event), (1_000, true));
        assert_eq!(add(turned, 3_000, true), Added::Nothing);
        assert_eq!(add(turned, 2_000 + COOL_DOWN_MS - 1, true), Added::Nothing, "left out");
        assert_eq!(add(turned, 2_000 + COOL_DOWN_MS, false), Added::Trial(Trial::new(602_000, false, true)));
        assert_eq!(add(good, -1, true), Added::Nothing, "too old");
        assert_eq!(add(good, 60_000, true), Added::Trial(Trial::new(60_000, true, true)));
        assert!(good.covers(59_999) && !good.covers(60_000) && turned.covers(602_000 - 1));
    }

    #[test]
    fn who_crossed_over_begins_anew_unless_left_out() {
        let good = Trial::new(0, false, true);
        assert_eq!(good.add(1, false, true, false), Added::Trial(Trial::new(1, false, true)));
        let bad = Trial::new(0, true, true);
        assert_eq!(bad.add(1, false, true, false), Added::Nothing);
        let booked = Trial::new(0, true, false);
        assert_eq!(
            booked.add(PERIOD_MS, true, false, true),
            Added::Trial(Trial::new(PERIOD_MS, true, false))
        );
    }

    #[test]
    fn the_ends_of_time_are_times() {
        assert!(Trial::new(i64::MAX, true, true).covers(i64::MAX - 1));
        assert_eq!(add(Trial::new(i64::MIN, false, true), i64::MIN, false), Added::Nothing);
    }
}
