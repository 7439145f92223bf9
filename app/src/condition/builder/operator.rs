//! The menu of operators of a row.

use engine::AttributeType;
use leptos::prelude::*;

use super::{Frame, place_text};
use crate::condition::form::{Choice, Field, Kind, TestForm, name_at};

/// The row's operator; a row just begun takes the usual operator of its attribute's type.
pub(super) fn offered_choice(test: &TestForm, value_type: Option<AttributeType>) -> Choice {
    let choice = test.operator.unwrap_or(Choice::EQUALS);
    if choice != Choice::EQUALS || !test.value.trim().is_empty() {
        return choice;
    }
    let kind = match value_type {
        Some(AttributeType::Text) | None => Kind::Equals,
        Some(AttributeType::Number) => Kind::AtLeast,
        Some(AttributeType::Boolean) => Kind::Is,
        Some(AttributeType::List) => Kind::ContainsAny,
        Some(AttributeType::Date) => Kind::After,
        Some(AttributeType::Semver) => Kind::VersionAbove,
    };
    Choice { kind, negated: false }
}

pub(super) fn operator_menu(
    frame: &Frame,
    test: &TestForm,
    choice: Choice,
    path: &[usize],
) -> impl IntoView + use<> {
    let name = name_at(&frame.prefix, path);
    let wrong = frame.errors.at(path).any(|(field, _)| field == Field::Operator);
    let option = |kind: Kind, negated: bool| {
        let offered = Choice { kind, negated };
        view! { <option value=offered.code() selected=offered == choice>{offered.label()}</option> }
    };
    let options = |value_type: Option<AttributeType>| -> Vec<_> {
        let kinds = || Kind::all().filter(move |kind| kind.attribute_type() == value_type);
        kinds().map(|kind| option(kind, false)).chain(kinds().map(|kind| option(kind, true))).collect()
    };
    let group = |value_type: Option<AttributeType>| {
        view! { <optgroup label=type_label(value_type)>{options(value_type)}</optgroup> }
    };
    let own = frame.vocabulary.type_of(&test.attribute);
    let fits = |kind: Kind| kind.attribute_type().is_none() || kind.attribute_type() == own;
    let menu = if own.is_some() && fits(choice.kind) {
        view! { {options(own)} {group(None)} }.into_any()
    } else {
        use AttributeType::{Boolean, Date, List, Number, Semver, Text};
        [Some(Text), Some(Number), Some(Boolean), Some(List), Some(Date), Some(Semver), None]
            .map(group)
            .collect_view()
            .into_any()
    };
    view! {
        <select
            class="builder-operator"
            name=format!("{name}.operator")
            id=format!("{name}.operator")
            aria-label=format!("Comparison {}", place_text(path))
            aria-invalid=wrong.then_some("true")
            data-swap=frame.swap.clone()
        >
            {menu}
        </select>
    }
}

fn type_label(value_type: Option<AttributeType>) -> &'static str {
    match value_type {
        Some(AttributeType::Text) => "Text",
        Some(AttributeType::Number) => "Number",
        Some(AttributeType::Boolean) => "True or false",
        Some(AttributeType::List) => "List",
        Some(AttributeType::Date) => "Date",
        Some(AttributeType::Semver) => "Version",
        None => "Anything",
    }
}
