//! The file that stands in for a database that is away.

use std::path::PathBuf;

use engine::Percentage;
use store::{Clock, NewToken, Opening, StandInFile, Store, StoreError, TokenKind};
use tempfile::TempDir;

use crate::{
    harness::*,
    restore::{BACKUP, back_up, percentage, put_back, raise, restored_entries},
};

on_both!(
    a_file_is_kept_for_its_owner_alone,
    a_backup_put_back_while_no_server_ran_is_noticed,
    a_file_that_is_damaged_is_of_no_use,
);

struct Kept {
    file: StandInFile,
    path: PathBuf,
    _folder: TempDir,
}

fn place() -> Kept {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state/fader.snapshot");
    Kept { file: StandInFile::new(&path), path, _folder: folder }
}

async fn opened(t: &Harness, kept: &Kept) -> Store {
    Store::open_or_stand_in(&t.url, t.clock.clone(), Opening::default(), &kept.file).await.expect("opens")
}

/// Until the file has been written with what is in force now.
async fn is_kept(kept: &Kept, word: &str) {
    eventually("it is written down", async || {
        std::fs::read_to_string(&kept.path).is_ok_and(|text| text.contains(word))
    })
    .await;
}

async fn a_file_is_kept_for_its_owner_alone(t: Harness) {
    let kept = place();
    let store = opened(&t, &kept).await;
    assert!(!store.is_away());
    let new = NewToken::new("Shop", TokenKind::Server, production());
    let token = store.create_token(&admin(), new).await.expect("a token");
    is_kept(&kept, "Shop").await;
    let text = std::fs::read_to_string(&kept.path).expect("reads");
    assert!(!text.contains(&token), "only its hash");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&kept.path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let others = std::fs::read_dir(kept.path.parent().expect("a folder")).expect("reads").count();
    assert_eq!(others, 1, "nothing unfinished is left");
    t.create_flag("later").await;
    is_kept(&kept, "later").await;
}

async fn a_backup_put_back_while_no_server_ran_is_noticed(mut t: Harness) {
    let kept = place();
    t.create_flag("a").await;
    raise(&t, 20).await;
    back_up(&t, BACKUP).await;
    raise(&t, 50).await;
    t.store.close().await;
    let store = opened(&t, &kept).await;
    is_kept(&kept, "flag").await;
    let served = store.live().environment("production").expect("one").revision;
    store.close().await;
    put_back(&t, BACKUP).await;
    t.store = opened(&t, &kept).await;
    assert_eq!(percentage(&t.store, "a"), Percentage::whole(20));
    assert!(t.revision(&production()) > served, "{} after {served}", t.revision(&production()));
    assert_eq!(restored_entries(&t).await, ["noticed that the database was restored: 1 entry is gone"]);
    t.store.close().await;
    t.store = opened(&t, &kept).await;
    assert_eq!(restored_entries(&t).await.len(), 1, "once, though the file was not written again in between");
}

async fn a_file_that_is_damaged_is_of_no_use(t: Harness) {
    let kept = place();
    let store = opened(&t, &kept).await;
    is_kept(&kept, "rows").await;
    store.close().await;
    let nowhere = "postgres://nobody@127.0.0.1:1/nowhere";
    let stands_in =
        Store::open_or_stand_in(nowhere, Clock::manual(START_MS + 5), Opening::default(), &kept.file).await;
    let stands_in = stands_in.expect("the file stands in");
    assert_eq!(stands_in.standing().stands_in_since_ms, Some(START_MS));
    assert_eq!(stands_in.take_guard_lease("one").await.expect("nothing is asked"), None);
    let text = std::fs::read_to_string(&kept.path).expect("reads");
    std::fs::write(&kept.path, text.replacen("production", "productioN", 1)).expect("damaged");
    let without =
        Store::open_or_stand_in(nowhere, Clock::manual(START_MS), Opening::default(), &kept.file).await;
    assert!(matches!(without, Err(StoreError::Unavailable(_))));
    assert!(!opened(&t, &kept).await.is_away(), "with its database a server starts without it");
    std::fs::remove_file(&kept.path).expect("removed");
    let without =
        Store::open_or_stand_in(nowhere, Clock::manual(START_MS), Opening::default(), &kept.file).await;
    assert!(matches!(without, Err(StoreError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_missing_at_a_start_is_waited_for() {
    let t = Harness::sqlite().await;
    let kept = place();
    let store = opened(&t, &kept).await;
    t.create_flag("a").await;
    raise(&t, 20).await;
    is_kept(&kept, "20000").await;
    store.close().await;
    t.store.close().await;
    let path = PathBuf::from(t.url.trim_start_matches("sqlite://"));
    let aside = path.with_extension("aside");
    std::fs::rename(&path, &aside).expect("moved away");
    for log in ["db-wal", "db-shm"] {
        drop(std::fs::remove_file(path.with_extension(log)));
    }
    let stands_in = opened(&t, &kept).await;
    assert!(stands_in.is_away(), "no empty database takes its place");
    assert_eq!(percentage(&stands_in, "a"), Percentage::whole(20));
    assert!(!path.exists());
    std::fs::rename(&aside, &path).expect("put back");
    eventually("it joins", async || !stands_in.is_away()).await;
    assert_eq!(percentage(&stands_in, "a"), Percentage::whole(20));
}
