//! How many customers come when: few at night, most at noon.

use std::{f64::consts::TAU, num::NonZeroU32, time::Duration};

/// The share of the noon's customers that come at midnight.
const NIGHT_SHARE: f64 = 0.25;
/// The simulation begins in the morning, on the way up.
const MORNING: f64 = 8.0 / 24.0;
/// After a long pause (a laptop that slept) the missed customers do not all come at once.
const CATCH_UP_MAX: f64 = 2.0;

/// Turns elapsed time into whole customers.
#[derive(Debug)]
pub struct Rhythm {
    per_second: f64,
    day: Duration,
    seen: Duration,
    /// Fractions of customers that are still to come.
    owed: f64,
}

impl Rhythm {
    pub fn new(per_second: NonZeroU32, day: Duration) -> Self {
        Self { per_second: f64::from(per_second.get()), day, seen: Duration::ZERO, owed: 0.0 }
    }

    /// How many customers came between the last call and `elapsed` since the beginning.
    pub fn due(&mut self, elapsed: Duration) -> u32 {
        let passed = elapsed.saturating_sub(self.seen);
        self.seen = elapsed;
        self.owed += self.per_second * self.share(elapsed) * passed.as_secs_f64();
        self.owed = self.owed.min(CATCH_UP_MAX * self.per_second.max(1.0));
        let whole = self.owed.floor();
        self.owed -= whole;
        whole_number(whole)
    }

    /// From [`NIGHT_SHARE`] at midnight to 1 at noon.
    fn share(&self, elapsed: Duration) -> f64 {
        let days = MORNING + elapsed.as_secs_f64() / self.day.as_secs_f64().max(1.0);
        let light = 0.5 - 0.5 * (days * TAU).cos();
        NIGHT_SHARE + (1.0 - NIGHT_SHARE) * light
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small, whole and not negative")]
fn whole_number(number: f64) -> u32 {
    number as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_mins(40);

    fn rhythm() -> Rhythm {
        Rhythm::new(NonZeroU32::new(10).expect("ten"), DAY)
    }

    fn come_between(from_s: u64, to_s: u64) -> u32 {
        let mut rhythm = rhythm();
        rhythm.seen = Duration::from_secs(from_s);
        (from_s * 10..=to_s * 10).map(|tenth| rhythm.due(Duration::from_millis(tenth * 100))).sum()
    }

    #[test]
    fn noon_is_busy_and_midnight_quiet() {
        // Noon is 4 hours of 24 after the beginning, midnight 16 hours.
        let (noon, midnight) = (come_between(395, 405), come_between(1595, 1605));
        assert!((95..=101).contains(&noon), "{noon}");
        assert!((23..=28).contains(&midnight), "{midnight}");
    }

    #[test]
    fn a_long_pause_is_not_made_up_for() {
        assert!(rhythm().due(DAY) <= 20);
    }
}
