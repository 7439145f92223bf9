//! Connections for what may not wait, and others for pages: a page that reads for long uses up its own.

use sqlx::{Database, Pool};

use super::held::Side;
use crate::Lane;

/// The same database, by who asks.
#[derive(Debug)]
pub(crate) struct Sides<DB: Database> {
    /// Intake, the guard, and what follows other copies of the server.
    first: Side<DB>,
    /// Everybody else's. On SQLite their threads are as nice as whoever opens them.
    pages: Side<DB>,
}

impl<DB: Database> Clone for Sides<DB> {
    fn clone(&self) -> Self {
        Self { first: self.first.clone(), pages: self.pages.clone() }
    }
}

impl<DB: Database> Sides<DB> {
    /// `first`, and another pool of connections to the same database. What is known of how it answers they share.
    pub(super) fn new(first: Side<DB>, pages: Pool<DB>) -> Self {
        let pages = first.beside(pages);
        Self { first, pages }
    }

    /// The connections of whoever asks now.
    pub(super) fn here(&self) -> &Side<DB> {
        match Lane::current() {
            Lane::First => &self.first,
            Lane::Pages | Lane::Background | Lane::Census => &self.pages,
        }
    }

    pub(super) fn first(&self) -> &Side<DB> {
        &self.first
    }

    pub(super) fn pages(&self) -> &Side<DB> {
        &self.pages
    }

    /// After the connections in use are given back.
    pub(super) async fn close(&self) {
        self.first.pool.close().await;
        self.pages.pool.close().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::db::{
        Db, Tx,
        connect::{PAGE_READ_CONNECTIONS_MAX, PG_PAGE_CONNECTIONS_MAX, READ_CONNECTIONS_MAX},
    };

    /// Opening a connection may take its time on a machine that has other things to do.
    const THERE: Duration = Duration::from_secs(10);
    const NOT_THERE: Duration = Duration::from_millis(300);

    async fn begun(db: &Db, wait: Duration) -> Option<Tx> {
        let begun = tokio::time::timeout(wait, db.begin_read()).await.ok()?;
        Some(begun.expect("a transaction"))
    }

    /// Whether what may not wait has a connection while pages keep all of theirs, and they keep no more than those.
    fn keeps_apart(url: &str, pages_max: u32) {
        let runtime = |lane: Lane| {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(1).enable_all().on_thread_start(move || lane.enter());
            builder.build().expect("a runtime")
        };
        let (first, pages) = (runtime(Lane::First), runtime(Lane::Pages));
        let db = first.block_on(async { Db::lazy(url, true) }).expect("a database");
        let on = |runtime: &tokio::runtime::Runtime, wait: Duration| {
            let db = db.clone();
            let asked = runtime.spawn(async move { begun(&db, wait).await });
            first.block_on(asked).expect("asked")
        };
        first.block_on(db.answers()).expect("it is there");
        let held: Vec<_> =
            (0..pages_max).map(|_| on(&pages, THERE).expect("a connection of pages")).collect();
        assert!(on(&pages, NOT_THERE).is_none(), "{pages_max} are all that pages have");
        let background = runtime(Lane::Background);
        assert!(on(&background, NOT_THERE).is_none(), "nor has the background others");
        let others: Vec<_> = (0..READ_CONNECTIONS_MAX).map(|_| on(&first, THERE)).collect();
        assert!(others.iter().all(Option::is_some), "what may not wait has its own");
        first.block_on(async move { drop((held, others)) });
        first.block_on(db.close());
        for runtime in [first, pages, background] {
            runtime.shutdown_background();
        }
    }

    #[test]
    fn pages_use_up_their_own_connections_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = format!("sqlite://{}", folder.path().join("lanes.db").display());
        keeps_apart(&file, PAGE_READ_CONNECTIONS_MAX);
        if let Ok(url) = std::env::var("FADER_TEST_POSTGRES_URL") {
            keeps_apart(&url, PG_PAGE_CONNECTIONS_MAX);
        }
    }
}
