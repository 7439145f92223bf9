//! What saving a rollout would do to the known people, and how a page shows it: the bar of who has the flag, the sentence,
//! the warning, and what the colours mean. An island asks for the same again while somebody moves a fader.

use engine::grouped;
use islands::preview::IMPACT;
use leptos::prelude::*;

/// Whether people lose something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Same,
    Adds,
    Takes,
    /// What is typed is no rollout yet; the sentence says why.
    Unfinished,
}

impl Mood {
    fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Adds => "adds",
            Self::Takes => "takes",
            Self::Unfinished => "unfinished",
        }
    }
}

/// One rule among the known people.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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

    /// What stands on the page. `flag` and `environment`: what the island asks about.
    pub fn view(&self, flag: &str, environment: &str) -> impl IntoView + use<> {
        view! {
            <div
                class="impact"
                id=IMPACT
                data-mood=self.mood.as_str()
                data-changed=self.changed.then_some("")
                data-exact=self.exact.then_some("")
                data-flag=flag.to_owned()
                data-environment=environment.to_owned()
            >
                {self.bar()}
                <p class="impact-sentence" role="status">{self.sentence.clone()}</p>
                <p class="impact-warning">{self.warning()}</p>
                {self.legend()}
            </div>
        }
    }

    /// What the island is answered: the same, and what else on the page depends on it.
    pub fn answer(&self, flag: &str, environment: &str) -> impl IntoView + use<> {
        let counts: Vec<_> = self
            .channels
            .iter()
            .flat_map(|it| {
                [(count_id(&it.rule), it.count.clone()), (overlap_id(&it.rule), it.overlap.clone())]
            })
            .map(|(id, text)| view! { <p data-for=id>{text}</p> })
            .collect();
        view! { {self.view(flag, environment)}{counts} }
    }

    /// What to think of before saving.
    fn warning(&self) -> Option<&'static str> {
        match (self.changed, self.mood, self.protected && !self.stopped) {
            (true, Mood::Takes, true) => Some("This takes it away from people in production."),
            (true, Mood::Takes, false) => Some("This takes it away from people."),
            (true, Mood::Adds | Mood::Same, true) => Some("This is production: it counts at once."),
            (true, Mood::Adds | Mood::Same, false) | (true, Mood::Unfinished, _) | (false, _, _) => None,
        }
    }

    /// Start and width of each channel on a bar of 1000, as far as anybody is served by it.
    fn segments(&self) -> Vec<(usize, usize, usize)> {
        let mut start = 0;
        let mut segments = Vec::new();
        for (at, channel) in self.channels.iter().enumerate().filter(|(_, channel)| channel.served > 0) {
            let width = (channel.served * 1000 / self.known.max(1)).max(2);
            segments.push((at, start, width));
            start += width;
        }
        segments
    }

    fn bar(&self) -> impl IntoView + use<> {
        let rects: Vec<_> = self
            .segments()
            .into_iter()
            .map(|(series, x, width)| {
                view! { <rect data-series=series_of(series) x=x.to_string() y="0" width=width.to_string() height="8" /> }
            })
            .collect();
        let before = self.before * 1000 / self.known.max(1);
        let mark = (self.known > 0 && self.before != self.after)
            .then(|| view! { <path class="who-before" d=format!("M{before} 0v8") /> });
        let about = if self.exact { "" } else { "about " };
        let label = format!("{about}{} of {} known people", grouped(self.after), grouped(self.known));
        view! {
            <svg class="who-bar" viewBox="0 0 1000 8" preserveAspectRatio="none" role="img" aria-label=label>
                {rects}
                {mark}
            </svg>
        }
    }

    fn legend(&self) -> impl IntoView + use<> {
        let entry = |series: String, name: String, count: usize| {
            view! { <li><i data-series=series aria-hidden="true"></i>{name}" "<b>{grouped(count)}</b></li> }
        };
        let served = self.channels.iter().enumerate().filter(|(_, channel)| channel.served > 0);
        let mut entries: Vec<_> =
            served.map(|(at, channel)| entry(series_of(at), channel.name.clone(), channel.served)).collect();
        let by_rules: usize = self.channels.iter().map(|channel| channel.served).sum();
        if self.after > by_rules {
            entries.push(entry("pins".to_owned(), "Pinned".to_owned(), self.after - by_rules));
        }
        if self.known > 0 && self.known >= self.after {
            entries.push(entry("none".to_owned(), "Without it".to_owned(), self.known - self.after));
        }
        view! { <ul class="who-legend">{entries}</ul> }
    }
}

/// Where a strip says how many of its audience are inside.
pub fn count_id(rule: &str) -> String {
    format!("count-{rule}")
}

/// Where a strip says whom an earlier one serves already.
pub fn overlap_id(rule: &str) -> String {
    format!("overlap-{rule}")
}

/// There are six series colours; a seventh channel begins again.
fn series_of(at: usize) -> String {
    (at % 6 + 1).to_string()
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

    #[test]
    fn the_island_is_answered_with_what_stands_on_the_page_and_the_counts_of_the_strips() {
        // Without the marks that Leptos leaves between texts.
        let plain = |view: String| view.replace("<!>", "");
        let mut forecast = forecast(Mood::Adds, true, true);
        forecast.channels[0].name = "<b>VIP</b>".into();
        let page = plain(forecast.view("pay", "production").to_html());
        let answer = plain(forecast.answer("pay", "production").to_html());
        assert!(answer.starts_with(&page), "{answer}");
        for expected in [
            "id=\"impact\"",
            "data-exact",
            "<p role=\"status\" class=\"impact-sentence\">Adds 310 of 1,560",
            "This is production: it counts at once.",
            "aria-label=\"320 of 1,560 known people\"",
            "&lt;b&gt;VIP&lt;/b&gt;",
        ] {
            assert!(page.contains(expected), "{expected} is missing in {page}");
        }
        assert!(answer.contains("<p data-for=\"count-vip\">10 of 100</p>"), "{answer}");
        forecast.exact = false;
        let sample = forecast.view("pay", "production").to_html();
        assert!(!sample.contains("data-exact") && sample.contains("about 320 of 1,560"), "{sample}");
    }
}
