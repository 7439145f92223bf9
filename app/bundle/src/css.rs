//! One sheet out of `style/`. A file's place says its cascade layer, so no file writes `@layer` or `@import`:
//! `style/<layer>.css` comes first, then `style/<layer>/**/*.css` by name. Anything else in `style/` is an error.

use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// In this order a later layer wins over an earlier one, whatever the selectors.
const LAYERS: [&str; 6] = ["reset", "tokens", "base", "components", "pages", "utilities"];

pub fn stylesheet(folder: &Path) -> Result<String> {
    refuse_strangers(folder)?;
    let mut sheet = format!("@layer {};\n", LAYERS.join(", "));
    for layer in LAYERS {
        for file in files_of(folder, layer)? {
            let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            if let Some(rule) = misplaced(&text) {
                bail!("{} says {rule}: its place in style/ already decides its layer", file.display());
            }
            if !text.trim().is_empty() {
                writeln!(sheet, "@layer {layer} {{\n{text}}}")?;
            }
        }
    }
    Ok(sheet)
}

fn files_of(folder: &Path, layer: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let single = folder.join(format!("{layer}.css"));
    if single.exists() {
        files.push(single);
    }
    files.extend(crate::site::files_below(&folder.join(layer))?.into_iter().filter(|it| is_css(it)));
    Ok(files)
}

fn is_css(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "css")
}

fn refuse_strangers(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let known = path.file_stem().and_then(|it| it.to_str()).is_some_and(|it| LAYERS.contains(&it));
        if (path.is_dir() || is_css(&path)) && !known {
            bail!("{} belongs to no layer; the layers are {}", path.display(), LAYERS.join(", "));
        }
    }
    Ok(())
}

/// An at-rule that the place of a file stands for, at the beginning of a line.
fn misplaced(css: &str) -> Option<&'static str> {
    let begins = |rule: &&str| css.lines().any(|line| line.trim_start().starts_with(*rule));
    ["@import", "@layer"].into_iter().find(begins)
}

#[cfg(test)]
mod tests {
    use super::misplaced;

    #[test]
    fn a_file_does_not_choose_its_layer() {
        assert_eq!(misplaced("a {}\n  @layer base { b {} }\n"), Some("@layer"));
        assert_eq!(misplaced("@import \"a.css\";"), Some("@import"));
        assert_eq!(misplaced("/* not by @import or @layer */\na {}"), None);
    }
}
