//! What the page hears of changes, and when to look at itself again. The connection to `/live` is not the page's own:
//! see `worker.js`.

use std::{cell::RefCell, rc::Rc};

use js_sys::{Date, Function, Reflect};
use leptos::prelude::{document, window};
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, MessageEvent, MessagePort, SharedWorker, VisibilityState, Worker};

use super::{Notice, State, announce, indicate, is_signed_out, notice, page};
use crate::{
    asked::is_kept,
    dom::{later, listen, listen_at},
};

/// What `/live` calls the passing of a few seconds.
const MEASURES: &str = "measures";
/// Changes come in bursts; one look at the page serves them all.
const SETTLE_MS: i32 = 60;
const RECONNECT_MS: i32 = 4_000;
/// How often a region that was being edited is looked at again.
const RETRY_MS: i32 = 700;
/// How often the page looks whether the worker still lives…
const LOOK_MS: i32 = 5_000;
/// …which says something every few seconds; a browser may have ended it together with another page.
const SILENCE_MS: f64 = 30_000.0;

struct Listener {
    /// The last change that the page knows of.
    seq: u64,
    /// Who looks at it, as the server writes it.
    member: String,
    measures: bool,
    /// The address of `worker.js`.
    worker: String,
    /// The shared worker did not start.
    alone: bool,
    port: Option<MessagePort>,
    hears: Function,
    fails: Function,
    heard_ms: f64,
    /// What changed since the last look; `None` for everything.
    changed: Option<Vec<String>>,
    scheduled: bool,
    /// How often the page was looked at.
    looks: u32,
}

type Shared = Rc<RefCell<Listener>>;

/// Listens for as long as the page is seen: one in the background neither holds a connection nor looks at itself.
pub(super) fn start(indicator: &Element) {
    let of = |name: &str| indicator.get_attribute(name).unwrap_or_default();
    let shared = Rc::new_cyclic(|own: &std::rc::Weak<RefCell<Listener>>| {
        let (hearing, failing) = (own.clone(), own.clone());
        let hears = listener_of(move |event| {
            if let Some(listener) = hearing.upgrade() {
                hear(&listener, &event);
            }
        });
        let fails = listener_of(move |_| {
            if let Some(listener) = failing.upgrade() {
                fail(&listener);
            }
        });
        RefCell::new(Listener {
            seq: of(super::SEQ).parse().unwrap_or_default(),
            member: of(super::MEMBER),
            measures: indicator.has_attribute(super::MEASURES),
            worker: of(super::WORKER),
            alone: false,
            port: None,
            hears,
            fails,
            heard_ms: 0.0,
            changed: Some(Vec::new()),
            scheduled: false,
            looks: 0,
        })
    });
    enter(&shared);
    let watched = Rc::clone(&shared);
    listen_at(&document(), "visibilitychange", move |_| {
        if is_hidden() {
            leave(&watched);
        } else {
            enter(&watched);
            // Feedback is not counted by changes: what arrived meanwhile is only seen by looking.
            look_at_all(&watched);
        }
    });
    let left = Rc::clone(&shared);
    listen("pagehide", move |_| leave(&left));
    // Going back to a page out of the browser's own cache shows it as it was, with numbers of another moment.
    let shown = Rc::clone(&shared);
    listen("pageshow", move |event| {
        enter(&shown);
        if is_kept(&event) {
            look_at_all(&shown);
        }
    });
    let looks = listener_of(move |_| look_after(&shared));
    drop(window().set_interval_with_callback_and_timeout_and_arguments_0(&looks, LOOK_MS));
}

fn look_at_all(shared: &Shared) {
    shared.borrow_mut().changed = None;
    look(shared);
}

fn is_hidden() -> bool {
    document().visibility_state() == VisibilityState::Hidden
}

fn enter(shared: &Shared) {
    let mut listener = shared.borrow_mut();
    if listener.port.is_some() || is_hidden() {
        return;
    }
    let Some(port) = listener.open() else { return };
    port.set_onmessage(Some(&listener.hears));
    drop(port.post_message(&format!("{} {}", listener.seq, listener.member).into()));
    listener.heard_ms = Date::now();
    listener.port = Some(port);
}

fn leave(shared: &Shared) {
    if let Some(port) = shared.borrow_mut().port.take() {
        drop(port.post_message(&JsValue::from_str("")));
        port.set_onmessage(None);
    }
}

