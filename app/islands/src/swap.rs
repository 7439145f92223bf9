//! Buttons and menus of a form without a new page: the form is posted as it would be, and only the regions that
//! asked for it are taken from the answer. The server renders everything; nothing is decided here.
//!
//! `data-swap="a b"` on a submit button, or on a control for when it changes: the ids of the regions to replace.
//! `data-swap-input="a"` on a text field: the same while somebody types. What a control asks for is the
//! `data-swap-intent` around it. A region that was replaced tells so with the event `fader:swapped`.
//! `data-swap-address` on a form that is got: the page's address becomes what was asked for, so that going back, loading
//! again and the page's own updates show the same.

use std::{cell::RefCell, collections::HashMap};

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    CustomEvent, CustomEventInit, Document, DomParser, Element, Event, FormData, HtmlElement,
    HtmlFormElement, HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement, RequestInit, Response,
    SubmitEvent, SupportedType, UrlSearchParams,
};

use crate::dom::{all, all_in, around, by_id, find_in, in_browser, later, listen, never_mind, set, target};

const TYPING_WAIT_MS: i32 = 180;
/// How long to wait before looking again whether a mouse button is still down.
const POINTER_WAIT_MS: i32 = 25;
/// Marks a form that is posted the plain way, because the background way failed.
const PLAIN: &str = "data-swap-plain";
/// Marks a form whose fields stand in the page's address.
const ADDRESS: &str = "data-swap-address";

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// What is on its way.
#[derive(Default)]
struct State {
    asked: u32,
    /// The newest question per region: an older answer to it is dropped.
    newest: HashMap<String, u32>,
    /// A region is not replaced under a mouse button that is being pressed: the click would get lost.
    pointer_down: bool,
    typing: Option<i32>,
}

/// Once on a page that has such a form.
#[island]
pub fn Swap() -> impl IntoView {
    in_browser(|| {
        listen("submit", |event| on_submit(&event));
        listen("change", |event| on_change(&event));
        listen("input", |event| on_input(&event));
        for (event, down) in [("pointerdown", true), ("pointerup", false), ("pointercancel", false)] {
            listen(event, move |_| STATE.with_borrow_mut(|state| state.pointer_down = down));
        }
        ask_for_what_was_chosen();
    });
}

/// A question to the server.
struct Question {
    form: HtmlFormElement,
    button: Option<HtmlElement>,
    intent: Option<String>,
    regions: String,
}

fn on_submit(event: &Event) {
    let Some(submit) = event.dyn_ref::<SubmitEvent>() else { return };
    let Some(button) = submit.submitter() else { return };
    let form = target::<HtmlFormElement>(event);
    let (Some(regions), Some(form)) = (button.get_attribute("data-swap"), form) else { return };
    if event.default_prevented() || form.has_attribute(PLAIN) {
        return;
    }
    event.prevent_default();
    ask(Question { form, button: Some(button), intent: None, regions });
}

fn on_change(event: &Event) {
    let Some(control) = target::<HtmlElement>(event) else { return };
    if let Some(regions) = control.get_attribute("data-swap") {
        ask_for(&control, regions);
    }
}

fn on_input(event: &Event) {
    let Some(control) = target::<HtmlElement>(event) else { return };
    let Some(regions) = control.get_attribute("data-swap-input").filter(|it| !it.is_empty()) else { return };
    let typing = later(TYPING_WAIT_MS, move || ask_for(&control, regions));
    STATE.with_borrow_mut(|state| {
        if let Some(earlier) = std::mem::replace(&mut state.typing, typing) {
            never_mind(earlier);
        }
    });
}

/// What somebody chose before the page was alive was heard by nobody.
fn ask_for_what_was_chosen() {
    for select in all("form[data-swap-address] select[data-swap]") {
        if let Ok(select) = select.dyn_into::<HtmlSelectElement>()
            && let Some(asked) = find_in::<Element>(&select, "option[selected]")
            && asked.get_attribute("value").is_some_and(|value| value != select.value())
        {
            ask_for(&select, select.get_attribute("data-swap").unwrap_or_default());
        }
    }
}

fn ask_for(control: &HtmlElement, regions: String) {
    let Some(form) = form_of(control) else { return };
    let intent = around(control, "[data-swap-intent]");
    let intent = intent.and_then(|it| it.get_attribute("data-swap-intent"));
    ask(Question { form, button: None, intent, regions });
}

