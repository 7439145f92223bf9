//! Definitions as documents: flags, rollouts, groups, plans and guardrails. What is read is written the same; what has
//! no problem compiles, is evaluated, explained and said in words, and survives its form.

use std::{collections::HashSet, sync::Arc};

use app::{
    flag::{plan::form::PlanForm, rollout::form::RolloutForm, settings::form::FlagForm},
    group::form::GroupForm,
    guardrails::form::GuardrailForm,
};
use engine::{
    AttributeSchema, Attributes, Context, EnvironmentConfig, EnvironmentKey, Flag, FlagKey, Group, Rollout,
    Snapshot,
    guardrail::{Guardrail, Metric, guardrail_problems},
    plan::Plan,
    rollout_phrase,
};
use serde::{Serialize, de::DeserializeOwned};
use store::Versioned;

const NOW_MS: i64 = 1_800_000_000_000;
const BYTES_PER_BYTE_MAX: usize = 600;
const BYTES_MAX: usize = 64 * 1024;

pub fn run(bytes: &[u8]) {
    let Some((kind, document)) = bytes.split_first() else { return };
    match kind % 5 {
        0 => flag(document),
        1 => rollout(document),
        2 => group(document),
        3 => plan(document),
        _ => guardrails(document),
    }
}

/// The document, when it is one, within what reading may take; written and read it is the same.
fn read<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(document: &[u8]) -> Option<T> {
    let budget = BYTES_MAX + BYTES_PER_BYTE_MAX * document.len();
    let value = match crate::memory::within(budget, || serde_json::from_slice::<T>(document)) {
        Ok(value) => value,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return None;
        }
    };
    let written = serde_json::to_string(&value).expect("is written");
    let again = serde_json::from_str::<T>(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(again, value, "{written}");
    Some(value)
}

fn sentences<P: std::fmt::Display>(problems: &[P]) {
    assert!(problems.iter().all(|it| !it.to_string().is_empty()), "a problem without a sentence");
}

fn flag(document: &[u8]) {
    let Some(flag) = read::<Flag>(document) else { return };
    let problems = flag.problems();
    sentences(&problems);
    let form = FlagForm::from_flag(&flag, 1);
    if problems.is_empty() {
        compiled(&flag, &Rollout::new("seed"), &[]);
        // Tags are typed in one line, with commas between them.
        let plain = |tag: &String| tag.trim() == tag && !tag.contains(',');
        if flag.tags.iter().all(plain) && flag.tags.iter().collect::<HashSet<_>>().len() == flag.tags.len() {
            assert_eq!(form.change(&flag).as_ref(), Ok(&flag), "the form makes something else of it");
        }
    }
}

fn rollout(document: &[u8]) {
    let Some(rollout) = read::<Rollout>(document) else { return };
    let flag = Flag::boolean(FlagKey::parse("fast-payment").expect("a key"), "Fast payment");
    let problems = rollout.problems(&flag, |_| true);
    sentences(&problems);
    let form = RolloutForm::from_rollout(&rollout, 1);
    let parsed = form.parse(&rollout, &flag);
    if problems.is_empty() {
        let groups: Vec<_> = rollout.groups().cloned().collect();
        let phrase = rollout_phrase(&rollout, &|key| key.to_string());
        assert!(!phrase.is_empty() && groups.len() <= 51 * 50);
        compiled(&flag, &rollout, &[]);
        // In a form everyone stands below the groups, and a list says nobody twice.
        let mut below = rollout.rules.iter().skip_while(|rule| !rule.audience.is_everyone());
        let subjects = &rollout.exclusions.subjects;
        if below.nth(1).is_none() && subjects.iter().collect::<HashSet<_>>().len() == subjects.len() {
            assert_eq!(parsed.as_ref(), Ok(&rollout), "the form makes something else of it");
        }
    }
}

fn group(document: &[u8]) {
    let Some(group) = read::<Group>(document) else { return };
    let problems = group.problems();
    sentences(&problems);
    let saved =
        Versioned { value: group.clone(), version: 1, seq: 1, changed_by: String::new(), changed_ms: NOW_MS };
    let form = GroupForm::from_group(&saved);
    if problems.is_empty() {
        decided(&group, &Context::from_server(Some("u-1"), &Attributes::default()));
        let parsed = form.parse(group.key.clone(), group.enrolments.clone());
        assert_eq!(parsed.ok(), Some(group), "the form makes something else of it");
    }
}

fn plan(document: &[u8]) {
    let Some(plan) = read::<Plan>(document) else { return };
    let problems = plan.problems(&|_| true);
    sentences(&problems);
    let form = PlanForm::of(&plan, 1);
    if problems.is_empty() {
        let parsed = form.parse(Some(&plan), &|_| true);
        assert_eq!(parsed.ok(), Some(plan), "the form makes something else of it");
    }
}

fn guardrails(document: &[u8]) {
    let Some(guardrails) = read::<Vec<Guardrail>>(document) else { return };
    let problems = guardrail_problems(&guardrails);
    sentences(&problems);
    if problems.is_empty() {
        assert!(guardrails.iter().all(|it| !it.sentence().is_empty()));
        let own: Vec<_> =
            guardrails.into_iter().filter(|it| !matches!(it.metric, Metric::Custom { .. })).collect();
        let typed = GuardrailForm::of(&own, 1).parse(&[]).unwrap_or_else(|refusal| panic!("{refusal:?}"));
        let sentences = |all: &[Guardrail]| all.iter().map(Guardrail::sentence).collect::<Vec<_>>();
        assert_eq!(sentences(&typed), sentences(&own), "the form makes something else of it");
    }
}

/// Compiles them alone, and decides and explains for a few.
fn compiled(flag: &Flag, rollout: &Rollout, groups: &[Group]) {
    let config = EnvironmentConfig {
        environment: EnvironmentKey::parse("production").expect("a key"),
        revision: 1,
        flags: vec![(Arc::new(flag.clone()), Arc::new(rollout.clone()))],
        groups: groups.iter().cloned().map(Arc::new).collect(),
        attributes: Arc::new(AttributeSchema::default()),
    };
    let (snapshot, _) = Snapshot::compile(config, None);
    let attributes = Attributes::default();
    for subject in [None, Some("u-1"), Some("u-2")] {
        let context = Context::from_server(subject, &attributes);
        let decision = snapshot.evaluate(flag.key.as_str(), &context, NOW_MS);
        let explained = snapshot.explain(flag.key.as_str(), &context, NOW_MS);
        assert!(!explained.sentence().is_empty());
        match (&decision, &explained.decision) {
            (Ok(decision), Ok(served)) => assert_eq!(decision.variant.key, served.variant),
            (Err(error), Err(told)) => assert_eq!(error, told),
            (decided, told) => panic!("decided {decided:?}, explained {told:?}"),
        }
    }
}

/// Whether a group without problems compiles, and holds the same people however it is asked.
pub fn decided(group: &Group, context: &Context<'_>) {
    let compiled = engine::CompiledGroup::new(Arc::new(group.clone()), &AttributeSchema::default())
        .unwrap_or_else(|problem| panic!("has no problem, and does not compile: {problem}"));
    let inside = compiled.contains(context, NOW_MS);
    assert_eq!(inside, compiled.contains(context, NOW_MS));
}
