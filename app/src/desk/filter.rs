//! Which flags the desk shows and in which order. Its state is the URL's query.

use std::cmp::Reverse;

use engine::{Flag, Lifecycle, Percentage, Rollout};

use crate::{
    attention::Topic,
    flag::settings::form::{KINDS, kind_code},
};

pub const STATES: [(&str, &str); 5] = [
    ("", "Any state"),
    ("serving", "Somebody has it"),
    ("full", "Everybody has it"),
    ("nobody", "Nobody has it"),
    ("stopped", "Stopped"),
];

pub const LIVES: [(&str, &str); 6] = [
    ("", "In use"),
    ("draft", "Draft"),
    ("active", "Active"),
    ("completed", "Completed"),
    ("archived", "Archived"),
    ("all", "All, also archived"),
];

pub const SORTS: [(&str, &str); 3] = [("", "Latest first"), ("name", "By name"), ("people", "Most people")];

/// What a rollout does, roughly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Stopped,
    Nobody,
    Serving,
    Full,
}

impl State {
    pub fn of(rollout: &Rollout) -> Self {
        let rules = &rollout.rules;
        if !rollout.enabled {
            Self::Stopped
        } else if rules.iter().any(|rule| rule.audience.is_everyone() && rule.percentage == Percentage::ALL) {
            Self::Full
        } else if rules.iter().any(|rule| rule.percentage > Percentage::NONE) || !rollout.pins.is_empty() {
            Self::Serving
        } else {
            Self::Nobody
        }
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Nobody => "nobody",
            Self::Serving => "serving",
            Self::Full => "full",
        }
    }
}

/// What is filtered and sorted by.
pub struct Facts<'a> {
    pub flag: &'a Flag,
    pub rollout: &'a Rollout,
    pub on: usize,
    pub changed_ms: i64,
    /// Why it needs somebody.
    pub topics: &'a [Topic],
}

/// What can be chosen in the toolbar, beside the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facet {
    State,
    Tag,
    Owner,
    Kind,
    Life,
    Need,
}

impl Facet {
    pub const ALL: [Self; 6] = [Self::State, Self::Tag, Self::Owner, Self::Kind, Self::Life, Self::Need];

    /// In the address.
    pub fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Tag => "tag",
            Self::Owner => "owner",
            Self::Kind => "kind",
            Self::Life => "life",
            Self::Need => "need",
        }
    }
}

/// The choices of the toolbar; an unknown word is no choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub text: String,
    /// What is looked for in each flag, in lower case.
    words: Vec<String>,
    pub state: String,
    pub tag: String,
    pub owner: String,
    pub kind: String,
    pub life: String,
    pub need: Option<Topic>,
    pub sort: String,
    /// Counted from 1.
    pub page: usize,
}

impl Filter {
    pub fn read(query: impl Iterator<Item = (String, String)>) -> Self {
        let mut filter = Self { page: 1, ..Self::default() };
        let known = |choices: &[(&str, &str)], value: String| {
            if choices.iter().any(|(key, _)| *key == value) { value } else { String::new() }
        };
        for (name, value) in query {
            match &*name {
                "q" => filter.text = value,
                "state" => filter.state = known(&STATES, value),
                "tag" => filter.tag = value,
                "owner" => filter.owner = value,
                "kind" => filter.kind = known(&KINDS.map(|(_, code, label, _)| (code, label)), value),
                "life" => filter.life = known(&LIVES, value),
                "need" => filter.need = Topic::parse(&value).ok(),
                "sort" => filter.sort = known(&SORTS, value),
                "page" => filter.page = value.parse().unwrap_or(1).max(1),
                _ => {}
            }
        }
        filter.words = filter.text.split_whitespace().map(str::to_lowercase).collect();
        filter
    }

    /// Whether flags are left out that would be shown otherwise, or another page than the first is.
    pub fn is_narrowed(&self) -> bool {
        let own = Self { sort: self.sort.clone(), page: 1, ..Self::default() };
        *self != own
    }

    /// What is chosen; empty for nothing.
    pub fn chosen(&self, facet: Facet) -> &str {
        match facet {
            Facet::State => &self.state,
            Facet::Tag => &self.tag,
            Facet::Owner => &self.owner,
            Facet::Kind => &self.kind,
            Facet::Life => &self.life,
            Facet::Need => self.need.map_or("", Topic::as_str),
        }
    }

    pub fn keeps(&self, facts: &Facts<'_>) -> bool {
        self.finds(facts.flag) && Facet::ALL.into_iter().all(|facet| self.passes(facet, facts))
    }

    /// Whether what is chosen of one facet leaves the flag in.
    pub fn passes(&self, facet: Facet, facts: &Facts<'_>) -> bool {
        let (chosen, flag) = (self.chosen(facet), facts.flag);
        match facet {
            Facet::State => match (chosen, State::of(facts.rollout)) {
                // Whoever looks for flags that somebody has means those that everybody has, too.
                ("", _) | ("serving", State::Full) => true,
                (wanted, state) => wanted == state.code(),
            },
            Facet::Tag => chosen.is_empty() || flag.tags.contains(&self.tag),
            Facet::Owner => chosen.is_empty() || flag.owner == chosen,
            Facet::Kind => chosen.is_empty() || kind_code(flag.kind) == chosen,
            Facet::Life => match (chosen, flag.lifecycle) {
                ("all", _)
                | ("archived", Lifecycle::Archived)
                | ("draft" | "", Lifecycle::Draft)
                | ("active" | "", Lifecycle::Active)
                | ("completed" | "", Lifecycle::Completed) => true,
                (_, Lifecycle::Draft | Lifecycle::Active | Lifecycle::Completed | Lifecycle::Archived) => {
                    false
                }
            },
            Facet::Need => self.need.is_none_or(|topic| facts.topics.contains(&topic)),
        }
    }

