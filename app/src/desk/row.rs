//! One flag of the desk: who has it, how it does, and the press that stops it or brings it back.

use engine::{Lifecycle, Percentage, Rollout, group_name, rollout_phrase};
use leptos::prelude::*;
use store::{DeskCount, DeskRow};

use super::{
    filter::State,
    page::Desk,
    pulse::{Pulse, grouped_u64},
};
use crate::{
    flag::{Tab, health::tone, settings::form::lifecycle_word},
    page::{address, here::Here},
    ui::time,
};

/// Channels drawn of one flag.
const CHANNELS_MAX: usize = 6;

/// What whoever looks at the desk may do there.
#[derive(Debug, Clone, Copy)]
pub struct May {
    pub stop: bool,
    pub resume: bool,
}

impl Desk<'_> {
    /// The word of its worst rule; nothing for a flag that the guard has not looked at.
    fn health_pill(&self, row: &DeskRow, here: &Here) -> Option<impl IntoView + use<>> {
        let found = self.health.get(&row.flag.key)?;
        let href = here.href(&Tab::Health.path(&row.flag.key));
        let (tone, word) =
            if found.unasked { tone::UNASKED } else { (tone::tone(found.health), tone::word(found.health)) };
        let tone = tone.as_str();
        Some(view! { <a class="badge" data-tone=tone href=href title=found.sentence.clone()>{word}</a> })
    }

    pub fn row(&self, row: &DeskRow, here: &Here) -> impl IntoView + use<> {
        let flag = &row.flag;
        let href = here.href(&address::flag(&flag.key));
        let state = State::of(&row.rollout);
        let phrase =
            self.snapshot.map_or_else(String::new, |it| rollout_phrase(&row.rollout, &group_name(it)));
        let (people, older_ms) = people(state, self.counted, flag.key.as_str());
        let older = older_ms.map(|at_ms| time::of(here.now_ms, at_ms));
        let pulse = self.pulses.get(&flag.key);
        let served = pulse.map_or(0, Pulse::served_last);
        let mark = match flag.lifecycle {
            Lifecycle::Active => None,
            other => Some(view! { <i>{lifecycle_word(other)}</i> }),
        };
        let tags: Vec<_> = flag.tags.iter().map(|tag| view! { <u>{tag.clone()}</u> }).collect();
        view! {
            <tr data-state=state.code() data-key=flag.key.to_string()>
                <th scope="row"><a href=href>{flag.name.clone()}</a>{mark}<code>{flag.key.to_string()}</code></th>
                <td>{channels(&row.rollout)}</td>
                <td>{phrase.replace(" %", "\u{a0}%")}</td>
                <td class="num">{people}{older}</td>
                <td class="num">{grouped_u64(served)}{pulse.and_then(Pulse::served_line)}</td>
                <td>{self.health_pill(row, here)}{pulse.and_then(Pulse::errors_line)}</td>
                <td>{tags}</td>
                <td>
                    <b>{row.last_change.by.clone()}</b>
                    <span>{time::ago_phrase(here.now_ms, row.last_change.at_ms)}</span>
                    <p>{short_sentence(&row.last_change.sentence, &flag.name)}</p>
                </td>
                <td>{self.action(row, state, here)}</td>
            </tr>
        }
    }

    /// The first of two presses; the second is on the page of the flag. What nobody has needs no stop.
    fn action(&self, row: &DeskRow, state: State, here: &Here) -> Option<impl IntoView + use<>> {
        let (word, may, class) = match state {
            State::Stopped => ("Resume", self.may.resume, "desk-action"),
            State::Serving | State::Full => ("Stop", self.may.stop, "desk-action desk-stop"),
            State::Nobody => return None,
        };
        let is_there = may && row.flag.lifecycle != Lifecycle::Archived;
        is_there.then(|| {
            let path = format!("{}?confirm={}", address::flag(&row.flag.key), word.to_lowercase());
            let label = format!("{word} {}", row.flag.name);
            view! { <a class=class href=here.href(&path) aria-label=label>{word}</a> }
        })
    }
}

/// How many known people have it, and of when that is, unless of now. What nobody can have needs no counting.
fn people(state: State, counted: &DeskCount, flag: &str) -> (String, Option<i64>) {
    match state {
        State::Stopped | State::Nobody => ("0".to_owned(), None),
        State::Serving | State::Full => {
            let number = counted.of(flag).map(|impact| impact.sample.count(impact.after).number());
            (number.unwrap_or_else(|| "–".to_owned()), counted.older_ms(flag))
        }
    }
}

/// The sentence without what the row says already: `raised VIP agencies 50 → 100 %`.
fn short_sentence(sentence: &str, name: &str) -> String {
    let Some(at) = sentence.find(name).filter(|_| !name.is_empty()) else { return sentence.to_owned() };
    let (before, rest) = (&sentence[..at], &sentence[at + name.len()..]);
    // ` in production`; whatever follows it stays, for example `, and 2 more changes`.
    let of_key = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-');
    let rest = rest.strip_prefix(" in ").map_or(rest, |place| place.trim_start_matches(of_key));
    let before = before.trim_end();
    let before =
        [" on", " of", " to", " from"].iter().find_map(|it| before.strip_suffix(it)).unwrap_or(before);
    format!("{before}{rest}")
}

