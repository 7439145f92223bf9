//! The desk: all flags of an environment at a glance. Lean markup, because it may hold hundreds of channels.

use std::collections::HashMap;

use axum::Extension;
use engine::{FlagKey, Lifecycle, Percentage, Rollout, Snapshot, group_name, grouped, rollout_phrase};
use islands::desk_keys::DeskKeys;
use leptos::prelude::*;
use store::{DeskCount, DeskRow, FlagHealth, Operation};

use super::{
    filter::{Facts, Filter, LIVES, SORTS, STATES, State},
    pulse::{Pulse, Pulses, grouped_u64},
};
use crate::{
    flag::{health::tone, settings::form::lifecycle_word},
    page::{
        Page, PageMeta, PageResult,
        here::{Here, here},
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Callout, Tone},
        empty::Empty,
        icon, time,
    },
};

/// Rows of one page.
const ROWS_MAX: usize = 500;
/// Channels drawn of one flag.
const CHANNELS_MAX: usize = 6;

/// What is worked out once for all who look at the desk.
#[derive(Clone, Default)]
pub struct Memory {
    pulses: Pulses,
}

pub async fn get(page: Page, Extension(memory): Extension<Memory>) -> PageResult {
    let environment = page.environment.key.clone();
    let rows = page.store().desk(&page.viewer(), &environment).await?;
    let live = page.store().live();
    let snapshot = live.snapshot(environment.as_str());
    let counted = match &snapshot {
        Some(snapshot) => page.store().census().desk(&page.viewer(), snapshot).await,
        None => DeskCount::default(),
    };
    let pulses = memory.pulses.of(&page).await?;
    let health = page.store().list_flag_health(&page.viewer(), &environment).await?;
    let filter = Filter::read(page.queries());
    let soon = page.principal.administrator().map_or(0, |by| page.store().tokens_that_expire_soon(&by));
    let may_edit = page.principal.may(Operation::EditFlags);
    let may_stop = page.principal.may(Operation::Stop);
    page.render(PageMeta::new("Desk", Section::Desk).measures(), move || {
        let desk = Desk {
            rows: &rows,
            counted: &counted,
            pulses: &pulses,
            health: &health,
            snapshot: snapshot.as_deref(),
            filter: &filter,
            may_stop,
        };
        let here = here();
        let new = may_edit.then(|| {
            view! { <a class="button" data-kind="primary" href=here.href("/flags/new")>{icon::plus()}"New flag"</a> }
        });
        let lead = format!("Every flag in {}, and who has it now.", here.environment.name);
        let body = if rows.is_empty() { teach(may_edit).into_any() } else { desk.view(&here).into_any() };
        view! {
            <PageHead title="Desk" lead=lead>{new}</PageHead>
            {(soon > 0).then(|| expiring_tokens(soon, &here))}
            {body}
        }
    })
}

/// Somebody has to do something about these before their applications are refused.
fn expiring_tokens(soon: usize, here: &Here) -> impl IntoView + use<> {
    let what = if soon == 1 {
        "1 API token expires soon".to_owned()
    } else {
        format!("{soon} API tokens expire soon")
    };
    let address = here.href("/settings/tokens");
    view! {
        <Callout tone=Tone::Warning>
            <p>{what}". "<a href=address>"Rotate under Tokens"</a></p>
        </Callout>
    }
}

fn teach(may_edit: bool) -> impl IntoView {
    let here = here();
    let text = "A flag holds a feature back until you let it out: first for a pilot group, then for 20, 50, 100 % \
                of everyone. Each flag is a channel on this desk, and Stop mutes it at once.";
    view! {
        <Empty title="No flags yet" text=text>
            {may_edit.then(|| view! { <a class="button" data-kind="primary" href=here.href("/flags/new")>"Create the first flag"</a> })}
            <a class="button" href=here.href("/groups")>"Define a pilot group"</a>
        </Empty>
    }
}

struct Desk<'a> {
    rows: &'a [DeskRow],
    counted: &'a DeskCount,
    pulses: &'a HashMap<FlagKey, Pulse>,
    health: &'a HashMap<FlagKey, FlagHealth>,
    snapshot: Option<&'a Snapshot>,
    filter: &'a Filter,
    may_stop: bool,
}

