//! What happened around one person, flag by flag: what they were served, when the rollout changed, when they were
//! enrolled, what they said. Drawn on the server; the same stands in a table.

use engine::counted;
use jiff::ToSpan as _;
use leptos::prelude::*;

use crate::{ui::time, zone::zone};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Narrower than this cannot be seen or pointed at, in thousandths of the width.
const SPAN_MIN: f64 = 6.0;
/// Days with a label; beyond it every second, third… has one.
const LABELS_MAX: usize = 7;

/// One flag.
#[derive(Debug, Clone, Default)]
pub struct Lane {
    pub name: String,
    pub href: String,
    pub served: Vec<Span>,
    pub changes: Vec<Mark>,
    pub enrolled: Vec<Span>,
    pub feedback: Vec<Mark>,
}

/// Something that lasted. Epoch ms, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub from_ms: i64,
    pub until_ms: i64,
    pub label: String,
    /// Served something other than the off variant.
    pub on: bool,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub at_ms: i64,
    pub label: String,
}

/// What the drawing spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub from_ms: i64,
    pub until_ms: i64,
}

impl Range {
    /// From midnight before the first thing served, or a week ago; at most `days` back.
    pub fn around(lanes: &[Lane], now_ms: i64, at_ms: Option<i64>, days: i64) -> Self {
        let served = lanes.iter().flat_map(|lane| &lane.served).map(|span| span.from_ms);
        let first = served.chain(at_ms).chain([now_ms - 6 * DAY_MS]).min().unwrap_or(now_ms);
        let first = first.max(now_ms - days * DAY_MS);
        Self { from_ms: zone().midnight_before_ms(first), until_ms: now_ms }
    }

    /// 0 to 1000; what lies outside is drawn at the edge.
    fn place(self, at_ms: i64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of some weeks")]
        let share = at_ms.saturating_sub(self.from_ms) as f64 / (self.until_ms - self.from_ms).max(1) as f64;
        share.clamp(0.0, 1.0) * 1000.0
    }

    fn holds(self, at_ms: i64) -> bool {
        (self.from_ms..=self.until_ms).contains(&at_ms)
    }

    fn touches(self, span: &Span) -> bool {
        span.from_ms <= self.until_ms && span.until_ms >= self.from_ms
    }

    /// Midnights of the reader, and those with a label.
    fn days(self) -> impl Iterator<Item = (i64, bool)> {
        let zone = zone();
        let midnights = zone.day(self.from_ms).into_iter().flat_map(|first| first.series(1.day()));
        let midnights = midnights.map_while(move |day| zone.day_start_ms(day));
        let midnights: Vec<_> = midnights.take_while(|at| *at <= self.until_ms).collect();
        let every = midnights.len() / LABELS_MAX + 1;
        midnights.into_iter().enumerate().map(move |(day, at)| (at, day % every == 0))
    }
}

fn per_cent(place: f64) -> String {
    format!("{:.2}%", place / 10.0)
}

/// The drawing; `at_ms` is the instant that is asked about.
pub fn timeline(lanes: &[Lane], range: Range, at_ms: Option<i64>) -> AnyView {
    let rows = lanes.iter().map(|lane| lane_view(lane, range, at_ms)).collect_view();
    view! {
        <div class="timeline">
            {axis(range, at_ms)}
            {rows}
        </div>
    }
    .into_any()
}

fn axis(range: Range, at_ms: Option<i64>) -> impl IntoView {
    let labels = range
        .days()
        .filter(|(_, labelled)| *labelled)
        .map(|(at, _)| {
            view! { <text x=per_cent(range.place(at)) y="12" dx="3">{time::day(at)}</text> }
        })
        .collect_view();
    let at = at_ms.filter(|at| range.holds(*at)).map(|at| {
        let x = per_cent(range.place(at));
        view! { <circle class="timeline-at" cx=x cy="8" r="4" /> }
    });
    view! {
        <div class="timeline-axis" aria-hidden="true">
            <span></span>
            <svg height="16" width="100%">{labels}{at}</svg>
        </div>
    }
}

