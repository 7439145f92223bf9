//! Small charts of feedback, in the height of a line: how ratings are spread, and a share. Pure: numbers in, SVG out.

use leptos::prelude::*;

const BAR_WIDTH: u64 = 12;
const BAR_GAP: u64 = 3;
const BARS_HEIGHT: u64 = 24;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
