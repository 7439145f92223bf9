//! Faders: range, number field and step buttons of one rule follow each other. One listener for all of them, so
//! that strips which arrive later work too. Without scripts the form's own buttons do the same.

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use web_sys::{
    CustomEvent, CustomEventInit, Element, HtmlElement, HtmlInputElement, KeyboardEvent, MouseEvent,
};

use crate::{
    dom::{all, all_in, around, by_id, find_in, in_browser, listen, set, set_if, target},
    preview,
};

/// Brings every `.strip` of the page to life, and what is said of the change; stands once on a page with faders.
#[island]
pub fn Faders() -> impl IntoView {
    in_browser(|| {
        preview::follow();
        catch_up();
        listen("input", |event| {
            let Some(control) = target::<HtmlInputElement>(&event) else { return };
            let Some(strip) = Strip::around(&control) else { return };
            if is_range(&control) {
                strip.follow_range(&control);
            } else if is_number(&control) {
                strip.follow_number(&control);
            }
        });
        listen("keydown", |event| {
            if let Some(event) = event.dyn_ref() {
                press(event);
            }
        });
        listen("click", |event| {
            if let Some(event) = event.dyn_ref() {
                click(event);
            }
        });
    });
}

/// What was typed before the page came to life.
fn catch_up() {
    for number in all(".fader-number") {
        let Ok(number) = number.dyn_into::<HtmlInputElement>() else { continue };
        if number.value() != number.default_value()
            && let Some(strip) = Strip::around(&number)
        {
            strip.follow_number(&number);
        }
    }
}

fn is_range(control: &Element) -> bool {
    control.class_list().contains("fader-range")
}

fn is_number(control: &Element) -> bool {
    control.class_list().contains("fader-number")
}

fn press(event: &KeyboardEvent) {
    let alone = !event.ctrl_key() && !event.meta_key();
    if event.key() == "Enter" && !alone {
        event.prevent_default();
        return press_save();
    }
    let Some(control) = target::<HtmlInputElement>(event) else { return };
    if event.key() == "Enter" && control.id() == "comment" {
        event.prevent_default();
        return press_save();
    }
    let is_number = is_number(&control);
    if !is_number && !is_range(&control) {
        return;
    }
    let Some(step) = step_of_key(&event.key(), event.shift_key(), is_number) else { return };
    let Some(strip) = Strip::around(&control) else { return };
    let Some(at) = strip.number.as_ref().and_then(|number| thousandths(&number.value())) else { return };
    event.prevent_default();
    strip.set(moved(at, step));
}

fn click(event: &MouseEvent) {
    let Some(pressed) = target::<Element>(event) else { return };
    if around(&pressed, ".saving-discard").is_some() {
        leave_quietly();
    }
    let Some(button) = around(&pressed, "button[data-step]") else { return };
    let to = step_of(&button);
    if let (Some(to), Some(strip)) = (to, Strip::around(&button)) {
        event.prevent_default();
        strip.set(to);
    }
}

/// Where a button sets its fader.
fn step_of(button: &Element) -> Option<u32> {
    thousandths(&button.get_attribute("data-step")?)
}

fn press_save() {
    if let Some(save) = by_id::<HtmlElement>("save") {
        save.click();
    }
}

/// Whoever discards knows about what is not saved.
fn leave_quietly() {
    if let Some(form) = by_id::<Element>(preview::FORM) {
        set(&form, crate::typing::SENT, "");
    }
}

/// The controls of one rule.
struct Strip {
    element: Element,
    fader: HtmlElement,
    range: Option<HtmlInputElement>,
    number: Option<HtmlInputElement>,
}

impl Strip {
    fn around(control: &Element) -> Option<Self> {
        let element = around(control, ".strip")?;
        Some(Self {
            fader: find_in(&element, ".fader")?,
            range: find_in(&element, ".fader-range"),
            number: find_in(&element, ".fader-number"),
            element,
        })
    }

    fn follow_range(&self, range: &HtmlInputElement) {
        if let (Some(at), Some(number)) = (thousandths(&range.value()), &self.number) {
            number.set_value(&text(at));
            number.remove_attribute("aria-invalid").ok();
            self.draw(at);
        }
    }

    fn follow_number(&self, number: &HtmlInputElement) {
        match thousandths(&number.value()) {
            Some(at) => {
                number.remove_attribute("aria-invalid").ok();
                self.draw(at);
            }
            None => set(number, "aria-invalid", "true"),
        }
    }

    /// Moves everything and lets the page know as if somebody had typed.
    fn set(&self, at: u32) {
        if let Some(number) = &self.number {
            number.set_value(&text(at));
            number.remove_attribute("aria-invalid").ok();
            self.draw(at);
            let init = CustomEventInit::new();
            init.set_bubbles(true);
            if let Ok(event) = CustomEvent::new_with_event_init_dict("input", &init) {
                drop(number.dispatch_event(&event));
            }
        }
    }

    fn draw(&self, at: u32) {
        let saved = self.fader.get_attribute("data-saved").and_then(|saved| thousandths(&saved)).unwrap_or(0);
        drop(self.fader.style().set_property("--at", &text(at)));
        set(&self.fader, "data-moved", direction(saved, at));
        if let Some(range) = &self.range {
            // A browser rounds the value of a range to its step.
            range.set_step(step_for(at));
            range.set_value(&text(at));
            set(range, "aria-valuetext", &value_text(saved, at));
        }
        self.mark_step(at);
    }

