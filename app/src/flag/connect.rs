//! *Connect your app*: a program for the reader's language, a token for it, and lights that turn on when Fader hears of it.

mod language;
mod lights;
mod literal;
pub mod page;
pub mod save;
mod snippet;
pub mod start;
