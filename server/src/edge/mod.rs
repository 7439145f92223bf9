//! What every request passes before it is at its door, and what all doors are made of: connections, addresses, tokens and
//! their allowances, bodies, refusals. It knows no door.

pub mod access;
pub mod around;
pub mod body;
pub mod client_address;
pub mod coding;
pub mod connections;
pub mod door;
pub mod etag;
pub mod fault;
pub mod nul;
pub mod request_id;
pub mod stand_in;
pub mod traffic;
