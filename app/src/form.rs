//! What a form sent, what of it was refused, and where the reason stands.

pub mod error;
pub mod fields;
pub mod file;
pub mod restore;
pub mod secret;
pub mod state;
pub mod value;
