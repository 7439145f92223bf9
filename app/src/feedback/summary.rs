//! What feedback adds up to, per variant: treatment against control where there is one, and from day to day.

use std::collections::BTreeMap;

use engine::{Arm, FlagKey, counted};
use leptos::prelude::*;
use store::{TrendPoint, VariantSummary};

use super::{
    card::{self, Names},
    charts::{rating_bars, share_bar},
    query::SPANS_DAYS,
};
use crate::{
    chart::{Chart, Point, Series, Stroke, Unit},
    error::AppError,
    flag::Tab,
    page::{Page, here::here},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Flags that get a table of their own on the page about all of them.
const FLAGS_SHOWN: usize = 3;

/// The variants of one flag.
struct OfFlag {
    flag: FlagKey,
    rows: Vec<VariantSummary>,
    trend: Vec<TrendPoint>,
}

/// Of one flag, or of those with most feedback.
pub struct Summary {
    flags: Vec<OfFlag>,
    others: usize,
    /// From the first day on, until now.
    times: (i64, i64),
}

impl Summary {
    pub async fn load(page: &Page, flag: Option<&FlagKey>, days: u32) -> Result<Self, AppError> {
        let (store, viewer, environment) = (page.store(), page.viewer(), &page.environment.key);
        let until_ms = page.now_ms() + 1;
        let first_day_ms = (until_ms - (i64::from(days) - 1) * DAY_MS).div_euclid(DAY_MS) * DAY_MS;
        let rows = store.feedback_summary(&viewer, environment, flag, first_day_ms, until_ms).await?;
        let mut flags: Vec<OfFlag> = Vec::new();
        for row in rows {
            match flags.iter_mut().find(|it| it.flag == row.flag) {
                Some(of_flag) => of_flag.rows.push(row),
                None => flags.push(OfFlag { flag: row.flag.clone(), rows: vec![row], trend: Vec::new() }),
            }
        }
        let others = flags.len().saturating_sub(FLAGS_SHOWN);
        flags.truncate(FLAGS_SHOWN);
        for of_flag in &mut flags {
            of_flag.trend =
                store.feedback_trend(&viewer, environment, &of_flag.flag, first_day_ms, until_ms).await?;
        }
        Ok(Self { flags, others, times: (first_day_ms, until_ms) })
    }

    pub fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }

    pub fn view(&self, names: &Names, days: u32) -> Option<impl IntoView + use<>> {
        if self.flags.is_empty() {
            return None;
        }
        let here = here();
        let spans = SPANS_DAYS
            .into_iter()
            .map(|span| {
                let current = (span == days).then_some("true");
                let text = if span == 1 { "Today".to_owned() } else { counted(span, "day") };
                view! { <a href=here.same_page_with(&[("days", &span.to_string())]) aria-current=current>{text}</a> }
            })
            .collect_view();
        let cards = self
            .flags
            .iter()
            .zip(0..)
            .map(|(it, at)| of_flag(it, names, self.times, days, at == 0))
            .collect_view();
        let others = match self.others {
            0 => None,
            1 => Some("1 more flag has feedback; choose it under Flag.".to_owned()),
            n => Some(format!("{n} more flags have feedback; choose one under Flag.")),
        };
        Some(view! {
            <section class="stack" aria-labelledby="summary-title">
                <div class="spread">
                    <h2 id="summary-title">"By variant"</h2>
                    <div class="segments" role="group" aria-label="Time">{spans}</div>
                </div>
                <div class="feedback-flags">{cards}</div>
                {others.map(|text| view! { <p class="note">{text}</p> })}
            </section>
        })
    }
}

/// `first`: with the most feedback, or the only one: it gets a chart; the others have theirs on their own pages.
fn of_flag(it: &OfFlag, names: &Names, times: (i64, i64), days: u32, first: bool) -> impl IntoView + use<> {
    let name = names.flag(&it.flag);
    let control = it.rows.iter().filter(|row| row.arm == Some(Arm::Control)).max_by_key(|row| row.items);
    let rows = it.rows.iter().map(|row| line(row, control)).collect_view();
    let address = here().href(&Tab::Feedback.path(&it.flag));
    let id = format!("summary-{}", it.flag);
    view! {
        <article class="card feedback-flag" aria-labelledby=id.clone()>
            <h3 id=id.clone()><a href=address>{name.clone()}</a></h3>
            {first.then(|| chart(it, &name, times, days))}
            <div class="feedback-scroll" tabindex="0" role="region" aria-label=format!("Feedback on {name} by variant")>
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">"Variant"</th>
                            <th scope="col" class="num">"Answers"</th>
                            <th scope="col">"Rating"</th>
                            <th scope="col">"Completed"</th>
                            <th scope="col" class="num">"Median time"</th>
                            <th scope="col">"Complaints"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </article>
    }
}

