//! A survey counts exactly what deciding for everybody would, for every percentage.

use std::sync::Arc;

use engine::{
    AttributeSchema, AttributeValue, Attributes, Audience, BucketBy, ChannelCount, Condition, Context,
    Enrolment, EnvironmentConfig, Exclusions, Flag, FlagKey, Group, Impact, Moved, Mover, Operator, Overlap,
    Percentage, Pin, Prerequisite, Question, Rollout, Rule, Sample, Share, Shuffled, Side, Snapshot,
    Surveyor, Tally, Test, Variant, group_name, move_reason,
};
use proptest::{collection::vec, prelude::*, sample::select};

const NOW_MS: i64 = 1_000;
const PEOPLE: usize = 400;

fn key<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("key")
}

fn tier(value: &str) -> Condition {
    let operator = Operator::Equals(value.to_owned());
    Condition::Test(Test { attribute: key("tier"), operator, negated: false, ignore_case: false })
}

fn people() -> Vec<(String, Attributes)> {
    let person = |n: usize| {
        let mut traits = Attributes::default();
        let text = |text: &str| AttributeValue::Text(text.to_owned());
        traits.set("tier", text(["vip", "standard", "basic"][n % 3]));
        if !n.is_multiple_of(5) {
            traits.set("tenant", text(&format!("agency-{}", n % 37)));
        }
        (format!("user-{n}"), traits)
    };
    (0..PEOPLE).map(person).collect()
}

fn groups() -> Vec<Arc<Group>> {
    let group = |name: &str, condition, enrolled: &[usize]| {
        let enrolment = |n: &usize| Enrolment {
            subject: key(&format!("user-{n}")),
            purpose: String::new(),
            from_ms: None,
            until_ms: n.is_multiple_of(2).then_some(500),
            by: String::new(),
            at_ms: None,
        };
        Arc::new(Group {
            key: key(name),
            name: name.to_owned(),
            description: String::new(),
            condition,
            enrolments: enrolled.iter().map(enrolment).collect(),
        })
    };
    vec![group("vips", Some(tier("vip")), &[1, 2, 4]), group("testers", None, &[3, 5, 8, 9])]
}

fn flag(name: &str) -> Flag {
    let mut flag = Flag::boolean(key(name), name);
    flag.variants.push(Variant { key: key("third"), ..flag.variants[0].clone() });
    flag
}

fn percentage() -> impl Strategy<Value = Percentage> {
    prop_oneof![select(vec![0, 20_000, 50_000, 100_000]), 0..100_001u32]
        .prop_map(|it| Percentage::from_thousandths(it).expect("percentage"))
}

fn audience() -> impl Strategy<Value = Audience> {
    prop_oneof![
        Just(Audience::Everyone),
        Just(Audience::Matching { groups: vec![key("vips")], condition: None }),
        Just(Audience::Matching { groups: vec![key("testers"), key("vips")], condition: None }),
        Just(Audience::Matching { groups: Vec::new(), condition: Some(tier("basic")) }),
    ]
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let by = prop_oneof![3 => Just(BucketBy::Subject), 1 => Just(BucketBy::Attribute(key("tenant")))];
    let variants: Vec<_> = flag("f").variants.iter().map(|it| it.key.clone()).collect();
    let split = prop_oneof![2 => Just(Vec::new()), 1 => (0..1_001u32).prop_map(move |first| {
        let weights = [first, (1000 - first) / 2, (1000 - first).div_ceil(2)];
        variants.iter().zip(weights).map(|(it, weight)| Share { variant: it.clone(), weight }).collect()
    })];
    let hold = prop_oneof![3 => Just(Percentage::NONE), 1 => percentage()];
    vec((audience(), percentage(), hold, by, split), 0..5).prop_map(|rules| {
        let rule = |(at, (audience, percentage, holdback, bucket_by, split))| Rule {
            id: key(&format!("r{at}")),
            audience,
            percentage,
            holdback,
            bucket_by,
            split,
        };
        rules.into_iter().enumerate().map(rule).collect()
    })
}