impl Listener {
    /// A way to the worker; `None` in a browser that starts none.
    fn open(&self) -> Option<MessagePort> {
        let has = |name: &str| Reflect::has(&window(), &JsValue::from_str(name)).unwrap_or(false);
        if has("SharedWorker") && !self.alone {
            let worker = SharedWorker::new(&self.worker).ok()?;
            worker.set_onerror(Some(&self.fails));
            return Some(worker.port());
        }
        let worker = Worker::new(&self.worker).ok()?;
        worker.set_onerror(Some(&self.fails));
        // What is asked of it here, a worker does as well.
        Some(worker.unchecked_into())
    }
}

/// The script of the worker did not come, or does not run.
fn fail(shared: &Shared) {
    leave(shared);
    shared.borrow_mut().alone = true;
    indicate(State::Reconnecting);
    let again = Rc::clone(shared);
    later(RECONNECT_MS, move || enter(&again));
}

fn look_after(shared: &Shared) {
    let listener = shared.borrow();
    let is_silent = listener.port.is_some() && Date::now() - listener.heard_ms > SILENCE_MS;
    drop(listener);
    if is_silent {
        indicate(State::Reconnecting);
        leave(shared);
        enter(shared);
    }
}

fn hear(shared: &Shared, event: &JsValue) {
    let Some(text) = event.dyn_ref::<MessageEvent>().and_then(|event| event.data().as_string()) else {
        return;
    };
    shared.borrow_mut().heard_ms = Date::now();
    match &*text {
        "live" => indicate(State::Live),
        "reconnecting" => indicate(State::Reconnecting),
        "refused" => {
            indicate(State::Reconnecting);
            look_at_all(shared);
        }
        change => {
            let mut listener = shared.borrow_mut();
            if listener.note(change) && !std::mem::replace(&mut listener.scheduled, true) {
                drop(listener);
                let shared = Rc::clone(shared);
                later(SETTLE_MS, move || look(&shared));
            }
        }
    }
}

impl Listener {
    /// Remembers what changed, as the server says it; whether that is a reason to look.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of changes")]
    fn note(&mut self, change: &str) -> bool {
        let Ok(message) = js_sys::JSON::parse(change) else { return false };
        let member = |name: &str| Reflect::get(&message, &JsValue::from_str(name)).unwrap_or_default();
        let objects: Vec<String> =
            js_sys::Array::from(&member("objects")).iter().filter_map(|it| it.as_string()).collect();
        self.seq = self.seq.max(member("seq").as_f64().unwrap_or_default() as u64);
        if objects.is_empty() {
            self.changed = None;
        } else if !self.measures && objects.iter().all(|it| it == MEASURES) {
            return false;
        } else if let Some(changed) = &mut self.changed {
            changed.extend(objects);
        }
        true
    }
}

/// Fetches the page and shows what is new in it.
fn look(shared: &Shared) {
    let mut listener = shared.borrow_mut();
    listener.scheduled = false;
    listener.looks += 1;
    let number = listener.looks;
    let changed = listener.changed.replace(Vec::new());
    drop(listener);
    let shared = Rc::clone(shared);
    spawn_local(async move {
        let address = address();
        match page::fetch(&address).await {
            Some(page::Fetched::Page(fresh)) => {
                // Signed in again, in another tab perhaps.
                if is_signed_out() {
                    notice(None);
                }
                let seen = Seen { number, address, fresh };
                apply(&shared, seen, changed.as_deref());
            }
            Some(page::Fetched::SignedOut) => {
                leave(&shared);
                notice(Some(Notice::SignedOut));
            }
            None => {}
        }
    });
}

fn address() -> String {
    window().location().href().unwrap_or_default()
}

/// What a look has found.
struct Seen {
    number: u32,
    address: String,
    fresh: web_sys::Document,
}

fn apply(shared: &Shared, seen: Seen, changed: Option<&[String]>) {
    // Meanwhile somebody has asked for something else.
    if address() != seen.address {
        return;
    }
    let outcome = page::swap(&seen.fresh, changed);
    if outcome.conflict {
        notice(Some(Notice::Changed));
    }
    // New numbers are no news: nobody wants to hear of them every few seconds.
    let is_news = changed.is_none_or(|changed| changed.iter().any(|it| it != MEASURES));
    if outcome.replaced && is_news {
        announce("The page was updated.");
    }
    if outcome.waiting {
        let again = Rc::clone(shared);
        later(RETRY_MS, move || {
            // What a later look has found is newer.
            if again.borrow().looks == seen.number {
                apply(&again, seen, Some(&[]));
            }
        });
    }
}

/// A callback that lives as long as the page.
fn listener_of(callback: impl FnMut(JsValue) + 'static) -> Function {
    Closure::<dyn FnMut(JsValue)>::new(callback).into_js_value().unchecked_into()
}
