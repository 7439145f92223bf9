//! Tools that come from npm, pinned by the lock file of `end2end/`: building them would take minutes, or they are not
//! written in Rust.

use anyhow::{Context, Result, ensure};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

fn tool(root: &Path, name: &str, file: &str) -> Result<PathBuf> {
    let tool = root.join("end2end/node_modules").join(file);
    ensure!(tool.exists(), "{name} is missing: run `npm ci` in end2end, or scripts/npm.sh");
    Ok(tool)
}

/// Makes the module small in place.
pub fn wasm_opt(root: &Path, module: &Path) -> Result<()> {
    let tool = tool(root, "wasm-opt", "binaryen/bin/wasm-opt")?;
    // The npm package ships it as a script for node. It finds the wasm features to expect in the module.
    let status = Command::new("node")
        .arg(&tool)
        .args(["-Oz", "--low-memory-unused", "--strip-debug"])
        .args([module, Path::new("-o"), module])
        .status()
        .context("node is missing, and wasm-opt runs on it")?;
    ensure!(status.success(), "wasm-opt failed");
    Ok(())
}

/// A language that can be made small.
#[derive(Debug, Clone, Copy)]
pub enum Language {
    Css,
    JavaScriptModule,
}

/// The same in fewer bytes. What cannot be read is an error that names the line.
pub fn minify(root: &Path, language: Language, source: &[u8]) -> Result<Vec<u8>> {
    let tool = tool(root, "esbuild", "esbuild/bin/esbuild")?;
    let how: &[&str] = match language {
        Language::Css => &["--loader=css"],
        Language::JavaScriptModule => &["--loader=js", "--format=esm"],
    };
    let mut child = Command::new(&tool)
        .args(how)
        // A warning is a rule that browsers leave out.
        .args(["--minify", "--log-level=warning", "--legal-comments=none"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| tool.display().to_string())?;
    let mut stdin = child.stdin.take().context("esbuild reads nothing")?;
    // Beside reading, so that neither side waits for the other.
    let output = thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(source));
        child.wait_with_output()
    })?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && complaints.is_empty(), "esbuild: {complaints}");
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::{Language, minify};
    use std::path::Path;

    fn small(language: Language, source: &str) -> Result<String, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the checkout");
        let small = minify(root, language, source.as_bytes()).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(small).expect("text"))
    }

    #[test]
    fn css_means_the_same_afterwards() {
        let css = "@layer base {\n/* why */\n.a :hover , .b .c { color : light-dark(#ffffff, black); &[open] { inset-inline: 0 } }\n\
                   p::before { content: \"/*  x\" }\n}";
        let wanted = "@layer base{.a :hover,.b .c{color:light-dark(#ffffff,black);&[open]{inset-inline:0}}\
                      p:before{content:\"/*  x\"}}\n";
        assert_eq!(small(Language::Css, css).as_deref(), Ok(wanted));
    }

    #[test]
    fn what_is_exported_keeps_its_name() {
        let js = "export function start(first) {\n  // why\n  return first + 1;\n}\n";
        let small = small(Language::JavaScriptModule, js).expect("a module");
        assert!(small.len() < js.len() && small.contains("start"), "{small}");
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let error = small(Language::Css, "a {\n  color red;\n}\n").expect_err("refused");
        assert!(error.contains("2:"), "{error}");
    }
}
