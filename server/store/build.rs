//! Rebuilds the crate when a migration is added, because `sqlx_macros::migrate!` embeds the folders.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
