//! Whether the page is up to date, and what it has to tell of that. The island `islands::live` shows it.

use islands::live::{GO_ON, INDICATOR, Live, Notice, RELOAD, SIGN_IN, TOLD};
use leptos::prelude::*;

use super::here::Here;

/// For somebody signed in, on a page that follows what others change. `worker` is the address of what listens for all pages
/// of a browser; a page that `measures` is looked at again every few seconds.
pub(super) fn updates(here: &Here, worker: String, measures: bool) -> Option<impl IntoView + use<>> {
    let (seq, member) = (here.seq, here.principal.as_ref()?.id().get());
    let measures = measures.then_some("");
    Some(view! {
        <div>
            <div
                class="live"
                id=INDICATOR
                data-state="off"
                data-seq=seq.to_string()
                data-member=member.to_string()
                data-worker=worker
                data-measures=measures
            >
                <span class="live-dot" aria-hidden="true"></span>
                <span></span>
            </div>
            <p class="visually-hidden" id=TOLD role="status"></p>
            <div class="live-notice" role="status">{changed()}{signed_out()}</div>
            <Live />
        </div>
    })
}

fn changed() -> impl IntoView {
    view! {
        <div hidden="" data-notice=Notice::Changed.word()>
            <p>
                <strong>"Somebody else changed this while you were editing. "</strong>
                "What you typed is still here; saving shows you both."
            </p>
            <div class="cluster">
                <button type="button" class="button" data-size="small" data-live-do=RELOAD>"Load the new version"</button>
                <button type="button" class="button" data-size="small" data-kind="quiet" data-live-do=GO_ON>
                    "Keep editing"
                </button>
            </div>
        </div>
    }
}

fn signed_out() -> impl IntoView {
    view! {
        <div hidden="" data-notice=Notice::SignedOut.word()>
            <p><strong>"You are signed out. "</strong>"Sign in again to go on; what you typed stays here."</p>
            <div class="cluster">
                <button type="button" class="button" data-size="small" data-live-do=SIGN_IN>"Sign in"</button>
            </div>
        </div>
    }
}
