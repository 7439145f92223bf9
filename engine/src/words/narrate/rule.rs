//! What one rule said of a subject, put together from the steps inside it.

use super::reason::{is_met, listed, member, named_group, reason, stranger};
use crate::{BucketBy, Percentage, Placement, Step, words::sentence::quoted};

/// A rule's steps, sorted by what they are about.
pub(super) struct RuleTrace<'a> {
    percentage: Percentage,
    everyone: bool,
    groups: Vec<&'a Step>,
    condition: Option<&'a Step>,
    /// What the percentage is drawn by and the value it found; `None` when the audience did not match.
    bucket: Option<(&'a BucketBy, Option<&'a str>)>,
    /// The part that is kept out, when the subject is in it.
    held_back: Option<Percentage>,
}

impl<'a> RuleTrace<'a> {
    pub(super) fn of(steps: &'a [Step], percentage: Percentage) -> Self {
        let mut rule = Self {
            percentage,
            everyone: false,
            groups: Vec::new(),
            condition: None,
            bucket: None,
            held_back: None,
        };
        for step in steps {
            match step {
                Step::Everyone => rule.everyone = true,
                Step::Group { .. } => rule.groups.push(step),
                Step::Bucket { by, value, .. } => rule.bucket = Some((by, value.as_deref())),
                Step::Holdback { held_back, holdback, .. } => rule.held_back = held_back.then_some(*holdback),
                _ => rule.condition = Some(step),
            }
        }
        rule
    }

    fn member_of(&self) -> Option<&'a Step> {
        self.groups.iter().copied().find(|group| is_met(group))
    }

    /// `in VIP agencies (tier is “vip”)`, `tier is “vip”`: why the audience matched; `None` for everyone.
    fn matched(&self) -> Option<String> {
        let condition = self.condition.map(reason);
        match (self.member_of(), condition) {
            (Some(group), None) => Some(format!("in {}", member(group))),
            (Some(group), Some(condition)) => Some(format!("in {}, and {condition}", member(group))),
            (None, condition) => condition,
        }
    }

    /// ` by tenant (“acme”)`; empty when the subject itself is drawn.
    fn by(&self) -> String {
        match self.bucket {
            Some((BucketBy::Attribute(name), Some(value))) => format!(" by {name} ({})", quoted(value)),
            _ => String::new(),
        }
    }

    pub(super) fn inside(&self) -> String {
        let (percentage, by) = (self.percentage, self.by());
        match (self.matched(), percentage == Percentage::ALL) {
            (None, true) => "everyone is at 100 %".to_owned(),
            (None, false) => format!("inside the {percentage} % of everyone{by}"),
            (Some(audience), true) if self.condition.is_some() => format!("{audience}; the rule is at 100 %"),
            (Some(audience), true) => format!("{audience}, which is at 100 %"),
            (Some(audience), false) => format!("{audience}, and inside its {percentage} %{by}"),
        }
    }

    pub(super) fn not_inside(&self) -> String {
        let (percentage, by) = (self.percentage, self.by());
        if let Some(holdback) = self.held_back {
            let audience = self.matched().map_or_else(String::new, |audience| format!("{audience}, but "));
            return format!("{audience}among the {holdback} % who are kept out for comparison{by}");
        }
        let missing = match self.bucket {
            None => return self.not_matched(),
            Some((BucketBy::Attribute(name), None)) => Some(name),
            Some(_) => None,
        };
        match (self.matched(), missing) {
            (None, Some(name)) => {
                format!("{name} is missing, by which the {percentage} % of everyone is drawn")
            }
            (Some(audience), Some(name)) => {
                format!("{audience}, but {name} is missing, by which its {percentage} % is drawn")
            }
            (None, None) if percentage == Percentage::NONE => "everyone is at 0 %".to_owned(),
            (None, None) => format!("outside the {percentage} % of everyone{by}"),
            (Some(audience), None) if percentage == Percentage::NONE => {
                format!("{audience}, which is at 0 %")
            }
            (Some(audience), None) => format!("{audience}, but outside its {percentage} %{by}"),
        }
    }

    fn not_matched(&self) -> String {
        match (self.member_of(), self.condition) {
            (Some(group), Some(condition)) => format!("in {}, but {}", member(group), reason(condition)),
            (None, Some(condition)) if self.groups.is_empty() => reason(condition),
            (_, _) if self.groups.is_empty() => "a rule without an audience is for nobody".to_owned(),
            (_, _) => format!(
                "not in {}",
                listed(self.groups.iter().map(|group| stranger(group)).collect(), ", nor in ")
            ),
        }
    }

    pub(super) fn sentence(&self, placement: Placement) -> String {
        let groups: Vec<_> = self.groups.iter().filter_map(|group| named_group(group)).collect();
        let audience = match (self.everyone, groups.is_empty(), self.condition) {
            (true, _, _) => "Everyone".to_owned(),
            (false, false, None) => groups.join(" or "),
            (false, false, Some(_)) => format!("{}, on a condition,", groups.join(" or ")),
            (false, true, Some(_)) => "Those who meet a condition".to_owned(),
            (false, true, None) => "Nobody".to_owned(),
        };
        let found = match (placement, self.bucket) {
            (Placement::Inside, _) => "matches, and inside".to_owned(),
            (Placement::Outside, _) => "matches, but outside".to_owned(),
            (Placement::HeldBack, _) => "matches, but kept out for comparison".to_owned(),
            (Placement::NoMatch, None) => "does not match".to_owned(),
            (Placement::NoMatch, Some((BucketBy::Attribute(name), None))) => {
                format!("matches, but {name} is missing")
            }
            (Placement::NoMatch, Some(_)) => "matches, but no targeting key was sent".to_owned(),
        };
        format!("{audience} at {} %: {found}.", self.percentage)
    }
}
