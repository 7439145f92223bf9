//! The browser code: cargo, then wasm-bindgen, then wasm-opt and esbuild.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasm_bindgen_cli_support::Bindgen;

use crate::npm::{self, Language};

const TARGET: &str = "wasm32-unknown-unknown";

/// Runs cargo, which knows itself what is fresh, and returns the module it built.
pub fn compile(root: &Path, dev: bool) -> Result<Vec<u8>> {
    let profile = if dev { "dev" } else { "wasm-release" };
    let folder = if dev { "debug" } else { "wasm-release" };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(root)
        .args(["rustc", "--package", "islands", "--lib", "--crate-type", "cdylib", "--target", TARGET])
        .args(["--profile", profile])
        .status()?;
    ensure!(status.success(), "the browser side does not compile");

    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let module = target.join(TARGET).join(folder).join("islands.wasm");
    fs::read(&module).with_context(|| module.display().to_string())
}

/// Whatever else than the inputs decides what comes out; a change of it makes everything stale.
pub fn recipe(root: &Path, dev: bool) -> Result<Vec<u8>> {
    let program = env::current_exe().and_then(fs::read)?;
    let lock = fs::read(root.join("end2end/package-lock.json")).unwrap_or_default();
    Ok([program, lock, vec![u8::from(dev)]].concat())
}

/// Returns the files that the browser loads, by name.
pub fn bind(root: &Path, module: &[u8], stem: &str, dev: bool) -> Result<BTreeMap<String, Vec<u8>>> {
    let folder = root.join("target/bundle");
    fs::remove_dir_all(&folder).or_else(|e| if folder.exists() { Err(e) } else { Ok(()) })?;
    fs::create_dir_all(&folder)?;
    Bindgen::new()
        .input_bytes(stem, module.to_vec())
        .web(true)?
        .typescript(false)
        .keep_debug(dev)
        .remove_name_section(!dev)
        .remove_producers_section(!dev)
        .generate(&folder)?;
    if !dev {
        npm::wasm_opt(root, &folder.join(format!("{stem}_bg.wasm")))?;
        let script = folder.join(format!("{stem}.js"));
        fs::write(&script, npm::minify(root, Language::JavaScriptModule, &fs::read(&script)?)?)?;
    }
    crate::site::read_below(&folder)
}