impl Desk<'_> {
    fn view(&self, here: &Here) -> impl IntoView + use<> {
        let on = |row: &DeskRow| {
            let impact = self.counted.of(row.flag.key.as_str())?;
            Some(impact.sample.count(impact.after).value())
        };
        let mut shown: Vec<&DeskRow> =
            self.rows.iter().filter(|row| self.filter.keeps(&facts(row, on(row)))).collect();
        shown.sort_by(|a, b| self.filter.compare(&facts(a, on(a)), &facts(b, on(b))));
        let total = shown.len();
        let stopped = shown.iter().filter(|row| !row.rollout.enabled).count();
        let first = self.filter.page * ROWS_MAX;
        let rows: Vec<_> = shown.iter().skip(first).take(ROWS_MAX).map(|row| self.row(row, here)).collect();
        let count = match (total, stopped) {
            (1, 0) => "1 flag".to_owned(),
            (_, 0) => format!("{} flags", grouped(total)),
            (_, _) => format!("{} flags, {} stopped", grouped(total), grouped(stopped)),
        };
        let table = if total == 0 { nothing_found(here).into_any() } else { table(rows).into_any() };
        let next = (total > first + ROWS_MAX).then(|| {
            let href = here.same_page_with(&[("page", &(self.filter.page + 1).to_string())]);
            view! { <p><a class="button" href=href>"More flags"</a></p> }
        });
        view! {
            {toolbar(self.rows, self.filter, here)}
            <div id="desk" data-live="">
                <p class="desk-count" id="desk-count">{count}</p>
                {table}
                {next}
            </div>
            <DeskKeys />
        }
    }

    /// The word of its worst rule; nothing for a flag that the guard has not looked at.
    fn health_pill(&self, row: &DeskRow, here: &Here) -> Option<impl IntoView + use<>> {
        let found = self.health.get(&row.flag.key)?;
        let href = here.href(&format!("/flags/{}/health", row.flag.key));
        let (tone, word) =
            if found.unasked { tone::UNASKED } else { (tone::tone(found.health), tone::word(found.health)) };
        let tone = tone.as_str();
        Some(view! { <a class="badge" data-tone=tone href=href title=found.sentence.clone()>{word}</a> })
    }

    fn row(&self, row: &DeskRow, here: &Here) -> impl IntoView + use<> {
        let flag = &row.flag;
        let href = here.href(&format!("/flags/{}", flag.key));
        let state = State::of(&row.rollout);
        let phrase =
            self.snapshot.map_or_else(String::new, |it| rollout_phrase(&row.rollout, &group_name(it)));
        let counted = self.counted.of(flag.key.as_str());
        let people =
            counted.map_or_else(|| "–".to_owned(), |impact| impact.sample.count(impact.after).number());
        let pulse = self.pulses.get(&flag.key);
        let served = pulse.map_or(0, Pulse::served_last);
        let live = flag.lifecycle != Lifecycle::Archived;
        let mark = match flag.lifecycle {
            Lifecycle::Active => None,
            other => Some(view! { <i>{lifecycle_word(other)}</i> }),
        };
        let tags: Vec<_> = flag.tags.iter().map(|tag| view! { <u>{tag.clone()}</u> }).collect();
        let stop = (self.may_stop && live && row.rollout.enabled).then(|| {
            let href = here.href(&format!("/flags/{}?confirm=stop", flag.key));
            view! { <a class="stop-link" href=href aria-label=format!("Stop {}", flag.name)>"Stop"</a> }
        });
        view! {
            <tr data-state=state.code() data-key=flag.key.to_string()>
                <th scope="row"><a href=href>{flag.name.clone()}</a>{mark}<code>{flag.key.to_string()}</code></th>
                <td>{channels(&row.rollout)}</td>
                <td>{phrase.replace(" %", "\u{a0}%")}</td>
                <td class="num">{people}</td>
                <td class="num">{grouped_u64(served)}{pulse.and_then(Pulse::served_line)}</td>
                <td>{self.health_pill(row, here)}{pulse.and_then(Pulse::errors_line)}</td>
                <td>{tags}</td>
                <td>
                    <b>{row.last_change.by.clone()}</b>
                    <span>{time::ago_phrase(here.now_ms, row.last_change.at_ms)}</span>
                    <p>{short_sentence(&row.last_change.sentence, &flag.name)}</p>
                </td>
                <td>{stop}</td>
            </tr>
        }
    }
}

