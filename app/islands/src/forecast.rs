//! What saving a rollout would do to the known people, as it travels to the preview.

use serde::{Deserialize, Serialize};

/// The form whose change is forecast.
pub const FORM: &str = "rollout";

/// Whether people lose something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    Same,
    Adds,
    Takes,
    /// What is typed is no rollout yet; the sentence says why.
    Unfinished,
}

impl Mood {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Adds => "adds",
            Self::Takes => "takes",
            Self::Unfinished => "unfinished",
        }
    }
}

/// One rule among the known people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    pub rule: String,
    pub name: String,
    /// `1,240 of 8,300`: inside the percentage, of those who match the audience.
    pub count: String,
    /// `, of whom 72 already through Gold agencies`: why fewer are served than are inside. Empty: they are not.
    pub overlap: String,
    /// Served by this rule, because no earlier one did.
    pub served: usize,
}

/// What saving would do.
#[expect(clippy::struct_excessive_bools, reason = "facts that the page shows one by one")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    pub changed: bool,
    pub stopped: bool,
    pub protected: bool,
    pub sentence: String,
    pub mood: Mood,
    /// Everybody was counted; else the numbers are those of a sample, and better ones come.
    pub exact: bool,
    pub known: usize,
    pub before: usize,
    pub after: usize,
    pub channels: Vec<Channel>,
}

impl Forecast {
    /// What is typed cannot be counted.
    pub fn unfinished(sentence: String) -> Self {
        Self {
            changed: true,
            stopped: false,
            protected: false,
            sentence,
            mood: Mood::Unfinished,
            exact: true,
            known: 0,
            before: 0,
            after: 0,
            channels: Vec::new(),
        }
    }

    /// What to think of before saving.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        match (self.changed, self.mood, self.protected && !self.stopped) {
            (true, Mood::Takes, true) => Some("This takes it away from people in production."),
            (true, Mood::Takes, false) => Some("This takes it away from people."),
            (true, Mood::Adds | Mood::Same, true) => Some("This is production: it counts at once."),
            (true, Mood::Adds | Mood::Same, false) | (true, Mood::Unfinished, _) | (false, _, _) => None,
        }
    }

    /// Start and width of each channel on a bar of 1000, as far as anybody is served by it.
    pub(crate) fn segments(&self) -> Vec<(usize, usize, usize)> {
        let mut start = 0;
        let mut segments = Vec::new();
        for (at, channel) in self.channels.iter().enumerate().filter(|(_, channel)| channel.served > 0) {
            let width = (channel.served * 1000 / self.known.max(1)).max(2);
            segments.push((at, start, width));
            start += width;
        }
        segments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forecast(mood: Mood, changed: bool, protected: bool) -> Forecast {
        let channel = |rule: &str, served| Channel {
            rule: rule.into(),
            name: rule.into(),
            count: format!("{served} of 100"),
            overlap: String::new(),
            served,
        };
        Forecast {
            changed,
            stopped: false,
            protected,
            sentence: "Adds 310 of 1,560 known people; nobody loses it.".into(),
            mood,
            exact: true,
            known: 1560,
            before: 10,
            after: 320,
            channels: vec![channel("vip", 10), channel("none", 0), channel("everyone", 310)],
        }
    }

    #[test]
    fn taking_it_away_in_production_is_warned_of_most() {
        assert_eq!(
            forecast(Mood::Takes, true, true).warning(),
            Some("This takes it away from people in production.")
        );
        assert_eq!(forecast(Mood::Adds, true, false).warning(), None);
        assert_eq!(forecast(Mood::Takes, false, true).warning(), None, "nothing to save, nothing to warn of");
    }

    #[test]
    fn segments_stand_side_by_side_and_nobody_is_too_few_to_see() {
        assert_eq!(forecast(Mood::Adds, true, false).segments(), [(0, 0, 6), (2, 6, 198)]);
    }

    #[test]
    fn a_flag_without_known_people_has_an_empty_bar() {
        let mut empty = forecast(Mood::Same, false, false);
        (empty.known, empty.before, empty.after, empty.channels) = (0, 0, 0, Vec::new());
        assert_eq!(empty.segments(), []);
    }
}
