//! Plans, gates and states in the words of a product manager.

use super::{Gate, HoldReason, OpenGate, PauseReason, Percentages, Plan, PlanState, Step};
use crate::guardrail::{GuardAction, Health};
use crate::{RuleId, counted, time::instant_phrase, words::sentence::capitalised};

/// What a rule's audience is called.
pub type RuleNames<'a> = &'a dyn Fn(&RuleId) -> String;

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// `2 days`, `90 minutes`, `1 hour`: the largest unit that says it exactly; odd times are rounded up to minutes.
pub(crate) fn duration_phrase(ms: i64) -> String {
    let units = [(DAY_MS, "day"), (HOUR_MS, "hour"), (MINUTE_MS, "minute"), (SECOND_MS, "second")];
    let rounded = match ms {
        ms if ms >= DAY_MS => ms.div_ceil_to(HOUR_MS),
        ms if ms >= HOUR_MS => ms.div_ceil_to(MINUTE_MS),
        ms => ms.div_ceil_to(SECOND_MS),
    };
    let (unit, noun) =
        units.into_iter().find(|(unit, _)| rounded % unit == 0).unwrap_or((SECOND_MS, "second"));
    counted(rounded / unit, noun)
}

trait RoundUp {
    fn div_ceil_to(self, unit: i64) -> i64;
}

impl RoundUp for i64 {
    fn div_ceil_to(self, unit: i64) -> i64 {
        let over = self.rem_euclid(unit);
        if over == 0 { self } else { self.saturating_add(unit - over) }
    }
}

/// `VIP agencies 100 %, everyone 20 %`.
fn percentages_phrase(percentages: &Percentages, names: RuleNames<'_>) -> String {
    let each = percentages.iter().map(|(rule, percentage)| format!("{} {percentage} %", names(rule)));
    each.collect::<Vec<_>>().join(", ")
}

impl Gate {
    /// `for 2 days`, `at least 2,000 subjects`.
    pub fn phrase(&self) -> String {
        match self {
            Self::Hold { hold_ms } => format!("for {}", duration_phrase(*hold_ms)),
            Self::Sample { subjects_min } => format!("at least {}", counted(*subjects_min, "subject")),
            Self::Healthy => "while every guardrail is healthy".to_owned(),
            Self::Approval => "after an approval".to_owned(),
            Self::NotBefore { at_ms } => format!("not before {}", instant_phrase(*at_ms)),
        }
    }
}

impl Step {
    /// `VIP agencies 100 % for 2 days, at least 2,000 subjects`.
    pub fn phrase(&self, names: RuleNames<'_>) -> String {
        let what = match self.title.trim() {
            "" => percentages_phrase(&self.percentages, names),
            title => title.to_owned(),
        };
        let gates = self.gates.iter().map(Gate::phrase).collect::<Vec<_>>().join(", ");
        match self.gates.first() {
            None => what,
            Some(Gate::Sample { .. }) => format!("{what}, {gates}"),
            Some(Gate::Hold { .. } | Gate::Healthy | Gate::Approval | Gate::NotBefore { .. }) => {
                format!("{what} {gates}")
            }
        }
    }
}

impl Plan {
    /// `VIP agencies 100 % for 2 days, then everyone 20 % for 1 day.`
    pub fn sentence(&self, names: RuleNames<'_>) -> String {
        let steps = self.steps.iter().map(|step| step.phrase(names)).collect::<Vec<_>>().join("; then ");
        if steps.is_empty() { "No steps yet.".to_owned() } else { format!("{}.", capitalised(&steps)) }
    }
}

impl OpenGate {
    /// `until Friday 14:00 UTC`, `for 1,200 more subjects`.
    pub fn phrase(&self, now_ms: i64) -> String {
        match self {
            Self::Hold { remaining_ms } => {
                format!("until {}", instant_phrase(now_ms.saturating_add(*remaining_ms)))
            }
            Self::Sample { have: 0, missing } => format!("for {}", counted(*missing, "subject")),
            Self::Sample { missing, .. } => format!("for {}", counted(*missing, "more subject")),
            Self::Healthy { health: Health::Watching } => "for enough evidence that it is healthy".to_owned(),
            Self::Healthy { health: Health::Inconclusive } => "for outcomes".to_owned(),
            Self::Healthy { health: Health::Healthy | Health::Breach } => "for healthy guardrails".to_owned(),
            Self::Approval { step } => format!("for an approval of step {}", step + 1),
            Self::NotBefore { at_ms } => format!("until {}", instant_phrase(*at_ms)),
        }
    }
}

/// How subjects come to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// When it began.
    pub since_ms: i64,
    /// When the last new one came.
    pub last_ms: Option<i64>,
}

impl Pace {
    /// ` (about 14:20 UTC at this rate)`, ` (never at this rate: nobody new for 6 minutes)`; nothing of a step that has only
    /// begun.
    fn phrase(self, have: u64, missing: u64, now_ms: i64) -> String {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let each_ms = now_ms.saturating_sub(self.since_ms).max(0) / signed(have).max(1);
        let quiet_ms = now_ms.saturating_sub(self.last_ms.unwrap_or(self.since_ms)).max(0);
        let usual_ms = if have == 0 { 0 } else { each_ms.saturating_mul(QUIET_INTERVALS) };
        if quiet_ms >= QUIET_MS_MIN.max(usual_ms) {
            return format!(" (never at this rate: nobody new for {})", duration_phrase(quiet_ms));
        }
        if have == 0 || now_ms.saturating_sub(self.since_ms) < MINUTE_MS {
            return String::new();
        }
        match each_ms.saturating_mul(signed(missing)) {
            ahead_ms if ahead_ms > AHEAD_MS_MAX => " (not within a year at this rate)".to_owned(),
            ahead_ms => {
                let at_ms = now_ms.saturating_add(ahead_ms).div_ceil_to(MINUTE_MS);
                format!(" (about {} at this rate)", instant_phrase(at_ms))
            }
        }
    }
}

