//! Keeps the page up to date with what others change: hears of it from `/live`, fetches the page again and swaps its
//! `[data-live]` regions. A region in which somebody is typing waits; a form that was changed by somebody else is
//! left alone and says so. Without a script the page is as fresh as its last load.

mod page;
mod stream;

use leptos::prelude::*;
use web_sys::{Element, HtmlElement};

use crate::dom::{all, around, by_id, find_in, in_browser, listen, set, set_if, target};

/// The indicator, which also holds what the listener has to know (the attributes below), and what is read aloud.
pub const INDICATOR: &str = "live";
pub const TOLD: &str = "live-told";
/// The last change that the page knows of.
pub const SEQ: &str = "data-seq";
/// Who looks at it.
pub const MEMBER: &str = "data-member";
/// Where `worker.js` is.
pub const WORKER: &str = "data-worker";
/// The page shows what is measured: it is looked at again every few seconds.
pub const MEASURES: &str = "data-measures";

/// What the indicator says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Live,
    Reconnecting,
}

/// What the page has to tell, besides being fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Somebody else changed what is being edited here.
    Changed,
    SignedOut,
}

impl Notice {
    /// What its panel is called, in `data-notice`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::SignedOut => "signed-out",
        }
    }
}

/// What a button of a notice does, in `data-live-do`.
pub const RELOAD: &str = "reload";
pub const GO_ON: &str = "go-on";
pub const SIGN_IN: &str = "sign-in";

/// What it fills is rendered by `page::updates`.
#[island]
pub fn Live() -> impl IntoView {
    in_browser(|| {
        listen("click", |event| {
            let Some(button) = target(&event).and_then(|it| around(&it, "[data-live-do]")) else { return };
            match &*button.get_attribute("data-live-do").unwrap_or_default() {
                RELOAD => drop(window().location().reload()),
                GO_ON => notice(None),
                SIGN_IN => sign_in(),
                _ => {}
            }
        });
        if let Some(indicator) = by_id(INDICATOR) {
            stream::start(&indicator);
        }
    });
}

/// In another tab, so that what was typed here can be sent from here.
fn sign_in() {
    if crate::typing::is_typed() {
        let address = format!("{}/sign-in", crate::site::base());
        drop(window().open_with_url_and_target(&address, "_blank"));
    } else {
        drop(window().location().reload());
    }
}

fn indicate(state: State) {
    let (word, text) = match state {
        State::Live => ("live", "Live"),
        State::Reconnecting => ("reconnecting", "Reconnecting…"),
    };
    if let Some(indicator) = by_id::<Element>(INDICATOR) {
        set(&indicator, "data-state", word);
        if let Some(said) = find_in::<HtmlElement>(&indicator, "span:last-child") {
            said.set_text_content(Some(text));
        }
    }
}

fn notice(which: Option<Notice>) {
    for panel in all("[data-notice]") {
        let is_it = which.is_some_and(|it| panel.get_attribute("data-notice").as_deref() == Some(it.word()));
        set_if(&panel, "hidden", !is_it);
    }
}

fn is_signed_out() -> bool {
    !all("[data-notice=signed-out]:not([hidden])").is_empty()
}

fn announce(text: &str) {
    if let Some(region) = by_id::<Element>(TOLD) {
        // The same once more is news as well.
        region.set_text_content(None);
        region.set_text_content(Some(text));
    }
}
