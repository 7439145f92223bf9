//! Takes in what was served and what came of it, by the ten thousand a second: requests only add to memory that is bounded,
//! and what runs beside them writes it down.

pub mod backlog;
mod day;
pub mod exposures;
pub mod ids;
mod omitted;
pub mod outcomes;
mod retention;
pub(crate) mod signals;
pub mod unverified;

use std::sync::Arc;

use arc_swap::ArcSwap;
use store::{ReceiptKey, Store, StoreError, Token, TokenKind};
use tokio::sync::watch;

use self::{
    backlog::{Backlog, Behind},
    day::{Day, Room},
    exposures::Exposures,
    ids::RecentIds,
    omitted::Omissions,
    outcomes::Outcomes,
    retention::Retention,
    signals::Signals,
    unverified::Unverified,
};
use crate::{Config, StartError, lanes::Lanes};

/// Everything that is taken in, and what it is checked against.
pub struct Intake {
    pub exposures: Exposures,
    pub outcomes: Arc<Outcomes>,
    pub(crate) ids: Arc<RecentIds>,
    pub(crate) retention: Retention,
    pub(crate) backlog: Arc<Backlog>,
    pub unverified: Unverified,
    /// What of whose events was of no use.
    pub(crate) omitted: Omissions,
    /// When flags were asked for, served, followed by an outcome.
    pub(crate) signals: Signals,
    day: Day,
    /// What the receipts of decisions are checked with.
    pub(crate) receipts: ArcSwap<ReceiptKey>,
}

impl Intake {
    /// Remembers the ids that were written lately, and starts the writers and the sweep.
    pub async fn start(
        store: &Store,
        config: &Config,
        lanes: &Lanes,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let ids = Arc::new(RecentIds::new(store.clock().now_ms()));
        // Without its database it begins with nothing, and reads this when the database has come.
        if !store.is_away() {
            ids.begin_again(store.recent_event_ids().await?, store.clock().now_ms());
        }
        let backlog = Arc::new(Backlog::new());
        let signals = Signals::new(store);
        let beside = (Arc::clone(&backlog), signals.clone());
        let outcomes = Arc::new(Outcomes::start(store, beside, config.upkeep_every, &stopping)?);
        let beside = (&backlog, &ids, &outcomes, &signals);
        let exposures = Exposures::start(store, config.events_waiting_max, beside, stopping.clone());
        let receipts = ArcSwap::from_pointee(store.receipt_key().await?);
        let day = Day::new(config.client_exposures_per_day);
        let unverified = Unverified::start(store, stopping.clone());
        let omitted = Omissions::start(store, stopping.clone());
        let retention = Retention::start(store, lanes, config.upkeep_every, stopping).await?;
        Ok(Self { exposures, outcomes, ids, retention, backlog, unverified, omitted, signals, day, receipts })
    }

    /// Whether events can be promised to be kept. Evaluations are served in any case, and their own exposures wait.
    pub fn accepts(&self) -> Result<(), Behind> {
        self.backlog.check()
    }

    /// Waits until everything that was taken in is written.
    pub async fn flush(&self) {
        tokio::join!(self.exposures.flush(), self.outcomes.flush());
    }

    /// Exposures that wait to be written, and cells of outcomes.
    pub fn unwritten(&self) -> (usize, usize) {
        (self.exposures.unwritten(), self.outcomes.unwritten())
    }

    /// Another database has taken in other events, keeps them for another time, and signs with another secret.
    pub(crate) async fn remember_anew(&self, store: &Store) -> Result<(), StoreError> {
        self.retention.read(store).await?;
        self.receipts.store(Arc::new(store.receipt_key().await?));
        self.ids.begin_again(store.recent_event_ids().await?, store.clock().now_ms());
        Ok(())
    }

    /// What one request takes of what browsers may add today. Servers may always.
    pub(crate) fn room_today<'a>(&'a self, token: &'a Token) -> Room<'a> {
        let of_browsers = token.environment().filter(|_| token.kind == TokenKind::Client);
        Room::new(&self.day, &self.ids, of_browsers)
    }
}
