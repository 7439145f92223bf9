//! Opening a database: with its schema brought up to date and everything in memory, or with the file that stands in for it.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::{
    AuditSecret, Clock, Live, Store, StoreError,
    database_time::Skew,
    db::{Db, is_unavailable},
    stand_in::{StandIn, StandInFile, Unusable},
};

/// How a database is opened, beyond its address.
#[derive(Debug, Clone, Default)]
pub struct Opening {
    /// Keys the entries of the audit log, instead of the secret in the database.
    pub audit_secret: Option<AuditSecret>,
}

impl Store {
    /// Opens `sqlite://path` (created when missing) or `postgres://…`, brings the schema up to date, loads [`Live`]
    /// and follows changes made by other processes.
    pub async fn open(database_url: &str, clock: Clock) -> Result<Self, StoreError> {
        Self::open_with(database_url, clock, Opening::default()).await
    }

    /// The same; refuses a secret that is not the one the audit log was keyed with.
    pub async fn open_with(database_url: &str, clock: Clock, opening: Opening) -> Result<Self, StoreError> {
        let Opening { audit_secret } = opening;
        let db = Db::lazy(database_url, true)?;
        db.migrate().await?;
        if let Some(secret) = &audit_secret {
            secret.check(&db).await?;
        }
        let live = Live::load(&db, clock.clone()).await?;
        let store = Self::around((database_url, db), clock, live, (None, audit_secret));
        store.follow(None);
        Ok(store)
    }

    /// Like [`Store::open`]; but when the database does not answer, decisions are those of the file that an earlier run
    /// kept, until it does ([`Store::stands_in_since_ms`]). From then on everything is as if it had been opened then.
    pub async fn open_or_stand_in(
        database_url: &str,
        clock: Clock,
        opening: Opening,
        file: &StandInFile,
    ) -> Result<Self, StoreError> {
        let Opening { audit_secret } = opening;
        // Beside everything else: with many people it takes a moment, although they are passed over.
        let mut reading = Some(Self::read_kept(file, StandInFile::read_head));
        let mut kept = None;
        let is_there = Db::path(database_url).is_none_or(|path| path.exists());
        if let Some(reading) = reading.take_if(|_| !is_there) {
            kept = reading.await.unwrap_or_default();
        }
        // Where decisions were made before, a file that is not there is away, and no new one takes its place.
        let creates = !is_there && kept.as_ref().is_none_or(|kept| kept.state.place.seq == 0);
        let db = Db::lazy(database_url, creates)?;
        let store = match db.answers().await {
            Ok(()) => {
                db.migrate().await?;
                if let Some(secret) = &audit_secret {
                    secret.check(&db).await?;
                }
                let live = Live::load(&db, clock.clone()).await?;
                let store = Self::around((database_url, db), clock, live, (None, audit_secret));
                if let Some(reading) = reading {
                    kept = reading.await.unwrap_or_default();
                }
                // A backup may have been put back while no server ran.
                if let Some(kept) = kept
                    && !store.goes_on_from(&kept.state.place).await?
                {
                    store.start_anew(&Arc::new(kept.state)).await?;
                }
                store
            }
            Err(error) if is_unavailable(&error) => {
                let whole = Self::read_kept(file, StandInFile::read).await.unwrap_or_default();
                let Some(StandIn { written_ms, loader, state }) = whole else { return Err(error.into()) };
                tracing::error!(%error, "the database does not answer: decisions are those of the snapshot file");
                let live = Live::standing_at(state, loader, clock.clone(), Skew::default());
                Self::around((database_url, db), clock, live, (Some(written_ms), audit_secret))
            }
            Err(error) => return Err(error.into()),
        };
        store.follow(Some(file.clone()));
        Ok(store)
    }

    fn read_kept(
        file: &StandInFile,
        read: fn(&StandInFile) -> Result<Option<StandIn>, Unusable>,
    ) -> JoinHandle<Option<StandIn>> {
        let file = file.clone();
        tokio::task::spawn_blocking(move || {
            read(&file).unwrap_or_else(|error| {
                tracing::warn!(%error, path = %file.path().display(), "the snapshot file is of no use");
                None
            })
        })
    }
}
