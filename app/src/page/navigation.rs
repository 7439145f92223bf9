//! The entries of the navigation, and what waits behind them.

use leptos::prelude::*;

use super::{here::Here, layout::Section};
use crate::attention::Counts;

/// Larger numbers are not told beside an entry.
const COUNT_MAX: u64 = 99;

pub(super) fn navigation(section: Option<Section>, here: &Here) -> impl IntoView + use<> {
    let entries = Section::NAVIGATION
        .into_iter()
        .filter(|entry| here.principal.as_ref().is_some_and(|principal| entry.is_for(principal)));
    let entries = entries
        .map(|entry| {
            let current = (section == Some(entry)).then_some("page");
            view! {
                <li>
                    <a href=here.href(entry.path()) aria-current=current>
                        {entry.icon()}
                        {entry.label()}
                        {count(entry, &here.counts)}
                    </a>
                </li>
            }
        })
        .collect_view();
    view! { <nav class="nav" id="nav" data-live="" aria-label="Main"><ul>{entries}</ul></nav> }
}

/// What waits behind an entry: a number, and what it counts for those who do not see it there.
fn count(entry: Section, counts: &Counts) -> Option<impl IntoView + use<>> {
    let (number, told) = counted(entry, counts)?;
    let shown = if number > COUNT_MAX { format!("{COUNT_MAX}+") } else { number.to_string() };
    Some(view! {
        <span class="nav-count" title=told.clone() aria-hidden="true">{shown}</span>
        <span class="visually-hidden">{format!(", {told}")}</span>
    })
}

fn counted(entry: Section, counts: &Counts) -> Option<(u64, String)> {
    let words = |number: u64, one: &str, many: &str| {
        let grouped = engine::grouped(usize::try_from(number).unwrap_or(usize::MAX));
        (number > 0).then(|| (number, format!("{grouped} {}", if number == 1 { one } else { many })))
    };
    match entry {
        Section::Desk => words(counts.desk as u64, "flag waits for a decision", "flags wait for a decision"),
        Section::Approvals => {
            words(counts.approvals as u64, "step waits for your approval", "steps wait for your approval")
        }
        Section::Feedback => {
            let (number, told) = counts.feedback.and_then(|it| {
                words(it.items, "item that nobody has looked at", "items that nobody has looked at")
            })?;
            let is_cut = counts.feedback.is_some_and(|it| it.among >= store::limits::UNTRIAGED_AMONG_MAX);
            let among = if is_cut { " among the latest 10,000" } else { "" };
            Some((number, format!("{told}{among}")))
        }
        Section::Groups
        | Section::Audit
        | Section::Members
        | Section::Roles
        | Section::Tokens
        | Section::Clients
        | Section::Attributes
        | Section::Account
        | Section::People
        | Section::Metrics
        | Section::Guardrails
        | Section::Webhooks
        | Section::Environments => None,
    }
}

#[cfg(test)]
mod tests {
    use store::Untriaged;

    use super::*;

    #[test]
    fn a_number_beside_an_entry_says_what_it_counts() {
        let of = |desk, items, among| {
            let counts = Counts { desk, approvals: 0, feedback: Some(Untriaged { items, among }) };
            [Section::Desk, Section::Approvals, Section::Feedback]
                .map(|entry| counted(entry, &counts).map(|(_, told)| told).unwrap_or_default())
        };
        assert_eq!(of(0, 0, 5), ["", "", ""]);
        assert_eq!(of(1, 1, 5), ["1 flag waits for a decision", "", "1 item that nobody has looked at"]);
        assert_eq!(of(2, 1200, 10_000)[2], "1,200 items that nobody has looked at among the latest 10,000");
    }
}
