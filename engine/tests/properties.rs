//! What holds for every rollout, group and context, however odd.

use std::sync::Arc;

use engine::{
    AttributeDefinition, AttributeSchema, AttributeType, AttributeValue, Attributes, Audience, BucketBy,
    Condition, Context, Decision, Enrolment, EnvironmentConfig, EvaluationError, Exclusions, Explanation,
    Flag, Group, Number, Operator, Percentage, Pin, Prerequisite, Rollout, Rule, Sender, Share, Snapshot,
    Step, Test, WEIGHT_TOTAL,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

const NOW_MS: i64 = 1_000;
const FLAGS: [&str; 4] = ["f0", "f1", "f2", "f3"];
const GROUPS: [&str; 3] = ["g0", "g1", "g2"];
const SUBJECTS: [&str; 5] = ["ada", "eva", "user-0", "user-1", "ユーザー"];
const NAMES: [&str; 4] = ["a", "b", "tier", "targetingKey"];
const TEXTS: [&str; 9] = ["vip", "VIP", "", "17", "2.1.0", "2026-03-01", "true", "NaN", "søk"];

fn key<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("key")
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => select(&TEXTS[..]).prop_map(str::to_owned), 1 => any::<String>()]
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        2 => select(vec![0.0, 17.0, -0.5, 1e300, f64::MAX]).prop_map(Number::from),
        1 => any::<f64>().prop_map(Number::from),
        1 => any::<i64>().prop_map(Number::from),
        1 => any::<u64>().prop_map(Number::from),
    ]
}

fn value() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        3 => text().prop_map(AttributeValue::Text),
        2 => number().prop_map(AttributeValue::Number),
        1 => Just(AttributeValue::Number(f64::NAN.into())),
        1 => any::<bool>().prop_map(AttributeValue::Boolean),
        1 => vec(text(), 0..4).prop_map(AttributeValue::List),
    ]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    vec((select(&NAMES[..]), value()), 0..4)
        .prop_map(|items| items.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn operator() -> impl Strategy<Value = Operator> {
    let date = || {
        select(&["2026-03-01", "2020-01-01T00:00:00Z", "2026-03-01T14:10", "1772000000000"][..])
            .prop_map(str::to_owned)
    };
    let version = || select(&["2.1", "v1", "3.0.0-rc.1", "1.2.3.4"][..]).prop_map(str::to_owned);
    let finite = || number().prop_map(|n| if n.is_finite() { n } else { 0.into() });
    prop_oneof![
        text().prop_map(Operator::Equals),
        vec(text(), 0..12).prop_map(Operator::OneOf),
        text().prop_map(Operator::Contains),
        text().prop_map(Operator::StartsWith),
        text().prop_map(Operator::EndsWith),
        select(&["v.p", "^$", "\\d+"][..]).prop_map(|pattern| Operator::Matches(pattern.to_owned())),
        select(&["10.0.0.0/8", "::/0"][..]).prop_map(|it| Operator::InNetwork(vec![it.to_owned()])),
        finite().prop_map(Operator::NumberEquals),
        finite().prop_map(Operator::LessThan),
        finite().prop_map(Operator::AtLeast),
        (finite(), finite()).prop_map(|(low, high)| Operator::Between { low, high }),
        any::<bool>().prop_map(Operator::Is),
        vec(text(), 0..4).prop_map(Operator::ContainsAny),
        vec(text(), 0..12).prop_map(Operator::ContainsAll),
        date().prop_map(Operator::Before),
        date().prop_map(Operator::After),
        version().prop_map(Operator::VersionEquals),
        version().prop_map(Operator::VersionBelow),
        version().prop_map(Operator::VersionAbove),
        version().prop_map(Operator::VersionAtLeast),
        version().prop_map(Operator::VersionAtMost),
        Just(Operator::Exists),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let test = (select(&NAMES[..]), operator(), any::<bool>(), any::<bool>());
    let leaf = test.prop_map(|(attribute, operator, negated, ignore_case)| {
        Condition::Test(Test { attribute: key(attribute), operator, negated, ignore_case })
    });
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Condition::All),
            vec(inner.clone(), 0..3).prop_map(Condition::Any),
            inner.prop_map(|node| Condition::Not(Box::new(node))),
        ]
    })
}

