//! The server behind the binary `fader`, as a library, so that tests and benches start the same thing in-process.
//! It holds wiring and protocols; what is decided for whom lives in `engine`, every line of SQL in `store`.

pub mod anchor;
mod anew;
mod command;
pub mod config;
pub mod doors;
pub mod edge;
mod error;
mod figures;
mod guard;
mod https;
pub mod intake;
mod lanes;
pub mod limits;
mod router;
mod serve;
mod state;
mod stopping;

pub use command::{cli::Cli, run};
pub use config::Config;
pub use error::StartError;
pub use router::{app, surround};
pub use serve::serve;
pub use state::Server;
