//! Which databases a server goes on from.

use std::{collections::BTreeSet, path::Path};

use sqlx::migrate::Migrator;
use store::Store;

use crate::harness::*;

on_both!(a_database_of_another_version_is_refused_and_left_as_it_is);

async fn a_database_of_another_version_is_refused_and_left_as_it_is(t: Harness) {
    t.create_flag("a").await;
    let refused = async || {
        let error = Store::open(&t.url, t.clock.clone()).await.expect_err("refused").to_string();
        assert!(error.contains("another version of Fader") && error.contains("an empty database"), "{error}");
    };
    // Of before the one file that installations begin with.
    let bytes = if t.is_sqlite() { "x'00'" } else { "'\\x00'::bytea" };
    t.sql(&format!("UPDATE _sqlx_migrations SET checksum = {bytes}")).await.expect("written");
    refused().await;
    assert_eq!(t.text("SELECT key FROM flags").await, "a");
}

/// Names of the files of one dialect.
fn names(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(folder);
    let files = std::fs::read_dir(folder).expect("a folder");
    files.map(|file| file.expect("a file").file_name().into_string().expect("a name")).collect()
}

#[tokio::test]
async fn both_dialects_change_together_and_forward_only() {
    assert_eq!(names("sqlite"), names("postgres"));
    for folder in ["sqlite", "postgres"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(folder);
        let migrator = Migrator::new(path).await.expect("migrations");
        let numbers: Vec<_> = migrator.iter().map(|migration| migration.version).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "two of one number: {numbers:?}");
        assert!(migrator.iter().all(|it| !it.migration_type.is_down_migration()), "{folder} goes backwards");
    }
}
