//! The Health tab: what the guard says first, then each metric of one rule's audience, with the feature against its
//! control, and the guardrails as sentences.

use std::sync::Arc;

use axum::{Extension, extract::Path};
use engine::{FlagKey, MetricDefinition, RuleId, group_name, guardrail::Health};
use islands::swap::Swap;
use leptos::prelude::*;
use store::{GuardrailsInForce, Operation, Replayed, RuleHealth, VerdictRow};

use super::{
    cards,
    measured::Measured,
    panels::{Panel, panels},
    said::Said,
    tone::of,
};
use crate::{
    chart::{self, Chart, counts::Counts},
    error::AppError,
    flag::{FlagPage, Tab, frame},
    guardrails::{replays::Replays, view::Typed},
    page::{Page, PageMeta, PageResult, here::here, layout::Section},
};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
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
pub(super) struct Loaded {
    span: Span,
    rule: Option<RuleId>,
    pub(super) rules: Vec<(RuleId, String)>,
    pub(super) health: Vec<RuleHealth>,
    pub(super) verdicts: Vec<VerdictRow>,
    guardrails: GuardrailsInForce,
    replayed: Arc<[Replayed]>,
    arms: Option<super::arms::ArmSizes>,
    measured: Measured,
    served: Chart,
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
        let watched = &guardrails.set.guardrails;
        let measured = Measured::load(page, shown, (rule.as_ref(), watched), range).await?;
        let served = served(page, shown, range).await?;
        let sizes = store.first_exposures(&viewer, environment, flag, now_ms - ARMS_MS_MAX).await?;
        let arms = rule.as_ref().and_then(|rule| super::arms::ArmSizes::of(&sizes, rule));
        let unverified = store.unverified_events(&viewer, environment, flag, from_ms).await?;
        Ok(Self {
            span,
            rule,
            rules,
            health,
            verdicts,
            guardrails,
            replayed,
            arms,
            measured,
            served,
            unverified,
        })
    }

    pub(super) fn name_of(&self, rule: &RuleId) -> String {
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
        let said = Said::default();
        let name = |rule: &RuleId| loaded.name_of(rule);
        let body = view! {
            // What is folded open is not taken away while it is read, and keeps nothing else from being of now.
            <div class="health">
                <div id="health-verdict" data-live="">{super::summary::view(&loaded, &shown, &said)}</div>
                <div id="health-others" data-live="">{super::summary::others(&loaded, &said)}</div>
                {choices(&loaded)}
                <div class="health" id="health" data-live="">{measurements(shown.key(), &loaded, &metrics, &said)}</div>
            </div>
            {super::guardrails::view(&shown, &loaded.guardrails, &loaded.replayed, typed, &metrics, editable)}
            <Swap />
            <div class="health" id="verdicts" data-live="">
                {super::verdicts::view(shown.key(), &loaded.verdicts, &name, &said)}
            </div>
            {here().why_not(Operation::RollOut).map(|why| view! { <p class="note">{why}</p> })}
            {chart::detail()}
        };
        frame(&shown, Tab::Health, false, body)
    })
}

/// How often each variant was served, in steps that the counts are kept in.
async fn served(page: &Page, shown: &FlagPage, range: super::measured::Range) -> Result<Chart, AppError> {
    let unit_ms = if range.until_ms - range.from_ms > DAY_MS { HOUR_MS } else { MINUTE_MS };
    let step_ms = (range.step_ms / unit_ms).max(1) * unit_ms;
    let (from_ms, until_ms) = (range.from_ms, range.until_ms);
    let (environment, viewer) = (&page.environment.key, page.viewer());
    let counts =
        page.store().exposure_counts(&viewer, environment, shown.key(), from_ms, until_ms, step_ms).await?;
    let counts: Vec<_> = counts.into_iter().map(|it| (it.at_ms, it.variant.to_string(), it.count)).collect();
    let off = shown.flag.off_variant.as_str();
    let counts = Counts { from_ms, until_ms, step_ms, counts: &counts, off };
    Ok(counts.chart("chart-served", "How often it was served"))
}

/// The guarded metrics; folded below them what nobody guards, and how often the flag was served.
fn measurements(
    flag: &FlagKey,
    loaded: &Loaded,
    definitions: &[MetricDefinition],
    said: &Said,
) -> impl IntoView + use<> {
    let judged = loaded.health.iter().filter(|it| Some(&it.rule) == loaded.rule.as_ref());
    let evidence: Vec<_> = judged.flat_map(|it| &it.judgement.evidence).collect();
    let measured = &loaded.measured;
    let guardrails = &loaded.guardrails.set.guardrails;
    let panels = panels(guardrails, &evidence, measured, definitions);
    if measured.cards.is_empty() && !panels.iter().any(Panel::is_measured) {
        return view! { {cards::empty(flag)}{unverified(loaded.unverified)} }.into_any();
    }
    let guarded: Vec<_> = guardrails.iter().filter_map(|it| store::stored_metric(&it.metric)).collect();
    let others: Vec<_> = measured.cards.iter().filter(|it| !guarded.contains(&it.key)).collect();
    let panels: Vec<_> = panels.iter().map(|it| it.view(said)).collect();
    let served = &loaded.served;
    let served = (!served.lines.is_empty()).then(|| {
        view! {
            <details class="card fold" id="health-served">
                <summary><b>{served.name.clone()}</b></summary>
                {served.view()}
            </details>
        }
    });
    view! {
        <div class="health-panels">{panels}</div>
        <div class="health-key">
            {cards::legend_of(measured)}
            {chart::changes(&measured.marks, here().now_ms)}
            {super::arms::view(loaded.arms)}
            {unverified(loaded.unverified)}
        </div>
        {cards::unguarded(&others, said)}
        {served}
    }
    .into_any()
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
            let judged = loaded.health.iter().find(|it| it.rule == *id);
            let health = judged.map(|it| of(&it.judgement));
            let health = health.map(|(tone, word)| view! {
                <i class="health-dot" data-tone=tone.as_str() title=word aria-hidden="true"></i>
                <span class="visually-hidden">{format!("{word}: ")}</span>
            });
            view! { <a href=here.same_page_with(&[("rule", id.as_str())]) aria-current=current>{health}{name.clone()}</a> }
        })
        .collect();
    view! {
        <div class="cluster health-choices" id="health-choices" data-live="">
            {(loaded.rules.len() > 1).then(|| view! { <nav class="segments" aria-label="Audience">{rules}</nav> })}
            <nav class="segments" aria-label="Time">{spans}</nav>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_is_a_week_however_young_the_rollout_is() {
        let now_ms = 1_800_000_000_000;
        for (span, days) in [(Span::Week, 7), (Span::Day, 1)] {
            let (from_ms, _) = span.range(now_ms, now_ms - 5 * MINUTE_MS);
            assert_eq!(now_ms - from_ms, days * DAY_MS);
        }
    }

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
