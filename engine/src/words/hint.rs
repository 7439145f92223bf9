//! What would change a decision, when a simple thing would: a percentage, one attribute, resuming.

use std::sync::Arc;

use crate::{
    CompiledFlag, Context, Explanation, GroupKey, Percentage, Placement, Reason, Rollout, Snapshot, Step,
    audience_phrase, words::narrate::is_met,
};

const HINTS_MAX: usize = 3;
/// Thousandths in one per cent.
const PER_CENT: u32 = 1000;

/// At most a few sentences; none when the subject has the flag or nothing simple would help.
pub fn hints(
    snapshot: &Snapshot,
    explanation: &Explanation,
    context: &Context<'_>,
    now_ms: i64,
) -> Vec<String> {
    let (Ok(served), Some(flag)) = (&explanation.decision, snapshot.flag(&explanation.flag)) else {
        return Vec::new();
    };
    match served.reason {
        Reason::Disabled => after_resuming(snapshot, flag, context, now_ms).into_iter().collect(),
        Reason::Default => {
            let of_rule = |step: &Step| {
                let Step::Rule { rule, placement, steps, percentage } = step else { return None };
                let audience =
                    audience_phrase(&flag.rollout().rule(rule.as_str())?.audience, &group_name(snapshot));
                match placement {
                    Placement::Inside | Placement::HeldBack => None,
                    Placement::Outside => inside_at(steps)
                        .map(|at| format!("Would be inside the rule for {audience} at {at} %.")),
                    // At 0 % a matching audience would not get it either.
                    Placement::NoMatch if *percentage == Percentage::NONE => None,
                    Placement::NoMatch => only_failure(steps).map(|test| {
                        format!("The rule for {audience} ({percentage} %) would match if {test}.")
                    }),
                }
            };
            explanation.steps.iter().filter_map(of_rule).take(HINTS_MAX).collect()
        }
        Reason::Static | Reason::TargetingMatch | Reason::Split => Vec::new(),
    }
}

fn after_resuming(
    snapshot: &Snapshot,
    stopped: &CompiledFlag,
    context: &Context<'_>,
    now_ms: i64,
) -> Option<String> {
    let flag = stopped.flag();
    let running = Rollout { enabled: true, ..(**stopped.rollout()).clone() };
    let snapshot = snapshot.with_flag(Arc::clone(flag), Arc::new(running)).ok()?;
    let served = snapshot.evaluate(flag.key.as_str(), context, now_ms).ok()?;
    let what =
        if served.variant.key == flag.off_variant { "would not get it either" } else { "would get it" };
    Some(format!("If the rollout were resumed, this subject {what}."))
}

/// The smallest whole percentage that lets the subject in.
fn inside_at(steps: &[Step]) -> Option<Percentage> {
    steps.iter().find_map(|step| match step {
        Step::Bucket { position: Some(position), .. } => {
            Percentage::from_thousandths((position + 1).div_ceil(PER_CENT) * PER_CENT)
        }
        _ => None,
    })
}

/// The one test that keeps the audience from matching, when there is just one.
fn only_failure(steps: &[Step]) -> Option<String> {
    let is_group = |step: &&Step| matches!(step, Step::Group { .. });
    let groups: Vec<_> = steps.iter().filter(is_group).collect();
    let mut failures = Vec::new();
    if !groups.is_empty() && !groups.iter().any(|step| held(step)) {
        failures.extend(easiest(groups.into_iter().map(failures_of))?);
    }
    for step in steps.iter().filter(|step| !is_group(step) && !matches!(step, Step::Bucket { .. })) {
        failures.extend(failures_of(step)?);
    }
    match &failures[..] {
        [only] => Some(only.clone()),
        _ => None,
    }
}

/// The name of a group, for phrases; its key when it is gone.
pub fn group_name(snapshot: &Snapshot) -> impl Fn(&GroupKey) -> String {
    |key| snapshot.group(key.as_str()).map_or_else(|| key.to_string(), |group| group.name().to_owned())
}

fn held(step: &Step) -> bool {
    matches!(step, Step::Everyone) || is_met(step)
}

/// The tests that would all have to hold; `None` when it is not as simple as that.
fn failures_of(step: &Step) -> Option<Vec<String>> {
    if held(step) {
        return Some(Vec::new());
    }
    match step {
        Step::Test { attribute, expected, .. } => Some(vec![format!("{attribute} {expected}")]),
        Step::All { steps, .. } => {
            let all: Option<Vec<_>> = steps.iter().map(failures_of).collect();
            all.map(|all| all.concat())
        }
        Step::Any { steps, .. } | Step::Group { steps, .. } => easiest(steps.iter().map(failures_of)),
        _ => None,
    }
}

fn easiest(ways: impl Iterator<Item = Option<Vec<String>>>) -> Option<Vec<String>> {
    ways.flatten().filter(|way| !way.is_empty()).min_by_key(Vec::len)
}

#[cfg(test)]
mod tests {
    use crate::{Actual, AttributeName, BucketBy};

    use super::*;

    fn test(attribute: &str, met: bool) -> Step {
        Step::Test {
            attribute: AttributeName::parse(attribute).expect("a name"),
            met,
            expected: "is “vip”".to_owned(),
            opposite: "is not “vip”".to_owned(),
            actual: Actual::Missing,
        }
    }

    #[test]
    fn the_percentage_named_is_the_first_whole_one_that_lets_in() {
        let at = |position| {
            inside_at(&[Step::Bucket {
                by: BucketBy::Subject,
                value: Some("x".to_owned()),
                position: Some(position),
                percentage: Percentage::NONE,
                inside: false,
            }])
        };
        // Inside means position < percentage · 1000.
        assert_eq!(at(37_999), Percentage::whole(38));
        assert_eq!(at(38_000), Percentage::whole(39));
        assert_eq!(at(99_999), Percentage::whole(100));
        assert_eq!(at(0), Percentage::whole(1));
    }

    #[test]
    fn one_failing_test_is_named_and_two_are_not() {
        let all = |steps: Vec<Step>| Step::All { met: false, steps };
        assert_eq!(
            only_failure(&[all(vec![test("tier", false), test("role", true)])]).as_deref(),
            Some("tier is “vip”")
        );
        assert_eq!(only_failure(&[all(vec![test("tier", false), test("role", false)])]), None);
        let any = Step::Any { met: false, steps: vec![test("tier", false), test("role", false)] };
        assert_eq!(only_failure(&[any]).as_deref(), Some("tier is “vip”"), "one of them is enough");
        let not = Step::Not { met: false, steps: vec![test("tier", true)] };
        assert_eq!(only_failure(&[not]), None);
    }
}
