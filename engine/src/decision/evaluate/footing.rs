//! What decides a flag for one subject apart from its percentages: the parts of a decision that stay when a fader moves.
//! Everything is found by the code that decides; only the order of the rules is left to whoever keeps it.

use std::cell::Cell;

use super::{Chain, CompiledFlag, Context, Evaluation, Placement, Position, Silent, Snapshot};
use crate::Variant;

/// Whether the rules are asked at all.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ground<'s> {
    /// Off whatever the rules say: a prerequisite, an exclusion, an archived flag.
    Off,
    Pinned(&'s Variant),
    Rules,
}

/// How a subject stands to a rule whose audience it is in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Footing<'s> {
    pub(crate) position: Position,
    /// Kept out for comparison where the percentage lets it in.
    pub(crate) held_back: bool,
    /// Served where the percentage lets it in.
    pub(crate) variant: &'s Variant,
}

impl Snapshot {
    /// How a subject stands to `flag`, as if it ran: `each` hears of every rule whose audience the subject is in, also
    /// where the ground says that the rules are not asked.
    pub(crate) fn footing<'s>(
        &'s self,
        flag: &'s CompiledFlag,
        context: &Context<'_>,
        now_ms: i64,
        mut each: impl FnMut(usize, Footing<'s>),
    ) -> Ground<'s> {
        let followed = Cell::new(0);
        let chain = Chain { depth: 0, followed: &followed, preview: None };
        let evaluation = Evaluation { snapshot: self, flag, context, now_ms, chain };
        for (at, rule) in flag.rules().iter().enumerate() {
            if !evaluation.matches(&rule.audience, &mut Silent) {
                continue;
            }
            let found = evaluation
                .with_bucket_value(rule, |value| value.map(|it| flag.seeds().position.position(it)));
            let Some(position) = found else { continue };
            let Ok(decision) = evaluation.treatment(rule, None, &mut Silent) else { continue };
            let held_back = evaluation.holdback(rule) == Placement::HeldBack;
            each(at, Footing { position, held_back, variant: decision.variant });
        }
        if flag.is_archived() || !matches!(evaluation.prerequisites_met(&mut Silent), Ok(true)) {
            return Ground::Off;
        }
        if evaluation.is_excluded(&mut Silent) {
            return Ground::Off;
        }
        evaluation.pinned().map_or(Ground::Rules, Ground::Pinned)
    }
}