fn group(name: &'static str) -> impl Strategy<Value = Group> {
    let times = (option::of(0..2_000_i64), option::of(0..2_000_i64));
    let enrolments = vec((select(&SUBJECTS[..]), times), 0..3);
    (option::of(condition()), enrolments).prop_map(move |(condition, enrolments)| Group {
        key: key(name),
        name: name.to_owned(),
        description: String::new(),
        condition,
        enrolments: enrolments
            .into_iter()
            .map(|(subject, (from_ms, until_ms))| Enrolment {
                from_ms,
                until_ms,
                ..Enrolment::new(key(subject))
            })
            .collect(),
    })
}

fn percentage() -> impl Strategy<Value = Percentage> {
    prop_oneof![Just(0), Just(100_000), 0..=100_000_u32]
        .prop_map(|n| Percentage::from_thousandths(n).expect("in range"))
}

fn rule() -> impl Strategy<Value = Rule> {
    let audience = prop_oneof![
        1 => Just(Audience::Everyone),
        3 => (vec(select(&GROUPS[..]), 0..3), option::of(condition())).prop_map(|(groups, condition)| {
            Audience::Matching { groups: groups.into_iter().map(key).collect(), condition }
        }),
    ];
    let bucket_by = prop_oneof![
        2 => Just(BucketBy::Subject),
        1 => select(&NAMES[..]).prop_map(|name| BucketBy::Attribute(key(name))),
    ];
    let split = option::of(0..=WEIGHT_TOTAL).prop_map(|weight| match weight {
        None => Vec::new(),
        Some(weight) => vec![
            Share { variant: key("on"), weight },
            Share { variant: key("off"), weight: WEIGHT_TOTAL - weight },
        ],
    });
    (audience, percentage(), bucket_by, split).prop_map(|(audience, percentage, bucket_by, split)| Rule {
        id: key("rule"),
        audience,
        percentage,
        holdback: engine::Percentage::NONE,
        bucket_by,
        split,
    })
}

fn rollout() -> impl Strategy<Value = Rollout> {
    let variant = || select(&["on", "off"][..]);
    let prerequisites = vec((select(&FLAGS[..]), variant()), 0..2);
    let excluded = (vec(select(&SUBJECTS[..]), 0..2), vec(select(&GROUPS[..]), 0..2));
    let pins = vec((select(&SUBJECTS[..]), variant()), 0..2);
    let enabled = prop::bool::weighted(0.9);
    (enabled, prerequisites, excluded, pins, vec(rule(), 0..4), "[a-z]{1,5}").prop_map(
        |(enabled, prerequisites, (subjects, groups), pins, rules, seed)| Rollout {
            enabled,
            prerequisites: prerequisites
                .into_iter()
                .map(|(flag, variant)| Prerequisite { flag: key(flag), variant: key(variant) })
                .collect(),
            exclusions: Exclusions {
                subjects: subjects.into_iter().map(key).collect(),
                groups: groups.into_iter().map(key).collect(),
            },
            pins: pins
                .into_iter()
                .map(|(subject, variant)| Pin { subject: key(subject), variant: key(variant) })
                .collect(),
            rules,
            seed,
        },
    )
}

fn schema() -> Arc<AttributeSchema> {
    Arc::new(AttributeSchema::new(vec![AttributeDefinition {
        name: key("tier"),
        value_type: AttributeType::Text,
        description: String::new(),
        trusted: true,
        personal: false,
    }]))
}

fn config() -> impl Strategy<Value = EnvironmentConfig> {
    let groups = GROUPS.map(group);
    (vec(rollout(), FLAGS.len()), groups).prop_map(|(rollouts, groups)| EnvironmentConfig {
        environment: key("production"),
        revision: 1,
        flags: FLAGS
            .iter()
            .zip(rollouts)
            .map(|(name, rollout)| (Arc::new(Flag::boolean(key(name), name)), Arc::new(rollout)))
            .collect(),
        groups: groups.into_iter().map(Arc::new).collect(),
        attributes: schema(),
    })
}

