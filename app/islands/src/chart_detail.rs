//! What a chart says at one step, beside a hairline: while it is pointed at or touched, or walked through with the
//! arrow keys. It tells what the step's `<title>` holds and stands above the page, outside what is swapped, so that
//! it stays at its step when new numbers come. Without a script the titles and the table below the chart remain.

use std::cell::RefCell;

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use web_sys::{DomRect, Element, Event, HtmlElement, KeyboardEvent, MouseEvent};

use crate::dom::{all_in, around, by_id, find, find_in, in_browser, listen, set, target};

/// Between the hairline and the card, and between the card and the window's edge.
const AWAY: f64 = 10.0;
/// `fader:live` comes after the page was swapped.
const EVENTS: [&str; 6] = ["pointermove", "pointerdown", "keydown", "focusin", "fader:live", "resize"];

/// What is shown. Both are names, not elements: those are replaced now and then.
#[derive(Clone)]
struct Shown {
    chart: String,
    at: String,
    by_keys: bool,
}

thread_local! {
    static SHOWN: RefCell<Option<Shown>> = const { RefCell::new(None) };
}

/// What it fills is rendered by `chart::detail`.
#[island]
pub fn ChartDetail() -> impl IntoView {
    in_browser(|| {
        // From now on columns do not show their titles by themselves.
        if let Some(root) = document().document_element() {
            set(&root, "data-charts", "");
        }
        for event in EVENTS {
            listen(event, |event| hear(&event));
        }
    });
}

fn hear(event: &Event) {
    let chart = target(event).and_then(|it| around(&it, ".chart-box"));
    match (&*event.type_(), chart) {
        ("pointermove" | "pointerdown", Some(chart)) => {
            let x = event.unchecked_ref::<MouseEvent>().client_x();
            point(&chart, f64::from(x));
        }
        // A mouse that moves somewhere does not end what was opened with keys.
        ("pointermove", None) if shown().is_some_and(|it| it.by_keys) => {}
        ("pointermove" | "pointerdown" | "focusin", None) => hide(),
        ("keydown", Some(chart)) => {
            let keys = event.unchecked_ref::<KeyboardEvent>();
            let alone = !(keys.alt_key() || keys.ctrl_key() || keys.meta_key());
            if alone && press(&chart, &keys.key()) {
                event.prevent_default();
            }
        }
        // Of a chart whose step is shown already it comes after a press, or a swap.
        ("focusin", Some(chart)) if shown().is_none_or(|it| it.chart != chart.id()) => {
            press(&chart, "End");
        }
        ("fader:live" | "resize", _) => again(),
        _ => {}
    }
}

fn shown() -> Option<Shown> {
    SHOWN.with_borrow(Clone::clone)
}

fn column_at(chart: &Element, at: &str) -> Option<Element> {
    find_in(chart, &format!("[data-at='{at}']"))
}

fn middle(rect: &DomRect) -> f64 {
    rect.left() + rect.width() / 2.0
}

/// Shows the step that is nearest to the pointer.
fn point(chart: &Element, x: f64) {
    let (mut nearest, mut least) = (None, f64::INFINITY);
    for column in all_in(chart, ".chart-column") {
        let away = (middle(&column.get_bounding_client_rect()) - x).abs();
        if away < least {
            (nearest, least) = (Some(column), away);
        }
    }
    if let Some(column) = nearest {
        show(chart, &column, false);
    }
}

/// True when the key means something here. The columns are the last elements of their drawing.
fn press(chart: &Element, key: &str) -> bool {
    let now = shown().filter(|it| it.chart == chart.id()).and_then(|it| column_at(chart, &it.at));
    let next = match (key, &now) {
        ("Escape", Some(_)) => {
            hide();
            return true;
        }
        ("ArrowLeft", Some(now)) => now.previous_element_sibling().filter(|it| it.has_attribute("data-at")),
        ("ArrowRight", Some(now)) => now.next_element_sibling(),
        ("Home", _) => find_in(chart, ".chart-column"),
        ("End" | "ArrowLeft" | "ArrowRight", _) => find_in(chart, ".chart-column:last-child"),
        _ => return false,
    };
    let Some(column) = next.or(now) else { return false };
    let told = show(chart, &column, true);
    announce(&told.replace('\n', ". "));
    true
}

