//! A release embeds `target/site`: rebuild it when the bundle step wrote a new version. A debug build reads the
//! folder at run time and does not care.

use std::env;

fn main() {
    let release = env::var("PROFILE").is_ok_and(|it| it == "release");
    println!("cargo::rerun-if-changed={}", if release { "../target/site/version" } else { "build.rs" });
}
