//! Try it: what one subject would be served, and why.

pub mod answer;
pub mod form;
pub mod page;
pub mod question;
pub mod save;
