//! A line of the recent past in the height of a word.

use leptos::prelude::*;

const WIDTH: f64 = 96.0;
const HEIGHT: f64 = 24.0;

/// The points as lines, with gaps where there is none; `label` states the finding. The height is the largest value, and at
/// least `top_min`: small values do not look like large ones.
pub fn sparkline(points: &[Option<f64>], top_min: f64, label: String) -> impl IntoView + use<> {
    let line = path(points, top_min);
    view! {
        <svg class="sparkline" viewBox="0 0 96 24" width="96" height="24" role="img" aria-label=label>
            <path d=line />
        </svg>
    }
}

/// Path data from left to right with one pixel of margin; a lone point is a short dash.
pub fn path(points: &[Option<f64>], top_min: f64) -> String {
    use std::fmt::Write as _;
    let mut path = String::new();
    let top = points.iter().flatten().copied().fold(top_min, f64::max);
    #[expect(clippy::cast_precision_loss, reason = "a few dozen points")]
    let step = (WIDTH - 2.0) / (points.len().max(2) - 1) as f64;
    let mut x = 1.0;
    let mut near = false;
    for (at, point) in points.iter().enumerate() {
        if let Some(point) = point {
            let y = 1.0 + (HEIGHT - 2.0) * (1.0 - (point / top).clamp(0.0, 1.0));
            let command = if near { 'L' } else { 'M' };
            let _ = write!(path, "{command}{x:.1} {y:.1}");
            let is_lone = !near && points.get(at + 1).is_none_or(Option::is_none);
            if is_lone {
                path.push_str("h1");
            }
        }
        near = point.is_some();
        x += step;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_spans_the_box_and_has_gaps() {
        assert_eq!(path(&[Some(0.0), Some(2.0)], 1.0), "M1.0 23.0L95.0 1.0");
        assert_eq!(path(&[Some(0.5)], 1.0), "M1.0 12.0h1");
        assert_eq!(path(&[Some(1.0), None, Some(1.0)], 1.0), "M1.0 1.0h1M95.0 1.0h1");
        assert_eq!(path(&[None, None], 1.0), "");
    }
}