/// Only of keys: nobody wants to hear of every step that a mouse passes.
fn announce(told: &str) {
    if let Some(region) = by_id::<Element>("chart-told") {
        region.set_text_content(Some(told));
    }
}

fn hide() {
    if SHOWN.take().is_some() {
        announce("");
        if let Some(detail) = by_id::<Element>("chart-detail") {
            set(&detail, "hidden", "");
        }
    }
}

/// After the page was swapped: at the same step, if there is still such a one.
fn again() {
    let Some(shown) = shown() else { return };
    let chart = by_id::<Element>(&shown.chart);
    let column = chart.as_ref().and_then(|chart| column_at(chart, &shown.at));
    match (chart, column) {
        (Some(chart), Some(column)) => drop(show(&chart, &column, shown.by_keys)),
        _ => hide(),
    }
}

/// Gives what it tells.
fn show(chart: &Element, column: &Element, by_keys: bool) -> String {
    let at = column.get_attribute("data-at").unwrap_or_default();
    SHOWN.set(Some(Shown { chart: chart.id(), at, by_keys }));
    let told = column.text_content().unwrap_or_default();
    if let Some(detail) = by_id::<Element>("chart-detail")
        && let Some(hair) = detail.first_element_child()
        && let Some(card) = detail.last_element_child()
    {
        fill(&card, chart, &told);
        drop(detail.remove_attribute("hidden"));
        place(&detail, &hair, &card, &column.get_bounding_client_rect());
    }
    told
}

/// The first line is the time, then comes one for each line of the chart, then further sentences.
fn fill(card: &Element, chart: &Element, told: &str) {
    card.set_text_content(None);
    let strokes = all_in(chart, ".chart-plot > .chart-line");
    for (at, line) in told.split('\n').enumerate() {
        let drawn = at.checked_sub(1).and_then(|at| strokes.get(at));
        let pair = line.split_once(": ").filter(|(name, _)| drawn.is_some() || *name == "Difference");
        let Some(row) = add(card, "p", if pair.is_some() { "" } else { line }) else { return };
        let Some((name, value)) = pair else { continue };
        if let Some(stroke) = drawn.and_then(|it| it.get_attribute("data-stroke")) {
            sample(&row, &stroke);
        }
        add(&row, "span", name);
        add(&row, "b", value);
    }
}

fn add(parent: &Element, tag: &str, text: &str) -> Option<Element> {
    let element = document().create_element(tag).ok()?;
    element.set_text_content(Some(text));
    parent.append_child(&element).ok()?;
    Some(element)
}

/// How the line looks, out of a legend of the page.
fn sample(row: &Element, stroke: &str) -> Option<()> {
    let selector = format!(".chart-legend svg[data-stroke={stroke}]");
    let sample = find::<Element>(&selector)?.clone_node_with_deep(true).ok()?;
    row.append_child(&sample).ok()?;
    Some(())
}

/// The hairline at the middle of the step; the card on the side where there is room.
fn place(detail: &Element, hair: &Element, card: &Element, step: &DomRect) {
    let Some(root) = document().document_element() else { return };
    let (origin, size) = (detail.get_bounding_client_rect(), card.get_bounding_client_rect());
    let (wide, high) = (f64::from(root.client_width()), f64::from(root.client_height()));
    let (x, right) = (middle(step), wide - AWAY - size.width());
    let mut left = x + AWAY;
    if left > right {
        left = x - AWAY - size.width();
    }
    let left = left.min(right).max(AWAY);
    let top = step.top().min(high - AWAY - size.height()).max(AWAY);
    let [x, left] = [x, left].map(|it| pixels(it - origin.left()));
    let [above, top] = [step.top(), top].map(|it| pixels(it - origin.top()));
    let height = pixels(step.height());
    put(hair, &[("left", x), ("top", above), ("height", height)]);
    put(card, &[("left", left), ("top", top)]);
}

/// Property by property: the policy of pages refuses a `style` attribute, also from a script.
fn put(element: &Element, lengths: &[(&str, i32)]) {
    let Some(element) = element.dyn_ref::<HtmlElement>() else { return };
    for (property, length) in lengths {
        drop(element.style().set_property(property, &format!("{length}px")));
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a length on a page")]
fn pixels(length: f64) -> i32 {
    length.round() as i32
}
