//! The three lights: that a flag was asked for, served, followed by an outcome. Each says since when, or what it waits for.

use leptos::prelude::*;
use store::{FlagSignals, Signal};

use crate::{
    flag::{FlagPage, Tab},
    page::here::here,
    ui::{
        badge::{Badge, Tone},
        time,
    },
};

/// What is shown of a flag in an environment.
pub struct Lights {
    pub signals: FlagSignals,
    /// Events of browsers without a receipt, since the hour before.
    pub unverified: u64,
}

struct Light {
    title: &'static str,
    /// What was heard and between when.
    seen: Option<Signal>,
    text: String,
}

impl Lights {
    fn asked(&self, place: &str) -> Light {
        let title = "First evaluation";
        match (self.signals.asked, self.signals.asked_with_all) {
            (Some(seen), _) => Light { title, seen: Some(seen), text: String::new() },
            (None, Some(seen)) => Light {
                title,
                seen: Some(seen),
                text: "Asked for together with all other flags, as web pages do: that your page reads this one shows at the next light."
                    .to_owned(),
            },
            (None, None) => Light {
                title,
                seen: None,
                text: format!("No application has asked for it in {place} yet."),
            },
        }
    }

    fn served(&self) -> Light {
        let unverified = match (self.signals.served, self.unverified) {
            (Some(_), _) | (_, 0) => "",
            (None, _) => {
                " Browsers told of it without the receipt that came with the decision: send it along."
            }
        };
        let text = match self.signals.served {
            Some(_) => String::new(),
            None => format!(
                "Nobody was served it yet. A server that asks for one flag counts by itself; a page tells what it showed.{unverified}"
            ),
        };
        Light { title: "First exposure", seen: self.signals.served, text }
    }

    fn outcome(&self, has_rules: bool, place: &str) -> Light {
        let text = match (self.signals.outcome, has_rules) {
            (Some(_), _) => String::new(),
            (None, true) => {
                "No outcome counted yet. One counts for a person whom a rule of this flag has reached."
                    .to_owned()
            }
            (None, false) => format!(
                "Outcomes count for people whom a rule reaches, and this flag has no rule in {place} yet: add one under Rollout."
            ),
        };
        Light { title: "First outcome", seen: self.signals.outcome, text }
    }
}

pub fn view(shown: &FlagPage, lights: &Lights) -> impl IntoView + use<> {
    let here = here();
    let place = &shown.environment.name;
    let has_rules = !shown.rollout.value.rules.is_empty();
    let all = [lights.asked(place), lights.served(), lights.outcome(has_rules, place)];
    let rows = all.into_iter().map(|it| row(it, here.now_ms)).collect_view();
    let rollout = (!has_rules).then(|| {
        let href = here.href(&Tab::Rollout.path(shown.key()));
        view! { <a class="button" data-size="small" href=href>"To its rollout"</a> }
    });
    view! {
        <div class="stack-small" id="lights" data-live="">
            <ul class="lights" aria-label="What Fader has heard of this flag">{rows}</ul>
            {rollout}
        </div>
    }
}

fn row(light: Light, now_ms: i64) -> impl IntoView {
    let on = light.seen.is_some();
    let (tone, word) = if on { (Tone::Good, "Seen") } else { (Tone::Neutral, "Waiting") };
    let times = light.seen.map(|seen| times(seen, now_ms));
    view! {
        <li data-on=on.then_some("")>
            <span class="lamp" aria-hidden="true"></span>
            <div class="who">
                <strong>{light.title}</strong>
                {times}
                {(!light.text.is_empty()).then(|| view! { <span class="note">{light.text}</span> })}
            </div>
            <Badge tone=tone text=word />
        </li>
    }
}

/// `First seen 12:03:20 UTC, 4 s ago.` How long ago is no `<time>`: it is to be written anew when the page looks again.
fn times(seen: Signal, now_ms: i64) -> impl IntoView {
    let Signal { first_ms, last_ms } = seen;
    let again = (last_ms > first_ms).then(|| format!(" Heard last {}.", since(now_ms, last_ms)));
    view! {
        <span class="note">
            "First seen "
            {time::at(first_ms, time::today(now_ms, first_ms))}
            {format!(", {}.", since(now_ms, first_ms))}
            {again}
        </span>
    }
}

/// `4 s ago`: while somebody watches for it, seconds matter.
fn since(now_ms: i64, at_ms: i64) -> String {
    match (now_ms - at_ms) / 1000 {
        s @ 0..=59 => format!("{s} s ago"),
        _ => time::ago_phrase(now_ms, at_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_light_says_since_when() {
        let now_ms = 1_795_378_765_000;
        let html = times(Signal { first_ms: now_ms - 4000, last_ms: now_ms - 4000 }, now_ms).to_html();
        assert!(html.contains("20:19:21 UTC") && html.contains(", 4 s ago."), "{html}");
        assert!(!html.contains("Heard last"), "{html}");
        let day_ms = 24 * 3_600_000;
        let html = times(Signal { first_ms: now_ms - 3 * day_ms, last_ms: now_ms - 9000 }, now_ms).to_html();
        assert!(html.contains("19 Nov 2026, 20:19:25 UTC") && html.contains("3 days ago"), "{html}");
        assert!(html.contains("Heard last 9 s ago."), "{html}");
    }

    #[test]
    fn a_dark_light_says_what_it_waits_for() {
        let mut lights = Lights { signals: FlagSignals::default(), unverified: 0 };
        assert_eq!(lights.asked("Production").text, "No application has asked for it in Production yet.");
        assert!(!lights.served().text.contains("receipt"));
        assert!(lights.outcome(false, "Production").text.contains("no rule in Production"));
        lights.unverified = 3;
        assert!(lights.served().text.contains("receipt"));
        let seen = Signal { first_ms: 1, last_ms: 1 };
        lights.signals.asked_with_all = Some(seen);
        let asked = lights.asked("Production");
        assert!(asked.seen == Some(seen) && asked.text.contains("all other flags"));
    }
}