fn lane_view(lane: &Lane, range: Range, at_ms: Option<i64>) -> impl IntoView + use<> {
    let days = range.days().map(|(at, _)| line("timeline-day", range.place(at), 0, 40)).collect_view();
    let enrolled = lane.enrolled.iter().filter(|span| range.touches(span));
    let enrolled = enrolled.map(|span| band(span, range, "timeline-enrolled", (4, 4))).collect_view();
    let served = lane.served.iter().filter(|span| range.touches(span));
    let served = served
        .map(|span| band(span, range, if span.on { "timeline-on" } else { "timeline-off" }, (13, 14)))
        .collect_view();
    let changes = lane.changes.iter().filter(|mark| range.holds(mark.at_ms));
    let changes = changes
        .map(|mark| {
            let x = per_cent(range.place(mark.at_ms));
            view! {
                <g class="timeline-change">
                    <title>{format!("{}: {}", time::full(mark.at_ms), mark.label)}</title>
                    <line x1=x.clone() x2=x.clone() y1="8" y2="36" />
                    <circle cx=x cy="34" r="3" />
                </g>
            }
        })
        .collect_view();
    let feedback = lane.feedback.iter().filter(|mark| range.holds(mark.at_ms));
    let feedback = feedback
        .map(|mark| {
            let x = per_cent(range.place(mark.at_ms));
            view! {
                <g class="timeline-feedback">
                    <title>{format!("{}: {}", time::full(mark.at_ms), mark.label)}</title>
                    <circle cx=x cy="20" r="5" />
                </g>
            }
        })
        .collect_view();
    let at = at_ms.filter(|at| range.holds(*at)).map(|at| line("timeline-at", range.place(at), 0, 40));
    view! {
        <div class="timeline-lane">
            <a href=lane.href.clone()>{lane.name.clone()}</a>
            <svg height="40" width="100%" role="img" aria-label=finding(lane)>
                {days}{enrolled}{served}{changes}{feedback}{at}
            </svg>
        </div>
    }
}

fn line(class: &'static str, place: f64, from: u32, to: u32) -> impl IntoView {
    let x = per_cent(place);
    view! { <line class=class x1=x.clone() x2=x y1=from.to_string() y2=to.to_string() /> }
}

fn band(span: &Span, range: Range, class: &'static str, (y, height): (u32, u32)) -> impl IntoView + use<> {
    let (x, width) = extent(span, range);
    view! {
        <rect class=class x=per_cent(x) width=per_cent(width) y=y.to_string() height=height.to_string() rx="2">
            <title>{span.label.clone()}</title>
        </rect>
    }
}

/// Where a span begins and how wide it is, in thousandths: never too narrow to be seen, never beyond the end.
fn extent(span: &Span, range: Range) -> (f64, f64) {
    let (from, until) = (range.place(span.from_ms), range.place(span.until_ms));
    let width = (until - from).max(SPAN_MIN);
    (from.min(1000.0 - width), width)
}

/// What the lane says, for whoever does not see it.
pub fn finding(lane: &Lane) -> String {
    let some = |n: usize, noun: &str| (n > 0).then(|| counted(n, noun));
    let parts = [
        some(lane.served.len(), "variant").map(|variants| format!("{variants} served")),
        some(lane.changes.len(), "change"),
        some(lane.enrolled.len(), "enrolment"),
        some(lane.feedback.len(), "piece of feedback"),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        format!("{}: nothing happened", lane.name)
    } else {
        format!("{}: {}", lane.name, parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from_ms: i64, until_ms: i64) -> Span {
        Span { from_ms, until_ms, label: "on".to_owned(), on: true }
    }

    #[test]
    fn a_span_has_its_place_and_can_be_seen() {
        let range = Range { from_ms: 0, until_ms: 1000 };
        assert_eq!(extent(&span(250, 500), range), (250.0, 250.0));
        assert_eq!(extent(&span(500, 500), range), (500.0, SPAN_MIN));
        assert_eq!(extent(&span(1000, 1000), range), (1000.0 - SPAN_MIN, SPAN_MIN), "not beyond the end");
        assert_eq!(extent(&span(-500, 500), range), (0.0, 500.0), "what began before begins at the edge");
        assert_eq!(
            extent(&span(i64::MIN, i64::MAX), range),
            (0.0, 1000.0),
            "without a beginning, without an end"
        );
    }

    #[test]
    fn the_range_begins_at_midnight_before_the_first_thing_served() {
        let now = 20 * DAY_MS + 5000;
        let lane = |from_ms| Lane { served: vec![span(from_ms, from_ms)], ..Lane::default() };
        let from = |lanes: &[Lane], at| Range::around(lanes, now, at, 14).from_ms / DAY_MS;
        assert_eq!(from(&[lane(10 * DAY_MS + 77)], None), 10);
        assert_eq!(from(&[], None), 14, "a week when there is nothing");
        assert_eq!(from(&[lane(DAY_MS)], None), 6, "no further back than asked");
        assert_eq!(from(&[], Some(8 * DAY_MS + 1)), 8, "the instant asked about is inside");
    }

    #[test]
    fn a_lane_says_what_it_shows() {
        let mark = |at_ms| Mark { at_ms, label: "raised everyone 0 → 20 %".to_owned() };
        let lane = Lane {
            name: "Fast payment".to_owned(),
            served: vec![span(0, 10)],
            changes: vec![mark(5), mark(7)],
            ..Lane::default()
        };
        assert_eq!(finding(&lane), "Fast payment: 1 variant served, 2 changes");
        let html = lane_view(&lane, Range { from_ms: 0, until_ms: 6 }, Some(3)).to_html();
        assert_eq!(html.matches("timeline-change").count(), 1, "what lies outside is not drawn");
        assert!(html.contains("timeline-on") && html.contains("timeline-at"), "{html}");
    }
}
