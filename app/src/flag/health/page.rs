//! The Health tab: what the guard says first, then each metric of one rule's audience, with the feature against its
//! control, and the guardrails as sentences.

use std::sync::Arc;

use axum::{Extension, extract::Path};
use engine::{
    FlagKey, RuleId, group_name,
    guardrail::{Health, Judgement, Verdict, together},
};
use islands::swap::Swap;
use leptos::prelude::*;
use store::{GuardrailsInForce, Operation, Replayed, RuleHealth, VerdictRow};

use super::{measured::Measured, tone::of};
use crate::{
    chart,
    error::AppError,
    flag::{FlagPage, Tab, frame},
    guardrails::{replays::Replays, view::Typed},
    page::{Page, PageMeta, PageResult, here::here, layout::Section},
    ui::{
        badge::{Badge, Callout},
        time,
    },
};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const WEEK_MS: i64 = 7 * DAY_MS;
const VERDICTS_MAX: usize = 30;
/// Arms that nobody has come to for longer are not told.
const ARMS_MS_MAX: i64 = 90 * DAY_MS;

/// How far back one looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    Hour,
    Day,
    Week,
    /// Since the percentages were last changed.
    Step,
}

impl Span {
    const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Step];

    fn code(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Step => "step",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Hour => "Last hour",
            Self::Day => "Last day",
            Self::Week => "Last week",
            Self::Step => "Since the last change",
        }
    }

    /// Where it begins, and how long a step of the charts is.
    fn range(self, now_ms: i64, changed_ms: i64) -> (i64, i64) {
        let from_ms = match self {
            Self::Hour => now_ms - HOUR_MS,
            Self::Day => now_ms - DAY_MS,
            Self::Week => now_ms - WEEK_MS,
            Self::Step => changed_ms.clamp(now_ms - 30 * DAY_MS, now_ms - 2 * 60_000),
        };
        // About sixty steps, each a whole number of cells.
        let step_ms = ((now_ms - from_ms) / 60).max(store::CELL_MS);
        let unit = if step_ms >= HOUR_MS {
            HOUR_MS
        } else if step_ms >= 60_000 {
            60_000
        } else {
            store::CELL_MS
        };
        (from_ms, step_ms.div_euclid(unit) * unit)
    }

    fn of(page: &Page) -> Self {
        let asked = page.query("span");
        Self::ALL.into_iter().find(|span| asked.as_deref() == Some(span.code())).unwrap_or(Self::Hour)
    }
}

/// Everything that the tab shows.
struct Loaded {
    span: Span,
    rule: Option<RuleId>,
    rules: Vec<(RuleId, String)>,
    health: Vec<RuleHealth>,
    verdicts: Vec<VerdictRow>,
    guardrails: GuardrailsInForce,
    replayed: Arc<[Replayed]>,
    arms: Option<super::arms::ArmSizes>,
    measured: Measured,
    /// Events of browsers without a receipt, in this time.
    unverified: u64,
}

impl Loaded {
    async fn of(page: &Page, replays: &Replays, shown: &FlagPage) -> Result<Self, AppError> {
        let (store, viewer) = (page.store(), page.viewer());
        let (environment, flag, now_ms) = (&page.environment.key, shown.key(), page.now_ms());
        let name = group_name(&shown.snapshot);
        let rollout = &shown.rollout.value;
        let rules: Vec<_> = rollout
            .rules
            .iter()
            .map(|rule| {
                (
                    rule.id.clone(),
                    crate::form::error::as_sentence(&engine::audience_phrase(&rule.audience, &name)),
                )
            })
            .map(|(id, phrase)| (id, phrase.trim_end_matches('.').to_owned()))
            .collect();
        let health = shown.health().to_vec();
        let asked = page.query("rule");
        let known = rules.iter().map(|(id, _)| id).find(|id| Some(id.as_str()) == asked.as_deref());
        let rule = known.or_else(|| worth_seeing(&rules, &health)).cloned();
        let span = Span::of(page);
        let (from_ms, step_ms) = span.range(now_ms, shown.rollout.changed_ms);
        let guardrails = store.find_guardrails(&viewer, environment, flag).await?;
        let replayed = replays.of(store, &viewer, (environment, flag), &guardrails.set).await?;
        let verdicts =
            store.list_verdicts(&viewer, environment, flag, now_ms - 30 * DAY_MS, VERDICTS_MAX).await?;
        let range = super::measured::Range { from_ms, until_ms: now_ms, step_ms };
        // What is asked for since a change begins with it.
        let whole = span == Span::Step;
        let watched = &guardrails.set.guardrails;
        let measured = Measured::load(page, shown, (rule.as_ref(), watched), (range, whole)).await?;
        let judged = health.iter().filter(|it| Some(&it.rule) == rule.as_ref());
        let measured = measured.with_breaches(judged.flat_map(|it| &it.judgement.evidence));
        let sizes = store.first_exposures(&viewer, environment, flag, now_ms - ARMS_MS_MAX).await?;
        let arms = rule.as_ref().and_then(|rule| super::arms::ArmSizes::of(&sizes, rule));
        let unverified = store.unverified_events(&viewer, environment, flag, from_ms).await?;
        Ok(Self { span, rule, rules, health, verdicts, guardrails, replayed, arms, measured, unverified })
    }

