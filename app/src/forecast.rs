//! Who has a flag among the people we know: now, and after a change that is not saved. Counted from a survey, in which the
//! engine itself has decided; never by arithmetic on percentages.

use engine::{
    ChannelCount, Count, Impact, Rollout, Rule, Snapshot, Survey, audience_phrase, counted, group_name,
};

mod impact;

pub use impact::{Channel, Forecast, Mood, count_id, overlap_id};

use crate::form::error::as_sentence;

/// What is compared: the saved rollout in its environment, and the draft of another one.
pub struct Drafted<'s> {
    pub snapshot: &'s Snapshot,
    pub saved: &'s Rollout,
    pub draft: &'s Rollout,
    pub protected: bool,
}

impl<'s> Drafted<'s> {
    /// What a survey has to hold: the saved rollout, and the draft where more than percentages differ.
    pub fn surveyed(&self) -> Vec<&'s Rollout> {
        if self.saved.shape() == self.draft.shape() { vec![self.saved] } else { vec![self.saved, self.draft] }
    }

    /// What saving the draft does to the known people, from a survey of [`Self::surveyed`]. Of a stopped flag one wants to
    /// know what it will be when resumed.
    pub fn forecast(&self, survey: &Survey) -> Forecast {
        let (saved, draft) = ((0, self.saved), (self.surveyed().len() - 1, self.draft));
        let impact = survey.impact(saved, draft);
        let channels = self.draft.rules.iter().zip(survey.channels(draft));
        let count = |hits| impact.sample.count(hits);
        Forecast {
            changed: self.saved != self.draft,
            stopped: !self.saved.enabled,
            protected: self.protected,
            sentence: self.sentence(&impact),
            mood: mood(&impact),
            exact: impact.sample.is_whole(),
            known: impact.sample.known,
            before: count(impact.before).value(),
            after: count(impact.after).value(),
            channels: channels.map(|(rule, count)| self.channel(rule, &count)).collect(),
        }
    }

    /// Nothing is counted yet.
    pub fn uncounted(&self) -> Forecast {
        Forecast {
            changed: self.saved != self.draft,
            stopped: !self.saved.enabled,
            protected: self.protected,
            exact: false,
            ..Forecast::unfinished("The people who have it are being counted.".to_owned())
        }
    }

    fn sentence(&self, impact: &Impact) -> String {
        let sentence = if self.saved == self.draft && impact.sample.known > 0 {
            let (after, known) = (impact.sample.count(impact.after), impact.sample.known);
            let has = if after == Count::Exact(1) { "has" } else { "have" };
            as_sentence(&format!("{} of {} {has} it", after.phrase(), counted(known, "known person")))
        } else {
            impact.sentence()
        };
        if self.saved.enabled {
            return sentence;
        }
        let mut chars = sentence.chars();
        let first = chars.next().map(|c| c.to_lowercase().collect::<String>()).unwrap_or_default();
        format!("It is stopped, nobody has it. Once resumed: {first}{}", chars.as_str())
    }

    fn channel(&self, rule: &Rule, count: &ChannelCount) -> Channel {
        let phrase = |rule: &Rule| audience_phrase(&rule.audience, &group_name(self.snapshot));
        let named = |at: usize| self.draft.rules.get(at).map(phrase).unwrap_or_default();
        Channel {
            rule: rule.id.to_string(),
            name: as_sentence(&phrase(rule)).trim_end_matches('.').to_owned(),
            count: count.phrase(),
            overlap: Some(count.overlap_phrase(&named))
                .filter(|phrase| !phrase.is_empty())
                .map(|phrase| format!(", {phrase}"))
                .unwrap_or_default(),
            served: count.sample.count(count.served).value(),
        }
    }
}