fn rollout() -> impl Strategy<Value = Rollout> {
    let pins = vec((0..PEOPLE, select(vec!["on", "off", "third"])), 0..3);
    (rules(), pins, any::<bool>(), any::<bool>(), select(vec!["seed", "other"])).prop_map(
        |(rules, mut pins, excludes, waits, seed)| {
            pins.sort_unstable();
            pins.dedup_by_key(|(n, _)| *n);
            let pin = |(n, variant)| Pin { subject: key(&format!("user-{n}")), variant: key(variant) };
            Rollout {
                pins: pins.into_iter().map(pin).collect(),
                exclusions: Exclusions {
                    subjects: if excludes { vec![key("user-3"), key("user-6")] } else { Vec::new() },
                    groups: if excludes { vec![key("testers")] } else { Vec::new() },
                },
                prerequisites: if waits {
                    vec![Prerequisite { flag: key("first"), variant: key("on") }]
                } else {
                    Vec::new()
                },
                rules,
                ..Rollout::new(seed)
            }
        },
    )
}

fn snapshot(rollout: &Rollout) -> Arc<Snapshot> {
    let half = Percentage::whole(50).expect("percentage");
    let first = Rule {
        id: key("half"),
        audience: Audience::Everyone,
        percentage: half,
        holdback: Percentage::NONE,
        bucket_by: BucketBy::Subject,
        split: Vec::new(),
    };
    let before = Rollout { rules: vec![first], ..Rollout::new("first") };
    let config = EnvironmentConfig {
        environment: key("production"),
        revision: 1,
        flags: vec![
            (Arc::new(flag("f")), Arc::new(rollout.clone())),
            (Arc::new(flag("first")), Arc::new(before)),
        ],
        groups: groups(),
        attributes: Arc::new(AttributeSchema::default()),
    };
    let (snapshot, errors) = Snapshot::compile(config, None);
    assert_eq!(errors, []);
    Arc::new(snapshot)
}

fn changed(before: &Rollout, after: &Rollout, people: &[(String, Attributes)]) -> Impact {
    let (before, after) = (snapshot(before), snapshot(after));
    let mut tally = Tally::new(vec![Question::Changes { flag: key("f"), before, after }]);
    for (key, traits) in people {
        tally.look(&Context::from_traits(key, traits), NOW_MS);
    }
    tally.counted(people.len()).impacts[0]
}

fn moved(before: &Rollout, after: &Rollout, people: &[(String, Attributes)]) -> Moved {
    let (before, after) = (snapshot(before), snapshot(after));
    let mut mover = Mover::new(Question::Changes { flag: key("f"), before, after });
    // In any order: places are told in theirs.
    for (place, (key, traits)) in people.iter().enumerate().rev() {
        mover.look(place, &Context::from_traits(key, traits), NOW_MS);
    }
    mover.moved(people.len())
}

/// The rule alone, without anything before it.
fn alone(rule: &Rule, percentage: Percentage, seed: &str, people: &[(String, Attributes)]) -> usize {
    let rule = Rule { percentage, ..rule.clone() };
    let rollout = Rollout { rules: vec![rule], ..Rollout::new(seed) };
    changed(&rollout, &rollout, people).after
}

fn served_by(rollout: &Rollout, rule: &Rule, people: &[(String, Attributes)]) -> usize {
    let snapshot = snapshot(rollout);
    let compiled = snapshot.flag("f").expect("flag");
    let by_it = |(key, traits): &&(String, Attributes)| {
        let decision = snapshot.evaluate("f", &Context::from_traits(key, traits), NOW_MS).expect("decides");
        decision.rule == Some(&rule.id) && decision.is_on(compiled)
    };
    people.iter().filter(by_it).count()
}

fn surveyed(rollouts: &[&Rollout], people: &[(String, Attributes)]) -> Surveyor {
    let flag: FlagKey = key("f");
    let snapshots: Vec<_> = rollouts.iter().map(|it| snapshot(it)).collect();
    let mut surveyor = Surveyor::new(&flag, &snapshots).expect("a flag");
    for (key, traits) in people {
        surveyor.look(&Context::from_traits(key, traits), NOW_MS);
    }
    surveyor
}