fn form_of(control: &HtmlElement) -> Option<HtmlFormElement> {
    control
        .dyn_ref::<HtmlInputElement>()
        .and_then(HtmlInputElement::form)
        .or_else(|| control.dyn_ref::<HtmlSelectElement>().and_then(HtmlSelectElement::form))
        .or_else(|| control.dyn_ref::<HtmlTextAreaElement>().and_then(HtmlTextAreaElement::form))
}

fn ask(question: Question) {
    if question.form.method() == "post" {
        // For `Live`: what stands in the form now is not what is saved.
        set(&question.form, "data-dirty", "");
    }
    let number = STATE.with_borrow_mut(|state| {
        state.asked += 1;
        for region in question.regions.split_whitespace() {
            state.newest.insert(region.to_owned(), state.asked);
        }
        state.asked
    });
    spawn_local(async move {
        let Some(fields) = fields_of(&question) else { return };
        let answer = fetch(&question.form, &fields).await;
        let swapped = match answer {
            Ok(Some(page)) => apply_when_free(&question, number, &page, &fields),
            Ok(None) => true,
            Err(_) => false,
        };
        if !swapped && let Some(button) = &question.button {
            // The plain way shows the page that the background way could not use.
            set(&question.form, PLAIN, "");
            let _ = question.form.request_submit_with_submitter(Some(button));
        }
    });
}

/// The form as the browser would post it.
fn fields_of(question: &Question) -> Option<UrlSearchParams> {
    let data = FormData::new_with_form(&question.form).ok()?;
    let fields = UrlSearchParams::new_with_str_sequence_sequence(data.unchecked_ref()).ok()?;
    if let Some(button) = &question.button {
        if let Some(name) = button.get_attribute("name") {
            fields.append(&name, &button.get_attribute("value").unwrap_or_default());
        }
    } else if let Some(intent) = &question.intent {
        fields.append("intent", intent);
    }
    Some(fields)
}

/// Where a form that is got leads to; an address that stays leaves out what is empty.
fn address_of(form: &HtmlFormElement, fields: &UrlSearchParams) -> String {
    let (action, query) = (form.action(), String::from(fields.to_string()));
    let path = action.split(['?', '#']).next().unwrap_or_default();
    let stays = form.has_attribute(ADDRESS);
    let kept: Vec<_> = query.split('&').filter(|field| !(stays && field.ends_with('='))).collect();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}

/// The page that answers; `None` when the server sent the browser elsewhere, where it goes.
async fn fetch(form: &HtmlFormElement, fields: &UrlSearchParams) -> Result<Option<Document>, JsValue> {
    let init = RequestInit::new();
    let mut address = form.action();
    if form.method() == "post" {
        init.set_method("POST");
        init.set_body(fields);
    } else {
        address = address_of(form, fields);
    }
    let response: Response =
        JsFuture::from(window().fetch_with_str_and_init(&address, &init)).await?.dyn_into()?;
    if response.redirected() {
        window().location().set_href(&response.url())?;
        return Ok(None);
    }
    let text = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
    DomParser::new()?.parse_from_string(&text, SupportedType::TextHtml).map(Some)
}

/// Replaces the regions, now or as soon as no mouse button is down. False when the page has none of them.
fn apply_when_free(question: &Question, number: u32, page: &Document, fields: &UrlSearchParams) -> bool {
    let found: Vec<_> = question
        .regions
        .split_whitespace()
        .filter_map(|id| Some((id.to_owned(), page.get_element_by_id(id)?)))
        .collect();
    if found.is_empty() {
        return false;
    }
    if question.form.has_attribute(ADDRESS)
        && question.regions.split_whitespace().any(|id| is_newest(id, number))
    {
        stand_in_address(&question.form, fields);
    }
    let takes_focus = question.button.is_some();
    let fields = fields.clone();
    apply(found, number, takes_focus, fields);
    true
}

fn apply(found: Vec<(String, Element)>, number: u32, takes_focus: bool, fields: UrlSearchParams) {
    if STATE.with_borrow(|state| state.pointer_down) {
        later(POINTER_WAIT_MS, move || apply(found, number, takes_focus, fields));
        return;
    }
    for (id, new) in found {
        if let Some(old) = by_id::<Element>(&id).filter(|_| is_newest(&id, number)) {
            replace(&id, &old, &new, &fields, takes_focus);
        }
    }
}

