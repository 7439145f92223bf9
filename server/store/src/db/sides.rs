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
        let pages = Side { pool: pages, ..first.clone() };
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

    /// After the connections in use are given back.
    pub(super) async fn close(&self) {
        self.first.pool.close().await;
        self.pages.pool.close().await;
    }
}
