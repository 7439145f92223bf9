//! One panel for each guarded metric: what the guard measured last, what it allows, how far the arms are apart, and the
//! chart with the limit. Its numbers are the guard's own, of the time that its sentences tell of.

use engine::{
    Arm, MetricDefinition,
    guardrail::{Evidence, Guardrail, Interval, Metric, Verdict},
};
use leptos::prelude::*;

use super::{
    cards,
    measured::{Measured, MetricCard, quantile_word},
    said::Said,
};
use crate::{
    chart::Unit,
    ui::{
        badge::{Badge, Tone},
        time,
    },
};

/// A guarded metric: its guardrails, each with what is known of it.
pub struct Panel<'a> {
    metric: &'a Metric,
    guardrails: Vec<(&'a Guardrail, Option<&'a Evidence>)>,
    card: Option<&'a MetricCard>,
    name: String,
}

/// One for each metric that a guardrail watches, what is broken first.
pub fn panels<'a>(
    guardrails: &'a [Guardrail],
    evidence: &[&'a Evidence],
    measured: &'a Measured,
    definitions: &[MetricDefinition],
) -> Vec<Panel<'a>> {
    let mut panels: Vec<Panel<'_>> = Vec::new();
    for guardrail in guardrails {
        let known = evidence.iter().find(|it| it.guardrail == guardrail.id).copied();
        if let Some(panel) = panels.iter_mut().find(|it| *it.metric == guardrail.metric) {
            panel.guardrails.push((guardrail, known));
            continue;
        }
        let key = store::stored_metric(&guardrail.metric);
        let defined = definitions.iter().find(|it| Some(&it.key) == key.as_ref());
        panels.push(Panel {
            metric: &guardrail.metric,
            guardrails: vec![(guardrail, known)],
            card: measured.cards.iter().find(|it| Some(&it.key) == key.as_ref()),
            name: name(&guardrail.metric, defined),
        });
    }
    panels.sort_by_key(|panel| panel.verdict() != Some(Verdict::Regressed));
    panels
}

/// `Error rate`, `p95 latency`.
fn name(metric: &Metric, defined: Option<&MetricDefinition>) -> String {
    let Some(defined) = defined else { return metric.noun() };
    match quantile_word(metric) {
        Some(word) => format!("{word} {}", super::measured::lower(&defined.name)),
        None => defined.name.clone(),
    }
}

impl<'a> Panel<'a> {
    fn known(&self) -> impl Iterator<Item = &'a Evidence> {
        self.guardrails.iter().filter_map(|(_, known)| *known)
    }

    /// The worst.
    fn verdict(&self) -> Option<Verdict> {
        self.known().map(|it| it.verdict).max()
    }

    /// Whose numbers are shown, all of one time: of what is broken, or else of whatever looks at both arms.
    fn shown(&self) -> Option<&'a Evidence> {
        let rank = |it: &&Evidence| (it.verdict == Verdict::Regressed, it.told(Arm::Control).is_some());
        self.known().filter(|it| it.told(Arm::Treatment).is_some()).max_by_key(rank)
    }

    fn interval(&self) -> Option<Interval> {
        self.known().find_map(|it| it.difference)
    }

    /// Whether there is anything to see but what is allowed.
    pub fn is_measured(&self) -> bool {
        self.card.is_some() || self.shown().is_some()
    }

    fn badge(&self) -> (Tone, &'static str) {
        match self.verdict() {
            Some(Verdict::Regressed) => (Tone::Danger, "Broken"),
            Some(Verdict::Amber) => (Tone::Warning, "Suspicious"),
            _ if self.known().any(|it| it.missing.is_some_and(|it| !it.is_expected())) => {
                (Tone::Warning, "No data")
            }
            Some(Verdict::Safe) => (Tone::Good, "Holds"),
            Some(Verdict::Undecided) => (Tone::Neutral, "Nothing certain"),
            None => (Tone::Neutral, "Not judged"),
        }
    }

    pub fn view(&self, said: &Said) -> impl IntoView + use<> {
        let (tone, word) = self.badge();
        let within = self.shown().and_then(Evidence::within).map(|(within, until_ms)| {
            let until = time::at(until_ms, format!("{} {}", time::clock(until_ms), time::letters(until_ms)));
            view! { <small class="note">{within}" until "{until}</small> }
        });
        let id = self.guardrails.first().map(|(guardrail, _)| guardrail.id.to_string()).unwrap_or_default();
        let wanted = quantile_word(self.metric);
        let chart = self.card.and_then(|card| card.charts.iter().find(|it| it.quantile == wanted));
        let chart = chart.map(|drawn| drawn.chart.drawing());
        let more = self.card.map(|card| cards::all_of_it(card, wanted, said));
        let nothing = (!self.is_measured()).then(|| view! { <p class="note">"Nothing measured."</p> });
        view! {
            <section class="card health-panel" aria-label=self.name.clone()>
                <div class="health-panel-head" id=format!("judged-{id}") data-live="">
                    <h2>{self.name.clone()}</h2>
                    {within}
                    <Badge tone=tone text=word />
                </div>
                <dl class="health-now" id=format!("now-{id}") data-live="">
                    {side("With the feature", self.shown().and_then(|it| it.told(Arm::Treatment)))}
                    {side("Control", self.shown().and_then(|it| it.told(Arm::Control)))}
                    {self.bounds()}
                    {self.interval().map(|it| band(it, Unit::of(self.metric)))}
                </dl>
                {chart}
                {nothing}
                {more}
            </section>
        }
    }

    fn bounds(&self) -> impl IntoView + use<> {
        let bounds: Vec<_> = self
            .guardrails
            .iter()
            .map(|(guardrail, _)| {
                let action = super::measured::lower(guardrail.action.verb());
                view! { <dd><b>{guardrail.bound()}</b>" "<small>{format!("or {action}")}</small></dd> }
            })
            .collect();
        view! { <div><dt>"Limit"</dt>{bounds}</div> }
    }
}

