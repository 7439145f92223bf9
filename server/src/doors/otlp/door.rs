//! What the edge has to know of OTLP.

use super::{error::OtlpError, wire::Encoding};
use crate::edge::door::Door;

/// OpenTelemetry's exporters.
pub static DOOR: Door = Door {
    name: "otlp",
    below: &["/v1/"],
    refuse: |fault| OtlpError::fault(fault).answer(Encoding::Json),
    takes_forms: false,
    tells_items: |_| true,
    is_rush: |_| false,
    secret_below: &[],
    needs_no_database: |_, _| false,
};
