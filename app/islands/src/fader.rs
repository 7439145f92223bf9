//! Faders: range, number field and step buttons of one rule follow each other. One listener for all of them, so
//! that strips which arrive later work too. Without scripts the form's own buttons do the same.

use leptos::{ev, prelude::*, wasm_bindgen::JsCast, web_sys};
use web_sys::{Element, HtmlElement, HtmlInputElement};

/// What was typed before the page came to life.
fn catch_up() {
    let Ok(numbers) = document().query_selector_all(".fader-number") else { return };
    for at in 0..numbers.length() {
        let Some(number) = numbers.get(at).and_then(|node| node.dyn_into::<HtmlInputElement>().ok()) else {
            continue;
        };
        if number.value() != number.default_value()
            && let Some(strip) = Strip::around(&number)
        {
            strip.follow_number(&number);
        }
    }
}

/// Brings every `.strip` of the page to life; stands once on a page with faders.
#[island]
pub fn Faders() -> impl IntoView {
    Effect::new(|| {
        catch_up();
        let input = window_event_listener(ev::input, |event| {
            let Some(control) = target::<HtmlInputElement>(&event) else { return };
            let Some(strip) = Strip::around(&control) else { return };
            if control.class_list().contains("fader-range") {
                strip.follow_range(&control);
            } else if control.class_list().contains("fader-number") {
                strip.follow_number(&control);
            }
        });
        let keys = window_event_listener(ev::keydown, |event| {
            let Some(control) = target::<HtmlInputElement>(&event) else { return };
            let alone = !event.ctrl_key() && !event.meta_key();
            if event.key() == "Enter" && alone && control.id() == "comment" {
                event.prevent_default();
                return press_save();
            }
            let is_number = control.class_list().contains("fader-number");
            if !is_number && !control.class_list().contains("fader-range") {
                return;
            }
            let Some(step) = step_of_key(&event.key(), event.shift_key(), is_number) else { return };
            let Some(strip) = Strip::around(&control) else { return };
            let Some(at) = strip.number.as_ref().and_then(|number| thousandths(&number.value())) else {
                return;
            };
            event.prevent_default();
            strip.set(moved(at, step));
        });
        let clicks = window_event_listener(ev::click, |event| {
            let Some(pressed) = target::<Element>(&event) else { return };
            if pressed.closest(".saving-discard").is_ok_and(|link| link.is_some()) {
                leave_quietly();
            }
            let Ok(Some(button)) = pressed.closest("button[data-step]") else { return };
            let to = button.get_attribute("data-step").and_then(|step| thousandths(&step));
            if let (Some(to), Some(strip)) = (to, Strip::around(&button)) {
                event.prevent_default();
                strip.set(to);
            }
        });
        let quick_save = window_event_listener(ev::keydown, |event| {
            if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
                event.prevent_default();
                press_save();
            }
        });
        on_cleanup(move || {
            for handle in [input, keys, clicks, quick_save] {
                handle.remove();
            }
        });
    });
}

fn press_save() {
    let save = document().get_element_by_id("save");
    if let Some(save) = save.and_then(|it| it.dyn_into::<HtmlElement>().ok()) {
        save.click();
    }
}

/// Whoever discards knows about what is not saved.
fn leave_quietly() {
    if let Some(form) = document().get_element_by_id(crate::forecast::FORM) {
        drop(form.set_attribute("data-sent", ""));
    }
}

fn target<T: JsCast>(event: &web_sys::Event) -> Option<T> {
    event.target()?.dyn_into::<T>().ok()
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
        let strip = control.closest(".strip").ok()??;
        let find = |selector: &str| strip.query_selector(selector).ok().flatten();
        let input = |selector: &str| find(selector).and_then(|it| it.dyn_into::<HtmlInputElement>().ok());
        Some(Self {
            fader: find(".fader")?.dyn_into().ok()?,
            range: input(".fader-range"),
            number: input(".fader-number"),
            element: strip,
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
            None => drop(number.set_attribute("aria-invalid", "true")),
        }
    }

    /// Moves everything and lets the page know as if somebody had typed.
    fn set(&self, at: u32) {
        if let Some(number) = &self.number {
            number.set_value(&text(at));
            number.remove_attribute("aria-invalid").ok();
            self.draw(at);
            let init = web_sys::CustomEventInit::new();
            init.set_bubbles(true);
            if let Ok(event) = web_sys::CustomEvent::new_with_event_init_dict("input", &init) {
                drop(number.dispatch_event(&event));
            }
        }
    }

    fn draw(&self, at: u32) {
        let saved = self.fader.get_attribute("data-saved").and_then(|saved| thousandths(&saved)).unwrap_or(0);
        drop(self.fader.style().set_property("--at", &text(at)));
        drop(self.fader.set_attribute("data-moved", direction(saved, at)));
        if let Some(range) = &self.range {
            // A browser rounds the value of a range to its step.
            range.set_step(step_for(at));
            range.set_value(&text(at));
            drop(range.set_attribute("aria-valuetext", &value_text(saved, at)));
        }
        self.mark_step(at);
    }

    /// The button of the step at which the fader stands.
    fn mark_step(&self, at: u32) {
        let Ok(buttons) = self.element.query_selector_all("button[data-step]") else { return };
        for index in 0..buttons.length() {
            let Some(button) = buttons.get(index).and_then(|it| it.dyn_into::<Element>().ok()) else {
                continue;
            };
            let is_there = button.get_attribute("data-step").and_then(|step| thousandths(&step)) == Some(at);
            drop(button.toggle_attribute_with_force("data-here", is_there));
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

/// The number without its sign: `20`, `0.001`.
pub fn text(thousandths: u32) -> String {
    (f64::from(thousandths) / 1000.0).to_string()
}

/// A count with a comma at every third digit.
pub fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
        for at in [0, 1, 33_300, 50_000, 99_999, 100_000] {
            let engine = engine::Percentage::from_thousandths(at).expect("percentage");
            assert_eq!(text(at), engine.to_string());
        }
        assert_eq!(grouped(1_234_567), engine::grouped(1_234_567));
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