/// The address becomes what was asked, and so does what the form is reset to.
fn stand_in_address(form: &HtmlFormElement, fields: &UrlSearchParams) {
    if let Ok(history) = window().history() {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&address_of(form, fields)));
    }
    for input in all_in(form, "input[name]") {
        if let Ok(input) = input.dyn_into::<HtmlInputElement>()
            && let Some(asked) = fields.get(&input.name())
        {
            input.set_default_value(&asked);
        }
    }
}

fn is_newest(region: &str, number: u32) -> bool {
    STATE.with_borrow(|state| state.newest.get(region) == Some(&number))
}

fn replace(id: &str, old: &Element, new: &Element, posted: &UrlSearchParams, takes_focus: bool) {
    let focused = document().active_element().filter(|it| old.contains(Some(it)));
    let typed = typed_since(old, posted);
    let open = open_details(old);
    let selection = focused.as_ref().and_then(selection_of);
    old.set_outer_html(&new.outer_html());
    let Some(region) = by_id::<Element>(id) else { return };
    for (name, text) in typed {
        if let Some(control) = named(&region, &name) {
            set_value_of(&control, &text);
        }
    }
    for id in open {
        if let Some(details) = by_id::<Element>(&id) {
            set(&details, "open", "");
        }
    }
    let asked_for = find_in::<HtmlElement>(&region, "[autofocus]").filter(|_| takes_focus);
    let again = focused.and_then(|it| by_id::<HtmlElement>(&it.id()));
    let restored = asked_for.is_none();
    if let Some(target) = asked_for.or(again) {
        let _ = target.focus();
        if let Some((start, end)) = selection.filter(|_| restored) {
            select(&target, start, end);
        }
    }
    let init = CustomEventInit::new();
    init.set_bubbles(true);
    if let Ok(event) = CustomEvent::new_with_event_init_dict("fader:swapped", &init) {
        let _ = region.dispatch_event(&event);
    }
}

/// Text fields that somebody went on typing into while the answer was on its way.
fn typed_since(region: &Element, posted: &UrlSearchParams) -> Vec<(String, String)> {
    let mut typed = Vec::new();
    for control in all_in(region, "input[name]:not([type]), textarea[name]") {
        let name = control.get_attribute("name").unwrap_or_default();
        let value = value_of(&control);
        if posted.get(&name).is_some_and(|it| it.replace("\r\n", "\n") != value) {
            typed.push((name, value));
        }
    }
    typed
}

fn open_details(region: &Element) -> Vec<String> {
    all_in(region, "details[open][id]").iter().map(Element::id).collect()
}

fn named(region: &Element, name: &str) -> Option<Element> {
    let mut controls = all_in(region, "input[name], textarea[name]").into_iter();
    controls.find(|it| it.get_attribute("name").as_deref() == Some(name))
}

fn value_of(control: &Element) -> String {
    if let Some(input) = control.dyn_ref::<HtmlInputElement>() {
        return input.value();
    }
    control.dyn_ref::<HtmlTextAreaElement>().map(HtmlTextAreaElement::value).unwrap_or_default()
}

fn set_value_of(control: &Element, text: &str) {
    if let Some(input) = control.dyn_ref::<HtmlInputElement>() {
        input.set_value(text);
    } else if let Some(area) = control.dyn_ref::<HtmlTextAreaElement>() {
        area.set_value(text);
    }
}

/// Where the cursor stands in a text field.
fn selection_of(control: &Element) -> Option<(u32, u32)> {
    if let Some(input) = control.dyn_ref::<HtmlInputElement>() {
        return input.selection_start().ok().flatten().zip(input.selection_end().ok().flatten());
    }
    let area = control.dyn_ref::<HtmlTextAreaElement>()?;
    area.selection_start().ok().flatten().zip(area.selection_end().ok().flatten())
}

fn select(control: &HtmlElement, start: u32, end: u32) {
    if let Some(input) = control.dyn_ref::<HtmlInputElement>() {
        let _ = input.set_selection_range(start, end);
    } else if let Some(area) = control.dyn_ref::<HtmlTextAreaElement>() {
        let _ = area.set_selection_range(start, end);
    }
}