fn with_percentages(rollout: &Rollout, percentages: &[Percentage]) -> Rollout {
    let mut rollout = rollout.clone();
    for (rule, percentage) in rollout.rules.iter_mut().zip(percentages) {
        rule.percentage = *percentage;
    }
    rollout
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_percentages_are_counted_as_if_everybody_was_decided_for(
        rollout in rollout(), moved in vec(percentage(), 5),
    ) {
        let people = people();
        let survey = surveyed(&[&rollout], &people).survey(people.len());
        let after = with_percentages(&rollout, &moved);
        prop_assert_eq!(survey.impact((0, &rollout), (0, &after)), changed(&rollout, &after, &people));
        prop_assert_eq!(survey.impact((0, &after), (0, &rollout)), changed(&after, &rollout, &people));
    }

    #[test]
    fn two_definitions_are_compared_person_by_person(
        before in rollout(), after in rollout(), moved in vec(percentage(), 5),
    ) {
        let people = people();
        let survey = surveyed(&[&before, &after], &people).survey(people.len());
        let after = with_percentages(&after, &moved);
        prop_assert_eq!(survey.impact((0, &before), (1, &after)), changed(&before, &after, &people));
    }

    #[test]
    fn each_rule_knows_its_audience_and_whom_it_serves(rollout in rollout(), moved in vec(percentage(), 5)) {
        let people = people();
        let survey = surveyed(&[&rollout], &people).survey(people.len());
        let rollout = with_percentages(&rollout, &moved);
        for (at, (rule, count)) in rollout.rules.iter().zip(survey.channels((0, &rollout))).enumerate() {
            prop_assert_eq!(count.inside, alone(rule, rule.percentage, &rollout.seed, &people));
            prop_assert_eq!(count.served, served_by(&rollout, rule, &people));
            let overlap = &count.overlap;
            let through: usize = overlap.through.iter().map(|(_, people)| people).sum();
            prop_assert_eq!(count.inside, count.served + through + overlap.pinned + overlap.kept_out);
            prop_assert!(overlap.through.iter().all(|(before, people)| *before < at && *people > 0));
            let unheld = Rule { holdback: Percentage::NONE, split: Vec::new(), ..rule.clone() };
            prop_assert_eq!(count.audience, alone(&unheld, Percentage::ALL, &rollout.seed, &people));
        }
    }
}

#[test]
fn a_sample_of_a_survey_is_near_the_whole_of_it() {
    let rule = |id: &str, audience, to| Rule {
        id: key(id),
        audience,
        percentage: Percentage::whole(to).expect("percentage"),
        holdback: Percentage::NONE,
        bucket_by: BucketBy::Subject,
        split: Vec::new(),
    };
    let vips = Audience::Matching { groups: vec![key("vips")], condition: None };
    let rollout = Rollout {
        rules: vec![rule("vips", vips, 100), rule("all", Audience::Everyone, 20)],
        ..Rollout::new("s")
    };
    let people: Vec<_> = people()
        .into_iter()
        .cycle()
        .take(100 * PEOPLE)
        .enumerate()
        .map(|(n, (_, traits))| (format!("person-{n}"), traits))
        .collect();
    let whole = surveyed(&[&rollout], &people).survey(people.len()).holders((0, &rollout));
    let order = Shuffled::new(people.len());
    let drawn: Vec<_> = (0..4_000).filter_map(|at| Some(people[order.at(at)?].clone())).collect();
    let part = surveyed(&[&rollout], &drawn).survey(people.len());
    let engine::Count::About { about, within } = part.sample().count(part.holders((0, &rollout))) else {
        panic!("a sample")
    };
    assert!(about.abs_diff(whole) <= 2 * within && within < whole / 10, "{about} ± {within}: {whole}");
}

