//! Two people changed one rollout: lays the changes of one on top of the other's, so that neither is lost.

use std::{collections::HashSet, hash::Hash};

use engine::{Rollout, Rule};

/// `theirs` with what `mine` changes against `base`. Where both changed the same thing, mine stays.
/// The kill switch and the seed are never mine to change: they have operations of their own.
pub fn merge(base: &Rollout, theirs: &Rollout, mine: &Rollout) -> Rollout {
    Rollout {
        enabled: theirs.enabled,
        seed: theirs.seed.clone(),
        rules: merge_rules(&base.rules, &theirs.rules, &mine.rules),
        pins: merge_list(&base.pins, &theirs.pins, &mine.pins),
        prerequisites: merge_list(&base.prerequisites, &theirs.prerequisites, &mine.prerequisites),
        exclusions: engine::Exclusions {
            subjects: merge_list(
                &base.exclusions.subjects,
                &theirs.exclusions.subjects,
                &mine.exclusions.subjects,
            ),
            groups: merge_list(&base.exclusions.groups, &theirs.exclusions.groups, &mine.exclusions.groups),
        },
    }
}

fn find<'a>(rules: &'a [Rule], rule: &Rule) -> Option<&'a Rule> {
    rules.iter().find(|it| it.id == rule.id)
}

fn merge_rules(base: &[Rule], theirs: &[Rule], mine: &[Rule]) -> Vec<Rule> {
    let mut merged = Vec::new();
    for rule in mine {
        match (find(base, rule), find(theirs, rule)) {
            // They removed it and I left it alone.
            (Some(was), None) if was == rule => {}
            (Some(was), Some(their)) => merged.push(merge_rule(was, their, rule)),
            (None | Some(_), None) | (None, Some(_)) => merged.push(rule.clone()),
        }
    }
    let added = theirs.iter().filter(|their| find(mine, their).is_none() && find(base, their).is_none());
    merged.extend(added.cloned());
    if order(base) == order(mine) {
        // I moved nothing, so their order counts; what they do not have stands after what stood before it.
        let place = |rule: &Rule| theirs.iter().position(|their| their.id == rule.id);
        let mut last = 0;
        let mut keyed: Vec<(usize, Rule)> = Vec::new();
        for rule in merged {
            last = place(&rule).unwrap_or(last);
            keyed.push((last, rule));
        }
        keyed.sort_by_key(|(at, _)| *at);
        merged = keyed.into_iter().map(|(_, rule)| rule).collect();
    }
    merged.sort_by_key(|rule| rule.audience.is_everyone());
    merged
}

fn order(rules: &[Rule]) -> Vec<&engine::RuleId> {
    rules.iter().map(|rule| &rule.id).collect()
}

fn merge_rule(base: &Rule, theirs: &Rule, mine: &Rule) -> Rule {
    fn pick<T: PartialEq + Clone>(base: &T, theirs: &T, mine: &T) -> T {
        if mine == base { theirs.clone() } else { mine.clone() }
    }
    Rule {
        id: mine.id.clone(),
        audience: pick(&base.audience, &theirs.audience, &mine.audience),
        percentage: pick(&base.percentage, &theirs.percentage, &mine.percentage),
        holdback: pick(&base.holdback, &theirs.holdback, &mine.holdback),
        bucket_by: pick(&base.bucket_by, &theirs.bucket_by, &mine.bucket_by),
        split: pick(&base.split, &theirs.split, &mine.split),
    }
}

/// What both have or either added, without what either removed; mine first.
fn merge_list<T: Eq + Hash + Clone>(base: &[T], theirs: &[T], mine: &[T]) -> Vec<T> {
    let set = |list| HashSet::<&T>::from_iter(list);
    let (in_base, in_theirs, in_mine) = (set(base), set(theirs), set(mine));
    let kept = mine.iter().filter(|item| in_theirs.contains(item) || !in_base.contains(item));
    let added = theirs.iter().filter(|item| !in_mine.contains(item) && !in_base.contains(item));
    kept.chain(added).cloned().collect()
}

#[cfg(test)]
mod tests {
    use engine::{Audience, BucketBy, GroupKey, Percentage, Pin, RuleId, SubjectKey, VariantKey};

    use super::*;

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

    fn rollout(rules: &[(&str, u32)]) -> Rollout {
        Rollout { rules: rules.iter().map(|(id, p)| rule(id, *p)).collect(), ..Rollout::new("seed") }
    }

    fn state(rollout: &Rollout) -> Vec<(&str, u32)> {
        rollout.rules.iter().map(|r| (r.id.as_str(), r.percentage.thousandths() / 1000)).collect()
    }

    #[test]
    fn changes_to_different_faders_are_both_kept() {
        let base = rollout(&[("vip", 20), ("everyone", 0)]);
        let theirs = rollout(&[("vip", 50), ("everyone", 0)]);
        let mine = rollout(&[("vip", 20), ("everyone", 10)]);
        assert_eq!(state(&merge(&base, &theirs, &mine)), [("vip", 50), ("everyone", 10)]);
    }

    #[test]
    fn of_two_changes_to_one_fader_mine_stays() {
        let base = rollout(&[("vip", 20)]);
        let merged = merge(&base, &rollout(&[("vip", 50)]), &rollout(&[("vip", 30)]));
        assert_eq!(state(&merged), [("vip", 30)]);
    }

    #[test]
    fn rules_that_others_added_removed_or_moved_follow_them() {
        let base = rollout(&[("a", 1), ("b", 2), ("everyone", 0)]);
        let theirs = rollout(&[("c", 3), ("b", 2), ("everyone", 0)]);
        let mine = rollout(&[("a", 1), ("b", 9), ("everyone", 0)]);
        assert_eq!(state(&merge(&base, &theirs, &mine)), [("c", 3), ("b", 9), ("everyone", 0)]);
    }

    #[test]
    fn a_rule_that_they_removed_and_i_changed_stays() {
        let base = rollout(&[("a", 1), ("everyone", 0)]);
        let merged = merge(&base, &rollout(&[("everyone", 0)]), &rollout(&[("a", 7), ("everyone", 0)]));
        assert_eq!(state(&merged), [("a", 7), ("everyone", 0)]);
    }

    #[test]
    fn my_order_counts_when_i_changed_it() {
        let base = rollout(&[("a", 1), ("b", 2)]);
        let merged = merge(&base, &rollout(&[("a", 5), ("b", 2)]), &rollout(&[("b", 2), ("a", 1)]));
        assert_eq!(state(&merged), [("b", 2), ("a", 5)]);
    }

    #[test]
    fn a_stop_by_somebody_else_is_never_undone_by_saving() {
        let base = rollout(&[("vip", 20)]);
        let theirs = Rollout { enabled: false, ..base.clone() };
        let merged = merge(&base, &theirs, &rollout(&[("vip", 50)]));
        assert!(!merged.enabled);
        assert_eq!(state(&merged), [("vip", 50)]);
    }

    #[test]
    fn lists_take_the_additions_and_removals_of_both() {
        let pin = |subject: &str| Pin {
            subject: SubjectKey::parse(subject).expect("key"),
            variant: VariantKey::parse("on").expect("key"),
        };
        let with =
            |subjects: &[&str]| Rollout { pins: subjects.iter().map(|s| pin(s)).collect(), ..rollout(&[]) };
        let merged = merge(&with(&["a", "b"]), &with(&["b", "c"]), &with(&["a", "b", "d"]));
        assert_eq!(merged.pins, [pin("b"), pin("d"), pin("c")]);
    }
}
