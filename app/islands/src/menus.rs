//! What every page does: it asks before what somebody typed is lost (`typing`), comes back to where somebody was (`place`), and closes an open `<details class="menu">` or `<details class="confirm">` on Escape and on a press elsewhere.
//! Without a script a second press on the button closes it.

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement};

use crate::asked::show_what_was_asked;

const OPEN: &str = "details.menu[open], details.confirm[open]";

#[island]
pub fn Menus() -> impl IntoView {
    Effect::new(move || {
        show_what_was_asked();
        crate::typing::remember();
        crate::place::come_back();
        let _ = window_event_listener(ev::keydown, |event| {
            if event.key() == "Escape" {
                close(|_| true, true);
            }
        });
        let _ = window_event_listener(ev::click, |event| {
            let target = event.target().and_then(|it| it.dyn_into::<Element>().ok());
            close(|menu| !target.as_ref().is_some_and(|target| menu.contains(Some(target))), false);
        });
    });
}

fn close(which: impl Fn(&Element) -> bool, focus: bool) {
    let Ok(menus) = document().query_selector_all(OPEN) else { return };
    for at in 0..menus.length() {
        let menu = menus.item(at).and_then(|it| it.dyn_into::<Element>().ok());
        let Some(menu) = menu.filter(|menu| which(menu)) else { continue };
        let _ = menu.remove_attribute("open");
        let button = menu.query_selector("summary").ok().flatten();
        if let Some(button) = button.and_then(|it| it.dyn_into::<HtmlElement>().ok()).filter(|_| focus) {
            let _ = button.focus();
        }
    }
}
