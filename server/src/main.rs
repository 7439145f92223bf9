//! The binary `fader`.

use std::process::ExitCode;

use clap::Parser as _;
use mimalloc::MiMalloc;

/// Answers are made of many small pieces that one thread makes and another frees.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    Box::pin(server::run(server::Cli::parse())).await
}
