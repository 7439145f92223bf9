//! One sheet out of `style/`. A file's place says its cascade layer, so no file writes `@layer` or `@import`:
//! `style/<layer>.css` comes first, then `style/<layer>/**/*.css` by name. Anything else in `style/` is an error.

use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// In this order a later layer wins over an earlier one, whatever the selectors.
const LAYERS: [&str; 6] = ["reset", "tokens", "base", "components", "pages", "utilities"];

pub fn stylesheet(folder: &Path) -> Result<String> {
    refuse_strangers(folder)?;
    let mut sheet = format!("@layer {};\n", LAYERS.join(","));
    for layer in LAYERS {
        for file in files_of(folder, layer)? {
            let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let text = squeeze(&text);
            for rule in ["@import", "@layer"] {
                ensure!(
                    !text.contains(rule),
                    "{} says {rule}: its place in style/ already decides its layer",
                    file.display()
                );
            }
            if !text.is_empty() {
                writeln!(sheet, "@layer {layer}{{{text}}}")?;
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

/// Drops comments and turns each run of white space into one space, outside strings. Brotli does the rest.
fn squeeze(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css.chars().peekable();
    let mut quote = None;
    while let Some(c) = rest.next() {
        match quote {
            Some(open) => {
                out.push(c);
                if c == '\\' {
                    out.extend(rest.next());
                } else if c == open {
                    quote = None;
                }
            }
            None if c == '/' && rest.peek() == Some(&'*') => {
                rest.next();
                skip_comment(&mut rest);
                push_space(&mut out);
            }
            None if c.is_whitespace() => push_space(&mut out),
            None => {
                if c == '"' || c == '\'' {
                    quote = Some(c);
                }
                // These never need the space before them; a colon may (`a :hover`), so it keeps it.
                if matches!(c, '{' | '}' | ';' | ',') && out.ends_with(' ') {
                    out.pop();
                }
                out.push(c);
            }
        }
    }
    out.trim_end().to_owned()
}

fn skip_comment(rest: &mut impl Iterator<Item = char>) {
    let mut star = false;
    for c in rest {
        if star && c == '/' {
            return;
        }
        star = c == '*';
    }
}

fn push_space(out: &mut String) {
    if !out.is_empty() && !out.ends_with([' ', '{', '}', ';', ',']) {
        out.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::squeeze;

    #[test]
    fn comments_and_runs_of_space_go_away() {
        assert_eq!(squeeze("/* a * / b **/\n a  {\n  color : red;\n}\n"), "a{color : red;}");
    }

    #[test]
    fn strings_stay_as_they_are() {
        assert_eq!(
            squeeze(r#"a::before { content: "/*  \" */  x" }"#),
            r#"a::before{content: "/*  \" */  x"}"#
        );
    }

    #[test]
    fn a_descendant_keeps_its_space() {
        assert_eq!(squeeze(".a :hover , .b .c{}"), ".a :hover,.b .c{}");
    }
}