fn side(label: &'static str, told: Option<(String, String)>) -> impl IntoView {
    let told = match told {
        Some((value, count)) => {
            view! { <dd><b class="health-figure">{value}</b>" "<small>{count}</small></dd> }.into_any()
        }
        None => view! { <dd>"–"</dd> }.into_any(),
    };
    view! { <div><dt>{label}</dt>{told}</div> }
}

/// How far treatment is above control: an interval around nought, and the same in words.
fn band(interval: Interval, unit: Unit) -> impl IntoView {
    const HALF: f64 = 56.0;
    let Interval { estimate, low, high } = interval;
    let far = low.abs().max(high.abs()).max(f64::MIN_POSITIVE);
    let x = |value: f64| format!("{:.1}", 60.0 + HALF * (value / far).clamp(-1.0, 1.0));
    let width = format!("{:.1}", (HALF * (high - low) / far).clamp(1.0, 2.0 * HALF));
    let by = |value: f64| unit.difference(value).unwrap_or_default().replace("none", "0");
    let bare = by(low).split(' ').next().unwrap_or_default().to_owned();
    view! {
        <div>
            <dt>"Difference"</dt>
            <dd title="With 95 % certainty, however often one looks">
                <svg class="health-band" viewBox="0 0 120 12" width="120" height="12" aria-hidden="true">
                    <rect x=x(low) y="3" width=width height="6" rx="2" />
                    <path d="M60 0V12" />
                    <circle cx=x(estimate) cy="6" r="2.5" />
                </svg>
                <small>{format!("{bare} to {}", by(high))}</small>
            </dd>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_stands_where_its_interval_is() {
        let html = band(Interval { estimate: 0.01, low: -0.01, high: 0.02 }, Unit::Share).to_html();
        assert!(html.contains("−1 to +2 points"), "{html}");
        assert!(
            html.contains("x=\"32.0\"") && html.contains("width=\"84.0\"") && html.contains("cx=\"88.0\""),
            "{html}"
        );
        let nothing = band(Interval { estimate: 0.0, low: 0.0, high: 0.0 }, Unit::Share).to_html();
        assert!(nothing.contains("0 to 0") && !nothing.contains("NaN"), "{nothing}");
    }

    #[test]
    fn a_band_is_told_in_the_unit_of_its_metric() {
        let of = |unit| band(Interval { estimate: 0.25, low: -0.5, high: 1.0 }, unit).to_html();
        assert!(of(Unit::Share).contains("−50 to +100 points"), "{}", of(Unit::Share));
        let each = of(Unit::Each);
        assert!(each.contains("−0.5 to +1<") && !each.contains("points"), "{each}");
    }
}