    fn name_of(&self, rule: &RuleId) -> String {
        let found = self.rules.iter().find(|(id, _)| id == rule);
        found.map_or_else(|| rule.to_string(), |(_, name)| name.clone())
    }
}

/// The rule whose judgement is the worst; without any, the last one, which is for everyone.
fn worth_seeing<'r>(rules: &'r [(RuleId, String)], health: &[RuleHealth]) -> Option<&'r RuleId> {
    let grade = |rule: &RuleId| {
        let found = health.iter().find(|it| it.rule == *rule).map(|it| it.judgement.health);
        match found {
            Some(Health::Breach) => 3,
            Some(Health::Healthy | Health::Watching) => 2,
            Some(Health::Inconclusive) => 1,
            None => 0,
        }
    };
    rules.iter().map(|(id, _)| id).max_by_key(|id| grade(id))
}

pub async fn get(page: Page, Extension(replays): Extension<Replays>, Path(key): Path<String>) -> PageResult {
    let shown = FlagPage::load(&page, &key).await?;
    show(&page, &replays, shown, Typed::default()).await
}

/// The tab; `typed` holds the guardrails as they are typed.
pub async fn show(page: &Page, replays: &Replays, shown: FlagPage, typed: Typed) -> PageResult {
    let loaded = Loaded::of(page, replays, &shown).await?;
    let metrics = page.store().live().metrics();
    let meta = PageMeta::new(format!("Health of {}", shown.flag.name), Section::Desk)
        .status(typed.draft.status())
        .measures();
    let editable = page.may(Operation::RollOut) && !shown.archived();
    page.render(meta, move || {
        let body = view! {
            <div class="health" id="health" data-live="">
                {summary(&loaded, shown.key())}
                {choices(&loaded)}
                {super::arms::view(loaded.arms)}
                {super::cards::view(&loaded.measured)}
                {unverified(loaded.unverified)}
            </div>
            {here().why_not(Operation::RollOut).map(|why| view! { <p class="note">{why}</p> })}
            {super::guardrails::view(&shown, &loaded.guardrails, &loaded.replayed, typed, &metrics, editable)}
            <Swap />
            <div class="health" id="verdicts" data-live="">
                {super::verdicts::view(&loaded.verdicts, &|rule| loaded.name_of(rule))}
            </div>
            {chart::detail()}
        };
        frame(&shown, Tab::Health, false, body)
    })
}

