//! The trace of a decision as a tree: each step with a mark that says whether it held, and what was found.

use engine::{Actual, AttributeValue, EnrolmentState, Origin, Placement, Step};
use leptos::prelude::*;

use super::icon;

/// Whether a step spoke for the subject; `None` when it only tells what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    No,
    Told,
}

/// What the mark of a step says.
pub fn verdict(step: &Step) -> Verdict {
    let of = |held: bool| if held { Verdict::Yes } else { Verdict::No };
    match step {
        Step::KillSwitch { stopped } => of(!stopped),
        Step::Prerequisite { met, .. }
        | Step::All { met, .. }
        | Step::Any { met, .. }
        | Step::Not { met, .. }
        | Step::Test { met, .. } => of(*met),
        Step::ExcludedSubject | Step::NoRule { .. } => Verdict::No,
        Step::ExcludedGroup { excluded, .. } => of(!excluded),
        Step::Previewed { .. } | Step::Pinned { .. } | Step::Everyone => Verdict::Yes,
        Step::Rule { placement, .. } => of(*placement == Placement::Inside),
        Step::Group { member, .. } => of(*member),
        Step::Enrolment { state, .. } => of(*state == EnrolmentState::Active),
        Step::Bucket { inside, .. } => of(*inside),
        Step::Holdback { held_back, .. } => of(!held_back),
        Step::Split { .. } => Verdict::Told,
    }
}

/// The whole trace.
pub fn trace(steps: &[Step]) -> AnyView {
    let items = steps.iter().map(step_view).collect_view();
    view! { <ol class="trace">{items}</ol> }.into_any()
}

fn step_view(step: &Step) -> AnyView {
    let (word, label, mark) = match verdict(step) {
        Verdict::Yes => ("yes", "yes: ", icon::check().into_any()),
        Verdict::No => ("no", "no: ", icon::close().into_any()),
        Verdict::Told => ("told", "", icon::right().into_any()),
    };
    let inner = step.children();
    let inner = (!inner.is_empty()).then(|| trace(inner));
    let text = match step {
        Step::Test { attribute, expected, actual, .. } => {
            test_view(attribute.as_str(), expected, actual).into_any()
        }
        other => view! { <p>{other.sentence()}</p> }.into_any(),
    };
    view! {
        <li data-held=word>
            <span class="trace-mark">{mark}<span class="visually-hidden">{label}</span></span>
            <div class="trace-step">{text}{inner}</div>
        </li>
    }
    .into_any()
}

/// Expected beside actual, and where the actual value came from.
fn test_view(attribute: &str, expected: &str, actual: &Actual) -> impl IntoView + use<> {
    let (found, source) = match actual {
        Actual::Missing => ("nothing: it is missing".to_owned(), String::new()),
        Actual::Value { value, origin, read_as: None } => (shown(value), origin_text(*origin).to_owned()),
        Actual::Value { value, origin, read_as: Some(read_as) } => {
            (shown(value), format!("{read_as}; {}", origin_text(*origin)))
        }
        Actual::Unusable { value, wanted } => {
            (shown(value), format!("{}, where {wanted} is expected", value.kind()))
        }
        Actual::InObject { object } => (
            "nothing: it is missing".to_owned(),
            format!("the object “{object}” that was sent is not looked into; send {attribute} beside it"),
        ),
        Actual::Refused { value } => {
            (shown(value), "sent by a browser, which may not set a trusted attribute: not used".to_owned())
        }
    };
    let source = (!source.is_empty()).then(|| view! { <span class="trace-source">{source}</span> });
    view! {
        <p class="trace-test">
            <span><code>{attribute.to_owned()}</code>" "{expected.to_owned()}</span>
            <span class="trace-found">"Found "<b>{found}</b>" "{source}</span>
        </p>
    }
}

fn shown(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) => format!("“{text}”"),
        other => other.display(),
    }
}

/// Where a value came from.
pub fn origin_text(origin: Origin) -> &'static str {
    match origin {
        Origin::Sent => "sent with the call",
        Origin::Trait => "stored with the person",
        Origin::Signed => "signed by a backend",
        Origin::Refused => "sent by a browser: not used",
    }
}

#[cfg(test)]
mod tests {
    use engine::{AttributeName, GroupKey};

    use super::*;

    #[test]
    fn a_failing_test_shows_what_was_expected_and_what_was_found() {
        let test = Step::Test {
            attribute: AttributeName::parse("tier").expect("a name"),
            met: false,
            expected: "is “vip”".to_owned(),
            opposite: "is not “vip”".to_owned(),
            actual: Actual::Value {
                value: AttributeValue::Text("standard".into()),
                origin: Origin::Trait,
                read_as: None,
            },
        };
        let group = Step::Group {
            group: GroupKey::parse("vip-agencies").expect("a key"),
            name: "VIP agencies".to_owned(),
            member: false,
            steps: vec![test],
        };
        let html = trace(&[group]).to_html();
        for part in ["Not in VIP agencies.", "is “vip”", "“standard”", "stored with the person", "no: "]
        {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert_eq!(html.matches(r#"data-held="no""#).count(), 2);
    }
}
