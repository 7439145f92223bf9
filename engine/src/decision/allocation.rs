//! How a rule divides its audience into treatment and control while no percentage changes.

use std::fmt::Write as _;

use crate::{POSITIONS, Rollout, RuleId, bucket_hash};

/// One constant division of a rule's audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocation {
    /// Differs whenever a percentage, a holdback, the order of the rules or the seed does; never negative.
    pub id: i64,
    /// What treatment and control should hold of the audience, in any unit; `None` where a later rule serves an unknown
    /// part of those outside.
    pub shares: Option<(u64, u64)>,
}

/// How `rollout` divides the audience of `rule`; `None` without such a rule.
pub fn allocation(rollout: &Rollout, rule: &RuleId) -> Option<Allocation> {
    let at = rollout.rules.iter().position(|each| each.id == *rule)?;
    let own = &rollout.rules[at];
    let mut text = String::new();
    for each in &rollout.rules {
        let (percentage, holdback) = (each.percentage.thousandths(), each.holdback.thousandths());
        // Writing to a text cannot fail.
        let _ = write!(text, "{}:{percentage}:{holdback}:{};", each.id, each.bucket_by.as_str());
    }
    let high = i64::from(bucket_hash(&rollout.seed, &text));
    let low = i64::from(bucket_hash(&text, rule.as_str()));
    // One seed for all rules: a later rule that draws by the same value and is no larger serves nobody who is outside.
    let is_closed = rollout.rules[at + 1..].iter().all(|later| {
        later.percentage.is_none() || (later.bucket_by == own.bucket_by && later.percentage <= own.percentage)
    });
    let all = u64::from(POSITIONS);
    let (inside, held) = (u64::from(own.percentage.thousandths()), u64::from(own.holdback.thousandths()));
    let treatment = inside * (all - held);
    Some(Allocation {
        id: (high << 31) ^ low,
        shares: is_closed.then_some((treatment, all * all - treatment)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Audience, BucketBy, Percentage, Rule};

    fn rule(id: &str, per_cent: u32) -> Rule {
        Rule {
            id: RuleId::parse(id).expect("an id"),
            audience: Audience::Everyone,
            percentage: Percentage::whole(per_cent).expect("a percentage"),
            holdback: Percentage::NONE,
            bucket_by: BucketBy::Subject,
            split: Vec::new(),
        }
    }

    fn of(rules: Vec<Rule>, id: &str) -> Allocation {
        let rollout = Rollout { rules, ..Rollout::new("seed") };
        allocation(&rollout, &RuleId::parse(id).expect("an id")).expect("a rule")
    }

    #[test]
    fn a_step_changes_the_allocation_and_a_step_back_restores_it() {
        let (at_20, at_50) = (of(vec![rule("a", 20)], "a"), of(vec![rule("a", 50)], "a"));
        assert_ne!(at_20.id, at_50.id);
        assert_eq!(of(vec![rule("a", 20)], "a"), at_20);
        assert_eq!(at_20.shares, Some((2_000_000_000, 8_000_000_000)));
        assert!(at_20.id >= 0 && at_50.id >= 0);
    }

    #[test]
    fn a_holdback_is_taken_from_those_inside() {
        let held = Rule { holdback: Percentage::whole(1).expect("a percentage"), ..rule("a", 100) };
        assert_eq!(of(vec![held], "a").shares, Some((9_900_000_000, 100_000_000)));
    }

    #[test]
    fn a_larger_rule_below_takes_an_unknown_part_of_control() {
        assert_eq!(of(vec![rule("a", 20), rule("b", 50)], "a").shares, None);
        assert!(of(vec![rule("a", 50), rule("b", 20)], "a").shares.is_some());
        assert!(of(vec![rule("a", 20), rule("b", 50)], "b").shares.is_some());
    }
}
