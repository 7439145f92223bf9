//! Which flags the desk shows and in which order. Its state is the URL's query.

use std::cmp::{Ordering, Reverse};

use engine::{Flag, Lifecycle, Percentage, Rollout};

pub const STATES: [(&str, &str); 5] = [
    ("", "Any state"),
    ("serving", "Somebody has it"),
    ("full", "Everybody has it"),
    ("nobody", "Nobody has it"),
    ("stopped", "Stopped"),
];

pub const LIVES: [(&str, &str); 6] = [
    ("", "Not archived"),
    ("draft", "Draft"),
    ("active", "Active"),
    ("completed", "Completed"),
    ("archived", "Archived"),
    ("all", "All, also archived"),
];

pub const SORTS: [(&str, &str); 3] =
    [("", "Last changed first"), ("name", "By name"), ("people", "Most people first")];

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
}

/// The choices of the toolbar; an unknown word is no choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub text: String,
    pub state: String,
    pub tag: String,
    pub owner: String,
    pub life: String,
    pub sort: String,
    pub page: usize,
}

impl Filter {
    pub fn read(query: impl Iterator<Item = (String, String)>) -> Self {
        let mut filter = Self::default();
        let known = |choices: &[(&str, &str)], value: String| {
            if choices.iter().any(|(key, _)| *key == value) { value } else { String::new() }
        };
        for (name, value) in query {
            match &*name {
                "q" => filter.text = value,
                "state" => filter.state = known(&STATES, value),
                "tag" => filter.tag = value,
                "owner" => filter.owner = value,
                "life" => filter.life = known(&LIVES, value),
                "sort" => filter.sort = known(&SORTS, value),
                "page" => filter.page = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        filter
    }

    pub fn keeps(&self, facts: &Facts<'_>) -> bool {
        let flag = facts.flag;
        let life = match (&*self.life, flag.lifecycle) {
            ("all", _)
            | ("archived", Lifecycle::Archived)
            | ("draft" | "", Lifecycle::Draft)
            | ("active" | "", Lifecycle::Active)
            | ("completed" | "", Lifecycle::Completed) => true,
            (_, Lifecycle::Draft | Lifecycle::Active | Lifecycle::Completed | Lifecycle::Archived) => false,
        };
        let state = match (&*self.state, State::of(facts.rollout)) {
            // Whoever looks for flags that somebody has means those that everybody has, too.
            ("", _) | ("serving", State::Full) => true,
            (wanted, state) => wanted == state.code(),
        };
        life && state
            && (self.tag.is_empty() || flag.tags.contains(&self.tag))
            && (self.owner.is_empty() || flag.owner == self.owner)
            && self.found_in(flag)
    }

    /// Each word must be found somewhere.
    fn found_in(&self, flag: &Flag) -> bool {
        let words = self.text.split_whitespace().map(str::to_lowercase);
        let mut texts = [flag.name.as_str(), flag.key.as_str(), flag.owner.as_str()]
            .into_iter()
            .chain(flag.tags.iter().map(String::as_str));
        if self.text.trim().is_empty() {
            return true;
        }
        let all = texts.by_ref().map(str::to_lowercase).collect::<Vec<_>>();
        words.into_iter().all(|word| all.iter().any(|text| text.contains(&word)))
    }

    pub fn compare(&self, a: &Facts<'_>, b: &Facts<'_>) -> Ordering {
        let name = |facts: &Facts<'_>| facts.flag.name.to_lowercase();
        match &*self.sort {
            "name" => name(a).cmp(&name(b)),
            "people" => b.on.cmp(&a.on).then_with(|| name(a).cmp(&name(b))),
            _ => Reverse(a.changed_ms).cmp(&Reverse(b.changed_ms)).then_with(|| name(a).cmp(&name(b))),
        }
    }
}

/// Each value once, sorted, without the empty one.
pub fn distinct<'a>(values: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut values: Vec<_> = values.filter(|value| !value.is_empty()).cloned().collect();
    values.sort();
    values.dedup();
    values
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
        filter(query).keeps(&Facts { flag, rollout, on: 0, changed_ms: 0 })
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
    fn flags_stand_in_the_chosen_order() {
        let (a, b, rollout) = (flag("alpha"), flag("Beta"), everyone(0));
        let first = Facts { flag: &a, rollout: &rollout, on: 1, changed_ms: 10 };
        let second = Facts { flag: &b, rollout: &rollout, on: 5, changed_ms: 20 };
        assert_eq!(filter(&[]).compare(&first, &second), Ordering::Greater);
        assert_eq!(filter(&[("sort", "name")]).compare(&first, &second), Ordering::Less);
        assert_eq!(filter(&[("sort", "people")]).compare(&first, &second), Ordering::Greater);
    }
}