#[derive(Debug, Clone)]
struct OwnedContext {
    targeting_key: Option<String>,
    client: bool,
    sent: Attributes,
    signed: Attributes,
    traits: Attributes,
}

impl OwnedContext {
    fn context(&self) -> Context<'_> {
        Context {
            targeting_key: self.targeting_key.as_deref(),
            sender: if self.client { Sender::Client } else { Sender::Server },
            sent: &self.sent,
            signed: &self.signed,
            traits: (&self.traits).into(),
        }
    }
}

fn contexts() -> impl Strategy<Value = Vec<OwnedContext>> {
    let subject = prop_oneof![
        1 => Just(None),
        5 => select(&SUBJECTS[..]).prop_map(|subject| Some(subject.to_owned())),
        1 => any::<String>().prop_map(Some),
    ];
    let context = (subject, any::<bool>(), attributes(), attributes(), attributes()).prop_map(
        |(targeting_key, client, sent, signed, traits)| OwnedContext {
            targeting_key,
            client,
            sent,
            signed,
            traits,
        },
    );
    vec(context, 1..6)
}

fn compile(config: &EnvironmentConfig, previous: Option<&Snapshot>) -> Snapshot {
    let (snapshot, errors) = Snapshot::compile(config.clone(), previous);
    assert_eq!(errors, []);
    snapshot
}

/// Every flag for every context.
fn decisions<'s>(
    snapshot: &'s Snapshot,
    contexts: &[OwnedContext],
) -> Vec<Result<Decision<'s>, EvaluationError>> {
    let all = contexts.iter().flat_map(|context| FLAGS.map(|flag| (flag, context)));
    all.map(|(flag, context)| snapshot.evaluate(flag, &context.context(), NOW_MS)).collect()
}

fn assert_same(explanation: &Explanation, decided: &Result<Decision<'_>, EvaluationError>) {
    match (&explanation.decision, decided) {
        (Ok(served), Ok(decision)) => {
            assert_eq!(served.variant, decision.variant.key);
            assert_eq!(served.value, decision.variant.value);
            assert_eq!(served.reason, decision.reason);
            assert_eq!(served.rule.as_ref(), decision.rule);
            assert_eq!(served.arm, decision.arm);
        }
        (Err(explained), Err(decided)) => assert_eq!(explained, decided),
        (explained, decided) => panic!("explained {explained:?}, decided {decided:?}"),
    }
}

fn assert_told(steps: &[Step]) {
    for step in steps {
        assert!(step.sentence().ends_with('.'), "{}", step.sentence());
        assert_told(step.children());
    }
}

