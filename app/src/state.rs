//! What the server gives the dashboard.

use leptos::prelude::LeptosOptions;
use store::Store;

use crate::{live::seats::Seats, site::Site};

/// What [`crate::router()`] is made with. The server's session middleware puts a [`store::Principal`] and a
/// [`store::RequestOrigin`] into the extensions of each request.
#[derive(Clone)]
pub struct AppState {
    pub store: Store,
    pub options: LeptosOptions,
    pub site: Site,
    /// That is what somebody configured, rather than a guess that holds on the server's own machine.
    pub site_is_told: bool,
    /// Where webhooks may lead.
    pub webhooks: store::Reach,
    /// The streams of open pages.
    pub live: Seats,
}

/// In the extensions of a request from an address that has used up its allowance: the server counts, the action
/// refuses in the shape of its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    pub retry_after_s: u64,
}
