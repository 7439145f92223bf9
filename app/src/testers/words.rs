//! An enrolment and an exclusion in a few words, on every page that shows a tester.

use engine::{Enrolment, EnrolmentState};
use leptos::prelude::*;
use store::ExcludedFrom;

use crate::{
    page::{address, here::here},
    ui::{
        badge::{Badge, Tone},
        time,
    },
};

/// `from 1 Mar 2026, 09:00 until 3 Apr 2026`; an end at midnight is told as the day before.
pub fn window(enrolment: &Enrolment) -> String {
    let until = enrolment.until_ms.map(time::last_moment);
    match (enrolment.from_ms.map(time::first_moment), until) {
        (None, None) => "no end".to_owned(),
        (Some(from), None) => format!("from {from}"),
        (None, Some(until)) => format!("until {until}"),
        (Some(from), Some(until)) => format!("{from} – {until}"),
    }
}

/// Whether the enrolment counts now.
pub fn state(enrolment: &Enrolment, now_ms: i64) -> AnyView {
    match enrolment.state(now_ms) {
        EnrolmentState::Active => view! { <Badge tone=Tone::Good text="in" /> },
        EnrolmentState::NotYet => view! { <Badge tone=Tone::Accent text="not yet" /> },
        EnrolmentState::Expired => view! { <Badge tone=Tone::Neutral text="expired" /> },
    }
    .into_any()
}

/// `Fast payment in production, through Banned agencies`, each with a link to the rollout.
pub fn where_excluded(excluded: &[ExcludedFrom]) -> impl IntoView + use<> {
    let here = here();
    let one = |it: &ExcludedFrom| {
        let href = here.href_in(&address::flag(&it.flag), &it.environment);
        let through =
            it.through.as_ref().map_or_else(|| "by name".to_owned(), |(_, name)| format!("through {name}"));
        view! {
            <li>
                <a href=href>{it.flag_name.clone()}</a>
                {format!(" in {}, {through}", it.environment)}
            </li>
        }
    };
    view! { <ul class="plain">{excluded.iter().map(one).collect_view()}</ul> }
}

#[cfg(test)]
mod tests {
    use engine::SubjectKey;

    use super::*;

    fn enrolment(from_ms: Option<i64>, until_ms: Option<i64>) -> Enrolment {
        Enrolment { from_ms, until_ms, ..Enrolment::new(SubjectKey::parse("ada").expect("a subject")) }
    }

    #[test]
    fn the_time_of_an_enrolment_names_its_last_day_or_moment() {
        let day_ms = 24 * 60 * 60 * 1000;
        assert_eq!(window(&enrolment(None, Some(day_ms))), "until 1 Jan 1970");
        assert_eq!(window(&enrolment(Some(0), Some(2 * day_ms))), "1 Jan 1970 – 2 Jan 1970");
        assert_eq!(window(&enrolment(None, Some(day_ms + 61_000))), "until 2 Jan 1970, 00:01:01 UTC");
        assert_eq!(window(&enrolment(None, None)), "no end");
    }
}
