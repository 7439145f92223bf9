//! What was measured over all the time that is looked at: numbers of both arms, how much they differ, and the charts of
//! metrics that nobody guards.

use engine::FlagKey;
use leptos::prelude::*;

use super::{
    difference,
    measured::{Measured, MetricCard, Side},
    said::Said,
};
use crate::{
    chart::{Chart, Stroke, legend},
    flag::Tab,
    page::here::here,
    ui::empty::Empty,
};

/// What the lines of all charts are.
pub fn legend_of(measured: &Measured) -> impl IntoView + use<> {
    let line = |stroke, name: &str, more: &str| (stroke, name.to_owned(), more.to_owned());
    let mut lines = vec![
        line(Stroke::Feature, "With the feature", ""),
        line(Stroke::Control, "Control", "the same audience, outside the percentage"),
    ];
    if measured.cards.iter().any(MetricCard::has_unverified) {
        lines.push(line(Stroke::Unverified, "Unverified", "not used by the guard; of all audiences"));
    }
    legend(lines)
}

/// Metrics that no guardrail watches, folded.
pub fn unguarded(cards: &[&MetricCard], said: &Said) -> Option<impl IntoView + use<>> {
    let count = engine::counted(cards.len() as u64, "metric");
    let cards: Vec<_> = cards.iter().map(|it| card(it, said)).collect();
    (!cards.is_empty()).then(|| {
        view! {
            <details class="card fold" id="health-unguarded">
                <summary><b>"Without a guardrail"</b>" "<small>{count}</small></summary>
                <div class="health-grid">{cards}</div>
            </details>
        }
    })
}

pub fn empty(flag: &FlagKey) -> impl IntoView + use<> {
    let url = here().href(&Tab::Connect.path(flag));
    view! {
        <Empty
            title="No outcomes in this time"
            text="Send what happened after somebody was served this flag: whether the request worked, how long it took, whether they got what they came for. Charts, guardrails and release plans live on it."
        >
            <pre tabindex="0"><code>
                r#"curl -X POST …/api/v1/events -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
    -d '{"events": [{"type": "outcome", "id": "o-1", "subject": "ada.moreau", "metric": "error_rate", "ok": true}]}'"#
            </code></pre>
            <a class="button" href=url>"Connect your app"</a>
        </Empty>
    }
}

fn card(card: &MetricCard, said: &Said) -> impl IntoView + use<> {
    let alone = card.charts.len() == 1;
    let charts: Vec<_> = card.charts.iter().map(|it| named(&it.chart, alone).view()).collect();
    view! {
        <section class="stack" aria-label=card.name.clone()>
            <h2>{card.name.clone()}</h2>
            {totals(card, said)}
            {charts}
        </section>
    }
}

/// What a panel does not show: sums of all the time that is looked at, the numbers of each step, and further quantiles.
pub fn all_of_it(card: &MetricCard, drawn: Option<&str>, said: &Said) -> impl IntoView + use<> {
    let numbers = card.charts.iter().find(|it| it.quantile == drawn).and_then(|it| it.chart.numbers());
    let others = card.charts.iter().filter(|it| it.quantile != drawn);
    let others: Vec<_> = others.map(|it| named(&it.chart, false).view()).collect();
    view! {
        <details class="chart-numbers" id=format!("numbers-{}{}", card.key, drawn.unwrap_or_default())>
            <summary>"Numbers of all the time shown"</summary>
            <div class="stack">{totals(card, said)}{numbers}{others}</div>
        </details>
    }
}

/// Among others a chart says which it is.
fn named(chart: &Chart, alone: bool) -> Chart {
    let caption = if alone { String::new() } else { chart.name.clone() };
    Chart { caption, ..chart.clone() }
}

fn totals(card: &MetricCard, said: &Said) -> impl IntoView + use<> {
    let late = (card.late > 0).then(|| {
        format!("{} came late: they are in the chart, not in the guard's evidence.", number(card.late))
    });
    let unreadable = (card.unreadable > 0).then(|| {
        let what = if card.unreadable == 1 {
            "One stored sum".to_owned()
        } else {
            format!("{} stored sums", number(card.unreadable))
        };
        format!("{what} of this time cannot be read: the chart and the guard's evidence are without it.")
    });
    let late = late.and_then(|it| said.once(&it)).map(|it| view! { <p class="note">{it}</p> });
    let unreadable = unreadable
        .and_then(|it| said.once(&it))
        .map(|it| view! { <p class="note" data-tone="warning">{it}</p> });
    view! {
        <dl class="health-numbers">
            {side_view("With the feature", &card.treatment)}
            {side_view("Control", &card.control)}
            {difference::view(&card.differences, card.lower_is_better, said)}
        </dl>
        {late}
        {unreadable}
    }
}

fn side_view(label: &'static str, side: &Side) -> impl IntoView + use<> {
    let values: Vec<_> = side
        .values
        .iter()
        .map(|(word, value)| view! { <span class="health-value"><b>{value.clone()}</b>" "<small>{*word}</small></span> })
        .collect();
    let nothing = values.is_empty().then_some("nothing");
    let sample =
        format!("{}, {}", engine::counted(side.outcomes, "outcome"), engine::counted(side.people, "trial"));
    view! {
        <div>
            <dt>{label}</dt>
            <dd>{values}{nothing}<small class="note">{sample}</small></dd>
        </div>
    }
}

fn number(count: u64) -> String {
    engine::grouped(usize::try_from(count).unwrap_or(usize::MAX))
}
