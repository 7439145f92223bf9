//! Values over time, a line for each arm or variant: the frame of every chart. Lines are told apart by dashes and
//! words as well as by colour, the label says what there is to find, and the numbers stand in a table below. Pure:
//! numbers in, HTML out. What a step says when it is pointed at is the `<title>` of its column, out of which
//! `islands::chart_detail` makes something quicker.

pub mod arms;
mod axis;
pub mod counts;
mod labels;
mod plot;
mod unit;

use islands::chart_detail::ChartDetail;
use leptos::prelude::*;

use crate::ui::time;
use plot::MarkNumber;
pub use unit::Unit;

/// A value of one line in the step that begins then. Steps begin at whole multiples of their length.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub at_ms: i64,
    /// `None` where something else is known of the step.
    pub value: Option<f64>,
    /// What stands behind the value: `12 answers`.
    pub note: Option<String>,
}

impl Point {
    pub fn new(at_ms: i64, value: f64) -> Self {
        Self { at_ms, value: Some(value), note: None }
    }
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    Feature,
    /// What the feature is compared with: control, or the off variant.
    Control,
    /// A further variant. There are three such looks; a fourth one begins again.
    Further(usize),
    /// What is told and not proved: beside the evidence, and none of it.
    Unverified,
}

impl Stroke {
    /// Of the variant at this place among those that are not off.
    pub fn of_variant(at: usize, is_off: bool) -> Self {
        match at {
            _ if is_off => Self::Control,
            0 => Self::Feature,
            at => Self::Further(at - 1),
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Feature => "feature",
            Self::Control => "control",
            Self::Further(at) => ["second", "third", "fourth"][at % 3],
            Self::Unverified => "unverified",
        }
    }
}

/// One line: what it is, how it looks, and its points in time order.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub name: String,
    pub stroke: Stroke,
    /// What the legend adds to the name.
    pub legend: String,
    pub points: Vec<Point>,
}

/// A change of the rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub at_ms: i64,
    /// `VIP agencies 20 → 50 %, Nora`.
    pub name: String,
    /// The same as the audit log tells it, with who did it first.
    pub sentence: String,
    /// Where it is told whole.
    pub href: Option<String>,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Of its box in the page: how focus and an open detail find it again when the page is swapped.
    pub id: String,
    pub name: String,
    /// What stands above it; empty where a heading says it already.
    pub caption: String,
    /// The label: what there is to find.
    pub finding: String,
    pub unit: Unit,
    pub from_ms: i64,
    pub until_ms: i64,
    pub step_ms: i64,
    pub lines: Vec<Series>,
    /// Numbered, oldest first; [`changes`] says once on a page what they are.
    pub marks: Vec<Mark>,
    /// A guardrail's absolute limit.
    pub limit: Option<f64>,
    /// Charts side by side share one that the page shows.
    pub has_legend: bool,
}

impl Chart {
    pub fn view(&self) -> impl IntoView + use<> {
        self.figure(true)
    }

    /// Without its numbers, for a page that shows them elsewhere.
    pub fn drawing(&self) -> impl IntoView + use<> {
        self.figure(false)
    }

    fn figure(&self, has_numbers: bool) -> impl IntoView + use<> {
        let caption = (!self.caption.is_empty())
            .then(|| view! { <figcaption class="note">{self.caption.clone()}</figcaption> });
        let legend = self.has_legend.then(|| {
            legend(self.lines.iter().map(|it| (it.stroke, it.name.clone(), it.legend.clone())).collect())
        });
        let scale: Vec<_> =
            self.ticks().into_iter().map(|tick| view! { <span>{self.unit.tick(tick)}</span> }).collect();
        // An application, because it takes the arrow keys: see `islands::chart_detail`.
        view! {
            <figure class="chart">
                {caption}
                <div
                    class="chart-box"
                    id=self.id.clone()
                    tabindex="0"
                    role="application"
                    aria-roledescription="chart"
                    aria-label=self.finding.clone()
                >
                    {self.mark_texts()}
                    <div class="chart-scale" aria-hidden="true">{scale}</div>
                    {self.plot()}
                    {self.limit_text()}
                    <span class="chart-zone" aria-hidden="true">{self.times_letters()}</span>
                    {self.time_texts()}
                </div>
                {legend}
                {has_numbers.then(|| self.table())}
            </figure>
        }
    }

    fn plot(&self) -> impl IntoView + use<> {
        let grid = self.ticks().into_iter().map(|tick| {
            view! { <path class="chart-grid" d=format!("M0 {:.1}H640", self.y(tick)) /> }
        });
        let limit = self
            .shown_limit()
            .map(|limit| view! { <path class="chart-limit" d=format!("M0 {:.1}H640", self.y(limit)) /> });
        let marks = self.marks.iter().map(|mark| {
            let x = self.x(mark.at_ms);
            view! { <path class="chart-mark" d=format!("M{x:.1} 0V150") /> }
        });
        let lines = self.lines.iter().map(|line| {
            let stroke = line.stroke.code();
            let dots = self.dots(line);
            let dots =
                (!dots.is_empty()).then(|| view! { <path class="chart-dots" data-stroke=stroke d=dots /> });
            view! { <path class="chart-line" data-stroke=stroke d=self.path(line) />{dots} }
        });
        let (grid, marks) = (grid.collect::<Vec<_>>(), marks.collect::<Vec<_>>());
        let lines: Vec<_> = lines.collect();
        let columns: Vec<_> = self.steps().into_iter().map(|at_ms| self.column(at_ms)).collect();
        view! {
            <svg class="chart-plot" viewBox="0 0 640 150" preserveAspectRatio="none" aria-hidden="true">
                {grid}{marks}{limit}{lines}{columns}
            </svg>
        }
    }

