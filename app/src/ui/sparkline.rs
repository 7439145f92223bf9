//! A line of the recent past in the height of a word.

use leptos::prelude::*;

const WIDTH: f64 = 96.0;
const HEIGHT: f64 = 24.0;

/// The points as one polyline; `label` states the finding. Nothing is drawn for fewer than two points.
pub fn sparkline(points: &[f64], label: String) -> impl IntoView + use<> {
    let line = polyline(points);
    view! {
        <svg class="sparkline" viewBox="0 0 96 24" width="96" height="24" role="img" aria-label=label>
            <path d=line />
        </svg>
    }
}

/// Path data from left to right, the smallest value at the bottom, one pixel of margin.
pub fn polyline(points: &[f64]) -> String {
    use std::fmt::Write as _;
    let mut path = String::new();
    if points.len() < 2 {
        return path;
    }
    let low = points.iter().copied().fold(f64::INFINITY, f64::min);
    let high = points.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let span = if high > low { high - low } else { 1.0 };
    #[expect(clippy::cast_precision_loss, reason = "a few dozen points")]
    let step = (WIDTH - 2.0) / (points.len() - 1) as f64;
    let mut x = 1.0;
    for (at, point) in points.iter().enumerate() {
        let y = 1.0 + (HEIGHT - 2.0) * (1.0 - (point - low) / span);
        let command = if at == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{x:.1} {y:.1}");
        x += step;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::polyline;

    #[test]
    fn the_line_spans_the_box() {
        assert_eq!(polyline(&[0.0, 1.0]), "M1.0 23.0L95.0 1.0");
        assert_eq!(polyline(&[3.0]), "");
    }
}
