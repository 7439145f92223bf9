//! The live sentence of what an unsaved change does, and the bar of who has the flag. While somebody moves a fader the
//! engine on the server is asked again; it answers with the same HTML that stood on the page at first.

use std::cell::Cell;

use leptos::prelude::window;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{DomParser, Element, Event, FormData, HtmlFormElement, SupportedType, UrlSearchParams};

use crate::{
    call::{NoAnswer, call},
    dom::{all_in, around, by_id, find_in, listen, set, set_if, target},
};

/// The form whose change is forecast.
pub const FORM: &str = "rollout";
/// What stands in it of the forecast.
pub const IMPACT: &str = "impact";
/// On what is forecast: everybody was counted; else the numbers are those of a sample, and better ones come.
pub const EXACT: &str = "data-exact";

/// A sample is asked about again after so long, a little later each time…
const AGAIN_MS: i32 = 300;
/// …so often at most: where so many people cannot be counted, the sample stays.
const AGAIN_MAX: i32 = 8;

thread_local! {
    static ASKING: Cell<bool> = const { Cell::new(false) };
    static CHANGED_SINCE: Cell<bool> = const { Cell::new(false) };
}

/// Asks while somebody types or drags. One question is on its way at a time; what changed meanwhile is asked next,
/// so the sentence follows the hand and the server is never flooded.
pub(crate) fn follow() {
    mark_alive();
    // A live update replaces the form.
    listen("fader:live", |_| mark_alive());
    for event in ["input", "change", "fader:swapped"] {
        listen(event, |event| {
            if target::<Element>(&event).zip(form()).is_some_and(|(it, form)| form.contains(Some(&it))) {
                outdate(&event);
                ask();
            }
        });
    }
}

fn form() -> Option<HtmlFormElement> {
    by_id(FORM)
}

fn mark_alive() {
    if let Some(form) = form() {
        set(&form, "data-alive", "");
    }
}

fn ask() {
    if ASKING.replace(true) {
        CHANGED_SINCE.set(true);
        return;
    }
    spawn_local(async {
        let mut again = 0;
        loop {
            CHANGED_SINCE.set(false);
            let Some((impact, fields)) = by_id::<Element>(IMPACT).zip(typed_fields()) else { break };
            set(&impact, "data-pending", "");
            let of = |name: &str| impact.get_attribute(name).unwrap_or_default();
            let (flag, environment) = (of("data-flag"), of("data-environment"));
            let question = [("flag", &*flag), ("environment", &*environment), ("form", &*fields)];
            let answer = call("preview_rollout", &question).await;
            if matches!(answer, Err(NoAnswer::Leaving)) {
                return;
            }
            // A live update has replaced the form together with what is shown: what comes for it is no news.
            let is_here = impact.is_connected();
            if is_here {
                show(&impact, &answer);
            }
            if CHANGED_SINCE.get() {
                continue;
            }
            if !is_here || impact.has_attribute(EXACT) || again == AGAIN_MAX {
                break;
            }
            // Counting goes on without being asked.
            again += 1;
            pause(AGAIN_MS * again).await;
        }
        if let Some(impact) = by_id::<Element>(IMPACT) {
            set_if(&impact, "data-pending", false);
        }
        ASKING.set(false);
    });
}

async fn pause(ms: i32) {
    let done = js_sys::Promise::new(&mut |resolve, _| {
        drop(window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms));
    });
    drop(JsFuture::from(done).await);
}

fn show(impact: &Element, answer: &Result<String, NoAnswer>) {
    match answer {
        Ok(html) => {
            let page = DomParser::new().and_then(|it| it.parse_from_string(html, SupportedType::TextHtml));
            if let Some(fresh) = page.ok().and_then(|it| it.document_element()) {
                show_forecast(impact, &fresh);
            }
        }
        Err(NoAnswer::Because(why)) => show_nothing(impact, why),
        Err(NoAnswer::Leaving) => {}
    }
    if let Some(form) = form() {
        set_if(&form, "data-changed", impact.has_attribute("data-changed"));
    }
}

/// Part by part: a sentence that is read aloud when it changes has to be the same element.
fn show_forecast(impact: &Element, page: &Element) {
    let Some(fresh) = find_in::<Element>(page, "#impact") else { return };
    set(impact, "data-mood", &fresh.get_attribute("data-mood").unwrap_or_default());
    for name in ["data-changed", EXACT] {
        set_if(impact, name, fresh.has_attribute(name));
    }
    let mut fresh_parts = all_in(&fresh, "#impact > *").into_iter();
    for part in all_in(impact, "#impact > *") {
        let Some(fresh) = fresh_parts.next() else { continue };
        if part.tag_name() == "P" {
            tell(&part, &fresh.text_content().unwrap_or_default());
        } else {
            drop(part.replace_with_with_node_1(&fresh));
        }
    }
    for count in all_in(page, "[data-for]") {
        let shown = count.get_attribute("data-for").and_then(|id| by_id::<Element>(&id));
        if let Some(shown) = shown {
            tell(&shown, &count.text_content().unwrap_or_default());
        }
    }
}

/// What is typed cannot be counted.
fn show_nothing(impact: &Element, why: &str) {
    set(impact, "data-mood", "unfinished");
    for name in ["data-changed", EXACT] {
        set(impact, name, "");
    }
    for part in all_in(impact, "#impact > *") {
        part.set_text_content(None);
    }
    if let Some(bar) = find_in::<Element>(impact, "svg") {
        set(&bar, "aria-label", "Nobody is counted");
    }
    if let Some(sentence) = find_in::<Element>(impact, "p") {
        sentence.set_text_content(Some(why));
    }
}

fn tell(element: &Element, text: &str) {
    if element.text_content().is_none_or(|it| it != text) {
        element.set_text_content(Some(text));
    }
}

/// Those who were named moved by the change as it was.
fn outdate(event: &Event) {
    let changes = target(event).is_some_and(|it| around(&it, "#who,#comment,#preview-link").is_none());
    if let Some(who) = by_id::<Element>("who").filter(|it| changes && it.child_element_count() > 1) {
        set(&who, "data-old", "");
    }
}

/// The form's fields as the browser would post them.
fn typed_fields() -> Option<String> {
    let data = FormData::new_with_form(&form()?).ok()?;
    let fields = UrlSearchParams::new_with_str_sequence_sequence(data.unchecked_ref()).ok()?;
    Some(fields.to_string().into())
}