    /// The button of the step at which the fader stands.
    fn mark_step(&self, at: u32) {
        for button in all_in(&self.element, "button[data-step]") {
            set_if(&button, "data-here", step_of(&button) == Some(at));
        }
    }
}

/// Which way an unsaved fader moved.
pub fn direction(saved: u32, at: u32) -> &'static str {
    match at.cmp(&saved) {
        std::cmp::Ordering::Less => "down",
        std::cmp::Ordering::Equal => "no",
        std::cmp::Ordering::Greater => "up",
    }
}

/// Arrow keys step by whole per cents, unless the fader stands between two.
pub fn step_for(at: u32) -> &'static str {
    if at.is_multiple_of(1000) { "1" } else { "0.001" }
}

/// What a screen reader says of a fader.
pub fn value_text(saved: u32, at: u32) -> String {
    if saved == at {
        format!("{} %", text(at))
    } else {
        format!("{} %, saved at {} %", text(at), text(saved))
    }
}

/// How far a key moves a fader, in 1/1000 %; `None` leaves the key to the browser.
fn step_of_key(key: &str, shift: bool, is_number: bool) -> Option<i32> {
    let arrow = if shift { 100 } else { 1000 };
    match key {
        "ArrowUp" => Some(arrow),
        "ArrowDown" => Some(-arrow),
        "ArrowRight" if !is_number => Some(arrow),
        "ArrowLeft" if !is_number => Some(-arrow),
        "PageUp" => Some(10_000),
        "PageDown" => Some(-10_000),
        "Home" if !is_number => Some(-100_000),
        "End" if !is_number => Some(100_000),
        _ => None,
    }
}

/// Whole steps go from one whole per cent to the next: 33.3 → 34, not 34.3.
fn moved(at: u32, step: i32) -> u32 {
    let at = i32::try_from(at).unwrap_or(0);
    let to = if step % 1000 == 0 && at % 1000 != 0 {
        let floor = at - at % 1000;
        if step > 0 { floor + step } else { floor + step + 1000 }
    } else {
        at + step
    };
    u32::try_from(to.clamp(0, 100_000)).unwrap_or(0)
}

/// Reads what a person types, like `engine::Percentage`, which is not in the browser.
fn thousandths(text: &str) -> Option<u32> {
    let text = text.trim().trim_end_matches('%').trim_end();
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 && !text.contains('0') {
        return None;
    }
    if !digits(whole) || !digits(fraction) || whole.len() > 6 || fraction.len() > 3 {
        return None;
    }
    let whole: u32 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction: u32 = format!("{fraction:0<3}").parse().ok()?;
    Some(whole * 1000 + fraction).filter(|at| *at <= 100_000)
}

/// The number without its sign: `20`, `0.001`. In whole numbers: writing fractions would cost the bundle some kilobytes.
pub fn text(thousandths: u32) -> String {
    let (whole, fraction) = (thousandths / 1000, thousandths % 1000);
    let text = format!("{whole}.{fraction:03}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_reads_percentages_like_the_engine() {
        for typed in [
            "20",
            "20 %",
            "0.001",
            "33,3",
            ".5",
            "100.000",
            "",
            "%",
            "abc",
            "1e2",
            "-5",
            "100.001",
            "999999999",
            "0.0001",
            "0",
            ".",
            "0.",
            "007",
            "20.50",
        ] {
            let engine = engine::Percentage::parse(typed).ok().map(engine::Percentage::thousandths);
            assert_eq!(thousandths(typed), engine, "{typed:?}");
        }
    }

    #[test]
    fn what_is_shown_is_what_the_engine_shows() {
        for at in [0, 1, 20, 500, 10_000, 33_300, 50_000, 99_999, 100_000] {
            let engine = engine::Percentage::from_thousandths(at).expect("percentage");
            assert_eq!(text(at), engine.to_string());
        }
    }

    #[test]
    fn arrow_keys_step_to_whole_per_cents_and_stop_at_the_ends() {
        let key = |at, key, shift| moved(at, step_of_key(key, shift, false).expect("a step"));
        assert_eq!(key(20_000, "ArrowRight", false), 21_000);
        assert_eq!(key(33_300, "ArrowUp", false), 34_000);
        assert_eq!(key(33_300, "ArrowDown", false), 33_000);
        assert_eq!(key(33_300, "ArrowUp", true), 33_400);
        assert_eq!(key(95_000, "PageUp", false), 100_000);
        assert_eq!(key(3_000, "PageDown", false), 0);
        assert_eq!(key(3_000, "End", false), 100_000);
        assert_eq!(key(33_300, "Home", false), 0);
    }

    #[test]
    fn keys_that_move_the_cursor_in_the_number_field_stay_with_it() {
        for key in ["ArrowLeft", "ArrowRight", "Home", "End", "5", "Tab"] {
            assert_eq!(step_of_key(key, false, true), None, "{key}");
        }
    }

    #[test]
    fn a_screen_reader_hears_the_saved_position_of_a_moved_fader() {
        assert_eq!(value_text(20_000, 20_000), "20 %");
        assert_eq!(value_text(20_000, 50_000), "50 %, saved at 20 %");
    }
}
