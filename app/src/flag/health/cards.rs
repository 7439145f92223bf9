//! One card per metric: numbers of both arms, how much they differ, and the charts.

use leptos::prelude::*;

use super::{
    difference,
    measured::{Measured, MetricCard, Side},
};
use crate::{
    chart::{Chart, Stroke, legend},
    page::here::here,
    ui::empty::Empty,
};

pub fn view(measured: &Measured) -> impl IntoView + use<> {
    if measured.0.is_empty() {
        return empty().into_any();
    }
    let cards: Vec<_> = measured.0.iter().map(card).collect();
    let line = |stroke, name: &str, more: &str| (stroke, name.to_owned(), more.to_owned());
    let mut lines = vec![
        line(Stroke::Feature, "With the feature", ""),
        line(Stroke::Control, "Control", "the same audience, outside the percentage"),
    ];
    if measured.0.iter().any(MetricCard::has_unverified) {
        lines.push(line(Stroke::Unverified, "Unverified", "not used by the guard; of all audiences"));
    }
    view! {
        {legend(lines)}
        <div class="health-grid">{cards}</div>
    }
    .into_any()
}

fn empty() -> impl IntoView {
    let url = here().href("/settings/tokens");
    view! {
        <Empty
            title="No outcomes in this time"
            text="Send what happened after somebody was served this flag: whether the request worked, how long it took, whether they got what they came for. Charts, guardrails and release plans live on it."
        >
            <pre tabindex="0"><code>
                r#"curl -X POST …/api/v1/events -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
    -d '{"events": [{"type": "outcome", "id": "o-1", "subject": "ada.moreau", "metric": "error_rate", "ok": true}]}'"#
            </code></pre>
            <a class="button" href=url>"Make a token"</a>
        </Empty>
    }
}

fn card(card: &MetricCard) -> impl IntoView + use<> {
    let charts: Vec<_> = card.charts.iter().map(Chart::view).collect();
    let late = (card.late > 0).then(|| {
        view! { <p class="note">{format!("{} came late: they are in the chart, not in the guard's evidence.", number(card.late))}</p> }
    });
    let unreadable = (card.unreadable > 0).then(|| {
        let what = if card.unreadable == 1 { "One stored sum".to_owned() } else { format!("{} stored sums", number(card.unreadable)) };
        view! { <p class="note" data-tone="warning">{format!("{what} of this time cannot be read: the chart and the guard's evidence are without it.")}</p> }
    });
    let broken: Vec<_> = card
        .broken
        .iter()
        .map(|sentence| {
            view! { <p class="health-broken" data-tone="danger"><b>{sentence.clone()}"."</b>" The numbers below are of all the time shown."</p> }
        })
        .collect();
    view! {
        <section class="card stack" aria-label=card.name.clone()>
            <div class="card-head">
                <h2>{card.name.clone()}</h2>
                <p class="note">{if card.lower_is_better { "lower is better" } else { "higher is better" }}</p>
            </div>
            {broken}
            <dl class="health-numbers">
                {side_view("With the feature", &card.treatment)}
                {side_view("Control", &card.control)}
                {difference::view(&card.differences, card.lower_is_better)}
            </dl>
            {charts}
            {late}
            {unreadable}
        </section>
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
