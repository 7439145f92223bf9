//! What a subject had when they told something: from the ledger, or, for the flag that it is about, as the engine
//! decides it at that moment from what is stored about them.

use engine::{Audience, Context, FlagKey, GroupKey, RuleId, Snapshot, SubjectKey};

use super::Saw;
use crate::{Seen, Store, clock::MINUTE_MS};

/// How far from now a moment may lie for the present configuration to be that of the moment.
const PRESENT_MS: i64 = 5 * MINUTE_MS;

/// The pilot group of a rule's audience that has the subject in it; the only one, where there is only one.
fn group_of_rule(
    snapshot: &Snapshot,
    flag: &str,
    rule: Option<&RuleId>,
    context: &Context<'_>,
    now_ms: i64,
) -> Option<GroupKey> {
    let rule = snapshot.flag(flag)?.rollout().rule(rule?.as_str())?;
    match &rule.audience {
        Audience::Everyone => None,
        Audience::Matching { groups, .. } if groups.len() == 1 => groups.first().cloned(),
        Audience::Matching { groups, .. } => {
            let inside = |group: &&GroupKey| {
                snapshot.group(group.as_str()).is_some_and(|it| it.contains(context, now_ms))
            };
            groups.iter().find(inside).cloned()
        }
    }
}

impl Store {
    /// A line of the ledger with the pilot group behind its rule, as far as the rule is still there.
    pub(super) fn saw_in_ledger(&self, environment: &str, seen: Seen) -> Saw {
        let people = self.live().people();
        let traits = people.traits(seen.subject.as_str()).unwrap_or_default();
        let context = Context::from_traits(seen.subject.as_str(), traits);
        let snapshot = self.live().snapshot(environment);
        let group = snapshot.and_then(|snapshot| {
            let now_ms = self.clock().now_ms();
            group_of_rule(&snapshot, seen.flag.as_str(), seen.rule.as_ref(), &context, now_ms)
        });
        let Seen { flag, variant, revision, rule, arm, .. } = seen;
        Saw { flag, variant, arm, rule, group, revision, seen: true }
    }

    /// What Fader decides for the subject on one flag, when `at_ms` is about now.
    pub(super) fn decided(
        &self,
        environment: &str,
        flag: &FlagKey,
        subject: &SubjectKey,
        at_ms: i64,
    ) -> Option<Saw> {
        let now_ms = self.clock().now_ms();
        if (now_ms - at_ms).abs() > PRESENT_MS {
            return None;
        }
        let snapshot = self.live().snapshot(environment)?;
        let people = self.live().people();
        let traits = people.traits(subject.as_str()).unwrap_or_default();
        let context = Context::from_traits(subject.as_str(), traits);
        let decision = snapshot.evaluate(flag.as_str(), &context, now_ms).ok()?;
        Some(Saw {
            flag: flag.clone(),
            variant: decision.variant.key.clone(),
            arm: decision.arm,
            rule: decision.rule.cloned(),
            group: group_of_rule(&snapshot, flag.as_str(), decision.rule, &context, now_ms),
            revision: snapshot.revision(),
            seen: false,
        })
    }
}
