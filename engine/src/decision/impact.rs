//! What a change does to the people we know, computed by evaluating them before and after.

use serde::{Deserialize, Serialize};

use crate::{CompiledGroup, Context, Snapshot, VariantKey};

/// Counts of known people, before and after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Impact {
    pub known: usize,
    /// Served something else than the off variant (of a group: members).
    pub before: usize,
    pub after: usize,
    pub gained: usize,
    pub lost: usize,
    /// On before and after, with another variant.
    pub switched: usize,
}

impl Impact {
    fn count<K: PartialEq>(&mut self, before: Option<K>, after: Option<K>) {
        self.known += 1;
        self.before += usize::from(before.is_some());
        self.after += usize::from(after.is_some());
        match (before, after) {
            (None, Some(_)) => self.gained += 1,
            (Some(_), None) => self.lost += 1,
            (Some(b), Some(a)) if a != b => self.switched += 1,
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    /// `Adds 310 of 1,560 known people; nobody loses it.`
    pub fn sentence(&self) -> String {
        let known = match self.known {
            0 => return "No people are known yet, so there is nobody to count.".to_owned(),
            1 => "1 known person".to_owned(),
            n => format!("{} known people", grouped(n)),
        };
        let (gained, lost) = (grouped(self.gained), grouped(self.lost));
        let switched = match self.switched {
            0 => String::new(),
            1 => "; 1 gets another variant".to_owned(),
            n => format!("; {} get another variant", grouped(n)),
        };
        match (self.gained, self.lost, self.switched) {
            (0, 0, 0) => format!("Changes nothing for {known}; {}.", self.holders()),
            (0, 0, _) => format!("Nobody of {known} gains or loses it{switched}."),
            (_, 0, _) => format!("Adds {gained} of {known}; nobody loses it{switched}."),
            (0, _, _) => format!("Takes it from {lost} of {known}; nobody gains it{switched}."),
            (_, _, _) => format!("Adds {gained} and takes it from {lost} of {known}{switched}."),
        }
    }

    fn holders(&self) -> String {
        match self.after {
            0 => "nobody has it".to_owned(),
            1 => "1 has it".to_owned(),
            n => format!("{} have it", grouped(n)),
        }
    }
}

/// A count with a comma at every third digit.
pub fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What replacing `before` by `after` does to `people` on one flag.
pub fn impact<'p>(
    before: &Snapshot,
    after: &Snapshot,
    flag: &str,
    people: impl Iterator<Item = Context<'p>>,
    now_ms: i64,
) -> Impact {
    let mut impact = Impact::default();
    for context in people {
        impact.count(on(before, flag, &context, now_ms), on(after, flag, &context, now_ms));
    }
    impact
}

/// The variant that is served, when it is not the off variant.
fn on<'s>(snapshot: &'s Snapshot, flag: &str, context: &Context<'_>, now_ms: i64) -> Option<&'s VariantKey> {
    let decision = snapshot.evaluate(flag, context, now_ms).ok()?;
    decision.is_on(snapshot.flag(flag)?).then_some(&decision.variant.key)
}

/// What replacing one definition of a group by another does to its membership.
pub fn group_impact<'p>(
    before: Option<&CompiledGroup>,
    after: &CompiledGroup,
    people: impl Iterator<Item = Context<'p>>,
    now_ms: i64,
) -> Impact {
    let mut impact = Impact::default();
    for context in people {
        let was = before.is_some_and(|group| group.contains(&context, now_ms));
        impact.count(was.then_some(()), after.contains(&context, now_ms).then_some(()));
    }
    impact
}
