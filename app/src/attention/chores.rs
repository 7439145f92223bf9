//! What can wait, and is forgotten unless somebody says so: flags to clean up, without an owner, without traffic.

use std::sync::Arc;

use engine::{FlagKey, Lifecycle, Percentage, Rollout};
use store::{DeskRow, LastServed};

use super::{Need, Why};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Not served for so long is without traffic.
const QUIET_MS: i64 = 7 * DAY_MS;
/// What was rolled out since is given time to be asked for.
const GRACE_MS: i64 = DAY_MS;

/// What chores are found in.
pub struct Chores<'a, F> {
    pub rows: &'a [DeskRow],
    pub served: &'a LastServed,
    /// Whether a flag was served in the last minutes, of which `served` may not know yet.
    pub served_lately: F,
    pub now_ms: i64,
}

/// One pass over all rows; a flag may have several.
pub fn chores<F: Fn(&FlagKey) -> bool>(of: &Chores<'_, F>) -> Vec<Need> {
    let mut needs = Vec::new();
    for row in of.rows.iter().filter(|row| row.flag.lifecycle != Lifecycle::Archived) {
        let flag = &row.flag;
        let mut add = |why, since_ms| needs.push(Need { flag: Arc::clone(flag), why, since_ms });
        if flag.lifecycle == Lifecycle::Completed {
            add(Why::Completed { served_ms: of.served_ms(&flag.key) }, row.flag_changed_ms);
        } else if let Some((served_ms, since_ms)) = of.unserved(row) {
            add(Why::Unserved { served_ms }, since_ms);
        }
        if flag.owner.trim().is_empty() {
            add(Why::Unowned, row.flag_changed_ms);
        }
    }
    needs
}

impl<F: Fn(&FlagKey) -> bool> Chores<'_, F> {
    /// When it was last served, where that was lately.
    fn served_ms(&self, flag: &FlagKey) -> Option<i64> {
        if (self.served_lately)(flag) {
            return Some(self.now_ms);
        }
        self.served.hour_ms.get(flag).copied().filter(|at_ms| self.now_ms - at_ms < QUIET_MS)
    }

    /// Of a flag that is rolled out and that nobody was served lately: when it last was, and since when that matters.
    fn unserved(&self, row: &DeskRow) -> Option<(Option<i64>, i64)> {
        let is_out = row.flag.lifecycle == Lifecycle::Active && serves_somebody(&row.rollout);
        let is_settled = self.now_ms - row.rollout_changed_ms >= GRACE_MS;
        if !is_out || !is_settled || self.served_ms(&row.flag.key).is_some() {
            return None;
        }
        let last_ms = self.served.hour_ms.get(&row.flag.key).copied();
        Some((last_ms, last_ms.unwrap_or(row.rollout_changed_ms)))
    }
}

fn serves_somebody(rollout: &Rollout) -> bool {
    let anybody = rollout.rules.iter().any(|rule| rule.percentage > Percentage::NONE);
    rollout.enabled && (anybody || !rollout.pins.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use engine::{Audience, BucketBy, Flag, Rule, RuleId};
    use store::LastChange;

    use super::*;
    use crate::attention::Topic;

    const NOW_MS: i64 = 1_795_378_765_000;

    fn row(key: &str, change: impl FnOnce(&mut Flag, &mut Rollout)) -> DeskRow {
        let mut flag = Flag::boolean(FlagKey::parse(key).expect("a key"), key);
        (flag.lifecycle, flag.owner) = (Lifecycle::Active, "Priya".into());
        let mut rollout = Rollout::new("seed");
        rollout.rules.push(Rule {
            id: RuleId::parse("everyone").expect("an id"),
            audience: Audience::Everyone,
            percentage: Percentage::ALL,
            holdback: Percentage::NONE,
            bucket_by: BucketBy::Subject,
            split: Vec::new(),
        });
        change(&mut flag, &mut rollout);
        let last_change = LastChange { seq: 1, at_ms: 0, by: "Priya".into(), sentence: "created it".into() };
        DeskRow {
            flag: Arc::new(flag),
            rollout: Arc::new(rollout),
            flag_version: 1,
            rollout_version: 1,
            flag_changed_ms: NOW_MS - 20 * DAY_MS,
            rollout_changed_ms: NOW_MS - 10 * DAY_MS,
            last_change,
        }
    }

    fn found(rows: &[DeskRow], served: &[(&str, i64)]) -> Vec<(String, Topic, i64)> {
        let key = |key: &str| FlagKey::parse(key).expect("a key");
        let hour_ms: HashMap<_, _> = served.iter().map(|(flag, ago)| (key(flag), NOW_MS - ago)).collect();
        let served = LastServed { hour_ms, kept_ms: 180 * DAY_MS };
        let served_lately = |flag: &FlagKey| flag.as_str() == "asked-just-now";
        let needs = chores(&Chores { rows, served: &served, served_lately, now_ms: NOW_MS });
        needs
            .iter()
            .map(|it| (it.flag.key.to_string(), it.topic(), (NOW_MS - it.since_ms) / DAY_MS))
            .collect()
    }

    #[test]
    fn what_is_rolled_out_and_not_asked_for_is_without_traffic() {
        let rows = [row("asked", |_, _| {}), row("asked-just-now", |_, _| {}), row("quiet", |_, _| {})];
        let rows = [&rows[..], &[row("never", |_, _| {}), row("old", |_, _| {})]].concat();
        let served = [("asked", DAY_MS), ("old", 30 * DAY_MS), ("quiet", 8 * DAY_MS)];
        assert_eq!(
            found(&rows, &served),
            [
                ("quiet".into(), Topic::Unserved, 8),
                ("never".into(), Topic::Unserved, 10),
                ("old".into(), Topic::Unserved, 30),
            ]
        );
    }

    #[test]
    fn nobody_is_expected_to_ask_for_what_nobody_can_have() {
        let mut fresh = row("fresh", |_, _| {});
        fresh.rollout_changed_ms = NOW_MS - DAY_MS / 2;
        let rows = [
            fresh,
            row("stopped", |_, rollout| rollout.enabled = false),
            row("at-zero", |_, rollout| rollout.rules[0].percentage = Percentage::NONE),
            row("draft", |flag, _| flag.lifecycle = Lifecycle::Draft),
            row("archived", |flag, _| {
                flag.lifecycle = Lifecycle::Archived;
                flag.owner.clear();
            }),
        ];
        assert!(found(&rows, &[]).is_empty());
    }

    #[test]
    fn completed_flags_and_those_without_an_owner_are_told() {
        let rows = [
            row("done", |flag, _| flag.lifecycle = Lifecycle::Completed),
            row("asked", |flag, _| flag.owner = "  ".into()),
        ];
        assert_eq!(
            found(&rows, &[("asked", DAY_MS)]),
            [("done".into(), Topic::CleanUp, 20), ("asked".into(), Topic::Unowned, 20)]
        );
    }
}
