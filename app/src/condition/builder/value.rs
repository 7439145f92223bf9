//! What a row compares with: one value, many, a range, true or false, or nothing.

use leptos::prelude::*;

use super::{Frame, count_id, place_text};
use crate::{
    condition::form::{Field, Shape, TestForm, name_at},
    ui::text_area::TextArea,
};

/// How many known values a row names in its hint.
const HINT_VALUES_MAX: usize = 6;

/// The control that fits the operator, with suggestions from known people.
pub(super) fn view(
    frame: &Frame,
    test: &TestForm,
    shape: Shape,
    path: &[usize],
    described: Option<String>,
) -> AnyView {
    let follows = format!("{} {}", frame.preview.trim(), count_id(frame, path));
    let input = |field: &str, at: Field, label: &str, value: &str, placeholder: &'static str| {
        let name = format!("{}.{field}", name_at(&frame.prefix, path));
        let wrong = frame.errors.at(path).any(|(field, _)| field == at);
        let list = (field == "value").then(|| format!("{name}s"));
        let number = matches!(shape, Shape::Number | Shape::Range);
        view! {
            <input
                name=name.clone()
                id=name
                value=value.to_owned()
                list=list
                inputmode=number.then_some("decimal")
                placeholder=placeholder
                aria-label=format!("{label} {}", place_text(path))
                aria-invalid=wrong.then_some("true")
                aria-describedby=described.clone()
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                data-swap-input=follows.clone()
            />
        }
    };
    let plain = |placeholder| {
        let values = value_list(frame, test, path);
        view! { {input("value", Field::Value, "Value", &test.value, placeholder)} {values} }
    };
    let body = match shape {
        Shape::Text => plain("value").into_any(),
        Shape::Pattern => plain("^vip-").into_any(),
        Shape::Number => plain("30").into_any(),
        Shape::Date => plain("2026-03-01 or 30 days ago").into_any(),
        Shape::Version => plain("2.10.0").into_any(),
        Shape::Range => view! {
            {input("value", Field::Value, "From", &test.value, "from")}
            <span aria-hidden="true">"and"</span>
            {input("high", Field::UpperBound, "To", &test.high, "to")}
        }
        .into_any(),
        Shape::Truth => truth_view(frame, test, path, described).into_any(),
        Shape::Many => many_view(frame, test, path, described, "one, two, three").into_any(),
        Shape::Networks => many_view(frame, test, path, described, "192.0.2.0/24, 2001:db8::/32").into_any(),
        Shape::Nothing => ().into_any(),
    };
    view! { <div class="builder-value">{body}</div> }.into_any()
}

fn truth_view(
    frame: &Frame,
    test: &TestForm,
    path: &[usize],
    described: Option<String>,
) -> impl IntoView + use<> {
    let name = format!("{}.value", name_at(&frame.prefix, path));
    let is_false = test.value.trim() == "false";
    view! {
        <select
            name=name.clone()
            id=name
            aria-label=format!("Value {}", place_text(path))
            aria-describedby=described
            data-swap=frame.swap.clone()
        >
            <option value="true" selected=!is_false>"true"</option>
            <option value="false" selected=is_false>"false"</option>
        </select>
    }
}

fn many_view(
    frame: &Frame,
    test: &TestForm,
    path: &[usize],
    described: Option<String>,
    placeholder: &'static str,
) -> impl IntoView + use<> {
    let name = format!("{}.value", name_at(&frame.prefix, path));
    let wrong = frame.errors.at(path).any(|(field, _)| field == Field::Value);
    let known = frame.vocabulary.values_of(&test.attribute);
    let hint = if known.is_empty() {
        "One per line, or separated by commas.".to_owned()
    } else {
        let more = if known.len() > HINT_VALUES_MAX { " …" } else { "" };
        let shown: Vec<_> = known.iter().take(HINT_VALUES_MAX).map(String::as_str).collect();
        format!("One per line, or with commas. Known: {}{more}", shown.join(", "))
    };
    let hint_id = format!("{name}.hint");
    let described = described.map_or_else(|| hint_id.clone(), |error| format!("{error} {hint_id}"));
    view! {
        <TextArea
            name=name.clone()
            id=name
            value=test.value.clone()
            rows=1
            label=format!("Values {}", place_text(path))
            invalid=wrong
            described=Some(described)
            placeholder=Some(placeholder.to_owned())
            spellcheck_off=true
            swap_input=Some(format!("{} {}", frame.preview.trim(), count_id(frame, path)))
        />
        <small class="builder-hint" id=hint_id>{hint}</small>
    }
}

fn value_list(frame: &Frame, test: &TestForm, path: &[usize]) -> Option<impl IntoView + use<>> {
    let values = frame.vocabulary.values_of(&test.attribute);
    (!values.is_empty()).then(|| {
        let id = format!("{}.values", name_at(&frame.prefix, path));
        let options: Vec<_> =
            values.iter().map(|value| view! { <option value=value.clone()></option> }).collect();
        view! { <datalist id=id>{options}</datalist> }
    })
}
