//! Small charts of feedback: how ratings are spread, a share, and ratings from day to day. Pure: numbers in, SVG out.

use std::fmt::Write as _;

use leptos::prelude::*;

const BAR_WIDTH: u64 = 12;
const BAR_GAP: u64 = 3;
const BARS_HEIGHT: u64 = 24;

const TREND_WIDTH: f64 = 560.0;
const TREND_HEIGHT: f64 = 140.0;
/// Around the lines.
const TREND_MARGIN: f64 = 8.0;
const RATING_MAX: f64 = 5.0;
const RATING_MIN: f64 = 1.0;

/// One line of a trend: its name, and a mean rating for each day that has one.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub name: String,
    /// Day (0 is the first one of the chart) and mean rating, in the order of the days.
    pub points: Vec<(usize, f64)>,
}

/// How many rated it 1 to 5, as five bars.
pub fn rating_bars(ratings: [u64; 5]) -> impl IntoView + use<> {
    let most = ratings.iter().copied().max().unwrap_or(0).max(1);
    let bars = ratings
        .into_iter()
        .zip(0_u64..)
        .map(|(count, at)| {
            let height = (count * (BARS_HEIGHT - 2)).div_ceil(most).max(1);
            let (x, y) = (at * (BAR_WIDTH + BAR_GAP), BARS_HEIGHT - height);
            view! {
                <rect
                    x=x.to_string()
                    y=y.to_string()
                    width=BAR_WIDTH.to_string()
                    height=height.to_string()
                    rx="1.5"
                    data-empty=(count == 0).then_some("")
                />
            }
        })
        .collect_view();
    view! {
        <svg class="rating-bars" viewBox="0 0 72 24" width="72" height="24" role="img" aria-label=spread(ratings)>
            {bars}
        </svg>
    }
}

/// `1: 2, 2: 0, 3: 1, 4: 4, 5: 9`.
pub fn spread(ratings: [u64; 5]) -> String {
    let counts: Vec<_> = ratings.iter().zip(1..).map(|(count, stars)| format!("{stars}: {count}")).collect();
    format!("Ratings {}", counts.join(", "))
}

/// A share between 0 and 1 as a bar; the number stands beside it.
pub fn share_bar(share: f64) -> impl IntoView {
    let width = 48.0 * share.clamp(0.0, 1.0);
    view! {
        <svg class="share-bar" viewBox="0 0 48 6" width="48" height="6" aria-hidden="true">
            <rect class="track" x="0" y="0" width="48" height="6" rx="3" />
            <rect x="0" y="0" width=format!("{width:.1}") height="6" rx="3" />
        </svg>
    }
}

/// Mean ratings from day to day, a line per variant; `label` states the finding. It stretches to its box; the scale
/// from 5 down to 1 stands beside it as text.
pub fn trend(series: &[Series], days: usize, label: String) -> impl IntoView + use<> {
    let grid = (1..=5)
        .map(|rating| {
            let y = y_of(f64::from(rating));
            view! { <path class="grid" d=format!("M0 {y:.1}H{TREND_WIDTH}") /> }
        })
        .collect_view();
    let lines = series
        .iter()
        .enumerate()
        .map(|(at, line)| {
            let dots = line
                .points
                .iter()
                .map(|(day, rating)| {
                    // A line without length and with round ends stays a dot however the chart is stretched.
                    let d = format!("M{:.1} {:.1}h0.01", x_of(*day, days), y_of(*rating));
                    view! { <path class="dot" d=d /> }
                })
                .collect_view();
            view! { <g data-series=at.to_string()><path class="line" d=path(&line.points, days) />{dots}</g> }
        })
        .collect_view();
    let view_box = format!("0 0 {TREND_WIDTH} {TREND_HEIGHT}");
    let scale = (1..=5).rev().map(|rating| view! { <span>{rating}</span> }).collect_view();
    view! {
        <div class="rating-trend">
            <div class="scale" aria-hidden="true">{scale}</div>
            <svg viewBox=view_box preserveAspectRatio="none" role="img" aria-label=label>{grid}{lines}</svg>
        </div>
    }
}

/// Path data through the points.
pub fn path(points: &[(usize, f64)], days: usize) -> String {
    let mut path = String::new();
    for (at, (day, rating)) in points.iter().enumerate() {
        let command = if at == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{:.1} {:.1}", x_of(*day, days), y_of(*rating));
    }
    path
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred days")]
fn x_of(day: usize, days: usize) -> f64 {
    let span = TREND_WIDTH - 2.0 * TREND_MARGIN;
    let last = days.saturating_sub(1).max(1) as f64;
    TREND_MARGIN + span * (day as f64 / last).min(1.0)
}

fn y_of(rating: f64) -> f64 {
    let share = (rating.clamp(RATING_MIN, RATING_MAX) - RATING_MIN) / (RATING_MAX - RATING_MIN);
    TREND_MARGIN + (TREND_HEIGHT - 2.0 * TREND_MARGIN) * (1.0 - share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_runs_from_the_first_day_to_the_last() {
        assert_eq!(path(&[(0, 1.0), (29, 5.0)], 30), "M8.0 132.0L552.0 8.0");
        assert_eq!(path(&[(0, 9.0)], 1), "M8.0 8.0", "what is beyond the scale stays on the chart");
        assert_eq!(path(&[], 30), "");
    }

    #[test]
    fn the_bars_say_what_they_show() {
        let html = rating_bars([0, 0, 1, 2, 4]).to_html();
        assert!(html.contains("Ratings 1: 0, 2: 0, 3: 1, 4: 2, 5: 4"), "{html}");
        assert_eq!(html.matches("<rect").count(), 5);
        assert_eq!(html.matches("data-empty").count(), 2);
        assert!(html.contains("height=\"22\""), "the most frequent one fills the box: {html}");
    }

    #[test]
    fn a_share_never_leaves_its_track() {
        assert!(share_bar(0.5).to_html().contains("width=\"24.0\""));
        assert!(share_bar(7.0).to_html().contains("width=\"48.0\""));
    }

    #[test]
    fn a_trend_has_a_line_per_variant_and_its_finding() {
        let line = |name: &str| Series { name: name.to_owned(), points: vec![(0, 4.0), (3, 2.0)] };
        let html = trend(&[line("on"), line("off")], 30, "on <4>".to_owned()).to_html();
        assert_eq!(html.matches("class=\"line\"").count(), 2);
        assert_eq!(html.matches("class=\"dot\"").count(), 4);
        assert!(html.contains("on &lt;4&gt;"), "{html}");
    }
}
