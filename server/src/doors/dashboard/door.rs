//! What the edge has to know of the dashboard.

use super::assets;
use crate::edge::{door::Door, fault::Fault};

/// Whatever is not somebody else's: pages, their forms and their files.
pub static DOOR: Door = Door {
    name: "dashboard",
    below: &[],
    refuse: Fault::page,
    takes_forms: true,
    tells_items: |_| false,
    is_rush: |_| false,
    secret_below: &app::page::SECRET_BELOW,
    needs_no_database: |path, headers| assets::find(path, headers).is_some(),
};
