//! The condition builder: a [`ConditionForm`] as nested fieldsets whose buttons post the form they stand in.
//! It has no form of its own and saves nothing; with the `Swap` island its buttons work without a new page.

mod operator;
mod value;

use engine::{DEPTH_MAX, condition_phrase};
use leptos::prelude::*;

use super::{
    form::{
        Branch, ConditionErrors, ConditionForm, Field, Focus, Mode, Node, TestError, TestForm, name_at,
        path_text,
    },
    vocabulary::Vocabulary,
};
use crate::ui::icon;
use operator::{offered_choice, operator_menu};

/// Everything that every row needs.
struct Frame {
    prefix: String,
    errors: ConditionErrors,
    vocabulary: Vocabulary,
    focus: Option<Focus>,
    /// Regions that a button or a menu replaces: the builder and what the page wants beside it.
    swap: String,
    /// Regions that typing replaces.
    preview: String,
}

/// The builder of one condition, to be placed inside the form that saves it.
///
/// `prefix` starts every name, for example `cond` or `rules.2.cond`, and `builder-{prefix}` is the element's id.
/// `preview` names further regions of the page (ids, separated by spaces) that follow the condition as it is edited.
#[component]
pub fn ConditionBuilder(
    #[prop(into)] prefix: String,
    draft: ConditionForm,
    #[prop(optional)] errors: ConditionErrors,
    vocabulary: Vocabulary,
    #[prop(optional, into)] preview: String,
    /// What the condition is for, read out before its rows.
    #[prop(default = "Condition".to_owned(), into)]
    legend: String,
    /// What it means when there are no rows.
    #[prop(default = "No condition yet: it adds nobody.".to_owned(), into)]
    none: String,
) -> impl IntoView {
    let id = format!("builder-{prefix}");
    let words = match draft.parse() {
        Ok(Some(condition)) => condition_phrase(&condition).into_any(),
        Ok(None) => view! { <span class="builder-none">{none}</span> }.into_any(),
        Err(_) => view! { <span class="builder-none">"Not complete yet."</span> }.into_any(),
    };
    let ConditionForm { root, lone, focus, .. } = draft;
    let lone = lone.then(|| view! { <input type="hidden" name=format!("{prefix}.lone") value="1" /> });
    let refresh = format!("{prefix}.refresh");
    let words_id = format!("{id}-words");
    let swap = format!("{id} {preview}").trim().to_owned();
    let mut typed = preview;
    typed.insert_str(0, &format!("{words_id} "));
    let frame = Frame { swap, preview: typed, focus, prefix, errors, vocabulary };
    view! {
        <fieldset class="builder" id=id data-swap-intent=refresh>
            <legend>{legend}</legend>
            <p class="builder-words" id=words_id aria-live="polite">{words}</p>
            {lone}
            {branch_view(&frame, &root, &[], 0)}
            {attribute_list(&frame)}
        </fieldset>
    }
}

fn branch_view(frame: &Frame, branch: &Branch, path: &[usize], depth: usize) -> AnyView {
    let name = name_at(&frame.prefix, path);
    let place = place_text(path);
    let depth = depth + branch.mode.levels();
    let rows: Vec<_> = branch
        .nodes
        .iter()
        .enumerate()
        .map(|(at, node)| {
            let path = [path, &[at]].concat();
            let joint = (at > 0).then(|| branch.mode.joint());
            let row = match node {
                Node::Branch(inner) => branch_view(frame, inner, &path, depth),
                Node::Test(test) => test_view(frame, test, &path),
            };
            view! {
                <li>
                    <span class="builder-joint">{joint}</span>
                    {row}
                </li>
            }
        })
        .collect();
    let count = branch.nodes.len();
    let rows = (count > 0).then(|| view! { <ol class="builder-rows">{rows}</ol> });
    let modes = Mode::OFFERED.into_iter().chain((branch.mode == Mode::Not).then_some(Mode::Not));
    let modes: Vec<_> = modes
        .map(|mode| view! { <option value=mode.code() selected=mode == branch.mode>{mode.label()}</option> })
        .collect();
    let label = if path.is_empty() {
        "How the conditions join".to_owned()
    } else {
        format!("How the conditions of group {place} join")
    };
    let head = view! {
        <div class="builder-head">
            <span aria-hidden="true">{if path.is_empty() { "Those who meet" } else { "meet" }}</span>
            <select name=format!("{name}.mode") id=format!("{name}.mode") aria-label=label data-swap=frame.swap.clone()>
                {modes}
            </select>
            {(!path.is_empty()).then(|| remove_button(frame, path, &format!("Remove group {place}")))}
        </div>
    };
    let body = view! {
        {head}
        {error_view(frame, path)}
        {rows}
        {add_buttons(frame, path, depth)}
    };
    if path.is_empty() {
        return view! { <div class="builder-branch">{body}</div> }.into_any();
    }
    view! { <fieldset class="builder-branch" aria-label=format!("Group {place}")>{body}</fieldset> }
        .into_any()
}

