//! Who has a flag among the people we know: now, and after a change that is not saved. Decided by the engine
//! itself over snapshots, never by arithmetic on percentages.

use std::sync::Arc;

use engine::{
    Arm, Context, Flag, Impact, Percentage, Problem, Rollout, Rule, Snapshot, audience_phrase, group_name,
    grouped, impact, plan::Percentages,
};
use islands::forecast::{Channel, Forecast, Mood};

/// How many of `people` are served something else than the off variant.
pub fn count_on<'p>(
    snapshot: &Snapshot,
    flag: &str,
    people: impl Iterator<Item = Context<'p>>,
    now_ms: i64,
) -> usize {
    let Some(compiled) = snapshot.flag(flag) else { return 0 };
    let on = |context: &Context<'_>| {
        snapshot.evaluate(flag, context, now_ms).is_ok_and(|decision| decision.is_on(compiled))
    };
    people.filter(on).count()
}

/// The settings that a plan gives one rollout, one after the other.
pub struct StepsTrial<'s> {
    pub snapshot: &'s Snapshot,
    pub flag: &'s Arc<Flag>,
    pub rollout: &'s Rollout,
    pub now_ms: i64,
}

impl StepsTrial<'_> {
    /// What each setting does to `people`, against the one before it; `None` for what cannot be compiled.
    pub fn impacts<'p, I: Iterator<Item = Context<'p>>>(
        &self,
        before: &Percentages,
        settings: &[Percentages],
        people: impl Fn() -> I,
    ) -> Vec<Option<Impact>> {
        let mut last = self.with(before);
        let mut impacts = Vec::with_capacity(settings.len());
        for setting in settings {
            let next = self.with(setting);
            let pair = last.as_ref().zip(next.as_ref());
            impacts.push(
                pair.map(|(last, next)| impact(last, next, self.flag.key.as_str(), people(), self.now_ms)),
            );
            last = next;
        }
        impacts
    }

    fn with(&self, percentages: &Percentages) -> Option<Snapshot> {
        let mut rollout = Rollout { enabled: true, ..self.rollout.clone() };
        for rule in &mut rollout.rules {
            rule.percentage = percentages.get(&rule.id).copied().unwrap_or(rule.percentage);
        }
        self.snapshot.with_flag(Arc::clone(self.flag), Arc::new(rollout)).ok()
    }
}

/// What is compared: the saved rollout in its environment, and the draft of another one.
pub struct Trial<'s> {
    pub snapshot: &'s Snapshot,
    pub flag: &'s Arc<Flag>,
    pub saved: &'s Rollout,
    pub draft: &'s Rollout,
    pub protected: bool,
    pub now_ms: i64,
}

