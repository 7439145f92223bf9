//! The connection to `/live`, and when to look at the page again.

use std::{cell::RefCell, rc::Rc, time::Duration};

use leptos::{ev, prelude::*, task::spawn_local};
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use web_sys::{EventSource, MessageEvent, VisibilityState};

use super::{Notice, Signals, State, page};

/// What `/live` calls the passing of a few seconds.
const MEASURES: &str = "measures";
/// Changes come in bursts; one look at the page serves them all.
const SETTLE: Duration = Duration::from_millis(60);
const RECONNECT: Duration = Duration::from_secs(4);
/// How often a region that was being edited is looked at again.
const RETRY: Duration = Duration::from_millis(700);

struct Listener {
    seq: f64,
    measures: bool,
    source: Option<EventSource>,
    /// What changed since the last look; `None` for everything.
    changed: Option<Vec<String>>,
    scheduled: bool,
    signals: Signals,
}

type Shared = Rc<RefCell<Listener>>;

/// Listens for as long as the page is seen. A page in the background holds no connection: browsers allow few.
#[expect(clippy::cast_precision_loss, reason = "a number of changes that JavaScript can count")]
pub(super) fn start(seq: u64, measures: bool, signals: Signals) {
    let listener = Listener {
        seq: seq as f64,
        measures,
        source: None,
        changed: Some(Vec::new()),
        scheduled: false,
        signals,
    };
    let shared = Rc::new(RefCell::new(listener));
    page::remember_typing();
    connect(&shared);
    let watched = Rc::clone(&shared);
    let handle = document().add_event_listener_with_callback(
        "visibilitychange",
        &listener_of(move |_| {
            if document().visibility_state() == VisibilityState::Hidden {
                disconnect(&watched);
            } else {
                connect(&watched);
                // Feedback is not counted by changes: what arrived meanwhile is only seen by looking.
                watched.borrow_mut().changed = None;
                look(&watched);
            }
        }),
    );
    drop(handle);
    // Going back to a page out of the browser's own cache shows it as it was.
    let shown = shared;
    let _ = window_event_listener(ev::pageshow, move |_| connect(&shown));
}

fn disconnect(shared: &Shared) {
    if let Some(source) = shared.borrow_mut().source.take() {
        source.close();
    }
}

fn connect(shared: &Shared) {
    if shared.borrow().source.is_some() {
        return;
    }
    let measures = if shared.borrow().measures { "&measures=1" } else { "" };
    let address = format!("/live?since={}{measures}", shared.borrow().seq);
    let Ok(source) = EventSource::new(&address) else { return };
    let signals = shared.borrow().signals;
    let opened = listener_of(move |_| signals.state.set(State::Live));
    source.set_onopen(Some(&opened));
    let failed = Rc::clone(shared);
    let failure = listener_of(move |_| fail(&failed));
    source.set_onerror(Some(&failure));
    let heard = Rc::clone(shared);
    let change = listener_of(move |event| hear(&heard, &event));
    let _ = source.add_event_listener_with_callback("changed", &change);
    shared.borrow_mut().source = Some(source);
}

/// The browser tries again by itself, unless the server refused: then the session may be over.
fn fail(shared: &Shared) {
    let signals = shared.borrow().signals;
    signals.state.set(State::Reconnecting);
    let refused = shared.borrow().source.as_ref().is_some_and(|it| it.ready_state() == EventSource::CLOSED);
    if !refused {
        return;
    }
    shared.borrow_mut().source = None;
    shared.borrow_mut().changed = None;
    let again = Rc::clone(shared);
    set_timeout(
        move || {
            look(&again);
            if signals.notice.get_untracked() != Some(Notice::SignedOut) {
                connect(&again);
            }
        },
        RECONNECT,
    );
}

fn hear(shared: &Shared, event: &JsValue) {
    let Some(data) = event.dyn_ref::<MessageEvent>().and_then(|event| event.data().as_string()) else {
        return;
    };
    let Ok(message) = js_sys::JSON::parse(&data) else { return };
    let member = |name: &str| js_sys::Reflect::get(&message, &JsValue::from_str(name)).unwrap_or_default();
    let objects: Vec<String> =
        js_sys::Array::from(&member("objects")).iter().filter_map(|it| it.as_string()).collect();
    let mut listener = shared.borrow_mut();
    listener.seq = member("seq").as_f64().unwrap_or_default().max(listener.seq);
    if objects.is_empty() {
        listener.changed = None;
    } else if let Some(changed) = &mut listener.changed {
        changed.extend(objects);
    }
    if !std::mem::replace(&mut listener.scheduled, true) {
        drop(listener);
        let later = Rc::clone(shared);
        set_timeout(move || look(&later), SETTLE);
    }
}

/// Fetches the page and shows what is new in it.
fn look(shared: &Shared) {
    let mut listener = shared.borrow_mut();
    listener.scheduled = false;
    let changed = listener.changed.replace(Vec::new());
    let signals = listener.signals;
    drop(listener);
    spawn_local(async move {
        match page::fetch().await {
            Some(page::Fetched::Page(fresh)) => apply(&fresh, changed.as_deref(), signals),
            Some(page::Fetched::SignedOut) => signals.notice.set(Some(Notice::SignedOut)),
            None => {}
        }
    });
}

fn apply(fresh: &web_sys::Document, changed: Option<&[String]>, signals: Signals) {
    let outcome = page::swap(fresh, changed);
    if outcome.conflict {
        signals.notice.set(Some(Notice::Changed));
    }
    // New numbers are no news: nobody wants to hear of them every few seconds.
    let is_news = changed.is_none_or(|changed| changed.iter().any(|it| it != MEASURES));
    if outcome.swapped && is_news {
        signals.announced.set("");
        signals.announced.set("The page was updated.");
    }
    if outcome.waiting {
        let fresh = fresh.clone();
        set_timeout(move || apply(&fresh, Some(&[]), signals), RETRY);
    }
}

/// A callback that lives as long as the page.
fn listener_of(callback: impl FnMut(JsValue) + 'static) -> js_sys::Function {
    Closure::<dyn FnMut(JsValue)>::new(callback).into_js_value().unchecked_into()
}
