//! What saving a group's form changes: a line of it, whom by name, and what becomes of the flags that use the group.

use engine::{Impact, counted};
use leptos::prelude::*;
use store::GroupUse;

use crate::{
    moved::{Names, Way, What},
    page::{address, here::here},
};

pub(super) struct FlagImpact {
    pub(super) used: GroupUse,
    pub(super) environment: String,
    pub(super) impact: Impact,
}

pub(super) fn view(
    impact: &Impact,
    flags: &[FlagImpact],
    flags_left: usize,
    names: Option<&Names>,
) -> AnyView {
    let Impact { gained, lost, .. } = *impact;
    let touched = flags.iter().filter(|it| !it.impact.is_none()).count();
    let line = match (gained, lost) {
        (0, 0) => "The same known people as now".to_owned(),
        _ => format!("{}, {}", delta(impact), counted(touched, "flag")),
    };
    let flags = flags
        .iter()
        .map(|flag| {
            let href = here().href_in(&address::flag(&flag.used.flag), &flag.used.environment);
            let what = if flag.impact.is_none() { "nobody moves".to_owned() } else { delta(&flag.impact) };
            view! {
                <li>
                    <a href=href>{flag.used.flag_name.clone()}</a>
                    <span class="muted">{format!(" in {}: ", flag.environment)}</span>
                    {what}
                </li>
            }
        })
        .collect_view();
    let left = (flags_left > 0).then(|| {
        view! { <li class="muted">{format!("and {}", counted(flags_left, "more flag"))}</li> }
    });
    let names = names.map(|names| {
        view! {
            <section class="who stack-small" aria-labelledby="who-title">
                <h3 id="who-title" tabindex="-1" autofocus>"Who comes in and who leaves"</h3>
                {names.view(&Way::Buttons("preview"), What::Group)}
            </section>
        }
    });
    let ask = (gained + lost > 0 && names.is_none()).then(|| {
        view! {
            <button
                class="button"
                data-size="small"
                data-kind="quiet"
                name="intent"
                value="who"
                title="Who comes in and who leaves, by name"
                formaction="#preview"
                data-swap="preview"
                formnovalidate
            >
                "Who?"
            </button>
        }
    });
    view! {
        <div class="preview-impact">
            <p><span class="muted">"Saving: "</span><strong>{line}</strong>" "{ask}</p>
            {names}
            <ul>{flags}{left}</ul>
        </div>
    }
    .into_any()
}

/// `+12 / −3 people`.
fn delta(impact: &Impact) -> String {
    let told = |hits| impact.sample.count(hits).number();
    let about = if impact.sample.is_whole() { "" } else { "about " };
    let switched = match impact.switched {
        0 => String::new(),
        n => format!(", {} get another variant", told(n)),
    };
    let one = impact.gained + impact.lost == 1 && impact.switched == 0;
    let noun = if one { "person" } else { "people" };
    format!("{about}+{} / −{} {noun}{switched}", told(impact.gained), told(impact.lost))
}

#[cfg(test)]
mod tests {
    use engine::Sample;

    use super::*;

    #[test]
    fn a_delta_names_both_sides() {
        let sample = Sample::whole(20);
        let impact = Impact { sample, gained: 12, lost: 3, ..Impact::default() };
        assert_eq!(delta(&impact), "+12 / −3 people");
        let impact = Impact { sample, gained: 1, switched: 2, ..Impact::default() };
        assert_eq!(delta(&impact), "+1 / −0 people, 2 get another variant");
    }
}
