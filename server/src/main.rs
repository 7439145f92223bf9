//! The binary `fader`.

use std::process::ExitCode;

use clap::Parser as _;
use mimalloc::MiMalloc;

/// Answers are made of many small pieces that one thread makes and another frees.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    // Pages of 2 MB, of which a few kilobytes are used, double what a small installation takes. Where that is refused, they do.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    Box::pin(server::run(server::Cli::parse())).await
}