fn mood(impact: &Impact) -> Mood {
    match (impact.gained, impact.lost + impact.switched) {
        (0, 0) => Mood::Same,
        (_, 0) => Mood::Adds,
        (_, _) => Mood::Takes,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::{
        AttributeSchema, AttributeValue, Attributes, Audience, BucketBy, Condition, Context,
        EnvironmentConfig, EnvironmentKey, Flag, FlagKey, Group, GroupKey, Operator, Percentage, RuleId,
        Surveyor, Test,
    };

    use super::*;

    fn vip_group() -> Group {
        let condition = Condition::Test(Test {
            attribute: engine::AttributeName::parse("tier").expect("name"),
            operator: Operator::Equals("vip".into()),
            negated: false,
            ignore_case: false,
        });
        Group {
            key: GroupKey::parse("vip").expect("key"),
            name: "VIP agencies".into(),
            description: String::new(),
            condition: Some(condition),
            enrolments: Vec::new(),
        }
    }

    fn rule(id: &str, percentage: u32) -> Rule {
        let audience = if id == "everyone" {
            Audience::Everyone
        } else {
            Audience::Matching { groups: vec![GroupKey::parse(id).expect("key")], condition: None }
        };
        Rule {
            id: RuleId::parse(id).expect("id"),
            audience,
            percentage: Percentage::whole(percentage).expect("percentage"),
            holdback: engine::Percentage::NONE,
            bucket_by: BucketBy::Subject,
            split: Vec::new(),
        }
    }

    fn rollout(vip: u32, everyone: u32) -> Rollout {
        Rollout { rules: vec![rule("vip", vip), rule("everyone", everyone)], ..Rollout::new("seed") }
    }

    fn people() -> Vec<(String, Attributes)> {
        let traits = |n: usize| {
            let mut traits = Attributes::default();
            traits
                .set("tier", AttributeValue::Text(if n.is_multiple_of(10) { "vip" } else { "basic" }.into()));
            traits
        };
        (0..1000).map(|n| (format!("person-{n}"), traits(n))).collect()
    }

    fn snapshot(flag: &Arc<Flag>, rollout: &Rollout) -> Arc<Snapshot> {
        let config = EnvironmentConfig {
            environment: EnvironmentKey::parse("production").expect("key"),
            revision: 1,
            flags: vec![(Arc::clone(flag), Arc::new(rollout.clone()))],
            groups: vec![Arc::new(vip_group())],
            attributes: Arc::new(AttributeSchema::default()),
        };
        let (snapshot, errors) = Snapshot::compile(config, None);
        assert_eq!(errors, []);
        Arc::new(snapshot)
    }

    fn forecast(saved: &Rollout, draft: &Rollout) -> Forecast {
        forecast_of_the_first(1000, saved, draft)
    }

    /// From so many of the 1,000 people.
    fn forecast_of_the_first(seen: usize, saved: &Rollout, draft: &Rollout) -> Forecast {
        let flag = Arc::new(Flag::boolean(FlagKey::parse("fast-payment").expect("key"), "Fast payment"));
        let trial = Drafted { snapshot: &snapshot(&flag, saved), saved, draft, protected: true };
        let snapshots: Vec<_> = trial.surveyed().into_iter().map(|it| snapshot(&flag, it)).collect();
        let mut surveyor = Surveyor::new(&flag.key, &snapshots).expect("a flag");
        for (key, traits) in people().iter().take(seen) {
            surveyor.look(&Context::from_traits(key, traits), 0);
        }
        trial.forecast(&surveyor.survey(1000))
    }

    #[test]
    fn a_raise_adds_people_and_takes_it_from_nobody() {
        let forecast = forecast(&rollout(100, 0), &rollout(100, 20));
        assert_eq!(forecast.mood, Mood::Adds);
        assert!(forecast.sentence.ends_with("nobody loses it."), "{}", forecast.sentence);
        assert!((150..=210).contains(&(forecast.after - forecast.before)), "{forecast:?}");
    }

    #[test]
    fn a_channel_knows_its_audience_and_who_is_inside() {
        let forecast = forecast(&rollout(100, 0), &rollout(50, 20));
        let [vip, everyone] = &forecast.channels[..] else { panic!("two channels") };
        let inside = |channel: &Channel, of: &str| -> usize {
            channel.count.strip_suffix(of).expect("its audience").parse().expect("a number")
        };
        assert!((35..=65).contains(&inside(vip, " of 100")), "{vip:?}");
        assert!(
            everyone.served < inside(everyone, " of 1,000"),
            "those whom the first channel serves are not served again"
        );
        assert_eq!(vip.served + everyone.served, forecast.after);
        let inside_everyone = inside(everyone, " of 1,000");
        let both = inside_everyone - everyone.served;
        assert_eq!(everyone.overlap, format!(", of whom {both} already through VIP agencies"));
        assert_eq!((vip.overlap.as_str(), inside(vip, " of 100")), ("", vip.served));
        assert_eq!(vip.name, "VIP agencies");
        assert_eq!(forecast.mood, Mood::Takes);
    }

    #[test]
    fn what_is_not_counted_to_the_end_says_so() {
        let forecast = forecast_of_the_first(400, &rollout(100, 0), &rollout(100, 20));
        assert!(!forecast.exact && forecast.mood == Mood::Adds);
        assert!(forecast.sentence.starts_with("Adds about "), "{}", forecast.sentence);
        assert!(forecast.sentence.ends_with("among the 400 looked at so far."), "{}", forecast.sentence);
        assert!(forecast.channels[0].count.starts_with("about 100 ± "), "{:?}", forecast.channels);
    }

    #[test]
    fn another_definition_is_compared_person_by_person() {
        let mut draft = rollout(100, 20);
        draft.rules.remove(0);
        let forecast = forecast(&rollout(100, 0), &draft);
        assert_eq!(forecast.mood, Mood::Takes);
        assert_eq!((forecast.before, forecast.channels.len()), (100, 1));
    }

    #[test]
    fn a_stopped_flag_is_counted_as_if_resumed_and_says_so() {
        let stopped = Rollout { enabled: false, ..rollout(100, 0) };
        let forecast = forecast(&stopped, &Rollout { enabled: false, ..rollout(100, 100) });
        assert!(
            forecast.sentence.starts_with("It is stopped, nobody has it. Once resumed: adds 900"),
            "{}",
            forecast.sentence
        );
    }
}
