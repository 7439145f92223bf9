//! What the edge has to know of the metrics.

use super::refusal;
use crate::edge::door::Door;

/// A program of the operator, now and then.
pub static DOOR: Door = Door {
    name: "metrics",
    below: &["/metrics"],
    refuse: refusal::of_fault,
    takes_forms: false,
    tells_items: |_| false,
    is_rush: |_| true,
    secret_below: &[],
    needs_no_database: |path, _| path == "/metrics",
};