    /// An invisible column that tells its step when pointed at.
    fn column(&self, at_ms: i64) -> impl IntoView + use<> {
        let (from, until) = (self.x(at_ms), self.x(at_ms + self.step_ms));
        let width = format!("{:.1}", (until - from).max(1.0));
        view! {
            <rect class="chart-column" data-at=at_ms.to_string() x=format!("{from:.1}") y="0" width=width height="150">
                <title>{self.told(at_ms)}</title>
            </rect>
        }
    }

    /// The marks' numbers, above the plot and in a drawing of their own that is not stretched. Each names its changes
    /// and leads to the first of them.
    fn mark_texts(&self) -> Option<impl IntoView + use<>> {
        let texts: Vec<_> = self
            .mark_numbers()
            .into_iter()
            .map(|MarkNumber { share, text, marks }| {
                let names: Vec<_> = marks.iter().map(|mark| mark.name.as_str()).collect();
                let href = marks.first().and_then(|mark| mark.href.clone());
                view! {
                    <a href=href tabindex="-1">
                        <text x=format!("{share:.2}%") y="11">{text}<title>{names.join("\n")}</title></text>
                    </a>
                }
            })
            .collect();
        (!texts.is_empty()).then(|| view! { <svg class="chart-marks" aria-hidden="true">{texts}</svg> })
    }

    /// Below the plot.
    fn time_texts(&self) -> impl IntoView + use<> {
        let texts: Vec<_> = self
            .times()
            .into_iter()
            .map(|it| {
                let anchor = it.anchor();
                view! { <text x=format!("{:.2}%", it.share) y="11" text-anchor=anchor>{it.text}</text> }
            })
            .collect();
        view! { <svg class="chart-times" aria-hidden="true">{texts}</svg> }
    }

    /// Beside the plot, at the limit's height; of one far above everything, at the top.
    fn limit_text(&self) -> Option<impl IntoView + use<>> {
        let limit = self.limit?;
        let shown = self.shown_limit();
        let y = format!("{:.1}%", shown.map_or(0.0, |limit| self.y(limit) / plot::HEIGHT * 100.0));
        let word = if shown.is_some() { "limit" } else { "↑ limit" };
        Some(view! {
            <svg class="chart-limit-text" aria-hidden="true">
                <text x="0" y=y.clone() dy="-2">{word}</text>
                <text x="0" y=y dy="10">{self.unit.phrase(limit)}</text>
            </svg>
        })
    }
}

/// What the lines are: look, name, and what is added to it.
pub fn legend(lines: Vec<(Stroke, String, String)>) -> impl IntoView {
    let lines: Vec<_> = lines
        .into_iter()
        .map(|(stroke, name, more)| {
            view! {
                <li>
                    <svg viewBox="0 0 28 8" width="28" height="8" data-stroke=stroke.code() aria-hidden="true">
                        <path class="chart-line" data-stroke=stroke.code() d="M0 4h28" />
                    </svg>
                    <b>{name}</b>
                    " "
                    {more}
                </li>
            }
        })
        .collect();
    view! { <ul class="chart-legend">{lines}</ul> }
}

/// What the marks of all charts of a page are, in their order, and how long ago each was.
pub fn changes(marks: &[Mark], now_ms: i64) -> Option<impl IntoView + use<>> {
    let changes: Vec<_> = marks
        .iter()
        .map(|mark| {
            let ago = time::ago(now_ms, mark.at_ms);
            let name = mark.name.clone();
            let name = match &mark.href {
                Some(href) => view! { <a href=href.clone()>{name}</a> }.into_any(),
                None => name.into_any(),
            };
            view! { <li>{name}", "{ago}</li> }
        })
        .collect();
    (!changes.is_empty())
        .then(|| view! { <ol class="chart-changes" aria-label="Changes in the charts">{changes}</ol> })
}

/// What tells the step that is pointed at: once on a page with charts, and outside what is swapped.
pub fn detail() -> impl IntoView {
    view! {
        <div class="chart-detail" id="chart-detail" aria-hidden="true" hidden>
            <i></i>
            <div class="chart-card"></div>
        </div>
        <p class="visually-hidden" id="chart-told" aria-live="polite"></p>
        <ChartDetail />
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_reads_without_colour_and_without_sight() {
        let chart = Chart { limit: Some(0.05), has_legend: true, ..plot::tests::two(&[0.04], &[0.01]) };
        let html = chart.view().to_html();
        assert!(
            html.contains("aria-label=\"Errors: 4 % with the feature, 1 % in control at the end\""),
            "{html}"
        );
        assert!(
            html.contains("data-stroke=\"feature\"") && html.contains("data-stroke=\"control\""),
            "{html}"
        );
        assert!(html.contains("<details") && html.contains("<td class=\"num\">4 %"), "{html}");
        assert!(
            html.contains(">limit<") && html.contains(">5 %<") && html.contains("tabindex=\"0\""),
            "{html}"
        );
    }

    #[test]
    fn drawing_nothing_is_a_drawing_too() {
        let html = plot::tests::two(&[], &[]).view().to_html();
        assert!(html.contains("no outcomes in this time") && !html.contains("chart-column"), "{html}");
        assert!(!html.contains("<details"), "there are no numbers to show: {html}");
    }
}
