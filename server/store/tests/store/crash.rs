//! `kill -9` in the middle of writing: the test executable runs itself as the writer.

use std::process::Stdio;

use engine::Percentage;
use store::{AuditVerdict, Clock, Store};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::harness::*;

on_both!(nothing_acknowledged_is_lost_when_the_server_is_killed);

const WRITER_URL: &str = "FADER_TEST_WRITER_URL";
const ACKNOWLEDGED_BEFORE_THE_KILL: u64 = 40;

async fn nothing_acknowledged_is_lost_when_the_server_is_killed(t: Harness) {
    t.create_flag("a").await;
    t.change("a", |rollout| rollout.rules = vec![everyone(0)]).await.expect("saved");
    let mut writer = Command::new(std::env::current_exe().expect("this executable"))
        .args(["--exact", "crash::writes_until_it_is_killed", "--nocapture"])
        .env(WRITER_URL, &t.url)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(writer.stdout.take().expect("a pipe")).lines();
    let mut acknowledged = 0;
    while let Some(line) = lines.next_line().await.expect("reads") {
        let Some(version) = line.rsplit_once("saved version ").and_then(|(_, v)| v.parse().ok()) else {
            continue;
        };
        acknowledged = version;
        if version == ACKNOWLEDGED_BEFORE_THE_KILL {
            // SIGKILL; what it still wrote to the pipe before it died counts as acknowledged.
            writer.start_kill().expect("killed");
        }
    }
    writer.wait().await.expect("ends");
    assert!(acknowledged >= ACKNOWLEDGED_BEFORE_THE_KILL);
    let store = t.another().await;
    let found = store
        .find_rollout(&viewer(), &production(), &flag_key("a"))
        .await
        .expect("reads")
        .expect("a rollout");
    assert!(found.version >= acknowledged, "acknowledged {acknowledged}, found {}", found.version);
    assert_eq!(store.verify_audit().await.expect("walks"), AuditVerdict::Intact { entries: found.version });
    let versions = store.find_rollout_version(&viewer(), &production(), &flag_key("a"), found.version).await;
    assert_eq!(versions.expect("reads").expect("a version").value, found.value);
    let snapshot = store.live().snapshot("production").expect("snapshot");
    assert_eq!(snapshot.revision(), found.version + 1, "revision and version moved together");
    store.stop(&stopper(), &production(), &flag_key("a"), "").await.expect("and it goes on");
}

/// Not a test of its own: without the address there is nothing to do.
#[tokio::test]
async fn writes_until_it_is_killed() {
    let Ok(url) = std::env::var(WRITER_URL) else { return };
    let store = Store::open(&url, Clock::System).await.expect("store opens");
    for at in 0u32.. {
        let found = store.find_rollout(&viewer(), &production(), &flag_key("a")).await.expect("reads");
        let mut found = found.expect("a rollout");
        found.value.rules[0].percentage =
            Percentage::from_thousandths(1 + at % 99_999).expect("a percentage");
        let version = store
            .save_rollout(&editor(), &production(), &flag_key("a"), found.version, found.value, "")
            .await
            .expect("saved");
        println!("saved version {version}");
    }
}
