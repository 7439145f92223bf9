//! Browser code, one small island per file. Compiled on both sides: the server renders an island first.
//! Every page works without them.

pub mod chart_detail;
pub mod copy;
pub mod desk_keys;
pub mod fader;
pub mod key_from_name;
pub mod live;
pub mod menus;
pub mod palette;
pub mod preview;
pub mod refused;
pub mod swap;
