//! The server behind the binary `fader`, as a library, so that tests and benches start the same thing in-process.
//! It holds wiring and protocols; what is decided for whom lives in `engine`, every line of SQL in `store`.

mod access;
pub mod anchor;
mod anew;
pub mod assets;
mod body;
pub mod cli;
mod client_address;
mod commands;
pub mod config;
mod csrf;
mod dashboard;
mod demo;
mod door;
mod edge;
mod guard;
mod health;
mod https;
pub mod ingest;
mod lanes;
pub mod limits;
mod nul;
mod ofrep;
mod otlp;
mod outcomes;
pub mod places;
pub mod resend;
pub mod rest;
mod router;
mod serve;
mod session;
mod stand_in;
mod state;
mod whole;
mod widget;

pub use commands::run;
pub use config::Config;
pub use router::{app, surround};
pub use serve::serve;
pub use state::{Server, StartError};
