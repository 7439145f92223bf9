//! One rule among the known people: how many it lets in, and how many of those somebody else decides for.

use super::{Count, Sample};

/// One rule among the people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelCount {
    pub sample: Sample,
    /// Matching the audience.
    pub audience: usize,
    /// Of those, inside the percentage.
    pub inside: usize,
    /// Served something else than the off variant by this rule, because no earlier one let them in. With those of `overlap`
    /// these are the ones inside.
    pub served: usize,
    pub overlap: Overlap,
}

/// Those inside a rule for whom it is not asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overlap {
    /// Served by an earlier rule, which is named by its place.
    pub through: Vec<(usize, usize)>,
    pub pinned: usize,
    /// Excluded, without what the flag needs first, or left at the off variant by an earlier rule.
    pub kept_out: usize,
}

/// More rules than this are not named.
const NAMED_MAX: usize = 2;

impl ChannelCount {
    /// `1,240 of 8,300`, or `about 1,200 ± 60 of 8,300 ± 90`.
    pub fn phrase(&self) -> String {
        let (inside, audience) = (self.sample.count(self.inside), self.sample.count(self.audience));
        let about = if matches!(inside, Count::Exact(_)) { "" } else { "about " };
        format!("{about}{} of {}", inside.number(), audience.number())
    }

    /// Why fewer are served than are inside: `of whom 72 already through Gold agencies and 3 kept out`; nothing when all of
    /// them are. `name` gives what the rule at a place is called.
    pub fn overlap_phrase(&self, name: &dyn Fn(usize) -> String) -> String {
        let count = |people: usize| self.sample.count(people).number();
        let Overlap { through, pinned, kept_out } = &self.overlap;
        let mut parts: Vec<_> = through
            .iter()
            .take(NAMED_MAX)
            .map(|(rule, people)| format!("{} already through {}", count(*people), name(*rule)))
            .collect();
        let others: usize = through.iter().skip(NAMED_MAX).map(|(_, people)| people).sum();
        let more = [(others, "through other rules"), (*pinned, "pinned"), (*kept_out, "kept out")];
        let more = more.into_iter().filter(|(people, _)| *people > 0);
        parts.extend(more.map(|(people, why)| format!("{} {why}", count(people))));
        match parts.split_last() {
            None => String::new(),
            Some((last, [])) => format!("of whom {last}"),
            Some((last, before)) => format!("of whom {} and {last}", before.join(", ")),
        }
    }
}

impl Overlap {
    pub(super) fn through(&mut self, rule: usize, people: usize) {
        match self.through.iter_mut().find(|(at, _)| *at == rule) {
            Some((_, count)) => *count += people,
            None => self.through.push((rule, people)),
        }
    }

    /// In the order of the rules, whoever was looked at first.
    pub(super) fn sort(&mut self) {
        self.through.sort_unstable();
    }
}
