//! What a card says, in words and numbers, before anybody draws it.

use engine::{
    Flag, GroupKey, Lifecycle, Percentage, Rollout, RuleId, audience_phrase, counted,
    guardrail::{Evidence, Limit},
    rollout_phrase,
};
use store::{Action, Around, AroundSeries, Half, Incident};

use crate::{
    chart::{Chart, Mark, Point, Unit, arms::Arms},
    form::error::as_sentence,
    ui::time,
};

/// What a card is made of.
pub struct Told<'a> {
    pub flag: &'a Flag,
    pub environment: &'a str,
    pub incident: &'a Incident,
    /// The rollout as it is now.
    pub rollout: &'a Rollout,
    /// There is a release plan.
    pub is_planned: bool,
    pub group: &'a dyn Fn(&GroupKey) -> String,
}

pub struct Card {
    pub title: String,
    /// What is asked, and the answer in sentences.
    pub facts: Vec<(&'static str, Vec<String>)>,
    /// Each with its real counts.
    pub charts: Vec<Chart>,
    /// Audience, before, after.
    pub undone: Vec<(String, String, String)>,
    /// Why there is no chart.
    pub without_chart: Option<&'static str>,
}

impl Card {
    pub fn of(told: &Told<'_>) -> Self {
        Self {
            title: told.title(),
            facts: told.facts(),
            charts: told.charts(),
            undone: told.undone(),
            without_chart: told.without_chart(),
        }
    }
}

impl Told<'_> {
    fn action(&self) -> Action {
        self.incident.entry.action
    }

    fn title(&self) -> String {
        let name = &self.flag.name;
        match self.action() {
            Action::GuardStopped => format!("{name} was stopped"),
            Action::GuardSteppedBack => format!("{name} was taken back a step"),
            Action::PlanPausedByGuard => format!("The release of {name} was paused"),
            Action::PlanHeld => format!("The release of {name} waits"),
            _ => format!("{name} went beyond a limit"),
        }
    }

    fn facts(&self) -> Vec<(&'static str, Vec<String>)> {
        let mut facts = vec![("The feature", self.feature())];
        facts.extend(self.had().map(|had| ("Who had it", vec![had])));
        facts.push(("What went wrong", self.wrong()));
        facts.push(("What was done", self.done()));
        facts.extend(self.people().map(|people| ("Whom it concerned", vec![people])));
        facts.push(("How it stands now", self.now()));
        facts
    }

    fn feature(&self) -> Vec<String> {
        let name = &self.flag.name;
        let what = if self.is_planned {
            format!(
                "{name} is a feature that is given to more and more people, step by step, while Fader watches how it goes for them."
            )
        } else {
            format!("{name} is a feature. Fader decides who gets it, and watches how it goes for them.")
        };
        let description = self.flag.description.trim();
        if description.is_empty() { vec![what] } else { vec![what, as_sentence(description)] }
    }

    fn had(&self) -> Option<String> {
        let before = self.incident.before.as_ref()?;
        Some(format!("{}, in {}.", rollout_phrase(before, self.group), self.environment))
    }

    /// The broken guardrails; without them what the act itself keeps.
    fn wrong(&self) -> Vec<String> {
        let broken: Vec<_> = self.broken().map(|evidence| as_sentence(&evidence.sentence())).collect();
        if !broken.is_empty() {
            return broken;
        }
        let entry = &self.incident.entry;
        let mut told = vec![as_sentence(&entry.reason)];
        let evidence = entry.changes.iter().filter(|it| it.before.is_none() && it.after.is_none());
        for sentence in evidence.map(|it| as_sentence(&it.phrase)) {
            if !told.contains(&sentence) {
                told.push(sentence);
            }
        }
        told.retain(|sentence| !sentence.is_empty());
        told
    }

    fn broken(&self) -> impl Iterator<Item = &Evidence> {
        self.incident.verdicts.iter().flat_map(|it| it.judgement.broken())
    }

    fn done(&self) -> Vec<String> {
        let what = match self.action() {
            Action::GuardStopped => "Fader stopped it for everybody by itself.",
            Action::GuardSteppedBack => "Fader took it back by itself to the fewer people who had it before.",
            Action::PlanPausedByGuard => {
                "Fader paused its release plan by itself. Whoever had the feature kept it."
            }
            Action::PlanHeld => {
                "Fader held its release plan by itself: nobody new got the feature as long as the reason was there."
            }
            _ => "Fader told the team. Nothing was taken from anybody.",
        };
        let at_ms = self.incident.entry.at_ms;
        let first_ms = self.broken().filter_map(|it| Some(it.recent?.from_ms)).min();
        let after = first_ms.map(|ms| format!(", {} after the first sign", lasted(at_ms - ms)));
        vec![what.to_owned(), format!("That was on {}{}.", time::full(at_ms), after.unwrap_or_default())]
    }

    fn people(&self) -> Option<String> {
        let around = self.incident.around.as_ref().filter(|it| !it.series.is_empty())?;
        let Around { people, more_people, .. } = around;
        match (people, more_people) {
            // Those lines that were looked at are of others; who else there is nobody counted.
            (0, true) => None,
            (0, false) => Some(
                "Nobody is known by name: in the minute before, applications told how it went, but not for whom.".to_owned(),
            ),
            (people, false) => {
                Some(format!("{} had the feature in the minute before.", counted(*people, "person")))
            }
            (people, true) => {
                Some(format!("At least {} had the feature in the minute before.", counted(*people, "person")))
            }
        }
    }