/// The sentence without what the row says already: `raised VIP agencies 50 → 100 %`.
fn short_sentence(sentence: &str, name: &str) -> String {
    let Some(at) = sentence.find(name).filter(|_| !name.is_empty()) else { return sentence.to_owned() };
    let (before, rest) = (&sentence[..at], &sentence[at + name.len()..]);
    // ` in production`, and whatever follows it, for example `, and 2 more changes`.
    let rest = rest.strip_prefix(" in ").map_or(rest, |place| place.find(',').map_or("", |at| &place[at..]));
    let before = before.trim_end();
    format!("{}{rest}", before.strip_suffix(" on").unwrap_or(before))
}

fn facts(row: &DeskRow, on: Option<usize>) -> Facts<'_> {
    Facts { flag: &row.flag, rollout: &row.rollout, on: on.unwrap_or(0), changed_ms: row.last_change.at_ms }
}

fn table(rows: Vec<impl IntoView + 'static>) -> impl IntoView {
    view! {
        <div class="table-wrap">
            <table class="desk">
                <thead>
                    <tr>
                        <th scope="col">"Flag"</th>
                        <th scope="col" colspan="2">"Who has it"</th>
                        <th scope="col" class="num">"Known people"</th>
                        <th scope="col" class="num">"Served a minute"</th>
                        <th scope="col">"Health"</th>
                        <th scope="col">"Tags"</th>
                        <th scope="col">"Last change"</th>
                        <th scope="col"><span class="visually-hidden">"Stop"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

fn nothing_found(here: &Here) -> impl IntoView + use<> {
    let href = here.href("/");
    view! {
        <Empty title="No flag is like that" text="Take a filter away, or look among the archived flags.">
            <a class="button" href=href>"Show all flags"</a>
        </Empty>
    }
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

fn toolbar(rows: &[DeskRow], filter: &Filter, here: &Here) -> impl IntoView + use<> {
    let select = |name: &'static str, label: &'static str, value: &str, options: Vec<(String, String)>| {
        let options: Vec<_> = options
            .into_iter()
            .map(|(key, text)| {
                let selected = key == value;
                view! { <option value=key selected=selected>{text}</option> }
            })
            .collect();
        view! {
            <label class="desk-filter">
                <span class="visually-hidden">{label}</span>
                <select name=name data-filter="">{options}</select>
            </label>
        }
    };
    let fixed = |choices: &[(&str, &str)]| -> Vec<(String, String)> {
        choices.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
    };
    let own = |all: &str, values: Vec<String>| -> Vec<(String, String)> {
        let any = [(String::new(), all.to_owned())];
        any.into_iter().chain(values.into_iter().map(|value| (value.clone(), value))).collect()
    };
    let tags = super::filter::distinct(rows.iter().flat_map(|row| row.flag.tags.iter()));
    let owners = super::filter::distinct(rows.iter().map(|row| &row.flag.owner));
    let first = here.environments.first().is_some_and(|it| it.key == here.environment.key);
    let environment =
        (!first).then(|| view! { <input type="hidden" name="env" value=here.environment.key.to_string() /> });
    view! {
        <form class="toolbar desk-toolbar" id="desk-filters" method="get" action="/" role="search">
            {environment}
            <label class="desk-search">
                <span class="visually-hidden">"Search flags"</span>
                {icon::search()}
                <input
                    type="search"
                    name="q"
                    id="desk-q"
                    data-search=""
                    value=filter.text.clone()
                    placeholder="Search name, key, tag, owner"
                    aria-keyshortcuts="/"
                    autocomplete="off"
                    spellcheck="false"
                />
            </label>
            {select("state", "State", &filter.state, fixed(&STATES))}
            {(!tags.is_empty()).then(|| select("tag", "Tag", &filter.tag, own("Any tag", tags)))}
            {(!owners.is_empty()).then(|| select("owner", "Owner", &filter.owner, own("Any owner", owners)))}
            {select("life", "Lifecycle", &filter.life, fixed(&LIVES))}
            {select("sort", "Order", &filter.sort, fixed(&SORTS))}
            <button class="button without-script">"Show"</button>
        </form>
    }
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