/// What a person reads first: the verdict on the whole rollout, and on each of its rules.
fn summary(loaded: &Loaded, flag: &FlagKey) -> impl IntoView + use<> {
    let now_ms = here().now_ms;
    if loaded.health.is_empty() {
        let text = if loaded.verdicts.is_empty() {
            "The guard has not looked at this flag yet: it does as soon as outcomes arrive."
        } else {
            "The guard has nothing to judge yet: it looks as soon as outcomes arrive. What it said before stands below."
        };
        let connect = connect(flag);
        return view! { <Callout><p>{text}</p>{connect}</Callout> }.into_any();
    }
    let all = together(loaded.health.iter().map(|it| &it.judgement), now_ms);
    let acted = loaded.verdicts.iter().find(|verdict| verdict.taken.is_some()).map(|verdict| {
        let taken = verdict.taken.map_or("", super::verdicts::phrase);
        view! { <p class="note">"Last time the guard acted: "{taken}", "{time::ago(now_ms, verdict.at_ms)}": "{verdict.sentence.clone()}</p> }
    });
    let rules: Vec<_> = loaded
        .health
        .iter()
        .map(|it| {
            let (tone, word) = of(&it.judgement);
            view! {
                <li>
                    <Badge tone=tone text=word />
                    <span><b>{loaded.name_of(&it.rule)}</b>": "{it.judgement.sentence()}</span>
                </li>
            }
        })
        .collect();
    let (tone, word) = of(&all);
    let connect = all.is_unasked().then(|| connect(flag));
    let others = others(&all);
    view! {
        <section class="card stack health-summary" aria-label="Verdict">
            <p class="health-verdict"><Badge tone=tone text=word />" "<strong>{all.sentence()}</strong></p>
            {connect}
            {acted}
            <ul class="health-rules">{rules}</ul>
            {others}
        </section>
    }
    .into_any()
}

/// Why the guardrails beside a broken one say nothing.
fn others(all: &Judgement) -> Option<impl IntoView + use<>> {
    let broken = all.health == Health::Breach;
    let quiet = all.evidence.iter().filter(|it| it.verdict != Verdict::Regressed);
    let quiet: Vec<_> = quiet.map(|it| view! { <li>{it.sentence()}"."</li> }).collect();
    (broken && !quiet.is_empty()).then(|| {
        view! {
            <details>
                <summary class="note">"Why the other guardrails are quiet"</summary>
                <ul>{quiet}</ul>
            </details>
        }
    })
}

/// For a flag that no application asks for: how one comes to do so.
pub fn connect(flag: &FlagKey) -> impl IntoView + use<> {
    let href = here().href(&Tab::Connect.path(flag));
    view! {
        <p class="note">
            <a href=href>"Connect your app"</a>
            ": a few lines in your language, a token, and lights that show when it asks."
        </p>
    }
}

/// What is no evidence is told as such.
fn unverified(events: u64) -> Option<impl IntoView + use<>> {
    let count = engine::grouped(usize::try_from(events).unwrap_or(usize::MAX));
    let text = match events {
        0 => return None,
        1 => "Unverified: 1 event of browsers without a receipt. It is no evidence of the guard, and charts mark it.".to_owned(),
        _ => format!(
            "Unverified: {count} events of browsers without a receipt. They are no evidence of the guard, and charts mark them."
        ),
    };
    Some(view! { <p class="note">{text}</p> })
}

/// Which audience and how far back, as links: the state is in the address.
fn choices(loaded: &Loaded) -> impl IntoView + use<> {
    let here = here();
    let spans: Vec<_> = Span::ALL
        .into_iter()
        .map(|span| {
            let current = (span == loaded.span).then_some("true");
            view! { <a href=here.same_page_with(&[("span", span.code())]) aria-current=current>{span.label()}</a> }
        })
        .collect();
    let rules: Vec<_> = loaded
        .rules
        .iter()
        .map(|(id, name)| {
            let current = (Some(id) == loaded.rule.as_ref()).then_some("true");
            view! { <a href=here.same_page_with(&[("rule", id.as_str())]) aria-current=current>{name.clone()}</a> }
        })
        .collect();
    view! {
        <div class="cluster health-choices">
            {(loaded.rules.len() > 1).then(|| view! { <nav class="segments" aria-label="Audience">{rules}</nav> })}
            <nav class="segments" aria-label="Time">{spans}</nav>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_have_about_sixty_steps() {
        let now_ms = 1_800_000_000_000;
        for span in Span::ALL {
            let (from_ms, step_ms) = span.range(now_ms, now_ms - 5 * HOUR_MS);
            let steps = (now_ms - from_ms) / step_ms;
            assert!(
                (50..=130).contains(&steps) && step_ms % store::CELL_MS == 0,
                "{span:?}: {steps} of {step_ms}"
            );
        }
        let (from_ms, step_ms) = Span::Step.range(now_ms, now_ms);
        assert_eq!((now_ms - from_ms, step_ms), (120_000, store::CELL_MS), "a change a moment ago");
    }
}