fn line(row: &VariantSummary, control: Option<&VariantSummary>) -> impl IntoView + use<> {
    let control = control.filter(|control| row.arm == Some(Arm::Treatment) && *control != row);
    let against = |own: Option<f64>, other: fn(&VariantSummary) -> Option<f64>, scale: Scale| {
        let text = difference(own?, other(control?)?, scale);
        Some(view! { <small class="note">{text}</small> })
    };
    let rating = row.rating_mean().map(|mean| {
        let against = against(Some(mean), VariantSummary::rating_mean, Scale::Rating);
        view! { <span class="cluster"><b>{format!("{mean:.1}")}</b>{rating_bars(row.ratings)}</span>{against} }
    });
    let rate = |share: Option<f64>, of: fn(&VariantSummary) -> Option<f64>| {
        share.map(|share| {
            let against = against(Some(share), of, Scale::Share);
            view! { <span class="cluster">{percent(share)}{share_bar(share)}</span>{against} }
        })
    };
    let completion = rate(row.completion_rate(), VariantSummary::completion_rate);
    let complaints = rate(row.complaint_rate(), VariantSummary::complaint_rate);
    let arm = row.arm.map(|arm| view! { " " <span class="note">{arm.as_str()}</span> });
    let took = row.duration_ms_median.map_or_else(|| "–".to_owned(), card::duration);
    let dash = || view! { <span class="note">"–"</span> };
    let or_dash = |present: bool| (!present).then(dash);
    view! {
        <tr>
            <th scope="row"><code>{row.variant.to_string()}</code>{arm}</th>
            <td class="num">{row.items.to_string()}</td>
            <td>{or_dash(rating.is_some())}{rating}</td>
            <td>{or_dash(completion.is_some())}{completion}</td>
            <td class="num">{took}</td>
            <td>{or_dash(complaints.is_some())}{complaints}</td>
        </tr>
    }
}

#[derive(Debug, Clone, Copy)]
enum Scale {
    Rating,
    Share,
}

/// `+0.4 against control`, `−12 points against control`.
fn difference(own: f64, control: f64, scale: Scale) -> String {
    let by = own - control;
    let sign = if by < 0.0 { '−' } else { '+' };
    let (size, unit) = match scale {
        Scale::Rating => (format!("{:.1}", by.abs()), ""),
        Scale::Share => (format!("{:.0}", by.abs() * 100.0), " points"),
    };
    if size == "0" || size == "0.0" {
        return "as control".to_owned();
    }
    format!("{sign}{size}{unit} against control")
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Mean ratings per day; nothing where there are fewer than two days to compare.
fn chart(
    it: &OfFlag,
    name: &str,
    (first_day_ms, until_ms): (i64, i64),
    days: u32,
) -> Option<impl IntoView + use<>> {
    let lines = lines(&it.trend);
    if days < 2 || lines.iter().all(|line| rated(line).count() < 2) {
        return None;
    }
    let chart = Chart {
        id: format!("chart-{}", it.flag),
        name: format!("ratings of {name}"),
        caption: "Mean rating per day".to_owned(),
        finding: finding(name, &lines),
        unit: Unit::Rating,
        from_ms: first_day_ms,
        until_ms,
        step_ms: DAY_MS,
        lines,
        marks: Vec::new(),
        limit: None,
        has_legend: true,
    };
    Some(chart.view())
}

#[expect(clippy::cast_precision_loss, reason = "counts of feedback are far below 2^52")]
fn mean(point: &TrendPoint) -> Option<f64> {
    (point.rated > 0).then(|| point.rating_sum as f64 / point.rated as f64)
}

/// A line per variant. The off variant is the ordinary case: what is tried comes first.
fn lines(trend: &[TrendPoint]) -> Vec<Series> {
    let mut lines: BTreeMap<(bool, String), Vec<Point>> = BTreeMap::new();
    for day in trend {
        let name = day.variant.to_string();
        let point = Point { at_ms: day.day_ms, value: mean(day), note: Some(answers(day)) };
        lines.entry((name == "off", name)).or_default().push(point);
    }
    let lines = lines.into_iter().enumerate().map(|(at, ((is_off, name), points))| Series {
        name,
        stroke: Stroke::of_variant(at, is_off),
        legend: String::new(),
        points,
    });
    lines.collect()
}

/// `12 answers`, `12 answers, 1 complaint`.
fn answers(day: &TrendPoint) -> String {
    let answers = counted(day.items, "answer");
    if day.complaints == 0 { answers } else { format!("{answers}, {}", counted(day.complaints, "complaint")) }
}

fn rated(line: &Series) -> impl DoubleEndedIterator<Item = f64> {
    line.points.iter().filter_map(|point| point.value)
}

/// `Fast payment: on went from 3.5 to 4.2, off from 3.9 to 3.9`.
fn finding(name: &str, lines: &[Series]) -> String {
    let lines: Vec<_> = lines
        .iter()
        .filter_map(|line| {
            let (first, last) = (rated(line).next()?, rated(line).next_back()?);
            Some(format!("{} went from {first:.1} to {last:.1}", line.name))
        })
        .collect();
    format!("Mean ratings of {name}: {}", lines.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(variant: &str, day: i64, rated: u64, rating_sum: u64) -> TrendPoint {
        let variant = variant.parse().expect("a key");
        TrendPoint { variant, day_ms: day * DAY_MS, items: rated, rated, rating_sum, complaints: 0 }
    }

    #[test]
    fn a_difference_says_which_way() {
        assert_eq!(difference(4.2, 3.8, Scale::Rating), "+0.4 against control");
        assert_eq!(difference(0.1, 0.22, Scale::Share), "−12 points against control");
        assert_eq!(difference(4.01, 4.0, Scale::Rating), "as control");
    }

    #[test]
    fn lines_are_per_variant_and_skip_days_without_ratings() {
        let points =
            [point("off", 10, 1, 3), point("on", 10, 2, 9), point("on", 11, 0, 0), point("on", 12, 1, 5)];
        let lines = lines(&points);
        let told: Vec<_> = lines[0].points.iter().map(|it| (it.at_ms / DAY_MS, it.value)).collect();
        assert_eq!(told, [(10, Some(4.5)), (11, None), (12, Some(5.0))]);
        assert_eq!((&*lines[0].name, &*lines[1].name), ("on", "off"));
        assert_eq!(lines[0].points[1].note.as_deref(), Some("0 answers"));
        assert_eq!(
            finding("Fast payment", &lines),
            "Mean ratings of Fast payment: on went from 4.5 to 5.0, off went from 3.0 to 3.0"
        );
    }
}