/// So long without anybody new, and so many times longer than usual, and it is said.
const QUIET_MS_MIN: i64 = 3 * MINUTE_MS;
const QUIET_INTERVALS: i64 = 10;
const AHEAD_MS_MAX: i64 = 365 * DAY_MS;

/// `Waits until 2026-03-01 14:00 UTC and for 2,000 subjects.` With `pace` it also says when those will have come.
pub fn open_gates_sentence(open: &[OpenGate], pace: Option<Pace>, now_ms: i64) -> String {
    let phrase = |gate: &OpenGate| match (gate, pace) {
        (OpenGate::Sample { have, missing }, Some(pace)) => {
            format!("{}{}", gate.phrase(now_ms), pace.phrase(*have, *missing, now_ms))
        }
        (gate, _) => gate.phrase(now_ms),
    };
    let phrases = open.iter().map(phrase).collect::<Vec<_>>();
    match phrases.as_slice() {
        [] => "Every gate is met.".to_owned(),
        phrases => format!("Waits {}.", phrases.join(" and ")),
    }
}

impl HoldReason {
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Mismatch => "Holds: the arms are not as large as the percentages say.",
            Self::Unasked => "Holds: no application has asked for it yet.",
            Self::MissingData => "Holds: outcomes are missing, so nothing can be said.",
            Self::LateData => "Holds: too many outcomes come late.",
            Self::Suspicion => "Holds: a guardrail looks broken, but that is not certain yet.",
            Self::NotShownSafe => "Holds: too little traffic to show that it is safe; jump or abandon.",
            Self::Broken => "Holds: a guardrail is broken; resume, step back or abandon.",
            Self::PersonDecided => "Holds: somebody set the percentages by hand; resume to go on.",
        }
    }
}

impl PlanState {
    /// What the plan is doing, in one sentence. `steps` is how many it has.
    pub fn sentence(&self, steps: usize) -> String {
        let step = |at: usize| format!("step {} of {steps}", at + 1);
        match self {
            Self::Draft => "Not started.".to_owned(),
            Self::Scheduled { at_ms, by } => {
                format!("Starts {}, scheduled by {}.", instant_phrase(*at_ms), by.0)
            }
            Self::Running { progress } => format!("At {}.", step(progress.step)),
            Self::Paused { progress, why: PauseReason::Person(by), .. } => {
                format!("Paused at {} by {}; the same people keep the feature.", step(progress.step), by.0)
            }
            Self::Paused { progress, why: PauseReason::Guardrail(breach), .. } => {
                format!("Paused at {} by a guardrail: {}", step(progress.step), breach.sentence())
            }
            Self::Holding { progress, reason, .. } => {
                format!("At {}. {}", step(progress.step), reason.sentence())
            }
            Self::Finished { at_ms, .. } => format!("Finished {}.", instant_phrase(*at_ms)),
            Self::Abandoned { step: None, by, .. } => format!("Abandoned by {} before it started.", by.0),
            Self::Abandoned { step: Some(at), by, .. } => {
                format!("Abandoned at {} by {}; the percentages stayed.", step(*at), by.0)
            }
            Self::RolledBack { from, to, why, .. } => {
                let what = match (why.action(), to) {
                    (GuardAction::Stop, _) => format!("Stopped at {}", step(*from)),
                    (_, Some(to)) => format!("Went back from {} to step {}", step(*from), to + 1),
                    (_, None) => format!("Went back from {} to what was before the plan", step(*from)),
                };
                format!("{what}: {}", why.sentence())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_the_largest_unit_that_fits() {
        for (ms, text) in [
            (2 * DAY_MS, "2 days"),
            (DAY_MS, "1 day"),
            (36 * HOUR_MS, "36 hours"),
            (90 * MINUTE_MS, "90 minutes"),
            (HOUR_MS + 1, "61 minutes"),
            (1_500, "2 seconds"),
            (45_000, "45 seconds"),
        ] {
            assert_eq!(duration_phrase(ms), text);
        }
    }

    #[test]
    fn a_sample_says_when_it_will_be_there() {
        let now_ms = 1_772_000_000_000; // 06:13 UTC
        let say = |have, missing, since_min: i64, last_min: Option<i64>| {
            let ago = |minutes: i64| now_ms - minutes * MINUTE_MS;
            let pace = Pace { since_ms: ago(since_min), last_ms: last_min.map(ago) };
            open_gates_sentence(&[OpenGate::Sample { have, missing }], Some(pace), now_ms)
        };
        assert_eq!(
            say(100, 100, 30, Some(0)),
            "Waits for 100 more subjects (about 2026-02-25 06:44 UTC at this rate)."
        );
        assert_eq!(
            say(22, 178, 30, Some(15)),
            "Waits for 178 more subjects (never at this rate: nobody new for 15 minutes)."
        );
        assert_eq!(
            say(0, 200, 4, None),
            "Waits for 200 subjects (never at this rate: nobody new for 4 minutes)."
        );
        assert_eq!(say(0, 200, 0, None), "Waits for 200 subjects.");
        assert_eq!(
            say(2, 20_000_000, 100, Some(0)),
            "Waits for 20,000,000 more subjects (not within a year at this rate)."
        );
    }
}
