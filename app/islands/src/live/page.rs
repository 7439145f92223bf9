//! The page as the server would send it now, and swapping its parts into the page that is open.

use leptos::prelude::{document, window};
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Document, DomParser, Element, Event, HtmlElement, RequestInit, Response, SupportedType};

use crate::{
    dom::{all, all_in, find_in, set, set_if},
    typing::DIRTY,
};

pub(super) enum Fetched {
    Page(Document),
    SignedOut,
}

/// What a swap did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Swapped {
    pub replaced: bool,
    /// Some region is being edited: try again later.
    pub waiting: bool,
    /// A form with unsaved typing is about something that changed.
    pub conflict: bool,
}

/// This page's address once more. `None` when the server does not answer.
pub(super) async fn fetch(address: &str) -> Option<Fetched> {
    let options = RequestInit::new();
    let headers = web_sys::Headers::new().ok()?;
    headers.set("accept", "text/html").ok()?;
    headers.set("x-fader-live", "1").ok()?;
    options.set_headers(&headers);
    let response = JsFuture::from(window().fetch_with_str_and_init(address, &options)).await.ok()?;
    let response: Response = response.dyn_into().ok()?;
    if response.redirected() && response.url().contains("/sign-in") {
        return Some(Fetched::SignedOut);
    }
    // What a proxy says while the server is away is no page of ours.
    if response.status() >= 500 {
        return None;
    }
    let text = JsFuture::from(response.text().ok()?).await.ok()?.as_string()?;
    let fresh = DomParser::new().ok()?.parse_from_string(&text, SupportedType::TextHtml).ok()?;
    Some(Fetched::Page(fresh))
}

/// Swaps every region that differs, and tells so with the event `fader:live`. `changed` names what did, as
/// `kind/key`; `None` means everything.
pub(super) fn swap(fresh: &Document, changed: Option<&[String]>) -> Swapped {
    let mut outcome = Swapped::default();
    for form in all("form[data-guard]") {
        if is_touched(&form) {
            outcome.conflict |= is_about(&form, changed);
        } else {
            swap_region(&form, fresh, &mut outcome);
        }
    }
    for region in all("[data-live]") {
        swap_region(&region, fresh, &mut outcome);
    }
    if outcome.replaced
        && let Ok(event) = Event::new("fader:live")
    {
        let _ = window().dispatch_event(&event);
    }
    outcome
}

fn swap_region(old: &Element, fresh: &Document, outcome: &mut Swapped) {
    // Not `old.id()`: of a form with a field called "id" that would be the field.
    let id = old.get_attribute("id").unwrap_or_default();
    let new = if id.is_empty() { None } else { fresh.get_element_by_id(&id) };
    let Some(new) = new else { return };
    if without_times(old) == without_times(&new) {
        return;
    }
    if all_in(old, "form[data-guard]").iter().any(is_touched) {
        return;
    }
    if is_held(old) {
        outcome.waiting = true;
        return;
    }
    flash_what_differs(old, &new);
    let focus = focus_within(old);
    let Ok(new) = document().adopt_node(&new) else { return };
    if old.replace_with_with_node_1(&new).is_err() {
        return;
    }
    outcome.replaced = true;
    if let Some(new) = new.dyn_ref::<Element>()
        && let Some(target) = focus.and_then(|selector| find_in::<HtmlElement>(new, &selector))
    {
        drop(target.focus());
    }
}

/// Somebody typed into the form, or the server rendered what somebody had typed.
fn is_touched(form: &Element) -> bool {
    let drafted = document().document_element().is_some_and(|root| root.has_attribute("data-draft"));
    drafted || form.has_attribute(DIRTY)
}

fn is_about(form: &Element, changed: Option<&[String]>) -> bool {
    let guard = form.get_attribute("data-guard").unwrap_or_default();
    changed.is_none_or(|changed| guard.split_whitespace().any(|it| changed.iter().any(|object| object == it)))
}

/// Something in the region is open or being typed into.
fn is_held(region: &Element) -> bool {
    let open = find_in::<Element>(region, "details[open], dialog[open], form[data-dirty]").is_some();
    let typing = document().active_element().is_some_and(|active| {
        matches!(active.tag_name().as_str(), "INPUT" | "SELECT" | "TEXTAREA")
            && region.contains(Some(&active))
    });
    open || typing
}

/// How to find the focused link or button of a region again.
fn focus_within(region: &Element) -> Option<String> {
    let active = document().active_element().filter(|active| region.contains(Some(active)))?;
    if let Some(id) = active.get_attribute("id").filter(|id| !id.is_empty()) {
        return Some(format!("[id=\"{id}\"]"));
    }
    active.get_attribute("href").map(|href| format!("a[href=\"{}\"]", href.replace('"', "%22")))
}

/// Lines that are new or different light up for a moment.
fn flash_what_differs(old: &Element, new: &Element) {
    for line in all_in(new, "[data-key]") {
        let key = line.get_attribute("data-key").unwrap_or_default().replace('"', "\\\"");
        let before = find_in::<Element>(old, &format!("[data-key=\"{key}\"]"));
        if before.is_none_or(|before| without_times(&before) != without_times(&line)) {
            set(&line, "data-flash", "");
        }
    }
}

/// The HTML without what differs in every answer: how long ago things were, and marks of our own.
fn without_times(element: &Element) -> String {
    let Ok(copy) = element.clone_node_with_deep(true) else { return element.outer_html() };
    let Some(copy) = copy.dyn_ref::<Element>() else { return element.outer_html() };
    for time in all_in(copy, "time") {
        time.set_text_content(None);
    }
    for lit in all_in(copy, "[data-flash]") {
        set_if(&lit, "data-flash", false);
    }
    set_if(copy, "data-flash", false);
    copy.outer_html()
}
