//! How islands look at the page and listen to it: plain calls of the browser, written down once.

use leptos::prelude::{document, window};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Element, Event, EventTarget, NodeList};

/// Begins what an island does. The server renders islands too, and has no window to listen to.
pub(crate) fn in_browser(begin: fn()) {
    if cfg!(target_family = "wasm") {
        begin();
    }
}

/// Hears what bubbles up to the window, for as long as the page lives.
pub(crate) fn listen(event: &str, heard: impl FnMut(Event) + 'static) {
    listen_at(&window(), event, heard);
}

pub(crate) fn listen_at(target: &EventTarget, event: &str, heard: impl FnMut(Event) + 'static) {
    let heard = Closure::<dyn FnMut(Event)>::new(heard).into_js_value();
    drop(target.add_event_listener_with_callback(event, heard.unchecked_ref()));
}

/// Gives what a later call of [`never_mind`] takes.
pub(crate) fn later(ms: i32, then: impl FnOnce() + 'static) -> Option<i32> {
    let then = Closure::once_into_js(then);
    window().set_timeout_with_callback_and_timeout_and_arguments_0(then.unchecked_ref(), ms).ok()
}

pub(crate) fn never_mind(timer: i32) {
    window().clear_timeout_with_handle(timer);
}

/// What an event happened to.
pub(crate) fn target<T: JsCast>(event: &Event) -> Option<T> {
    event.target()?.dyn_into().ok()
}

pub(crate) fn by_id<T: JsCast>(id: &str) -> Option<T> {
    document().get_element_by_id(id)?.dyn_into().ok()
}

pub(crate) fn find<T: JsCast>(selector: &str) -> Option<T> {
    document().query_selector(selector).ok()??.dyn_into().ok()
}

pub(crate) fn all(selector: &str) -> Vec<Element> {
    elements(document().query_selector_all(selector))
}

pub(crate) fn find_in<T: JsCast>(element: &Element, selector: &str) -> Option<T> {
    element.query_selector(selector).ok()??.dyn_into().ok()
}

pub(crate) fn all_in(element: &Element, selector: &str) -> Vec<Element> {
    elements(element.query_selector_all(selector))
}

pub(crate) fn around(element: &Element, selector: &str) -> Option<Element> {
    element.closest(selector).ok()?
}

pub(crate) fn set(element: &Element, attribute: &str, value: &str) {
    drop(element.set_attribute(attribute, value));
}

pub(crate) fn set_if(element: &Element, attribute: &str, is_set: bool) {
    drop(element.toggle_attribute_with_force(attribute, is_set));
}

fn elements(found: Result<NodeList, JsValue>) -> Vec<Element> {
    let Ok(found) = found else { return Vec::new() };
    (0..found.length()).filter_map(|at| found.item(at)?.dyn_into().ok()).collect()
}
