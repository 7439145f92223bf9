//! The filters of the Exposures tab as they stand in the URL, and the steps in which a time span is drawn.

use engine::{RuleId, VariantKey};
use store::{ExposureCursor, ExposureFilter};

use crate::{page::Visit, zone::typed::Days};

const MINUTE_MS: i64 = 60 * 1000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// What is drawn when nothing is asked for.
const SPAN_DAYS: i64 = 7;

/// Filters out of the URL. What cannot be read filters nothing: an old link still shows the page.
#[derive(Debug, Clone, Default)]
pub struct ExposureQuery {
    pub variant: Option<VariantKey>,
    pub rule: Option<RuleId>,
    pub days: Days,
    pub cursor: Option<ExposureCursor>,
}

/// What is drawn, and in which steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "units stand last in names")]
pub struct Span {
    pub from_ms: i64,
    pub until_ms: i64,
    pub step_ms: i64,
}

impl ExposureQuery {
    pub fn read(visit: &Visit) -> Self {
        Self {
            variant: visit.query("variant").and_then(|key| VariantKey::parse(&key).ok()),
            rule: visit.query("rule").and_then(|id| RuleId::parse(&id).ok()),
            days: Days::read(visit),
            cursor: visit.query("cursor").and_then(|text| text.parse().ok()),
        }
    }

    pub fn is_filtered(&self) -> bool {
        self.variant.is_some() || self.rule.is_some() || self.days.is_filtered()
    }

    pub fn filter(&self, limit: usize) -> ExposureFilter {
        ExposureFilter {
            variant: self.variant.clone(),
            rule: self.rule.clone(),
            from_ms: self.days.from_ms(),
            until_ms: self.days.until_ms(),
            cursor: self.cursor.clone(),
            limit,
        }
    }

    /// The time asked for; without one, the last days up to now.
    pub fn span(&self, now_ms: i64) -> Span {
        let until_ms = self.days.until_ms().unwrap_or(now_ms + 1);
        let from_ms = self.days.from_ms().unwrap_or(until_ms - SPAN_DAYS * DAY_MS);
        let span_ms = (until_ms - from_ms).max(0);
        let step_ms = match span_ms.div_euclid(DAY_MS) {
            0..=2 => HOUR_MS,
            3..=14 => 6 * HOUR_MS,
            15..=120 => DAY_MS,
            days => (days / 100 + 1) * DAY_MS,
        };
        Span { from_ms: from_ms - from_ms.rem_euclid(step_ms), until_ms, step_ms }
    }
}

/// `per hour`, `per 6 hours`, `per day`, `per 3 days`.
pub fn step_phrase(step_ms: i64) -> String {
    let (count, unit) =
        if step_ms % DAY_MS == 0 { (step_ms / DAY_MS, "day") } else { (step_ms / HOUR_MS, "hour") };
    if count == 1 { format!("per {unit}") } else { format!("per {}", engine::counted(count, unit)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_drawn_in_a_readable_number_of_steps() {
        let now_ms = 1_800_000_000_000;
        let week = ExposureQuery::default().span(now_ms);
        assert_eq!((week.until_ms - week.from_ms).div_euclid(week.step_ms), 28);
        for (from, until, step) in [
            ("2026-03-01", "2026-03-01", HOUR_MS),
            ("2026-03-01", "2026-03-10", 6 * HOUR_MS),
            ("2026-01-01", "2026-03-01", DAY_MS),
            ("2024-01-01", "2026-03-01", 8 * DAY_MS),
            ("2026-03-02", "2026-03-01", HOUR_MS),
        ] {
            let query = ExposureQuery {
                days: Days { from: Some(from.into()), until: Some(until.into()), ..Days::default() },
                ..ExposureQuery::default()
            };
            let span = query.span(now_ms);
            assert_eq!(span.step_ms, step, "{from} {until}");
            assert!((span.until_ms - span.from_ms) / span.step_ms <= 130, "{from} {until}");
        }
        assert_eq!(step_phrase(6 * HOUR_MS), "per 6 hours");
        assert_eq!(step_phrase(DAY_MS), "per day");
    }
}
