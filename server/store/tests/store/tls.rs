//! PostgreSQL over TLS: encrypted as the address asks, and with nobody whose certificate does not prove who they are.

use std::{error::Error, path::PathBuf, process::Command};

use store::{Clock, Store, StoreError};

const SCRIPT: &str = "../../scripts/postgres.sh";

/// A PostgreSQL of its own that speaks TLS, with a certificate for `localhost` by a CA of its own.
struct Cluster {
    url: String,
    folder: PathBuf,
}

impl Cluster {
    fn start() -> Option<Self> {
        if std::env::var("FADER_TEST_SQLITE_ONLY").is_ok_and(|it| it == "1") {
            return None;
        }
        let started =
            Command::new(SCRIPT).arg("start").env("FADER_TEST_POSTGRES_TLS", "1").output().expect("runs");
        let told = String::from_utf8_lossy(&started.stderr).into_owned();
        assert!(started.status.success(), "{told}");
        let url = String::from_utf8(started.stdout).expect("text").trim().to_owned();
        let port = url.rsplit_once('/').and_then(|(server, _)| server.rsplit_once(':')).expect("a port").1;
        let folder = std::env::temp_dir().join(format!("fader-postgres-{port}"));
        Some(Self { url, folder })
    }

    /// What became of opening the database under this name, in this mode, trusting this CA.
    async fn open(&self, host: &str, mode: &str, ca: &str) -> Result<(), String> {
        let url = self.url.replace("127.0.0.1", host);
        let ca = self.folder.join(ca);
        let url = format!("{url}?sslmode={mode}&sslrootcert={}", ca.display());
        match Store::open(&url, Clock::System).await {
            Ok(store) => {
                store.close().await;
                Ok(())
            }
            Err(error) => Err(chain(&error)),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stopped = Command::new(SCRIPT).args(["stop", &self.url]).status();
        assert!(stopped.is_ok_and(|it| it.success()) || std::thread::panicking());
    }
}

fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_cannot_prove_who_they_are_is_not_talked_to() {
    let Some(it) = Cluster::start() else { return };
    it.open("localhost", "verify-full", "ca.crt").await.expect("the right one");
    it.open("127.0.0.1", "verify-ca", "ca.crt").await.expect("whatever it is called");
    it.open("localhost", "require", "other-ca.crt").await.expect("encrypted is enough");
    it.open("localhost", "disable", "ca.crt").await.expect("as the address says");
    let refused = it.open("localhost", "verify-full", "other-ca.crt").await.expect_err("another CA");
    assert!(refused.contains("certificate"), "{refused}");
    let refused = it.open("localhost", "verify-ca", "other-ca.crt").await.expect_err("another CA");
    assert!(refused.contains("certificate"), "{refused}");
    let refused = it.open("127.0.0.1", "verify-full", "ca.crt").await.expect_err("another name");
    assert!(refused.contains("certificate"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_is_refused_where_it_has_to_be_encrypted() {
    let Some(harness) = crate::harness::Harness::postgres().await else { return };
    let url = format!("{}?sslmode=require", harness.url);
    let refused = chain(&Store::open(&url, Clock::System).await.expect_err("in the clear"));
    assert!(refused.contains("server does not support TLS"), "{refused}");
}
