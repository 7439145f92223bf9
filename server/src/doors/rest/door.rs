//! What the edge has to know of REST, and what its own lanes do.

use axum::response::IntoResponse as _;
use http::Method;

use super::error::RestError;
use crate::edge::door::Door;

/// Where events go; they come by the ten thousand.
const EVENTS_PATH: &str = "/api/v1/events";
/// Where applications ask before they act.
const CHECK_PATH: &str = "/api/v1/check";
/// Where pages ask what somebody may do.
const PERMISSIONS_PATH: &str = "/api/v1/permissions";
/// Where users' feedback goes.
const FEEDBACK_PATH: &str = "/api/v1/feedback";

/// Programs, with a token.
pub static DOOR: Door = Door {
    name: "rest",
    below: &["/api/"],
    refuse: |fault| RestError::Fault(fault).into_response(),
    takes_forms: false,
    tells_items: |path| path == EVENTS_PATH,
    is_rush: |path| matches!(path, EVENTS_PATH | CHECK_PATH | PERMISSIONS_PATH),
    secret_below: &[],
    needs_no_database: |_, _| false,
};

/// Whether programs send there without end what may not wait behind pages. Reading what users told does.
pub fn may_not_wait(method: &Method, path: &str) -> bool {
    matches!(path, EVENTS_PATH | CHECK_PATH | PERMISSIONS_PATH)
        || (path == FEEDBACK_PATH && method != Method::GET)
}
