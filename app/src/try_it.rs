//! Try it: what one subject would be served, and why.

mod answer;
pub mod form;
pub mod page;
mod question;
pub mod save;
