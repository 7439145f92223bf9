//! Build step: compiles `app` for the browser and writes what the server embeds to `target/site`. It does for
//! this workspace what cargo-leptos would, see `docs/decisions/0001-own-bundle-step.md`.
//!
//! ```text
//! target/site/version          hash of everything below pkg/; part of the URL, so pkg/ is cached for ever
//! target/site/pkg/fader.js     module that loads the islands
//! target/site/pkg/fader_bg.wasm
//! target/site/pkg/fader.css    see `css`
//! target/site/pkg/live.js      the worker that listens for all open pages of a browser
//! target/site/pkg/zone.js      tells the server the browser's time zone
//! target/site/…                whatever stands in public/
//! ```
//!
//! Every file that compresses gets a `.br` and a `.gz` beside it. Nothing is written when nothing changed.

mod css;
mod npm;
mod site;
mod wasm;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// What a first visit may cost on the wire: wasm, JavaScript and CSS together, compressed with brotli.
const BUDGET_BYTES: usize = 100_000;

#[derive(Parser)]
#[command(about = "Builds the browser side of Fader into target/site")]
struct Options {
    /// Build quickly: debug code, no wasm-opt, no compression, no size budget.
    #[arg(long)]
    dev: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bundle: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    // Asked at run time: two checkouts may share one target folder, and with it this program.
    let here = env::var("CARGO_MANIFEST_DIR").context("start this with `cargo run --bin bundle`")?;
    let root = Path::new(&here).ancestors().nth(2).context("app/bundle has moved")?;

    let compiled = wasm::compile(root, options.dev)?;
    let inputs = site::Inputs {
        scripts: scripts(root)?,
        stylesheet: css::stylesheet(&root.join("style"))?,
        public: site::public_files(&root.join("public"))?,
        recipe: wasm::recipe(root, options.dev)?,
        compiled,
    };
    let site = site::Site::new(root);
    if site.is_built_from(&inputs) {
        println!("target/site is up to date ({:.1} s)", started.elapsed().as_secs_f32());
        return Ok(());
    }

    let stem = "fader";
    let browser = wasm::bind(root, &inputs.compiled, stem, options.dev)?;
    let mut packed = browser;
    let stylesheet = inputs.stylesheet.as_bytes();
    let stylesheet =
        if options.dev { stylesheet.to_vec() } else { npm::minify(root, npm::Language::Css, stylesheet)? };
    packed.insert(format!("{stem}.css"), stylesheet);
    for (name, script) in &inputs.scripts {
        let script = if options.dev {
            script.clone()
        } else {
            npm::minify(root, npm::Language::JavaScriptModule, script)?
        };
        packed.insert(name.clone(), script);
    }
    let sizes = site.write(&inputs, packed, options.dev)?;
    println!("target/site is written ({:.1} s)", started.elapsed().as_secs_f32());
    if options.dev { Ok(()) } else { hold_to_budget(&sizes) }
}

/// What is no part of the islands: the worker runs beside the pages, the zone is said before they are there.
fn scripts(root: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    [("live.js", "app/islands/src/live/worker.js"), ("zone.js", "app/islands/src/zone.js")]
        .into_iter()
        .map(|(name, path)| {
            let script = fs::read(root.join(path)).with_context(|| format!("{path} has moved"))?;
            Ok((name.to_owned(), script))
        })
        .collect()
}

fn hold_to_budget(sizes: &[site::Size]) -> Result<()> {
    for size in sizes {
        println!("{:>9} B {:>8} B brotli  pkg/{}", size.plain_bytes, size.brotli_bytes, size.name);
    }
    let plain: usize = sizes.iter().map(|it| it.plain_bytes).sum();
    let brotli: usize = sizes.iter().map(|it| it.brotli_bytes).sum();
    println!("{plain:>9} B {brotli:>8} B brotli  in all; the budget is {BUDGET_BYTES} B");
    ensure!(
        brotli <= BUDGET_BYTES,
        "the browser build is over its budget: find what grew before raising the budget"
    );
    Ok(())
}