/// The channels of a flag as one small drawing: slots, levels and caps are one path each.
fn channels(rollout: &Rollout) -> impl IntoView + use<> {
    let (slots, levels, caps, width) = channel_paths(rollout);
    view! {
        <svg class="ch" width=width height="28" aria-hidden="true">
            <path d=slots />
            <path d=levels />
            <path d=caps />
        </svg>
    }
}

/// Path data of slots, levels and caps, and the width. Everyone is always drawn, last.
fn channel_paths(rollout: &Rollout) -> (String, String, String, String) {
    use std::fmt::Write as _;
    let groups = rollout.rules.iter().filter(|rule| !rule.audience.is_everyone()).map(|rule| rule.percentage);
    let everyone =
        rollout.rules.iter().filter(|rule| rule.audience.is_everyone()).map(|rule| rule.percentage);
    let mut levels_of: Vec<Percentage> = groups.take(CHANNELS_MAX - 1).collect();
    levels_of.push(everyone.max().unwrap_or(Percentage::NONE));
    let (mut slots, mut levels, mut caps) = (String::new(), String::new(), String::new());
    for (at, percentage) in levels_of.iter().enumerate() {
        let x = 6 + at * 14;
        // 1…100 % over 20 px, so that one per cent is not drawn like none.
        let y = 24 - (percentage.thousandths() * 20).div_ceil(100_000);
        let _ = write!(slots, "M{x} 3v22");
        let _ = write!(caps, "M{} {y}h10", x - 5);
        if *percentage > Percentage::NONE {
            let _ = write!(levels, "M{x} 25V{y}");
        }
    }
    (slots, levels, caps, (levels_of.len() * 14).to_string())
}

#[cfg(test)]
mod tests {
    use engine::{Audience, BucketBy, GroupKey, Rule, RuleId};

    use super::*;

    fn rule(id: &str, percentage: u32) -> Rule {
        let groups = vec![GroupKey::parse("vip").expect("key")];
        Rule {
            id: RuleId::parse(id).expect("id"),
            audience: if id == "everyone" {
                Audience::Everyone
            } else {
                Audience::Matching { groups, condition: None }
            },
            percentage: Percentage::whole(percentage).expect("percentage"),
            holdback: engine::Percentage::NONE,
            bucket_by: BucketBy::Subject,
            split: Vec::new(),
        }
    }

    #[test]
    fn of_what_nobody_can_have_no_older_number_is_told() {
        let nothing = DeskCount::default();
        for state in [State::Stopped, State::Nobody] {
            assert_eq!(people(state, &nothing, "pay"), ("0".to_owned(), None));
        }
        assert_eq!(people(State::Serving, &nothing, "pay"), ("–".to_owned(), None));
    }

    #[test]
    fn a_flag_is_drawn_with_its_channels_and_everyone_last() {
        let rollout = Rollout { rules: vec![rule("vip", 100)], ..Rollout::new("seed") };
        let (slots, levels, caps, width) = channel_paths(&rollout);
        assert_eq!(slots, "M6 3v22M20 3v22");
        assert_eq!(levels, "M6 25V4", "everyone stands at 0 and has no level");
        assert_eq!(caps, "M1 4h10M15 24h10");
        assert_eq!(width, "28");
    }

    #[test]
    fn a_row_does_not_repeat_its_own_name() {
        for (sentence, short) in [
            (
                "raised VIP agencies 50 → 100 % on Fast payment in production",
                "raised VIP agencies 50 → 100 %",
            ),
            ("stopped Fast payment in production", "stopped"),
            (
                "added everyone at 5 % on Fast payment in production, and 2 more changes",
                "added everyone at 5 %, and 2 more changes",
            ),
            ("created Fast payment", "created"),
            ("reverted change 94 of Fast payment in production", "reverted change 94"),
            ("changed the name of Fast payment", "changed the name"),
            (
                "started the release plan of Fast payment in staging at step 1 (VIP agencies 5 %, everyone 1 %)",
                "started the release plan at step 1 (VIP agencies 5 %, everyone 1 %)",
            ),
            ("did something else", "did something else"),
        ] {
            assert_eq!(short_sentence(sentence, "Fast payment"), short);
        }
    }

    #[test]
    fn one_per_cent_is_not_drawn_like_none() {
        let rollout = Rollout { rules: vec![rule("everyone", 1)], ..Rollout::new("seed") };
        assert_eq!(channel_paths(&rollout).1, "M6 25V23");
    }

    #[test]
    fn many_channels_are_drawn_up_to_a_limit() {
        let rules = (0..40).map(|at| rule(&format!("r{at}"), 50)).collect();
        let rollout = Rollout { rules, ..Rollout::new("seed") };
        assert_eq!(channel_paths(&rollout).3, (CHANNELS_MAX * 14).to_string());
    }
}
