//! The binary `fader`.

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    server::run(server::cli::Cli::parse()).await
}