fn add_buttons(frame: &Frame, path: &[usize], depth: usize) -> impl IntoView + use<> {
    let focused = frame.focus == Some(Focus::Add(path.to_vec()));
    let of = if path.is_empty() { String::new() } else { format!(" in group {}", place_text(path)) };
    let intent = |action: &str| format!("{}.{action}:{}", frame.prefix, path_text(path));
    let button = |action: &str, text: &'static str, what: &'static str, focused: bool| {
        let id = format!("{}.{action}", name_at(&frame.prefix, path));
        view! {
            <button
                type="submit"
                class="button"
                data-kind="quiet"
                data-size="small"
                name="intent"
                value=intent(action)
                id=id
                data-swap=frame.swap.clone()
                autofocus=focused
                formnovalidate
            >
                {icon::plus()}
                <span class="visually-hidden">"Add "</span>
                {text}
                <span class="visually-hidden">{format!("{what}{of}")}</span>
            </button>
        }
    };
    // A group needs room for its own "not", its join and one test.
    let groups = (depth + 3 <= DEPTH_MAX).then(|| {
        view! {
            {button("add-all", "All of", " group", false)}
            {button("add-any", "Any of", " group", false)}
            {button("add-none", "None of", " group", false)}
        }
    });
    view! {
        <div class="builder-add">
            {(depth < DEPTH_MAX).then(|| button("add-test", "Condition", "", focused))}
            {groups}
        </div>
    }
}

fn remove_button(frame: &Frame, path: &[usize], label: &str) -> impl IntoView + use<> {
    view! {
        <button
            type="submit"
            class="builder-remove"
            name="intent"
            value=format!("{}.remove:{}", frame.prefix, path_text(path))
            aria-label=label.to_owned()
            title="Remove"
            data-swap=frame.swap.clone()
            formnovalidate
        >
            {icon::close()}
        </button>
    }
}

fn test_view(frame: &Frame, test: &TestForm, path: &[usize]) -> AnyView {
    let name = name_at(&frame.prefix, path);
    let place = place_text(path);
    let choice = offered_choice(test, frame.vocabulary.type_of(&test.attribute));
    let is_wrong = |field| frame.errors.at(path).any(|(at, _)| at == field);
    let error = frame.errors.at(path).next().map(|_| format!("{name}.error "));
    let described = Some(format!("{}{}", error.unwrap_or_default(), count_id(frame, path)));
    let case = choice.kind.folds_case().then(|| {
        view! {
            <label class="builder-case" title="Upper and lower case count the same">
                <input
                    type="checkbox"
                    name=format!("{name}.case")
                    id=format!("{name}.case")
                    value="1"
                    checked=test.ignore_case
                    data-swap=frame.swap.clone()
                />
                <span>"ignore case"</span>
            </label>
        }
    });
    view! {
        <div class="builder-test" role="group" aria-label=format!("Condition {place}")>
            <input
                class="builder-attribute"
                name=format!("{name}.attribute")
                id=format!("{name}.attribute")
                value=test.attribute.clone()
                list=format!("{}.attributes", frame.prefix)
                placeholder="attribute"
                aria-label=format!("Attribute {place}")
                aria-invalid=is_wrong(Field::Attribute).then_some("true")
                aria-describedby=described.clone()
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                data-swap=frame.swap.clone()
                autofocus=frame.focus == Some(Focus::Row(path.to_vec()))
            />
            {operator_menu(frame, test, choice, path)}
            {value::view(frame, test, choice.kind.shape(), path, described)}
            {case}
            {remove_button(frame, path, &format!("Remove condition {place}"))}
            {error_view(frame, path)}
            {count_view(frame, path)}
        </div>
    }
    .into_any()
}

fn attribute_list(frame: &Frame) -> impl IntoView + use<> {
    let options: Vec<_> = frame
        .vocabulary
        .attributes
        .iter()
        .map(|(name, attribute)| {
            view! { <option value=name.clone()>{attribute.description.clone()}</option> }
        })
        .collect();
    view! { <datalist id=format!("{}.attributes", frame.prefix)>{options}</datalist> }
}

