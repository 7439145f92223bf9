//! What the edge has to know of OFREP.

use axum::response::IntoResponse as _;

use super::{error::OfrepError, ticket::STREAM_PATH};
use crate::edge::door::Door;

/// SDKs of OpenFeature, thousands a second.
pub static DOOR: Door = Door {
    name: "ofrep",
    below: &["/ofrep/"],
    refuse: |fault| OfrepError::Fault(fault).into_response(),
    takes_forms: false,
    tells_items: |_| false,
    is_rush: |_| true,
    secret_below: &[STREAM_PATH],
    needs_no_database: |_, _| true,
};