#[test]
fn a_channel_reads_as_two_numbers() {
    let count = ChannelCount {
        sample: Sample::whole(9_000),
        audience: 8_300,
        inside: 1_240,
        served: 900,
        overlap: Overlap::default(),
    };
    let name = |rule: usize| ["Gold agencies", "Internal users", "VIP agencies"][rule].to_owned();
    let of = |through: &[(usize, usize)], pinned, kept_out| {
        let overlap = Overlap { through: through.to_vec(), pinned, kept_out };
        ChannelCount { overlap, ..count.clone() }.overlap_phrase(&name)
    };
    assert_eq!(count.phrase(), "1,240 of 8,300");
    assert_eq!(of(&[], 0, 0), "");
    assert_eq!(of(&[(0, 1_072)], 0, 0), "of whom 1,072 already through Gold agencies");
    assert_eq!(
        of(&[(0, 72), (1, 5), (2, 9)], 2, 3),
        "of whom 72 already through Gold agencies, 5 already through Internal users, 9 through other rules, \
         2 pinned and 3 kept out"
    );
    let sample = Sample { seen: 10_000, known: 100_000 };
    assert_eq!(ChannelCount { sample, ..count }.phrase(), "about 12,400 ± 700 of 83,000 ± 700");
}

proptest! {
    #[test]
    fn those_who_move_are_as_many_as_are_counted_and_each_has_a_reason(before in rollout(), after in rollout()) {
        let people = people();
        let (impact, moved) = (changed(&before, &after, &people), moved(&before, &after, &people));
        let numbers = Side::ALL.map(|side| moved.places(side).len());
        prop_assert_eq!(numbers, [impact.gained, impact.lost, impact.switched]);
        let (old, new) = (snapshot(&before), snapshot(&after));
        for side in Side::ALL {
            prop_assert!(moved.places(side).is_sorted());
            for place in moved.places(side) {
                let (subject, traits) = &people[*place as usize];
                let context = Context::from_traits(subject, traits);
                let (was, is) = (old.explain("f", &context, NOW_MS), new.explain("f", &context, NOW_MS));
                let reason = move_reason(side, (&was, &before), (&is, &after), &group_name(&new));
                prop_assert!(!reason.is_empty());
            }
        }
    }
}

#[test]
fn a_reason_names_the_rule_or_what_keeps_somebody_out() {
    let vips = |percentage| Rule {
        id: key("vips"),
        audience: Audience::Matching { groups: vec![key("vips")], condition: None },
        percentage: Percentage::whole(percentage).expect("percentage"),
        holdback: Percentage::NONE,
        bucket_by: BucketBy::Subject,
        split: Vec::new(),
    };
    let with = |rules: Vec<Rule>| Rollout { rules, ..Rollout::new("seed") };
    let out = Exclusions { subjects: vec![key("user-3")], groups: vec![key("testers")] };
    let (nobody, all) = (with(Vec::new()), with(vec![vips(100)]));
    let excluding = Rollout { exclusions: out, ..all.clone() };
    let pin = Pin { subject: key("user-0"), variant: key("on") };
    let pinned = Rollout { pins: vec![pin], ..nobody.clone() };
    let people = people();
    let reasons = |side, before: &Rollout, after: &Rollout| -> Vec<String> {
        let (old, new) = (snapshot(before), snapshot(after));
        let moved = moved(before, after, &people);
        let reason = |place: &u32| {
            let (subject, traits) = &people[*place as usize];
            let context = Context::from_traits(subject, traits);
            let (was, is) = (old.explain("f", &context, NOW_MS), new.explain("f", &context, NOW_MS));
            move_reason(side, (&was, before), (&is, after), &group_name(&new))
        };
        let mut reasons: Vec<_> = moved.places(side).iter().map(reason).collect();
        reasons.sort();
        reasons.dedup();
        reasons
    };
    assert_eq!(reasons(Side::Gained, &nobody, &all), ["through vips"]);
    assert_eq!(reasons(Side::Gained, &nobody, &with(vec![vips(50)])), ["inside 50 % of vips"]);
    assert_eq!(reasons(Side::Gained, &nobody, &pinned), ["pinned by name"]);
    assert_eq!(reasons(Side::Lost, &all, &nobody), ["no longer through vips"]);
    assert_eq!(reasons(Side::Lost, &all, &with(vec![vips(20)])), ["outside 20 % of vips"]);
    assert_eq!(reasons(Side::Lost, &all, &excluding), ["excluded by name", "excluded through testers"]);
}
