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
    use super::{misplaced, stylesheet};
    use crate::site::files_below;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// What follows each dot that a letter follows, outside of comments and addresses.
    fn classes_of(sheet: &str) -> BTreeSet<&str> {
        let plain = sheet.split("*/").filter_map(|it| it.split("/*").next());
        let lines = plain.flat_map(str::lines).filter(|line| !line.contains("url("));
        let after_dots = lines.flat_map(|line| line.split('.').skip(1));
        let names = after_dots.map(|it| it.split(|c: char| !is_of_a_name(c)).next().unwrap_or_default());
        names.filter(|it| it.starts_with(|c: char| c.is_ascii_alphabetic())).collect()
    }

    fn is_of_a_name(c: char) -> bool {
        c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
    }

    /// The sheet is part of what a first visit loads. Classes of places on a fader are put together (`app/src/ui/place.rs`).
    #[test]
    fn every_class_of_the_sheet_is_named_by_a_view() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the checkout");
        let sheet = stylesheet(&root.join("style")).expect("a sheet");
        let mut source = String::new();
        for file in
            ["app/src", "app/islands/src"].iter().flat_map(|it| files_below(&root.join(it)).expect("files"))
        {
            source.push_str(&fs::read_to_string(file).expect("a text"));
        }
        let named: BTreeSet<&str> = source.split(|c: char| !is_of_a_name(c)).collect();
        let is_place = |class: &&str| class.starts_with("at-") || class.starts_with("saved-");
        let classes = classes_of(&sheet);
        assert!(classes.len() > 300, "{classes:?}");
        let unknown: Vec<_> = classes.iter().filter(|it| !is_place(it) && !named.contains(**it)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn a_file_does_not_choose_its_layer() {
        assert_eq!(misplaced("a {}\n  @layer base { b {} }\n"), Some("@layer"));
        assert_eq!(misplaced("@import \"a.css\";"), Some("@import"));
        assert_eq!(misplaced("/* not by @import or @layer */\na {}"), None);
    }
}
