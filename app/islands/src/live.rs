//! Keeps the page up to date with what others change: hears of it from `/live`, fetches the page again and swaps its
//! `[data-live]` regions. A region in which somebody is typing waits; a form that was changed by somebody else is
//! left alone and says so. Without a script the page is as fresh as its last load.

mod page;
mod stream;

use leptos::prelude::*;

/// What the indicator says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Off,
    Live,
    Reconnecting,
}

/// What the page has to tell, besides being fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notice {
    /// Somebody else changed what is being edited here.
    Changed,
    SignedOut,
}

/// What the listener tells the view; all of it is copied around freely.
#[derive(Clone, Copy)]
struct Signals {
    state: RwSignal<State>,
    notice: RwSignal<Option<Notice>>,
    announced: RwSignal<&'static str>,
}

#[island]
pub fn Live(
    /// The last change that the page knows of.
    seq: u64,
    /// Who looks at it.
    member: i64,
    /// Where `worker.js` is.
    worker: String,
    /// The page shows what is measured: it is looked at again every few seconds.
    measures: bool,
) -> impl IntoView {
    let signals = Signals {
        state: RwSignal::new(State::Off),
        notice: RwSignal::new(None),
        announced: RwSignal::new(""),
    };
    Effect::new(move || stream::start(seq, member, measures, worker.clone(), signals));
    let state = move || match signals.state.get() {
        State::Off => ("off", ""),
        State::Live => ("live", "Live"),
        State::Reconnecting => ("reconnecting", "Reconnecting…"),
    };
    let reload = |_| drop(window().location().reload());
    // In another tab, so that what was typed here can be sent from here.
    let sign_in = |_| {
        if crate::typing::is_typed() {
            drop(window().open_with_url_and_target("/sign-in", "_blank"));
        } else {
            drop(window().location().reload());
        }
    };
    view! {
        <div class="live" data-state=move || state().0>
            <span class="live-dot" aria-hidden="true"></span>
            <span>{move || state().1}</span>
        </div>
        <p class="visually-hidden" role="status">{move || signals.announced.get()}</p>
        <div class="live-notice" role="status">
            <div hidden=move || signals.notice.get() != Some(Notice::Changed)>
                <p>
                    <strong>"Somebody else changed this while you were editing. "</strong>
                    "What you typed is still here; saving shows you both."
                </p>
                <div class="cluster">
                    <button type="button" class="button" data-size="small" on:click=reload>"Load the new version"</button>
                    <button
                        type="button"
                        class="button"
                        data-size="small"
                        data-kind="quiet"
                        on:click=move |_| signals.notice.set(None)
                    >
                        "Keep editing"
                    </button>
                </div>
            </div>
            <div hidden=move || signals.notice.get() != Some(Notice::SignedOut)>
                <p><strong>"You are signed out. "</strong>"Sign in again to go on; what you typed stays here."</p>
                <div class="cluster">
                    <button type="button" class="button" data-size="small" on:click=sign_in>"Sign in"</button>
                </div>
            </div>
        </div>
    }
}