    /// Each word must be found somewhere.
    pub fn finds(&self, flag: &Flag) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let texts = [flag.name.as_str(), flag.key.as_str(), flag.owner.as_str()];
        let texts = texts.into_iter().chain(flag.tags.iter().map(String::as_str));
        let all: Vec<_> = texts.map(str::to_lowercase).collect();
        self.words.iter().all(|word| all.iter().any(|text| text.contains(word)))
    }

    /// Of flags that stand by name: those that are alike stay in that order, on every page.
    pub fn sort<T>(&self, shown: &mut [(T, Facts<'_>)]) {
        match &*self.sort {
            "name" => {}
            "people" => shown.sort_by_key(|(_, facts)| Reverse(facts.on)),
            _ => shown.sort_by_key(|(_, facts)| Reverse(facts.changed_ms)),
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::{Audience, BucketBy, FlagKey, Rule, RuleId};

    use super::*;

    fn flag(name: &str) -> Flag {
        let mut flag = Flag::boolean(FlagKey::parse("fast-payment").expect("key"), name);
        flag.tags = vec!["checkout".into()];
        flag.owner = "Priya".into();
        flag.lifecycle = Lifecycle::Active;
        flag
    }

    fn everyone(percentage: u32) -> Rollout {
        let rule = Rule {
            id: RuleId::parse("everyone").expect("id"),
            audience: Audience::Everyone,
            percentage: Percentage::whole(percentage).expect("percentage"),
            holdback: engine::Percentage::NONE,
            bucket_by: BucketBy::Subject,
            split: Vec::new(),
        };
        Rollout { rules: vec![rule], ..Rollout::new("seed") }
    }

    fn filter(query: &[(&str, &str)]) -> Filter {
        Filter::read(query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    fn keeps(query: &[(&str, &str)], flag: &Flag, rollout: &Rollout) -> bool {
        filter(query).keeps(&Facts { flag, rollout, on: 0, changed_ms: 0, topics: &[Topic::Unowned] })
    }

    #[test]
    fn archived_flags_are_hidden_until_asked_for() {
        let mut archived = flag("Fast payment");
        archived.lifecycle = Lifecycle::Archived;
        assert!(!keeps(&[], &archived, &everyone(0)));
        assert!(keeps(&[("life", "archived")], &archived, &everyone(0)));
        assert!(keeps(&[("life", "all")], &archived, &everyone(0)));
        assert!(keeps(&[("life", "nonsense")], &flag("x"), &everyone(0)), "an unknown word is no choice");
    }

    #[test]
    fn every_word_of_the_search_must_be_found_in_any_case() {
        let flag = flag("Fast payment");
        for found in ["fast", "PAY", "fast-p", "checkout pay", " priya ", ""] {
            assert!(keeps(&[("q", found)], &flag, &everyone(0)), "{found}");
        }
        assert!(!keeps(&[("q", "fast slow")], &flag, &everyone(0)));
    }

    #[test]
    fn a_state_is_read_from_the_rollout() {
        let flag = flag("x");
        let stopped = Rollout { enabled: false, ..everyone(100) };
        for (state, rollout) in [
            ("nobody", everyone(0)),
            ("serving", everyone(20)),
            ("full", everyone(100)),
            ("stopped", stopped),
        ] {
            assert_eq!(State::of(&rollout).code(), state);
            assert!(keeps(&[("state", state)], &flag, &rollout));
        }
        assert!(keeps(&[("state", "serving")], &flag, &everyone(100)));
        assert!(!keeps(&[("state", "full")], &flag, &everyone(99)));
    }

    #[test]
    fn a_flag_is_found_by_its_kind_and_by_what_it_needs() {
        let flag = flag("x");
        for (query, kept) in [
            ([("kind", "release")], true),
            ([("kind", "operational")], false),
            ([("kind", "nonsense")], true),
            ([("need", "unowned")], true),
            ([("need", "guard")], false),
            ([("need", "nonsense")], true),
        ] {
            assert_eq!(keeps(&query, &flag, &everyone(0)), kept, "{query:?}");
        }
    }

    #[test]
    fn flags_that_are_alike_stay_by_name() {
        let (rollout, flags) = (everyone(0), ["a", "b", "c"].map(flag));
        let numbers = [(1, 10), (5, 20), (5, 10)];
        let in_order = |query: &[(&str, &str)]| {
            let facts = |at: usize| {
                let (on, changed_ms) = numbers[at];
                Facts { flag: &flags[at], rollout: &rollout, on, changed_ms, topics: &[] }
            };
            let mut order = [0, 1, 2].map(|at| (at, facts(at)));
            filter(query).sort(&mut order);
            order.map(|(at, _)| at)
        };
        assert_eq!(in_order(&[]), [1, 0, 2]);
        assert_eq!(in_order(&[("sort", "name")]), [0, 1, 2]);
        assert_eq!(in_order(&[("sort", "people")]), [1, 2, 0]);
    }

    #[test]
    fn an_order_alone_leaves_nothing_out() {
        assert!(!filter(&[("sort", "name"), ("q", ""), ("page", "0"), ("state", "")]).is_narrowed());
        for query in [("q", "x"), ("page", "2"), ("state", "full"), ("need", "guard"), ("owner", "Priya")] {
            assert!(filter(&[query]).is_narrowed(), "{query:?}");
        }
    }
}