proptest! {
    #[test]
    fn an_explanation_decides_the_same_and_can_be_told((config, contexts) in (config(), contexts())) {
        let snapshot = compile(&config, None);
        for context in &contexts {
            for flag in FLAGS {
                let explanation = snapshot.explain(flag, &context.context(), NOW_MS);
                assert_same(&explanation, &snapshot.evaluate(flag, &context.context(), NOW_MS));
                prop_assert!(explanation.sentence().ends_with('.'));
                assert_told(&explanation.steps);
            }
        }
    }

    #[test]
    fn a_recompiled_snapshot_decides_like_a_new_one(
        (old, mut new, contexts, keep) in (config(), config(), contexts(), any::<[bool; 7]>())
    ) {
        let previous = compile(&old, None);
        for (n, (new, old)) in new.flags.iter_mut().zip(&old.flags).enumerate() {
            if keep[n] {
                *new = old.clone();
            }
        }
        for (n, (new, old)) in new.groups.iter_mut().zip(&old.groups).enumerate() {
            if keep[FLAGS.len() + n] {
                *new = Arc::clone(old);
            }
        }
        let (fresh, reusing) = (compile(&new, None), compile(&new, Some(&previous)));
        prop_assert_eq!(decisions(&fresh, &contexts), decisions(&reusing, &contexts));
    }

    #[test]
    fn a_preview_decides_like_the_change_it_previews(
        (config, changed, contexts) in (config(), config(), contexts())
    ) {
        let snapshot = compile(&config, None);
        let mut with_flag = config.clone();
        with_flag.flags[0] = changed.flags[0].clone();
        let (flag, rollout) = changed.flags[0].clone();
        let preview = snapshot.with_flag(flag, rollout).expect("rollout");
        let saved = compile(&with_flag, None);
        prop_assert_eq!(decisions(&preview, &contexts), decisions(&saved, &contexts));
        let mut with_group = config.clone();
        with_group.groups[0] = Arc::clone(&changed.groups[0]);
        let (preview, errors) = snapshot.with_group(Arc::clone(&changed.groups[0]));
        prop_assert!(errors.is_empty());
        let saved = compile(&with_group, None);
        prop_assert_eq!(decisions(&preview, &contexts), decisions(&saved, &contexts));
    }

    #[test]
    fn stopping_and_resuming_changes_nobody((mut config, contexts) in (config(), contexts())) {
        let before = compile(&config, None);
        let rollout = Arc::clone(&config.flags[0].1);
        config.flags[0].1 = Arc::new(Rollout { enabled: false, ..(*rollout).clone() });
        let stopped = compile(&config, Some(&before));
        for context in &contexts {
            let decision = stopped.evaluate("f0", &context.context(), NOW_MS).expect("a stopped flag decides");
            prop_assert_eq!(decision.variant.key.as_str(), "off");
        }
        config.flags[0].1 = rollout;
        let resumed = compile(&config, Some(&stopped));
        prop_assert_eq!(decisions(&before, &contexts), decisions(&resumed, &contexts));
    }

    #[test]
    fn raising_a_percentage_only_adds(
        (seed, low, high, subjects) in ("[a-z]{1,8}", percentage(), percentage(), vec(".{1,12}", 1..50))
    ) {
        let (low, high) = (low.min(high), low.max(high));
        let at = |percentage| {
            let rule = Rule {
                id: key("r"), audience: Audience::Everyone, percentage,
                holdback: Percentage::whole(5).expect("percentage"), bucket_by: BucketBy::Subject, split: Vec::new(),
            };
            let rollout = Rollout { rules: vec![rule], ..Rollout::new(&seed) };
            let flag = Flag::boolean(key("f"), "f");
            compile(&EnvironmentConfig {
                environment: key("production"),
                revision: 1,
                flags: vec![(Arc::new(flag), Arc::new(rollout))],
                groups: Vec::new(),
                attributes: schema(),
            }, None)
        };
        let (low, high) = (at(low), at(high));
        for subject in &subjects {
            let context = Context::from_server(Some(subject), Attributes::EMPTY);
            let on = |snapshot: &Snapshot| {
                snapshot.evaluate("f", &context, NOW_MS).expect("decision").variant.key.as_str() == "on"
            };
            prop_assert!(!on(&low) || on(&high), "{subject} lost it");
        }
    }

    #[test]
    fn definitions_survive_being_stored(config in config()) {
        for (flag, rollout) in &config.flags {
            let stored = serde_json::to_string(&**rollout).expect("JSON");
            prop_assert_eq!(&serde_json::from_str::<Rollout>(&stored).expect("rollout"), &**rollout);
            let stored = serde_json::to_string(&**flag).expect("JSON");
            prop_assert_eq!(&serde_json::from_str::<Flag>(&stored).expect("flag"), &**flag);
        }
        for group in &config.groups {
            let stored = serde_json::to_string(&**group).expect("JSON");
            prop_assert_eq!(&serde_json::from_str::<Group>(&stored).expect("group"), &**group);
        }
    }

    #[test]
    fn what_can_be_saved_can_be_compiled(config in config()) {
        for group in &config.groups {
            if group.problems().is_empty() {
                prop_assert!(engine::CompiledGroup::new(Arc::clone(group), &config.attributes).is_ok());
            }
        }
    }
}
