//! The server behind the binary `fader`, as a library, so that tests and benches start the same thing in-process.
//! It holds wiring and protocols; what is decided for whom lives in `engine`, every line of SQL in `store`.

mod access;
pub mod anchor;
mod anew;
mod body;
pub mod cli;
mod client_address;
mod coding;
mod commands;
pub mod config;
mod demo;
mod door;
pub mod doors;
mod edge;
mod guard;
mod https;
pub mod ingest;
mod lanes;
pub mod limits;
mod nul;
mod outcomes;
pub mod places;
mod router;
mod serve;
mod stand_in;
mod state;
mod whole;

pub use commands::run;
pub use config::Config;
pub use router::{app, surround};
pub use serve::serve;
pub use state::{Server, StartError};