fn error_view(frame: &Frame, path: &[usize]) -> Option<impl IntoView + use<>> {
    let errors: Vec<_> = frame.errors.at(path).map(|(_, error)| TestError::to_string(error)).collect();
    (!errors.is_empty()).then(|| {
        let id = format!("{}.error", name_at(&frame.prefix, path));
        view! { <p class="builder-error" id=id role="alert">{errors.join(" ")}</p> }
    })
}

/// How many the row matches; it follows while the row is typed.
fn count_view(frame: &Frame, path: &[usize]) -> impl IntoView + use<> {
    let told = frame.vocabulary.rows.at(path).map(|told| {
        let warning = told.warning.clone().map(|text| view! { " "<b class="builder-nowhere">{text}</b> });
        view! { {told.sentence.clone()}{warning} }
    });
    view! { <p class="builder-count" id=count_id(frame, path)>{told}</p> }
}

fn count_id(frame: &Frame, path: &[usize]) -> String {
    format!("{}.count", name_at(&frame.prefix, path))
}

/// How a person counts the place: from one.
fn place_text(path: &[usize]) -> String {
    path.iter().map(|at| (at + 1).to_string()).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use engine::{AttributeDefinition, AttributeName, AttributeSchema, AttributeType};

    use super::*;
    use crate::condition::form::{Choice, Kind};

    fn schema() -> AttributeSchema {
        AttributeSchema::new(vec![AttributeDefinition {
            name: AttributeName::parse("transactions_30d").expect("a name"),
            value_type: AttributeType::Number,
            description: "bookings of the last month".to_owned(),
            trusted: false,
            personal: false,
        }])
    }

    fn html(draft: ConditionForm, errors: ConditionErrors) -> String {
        let vocabulary = Vocabulary::new(&schema(), ["tier"])
            .with_values(&draft, |name| if name == "tier" { vec!["vip".into()] } else { Vec::new() });
        view! { <ConditionBuilder prefix="cond" draft errors vocabulary preview="impact" /> }.to_html()
    }

    fn draft(attribute: &str, operator: &str, value: &str) -> ConditionForm {
        let test = TestForm {
            attribute: attribute.to_owned(),
            operator: Choice::parse(operator),
            value: value.to_owned(),
            ..TestForm::default()
        };
        let mut draft = ConditionForm::default();
        draft.root.nodes.push(Node::Test(test));
        draft
    }

    #[test]
    fn a_condition_stands_above_its_rows_in_words() {
        let html = html(draft("tier", "equals", "vip"), ConditionErrors::default());
        assert!(html.contains("tier is “vip”"), "{html}");
        assert!(html.contains(r#"aria-label="Attribute 1""#));
        assert!(html.contains(r#"<option value="vip">"#), "known values are suggested");
        assert!(html.contains(r#"value="cond.remove:0""#));
    }

    #[test]
    fn a_number_is_offered_number_operators_only() {
        let html = html(draft("transactions_30d", "equals", ""), ConditionErrors::default());
        assert!(html.contains(r#"<option value="at_least" selected"#), "{html}");
        assert!(!html.contains("starts_with"));
    }

    #[test]
    fn an_unknown_attribute_is_offered_every_operator() {
        let html = html(draft("shoe_size", "equals", "44"), ConditionErrors::default());
        for kind in Kind::all() {
            let code = Choice { kind, negated: true }.code();
            assert!(html.contains(&format!(r#"value="{code}""#)), "{code}");
        }
    }

    #[test]
    fn an_error_is_an_alert_that_its_field_points_to() {
        let draft = draft("transactions_30d", "at_least", "lots");
        let errors = draft.parse().expect_err("errors");
        let html = html(draft, errors);
        assert!(html.contains(r#"id="cond.0.error" role="alert""#), "{html}");
        assert!(html.contains(r#"aria-describedby="cond.0.error cond.0.count""#));
        assert!(html.contains(r#"value="lots""#), "what was typed stays");
    }

    #[test]
    fn a_new_row_takes_the_cursor() {
        let mut draft = draft("tier", "equals", "vip");
        draft.apply("cond.add-test:", "cond");
        let html = html(draft, ConditionErrors::default());
        assert_eq!(html.matches("autofocus").count(), 1);
    }

    #[test]
    fn no_branch_is_offered_where_the_engine_would_refuse_it() {
        let mut nested = draft("tier", "equals", "vip");
        for _ in 0..20 {
            let path = nested.focus.take().map_or(String::new(), |focus| match focus {
                Focus::Row(path) => path_text(&path[..path.len() - 1]),
                Focus::Add(path) => path_text(&path),
            });
            nested.apply(&format!("cond.add-none:{path}"), "cond");
        }
        let html = html(nested, ConditionErrors::default());
        assert!(!html.contains("add-none:1.0.0.0.0"), "{html}");
    }
}