    fn now(&self) -> Vec<String> {
        let mut told = Vec::new();
        if let Some(decided) = &self.incident.decided {
            let after = lasted(decided.at_ms - self.incident.entry.at_ms);
            told.push(format!("{} {}, {after} later.", decided.actor, decided.sentence));
            if !decided.reason.is_empty() {
                told.push(as_sentence(&format!("Their reason: “{}”", decided.reason)));
            }
        }
        told.extend(self.stands());
        told
    }

    /// At this moment, whoever has changed what.
    fn stands(&self) -> Option<String> {
        let (stopped, decided) = (self.action() == Action::GuardStopped, self.incident.decided.is_some());
        if self.flag.lifecycle == Lifecycle::Archived {
            return Some("It is archived: Fader gives it to nobody any more.".to_owned());
        }
        if decided {
            let runs = if self.rollout.enabled { "It runs." } else { "It is stopped." };
            return stopped.then(|| runs.to_owned());
        }
        if stopped && !self.rollout.enabled {
            return Some("It is still stopped: nobody has it until somebody resumes it.".to_owned());
        }
        if self.incident.after.as_ref() != Some(self.rollout) {
            let now = rollout_phrase(self.rollout, self.group);
            return Some(format!("It was changed since. Now: {now}."));
        }
        let stays = match self.action() {
            Action::GuardSteppedBack => "It stays at those percentages: nobody has decided since.",
            _ => "Its audiences and percentages are as they were then.",
        };
        Some(stays.to_owned())
    }

    /// What changed of each audience; of a stop, that nobody has it any more, whatever the percentages say.
    fn undone(&self) -> Vec<(String, String, String)> {
        let (Some(before), Some(after)) = (&self.incident.before, &self.incident.after) else {
            return Vec::new();
        };
        let has = |rollout: &Rollout, rule: &RuleId| {
            let rule = rollout.rule(rule.as_str()).filter(|_| rollout.enabled);
            rule.map_or(Percentage::NONE, |rule| rule.percentage)
        };
        before
            .rules
            .iter()
            .filter_map(|rule| {
                let (was, is) = (has(before, &rule.id), has(after, &rule.id));
                let name = as_sentence(&audience_phrase(&rule.audience, self.group));
                let name = name.trim_end_matches('.').to_owned();
                (was != is).then(|| (name, format!("{was} %"), format!("{is} %")))
            })
            .collect()
    }

    fn charts(&self) -> Vec<Chart> {
        let Some(around) = &self.incident.around else { return Vec::new() };
        let chart = |(at, series): (usize, &AroundSeries)| {
            let verdict = self.incident.verdicts.iter().find(|it| it.rule == series.rule)?;
            let evidence = verdict.judgement.evidence.iter().find(|it| it.guardrail == series.guardrail)?;
            (!series.steps.is_empty()).then(|| self.chart(at, evidence, series, around))
        };
        around.series.iter().enumerate().filter_map(chart).collect()
    }

    fn chart(&self, at: usize, evidence: &Evidence, series: &AroundSeries, around: &Around) -> Chart {
        let unit = Unit::of(&evidence.metric);
        let points = |half: &dyn Fn(&store::AroundStep) -> Half| -> Vec<Point> {
            let point = |step: &store::AroundStep| {
                let half = half(step);
                let note = match unit {
                    Unit::Milliseconds => format!("{} measured", half.trials),
                    _ => format!("{} of {}", half.events, half.trials),
                };
                Point { at_ms: step.from_ms, value: half.value, note: (half.trials > 0).then_some(note) }
            };
            series.steps.iter().map(point).collect()
        };
        let arms = Arms { treatment: points(&|step| step.treatment), control: points(&|step| step.control) };
        let name = as_sentence(&evidence.metric.noun()).trim_end_matches('.').to_owned();
        let limit = match evidence.limit {
            Limit::Ceiling { limit } => Some(limit),
            Limit::Comparison { .. } => None,
        };
        let at_ms = self.incident.entry.at_ms;
        let sentence = "Fader acted".to_owned();
        Chart {
            caption: format!("{name}, 90 seconds around it"),
            from_ms: around.from_ms,
            until_ms: around.until_ms,
            step_ms: store::CELL_MS,
            marks: vec![Mark { at_ms, name: sentence.clone(), sentence, href: None }],
            limit,
            has_legend: true,
            ..arms.chart(&format!("incident-{at}"), &name, unit)
        }
    }

    fn without_chart(&self) -> Option<&'static str> {
        if self.incident.around.is_none() {
            return Some(
                "The seconds around it are not kept any more (they are for 90 days). What was written down when it happened \
                 stands here.",
            );
        }
        let mut series = self.incident.around.iter().flat_map(|it| &it.series).peekable();
        if series.peek().is_none() {
            return Some("There is no chart: it was not a measurement that went beyond a limit.");
        }
        series.all(|it| it.steps.is_empty()).then_some("The seconds around it were not kept.")
    }
}

/// `12 s`, `4 min`, `3 h`, `2 days`.
fn lasted(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        ..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => counted(seconds / 86_400, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_one_unit() {
        let of = |seconds: i64| lasted(seconds * 1000);
        assert_eq!(
            [of(17), of(119), of(121), of(7200), of(200_000)],
            ["17 s", "119 s", "2 min", "2 h", "2 days"]
        );
    }
}
