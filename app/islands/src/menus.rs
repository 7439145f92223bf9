//! What every page does: it asks before what somebody typed is lost (`typing`), comes back to where somebody was (`place`),
//! copies (`copy`), and closes an open `<details class="menu">` or `<details class="confirm">` on Escape and on a press
//! elsewhere. Without a script a second press on the button closes it.

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement, KeyboardEvent};

use crate::dom::{all, find_in, in_browser, listen, target};

#[island]
pub fn Menus() -> impl IntoView {
    in_browser(|| {
        crate::asked::show_what_was_asked();
        crate::typing::remember();
        crate::place::come_back();
        crate::copy::copy_when_pressed();
        listen("keydown", |event| {
            if event.dyn_ref::<KeyboardEvent>().is_some_and(|it| it.key() == "Escape") {
                close(|_| true, true);
            }
        });
        listen("click", |event| {
            let pressed = target::<Element>(&event);
            close(|menu| !pressed.as_ref().is_some_and(|pressed| menu.contains(Some(pressed))), false);
        });
    });
}

fn close(which: impl Fn(&Element) -> bool, focus: bool) {
    for menu in all("details.menu[open], details.confirm[open]").into_iter().filter(which) {
        let _ = menu.remove_attribute("open");
        if let Some(button) = find_in::<HtmlElement>(&menu, "summary").filter(|_| focus) {
            let _ = button.focus();
        }
    }
}