impl Trial<'_> {
    /// What saving the draft does to `people`, who are looked through several times.
    pub fn forecast<'p, I: Iterator<Item = Context<'p>>>(
        &self,
        people: impl Fn() -> I,
    ) -> Result<Forecast, Problem> {
        // Of a stopped flag one wants to know what it will be when resumed.
        let running = |rollout: &Rollout| Arc::new(Rollout { enabled: true, ..rollout.clone() });
        let before = self.snapshot.with_flag(Arc::clone(self.flag), running(self.saved))?;
        let after = self.snapshot.with_flag(Arc::clone(self.flag), running(self.draft))?;
        let impact = impact(&before, &after, self.flag.key.as_str(), people(), self.now_ms);
        let channels = self.draft.rules.iter().map(|rule| self.channel(rule, &after, &people));
        Ok(Forecast {
            changed: self.saved != self.draft,
            stopped: !self.saved.enabled,
            protected: self.protected,
            sentence: self.sentence(&impact),
            mood: mood(&impact),
            known: impact.known,
            before: impact.before,
            after: impact.after,
            channels: channels.collect::<Result<_, _>>()?,
        })
    }

    fn sentence(&self, impact: &Impact) -> String {
        let sentence = if self.saved == self.draft && impact.known > 0 {
            let (after, known) = (grouped(impact.after), grouped(impact.known));
            format!("{after} of {known} known people have it.")
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

    fn channel<'p, I: Iterator<Item = Context<'p>>>(
        &self,
        rule: &Rule,
        after: &Snapshot,
        people: &impl Fn() -> I,
    ) -> Result<Channel, Problem> {
        let alone = |percentage: Percentage| {
            // Which variant does not matter here, only who is inside.
            let rule = Rule { percentage, split: Vec::new(), ..rule.clone() };
            let rollout = Rollout { rules: vec![rule], ..Rollout::new(&self.draft.seed) };
            let trial = self.snapshot.with_flag(Arc::clone(self.flag), Arc::new(rollout))?;
            Ok(count_on(&trial, self.flag.key.as_str(), people(), self.now_ms))
        };
        let served = people()
            .filter_map(|context| after.evaluate(self.flag.key.as_str(), &context, self.now_ms).ok())
            .filter(|decision| decision.arm == Some(Arm::Treatment) && decision.rule == Some(&rule.id))
            .filter(|decision| decision.variant.key != self.flag.off_variant)
            .count();
        let name = audience_phrase(&rule.audience, &group_name(self.snapshot));
        Ok(Channel {
            rule: rule.id.to_string(),
            name: crate::form::error::as_sentence(&name).trim_end_matches('.').to_owned(),
            audience: alone(Percentage::ALL)?,
            inside: alone(rule.percentage)?,
            served,
        })
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
    use engine::{
        AttributeSchema, AttributeValue, Attributes, Audience, BucketBy, Condition, EnvironmentConfig,
        EnvironmentKey, FlagKey, Group, GroupKey, Operator, RuleId, Test,
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

    fn forecast(saved: &Rollout, draft: &Rollout) -> Forecast {
        let flag = Arc::new(Flag::boolean(FlagKey::parse("fast-payment").expect("key"), "Fast payment"));
        let config = EnvironmentConfig {
            environment: EnvironmentKey::parse("production").expect("key"),
            revision: 1,
            flags: vec![(Arc::clone(&flag), Arc::new(saved.clone()))],
            groups: vec![Arc::new(vip_group())],
            attributes: Arc::new(AttributeSchema::default()),
        };
        let (snapshot, errors) = Snapshot::compile(config, None);
        assert_eq!(errors, []);
        let people = people();
        let trial = Trial { snapshot: &snapshot, flag: &flag, saved, draft, protected: true, now_ms: 0 };
        trial
            .forecast(|| people.iter().map(|(key, traits)| Context::from_traits(key, traits)))
            .expect("forecast")
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
        assert_eq!((vip.audience, everyone.audience), (100, 1000));
        assert!((35..=65).contains(&vip.inside), "{vip:?}");
        assert!(
            everyone.served < everyone.inside,
            "those whom the first channel serves are not served again"
        );
        assert_eq!(vip.served + everyone.served, forecast.after);
        assert_eq!(vip.name, "VIP agencies");
        assert_eq!(forecast.mood, Mood::Takes);
    }

    #[test]
    fn each_step_of_a_plan_is_counted_against_the_one_before() {
        let flag = Arc::new(Flag::boolean(FlagKey::parse("fast-payment").expect("key"), "Fast payment"));
        let rollout = rollout(0, 0);
        let config = EnvironmentConfig {
            environment: EnvironmentKey::parse("production").expect("key"),
            revision: 1,
            flags: vec![(Arc::clone(&flag), Arc::new(rollout.clone()))],
            groups: vec![Arc::new(vip_group())],
            attributes: Arc::new(AttributeSchema::default()),
        };
        let (snapshot, _) = Snapshot::compile(config, None);
        let trial = StepsTrial { snapshot: &snapshot, flag: &flag, rollout: &rollout, now_ms: 0 };
        let setting = |vip: u32, everyone: u32| -> Percentages {
            let of =
                |id: &str, to| (RuleId::parse(id).expect("id"), Percentage::whole(to).expect("percentage"));
            [of("vip", vip), of("everyone", everyone)].into()
        };
        let people = people();
        let steps = [setting(100, 0), setting(100, 100), setting(100, 0)];
        let impacts = trial.impacts(&setting(0, 0), &steps, || {
            people.iter().map(|(key, traits)| Context::from_traits(key, traits))
        });
        let told: Vec<_> = impacts.into_iter().flatten().map(|it| (it.gained, it.lost)).collect();
        assert_eq!(told, [(100, 0), (900, 0), (0, 900)]);
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
