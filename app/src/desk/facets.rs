//! How many flags each choice of the toolbar would show, with everything else as it is chosen. One pass over all flags.

use std::collections::BTreeMap;

use engine::Lifecycle;

use super::filter::{Facet, Facts, Filter, State};
use crate::flag::settings::form::kind_code;

/// Values of one facet that are offered; beyond it those with the most flags.
const VALUES_MAX: usize = 200;

/// For each facet the number of flags behind each of its values, and how many there are with any.
#[derive(Debug, Default)]
pub struct Facets<'a> {
    values: [BTreeMap<&'a str, usize>; Facet::ALL.len()],
    any: [usize; Facet::ALL.len()],
}

impl<'a> Facets<'a> {
    /// Counts one flag, and says whether it is shown.
    pub fn add(&mut self, filter: &Filter, facts: &Facts<'a>) -> bool {
        if !filter.finds(facts.flag) {
            return false;
        }
        let passes = Facet::ALL.map(|facet| filter.passes(facet, facts));
        let failed = passes.iter().filter(|it| !**it).count();
        for (at, facet) in Facet::ALL.into_iter().enumerate() {
            if failed == 0 || (failed == 1 && !passes[at]) {
                self.count(at, facet, facts);
            }
        }
        failed == 0
    }

    fn count(&mut self, at: usize, facet: Facet, facts: &Facts<'a>) {
        let flag = facts.flag;
        self.any[at] += usize::from(facet != Facet::Life || flag.lifecycle != Lifecycle::Archived);
        let mut add = |value: &'a str| *self.values[at].entry(value).or_default() += 1;
        match facet {
            Facet::State => {
                let state = State::of(facts.rollout);
                add(state.code());
                if state == State::Full {
                    add(State::Serving.code());
                }
            }
            Facet::Tag => flag.tags.iter().for_each(|tag| add(tag)),
            Facet::Owner => add(&flag.owner),
            Facet::Kind => add(kind_code(flag.kind)),
            Facet::Life => {
                add("all");
                add(match flag.lifecycle {
                    Lifecycle::Draft => "draft",
                    Lifecycle::Active => "active",
                    Lifecycle::Completed => "completed",
                    Lifecycle::Archived => "archived",
                });
            }
            Facet::Need => facts.topics.iter().for_each(|topic| add(topic.as_str())),
        }
    }

    /// With nothing chosen of this facet.
    pub fn any(&self, facet: Facet) -> usize {
        self.any[facet as usize]
    }

    pub fn of(&self, facet: Facet, value: &str) -> usize {
        self.values[facet as usize].get(value).copied().unwrap_or(0)
    }

    /// The values that flags have, by name; with what is chosen, though no flag may have it any more.
    pub fn offered(&self, facet: Facet, chosen: &str) -> Vec<(String, usize)> {
        let values = self.values[facet as usize].iter().filter(|(value, _)| !value.is_empty());
        let mut offered: Vec<_> = values.map(|(value, flags)| ((*value).to_owned(), *flags)).collect();
        offered.sort_by_key(|(value, flags)| (value != chosen, std::cmp::Reverse(*flags)));
        offered.truncate(VALUES_MAX);
        if !chosen.is_empty() && offered.iter().all(|(value, _)| value != chosen) {
            offered.push((chosen.to_owned(), 0));
        }
        offered.sort_by_key(|(value, _)| value.to_lowercase());
        offered
    }
}

#[cfg(test)]
mod tests {
    use engine::{Flag, FlagKey, Rollout};

    use super::*;
    use crate::attention::Topic;

    fn flag(key: &str, tags: &[&str], owner: &str) -> Flag {
        let mut flag = Flag::boolean(FlagKey::parse(key).expect("a key"), key);
        (flag.tags, flag.owner) = (tags.iter().map(|it| (*it).to_owned()).collect(), owner.to_owned());
        flag
    }

    #[test]
    fn a_choice_is_counted_with_the_others_as_they_are() {
        let flags = [
            flag("a", &["web", "checkout"], "Priya"),
            flag("b", &["web"], "Paul"),
            flag("c", &[], ""),
            Flag { lifecycle: Lifecycle::Archived, ..flag("d", &["web"], "Priya") },
        ];
        let running = Rollout::new("seed");
        let stopped = Rollout { enabled: false, ..Rollout::new("seed") };
        let counted = |query: &[(&str, &str)]| {
            let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let filter = Filter::read(query);
            let mut facets = Facets::default();
            let shown = flags
                .iter()
                .filter(|flag| {
                    let rollout = if flag.key.as_str() == "b" { &stopped } else { &running };
                    let topics: &[Topic] = if flag.owner.is_empty() { &[Topic::Unowned] } else { &[] };
                    facets.add(&filter, &Facts { flag, rollout, on: 0, changed_ms: 0, topics })
                })
                .count();
            (shown, facets)
        };
        let (shown, all) = counted(&[]);
        assert_eq!(shown, 3);
        assert_eq!(all.offered(Facet::Tag, ""), [("checkout".to_owned(), 1), ("web".to_owned(), 2)]);
        assert_eq!((all.of(Facet::State, "stopped"), all.any(Facet::State)), (1, 3));
        assert_eq!((all.of(Facet::Life, "all"), all.any(Facet::Life)), (4, 3));
        assert_eq!(all.of(Facet::Need, "unowned"), 1);

        let (shown, stopped_only) = counted(&[("state", "stopped")]);
        assert_eq!(shown, 1);
        assert_eq!(stopped_only.of(Facet::State, "nobody"), 2, "what another choice of the same would show");
        assert_eq!(stopped_only.offered(Facet::Owner, ""), [("Paul".to_owned(), 1)]);
        assert_eq!(stopped_only.of(Facet::Need, "unowned"), 0);

        let (shown, gone) = counted(&[("owner", "Somebody who left")]);
        assert_eq!(shown, 0);
        assert!(
            gone.offered(Facet::Owner, "Somebody who left").contains(&("Somebody who left".to_owned(), 0))
        );
    }
}
