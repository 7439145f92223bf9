//! Whether the database answers. Whoever waits for it gives up when nothing at all was heard from it for a moment,
//! however long a network or a lock would keep them waiting; while it answers, slow work is waited for.

use std::{
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout, timeout_at},
};

/// After a silence of so long it is asked whether it is there…
const SILENCE_MAX_MS: u64 = 1_000;
/// …and has so long to answer.
const CHECK_MAX: Duration = Duration::from_millis(500);
/// A check holds for all who wait at about the same time.
const CHECK_HOLDS: Duration = Duration::from_millis(500);
/// Once it is known to be away, nobody else need wait to find out.
const SILENCE_MAX_WHEN_AWAY_MS: u64 = 250;
/// How long the turn to write is waited for while others write.
const TURN_MAX_MS: u64 = 10_000;

#[derive(Debug)]
pub(crate) struct Pulse {
    since: Instant,
    /// Milliseconds after `since`.
    heard_ms: AtomicU64,
    away: AtomicBool,
    /// The file of the database is not where it was: what would be written now would be lost.
    gone: AtomicBool,
    /// Transactions of ours that hold the only write lock: what waits for it waits for us.
    at_work: AtomicUsize,
    /// How to ask over a connection of its own; SQLite is no server that could be asked.
    server: Option<PgConnectOptions>,
    checked: Mutex<Option<(Instant, bool)>>,
}

/// Counts a transaction under the write lock, until it is dropped.
#[derive(Debug)]
pub(crate) struct AtWork(Arc<Pulse>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pulse {
    pub(crate) fn new(server: Option<PgConnectOptions>) -> Self {
        Self {
            since: Instant::now(),
            heard_ms: AtomicU64::new(0),
            away: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            at_work: AtomicUsize::new(0),
            server,
            checked: Mutex::new(None),
        }
    }

    pub(crate) fn set_gone(&self, gone: bool) {
        self.gone.store(gone, Ordering::Relaxed);
    }

    /// Refuses a write into a file that is not there any more.
    pub(crate) fn check_there(&self) -> Result<(), sqlx::Error> {
        if self.gone.load(Ordering::Relaxed) {
            let gone = io::Error::new(io::ErrorKind::NotFound, "the database's file is gone; put it back");
            return Err(sqlx::Error::Io(gone));
        }
        Ok(())
    }

    pub(crate) fn at_work(self: &Arc<Self>) -> AtWork {
        self.at_work.fetch_add(1, Ordering::Relaxed);
        AtWork(Arc::clone(self))
    }

    /// What one statement comes to. A server may never answer; a file does, however long it takes.
    pub(crate) async fn answer<T>(
        &self,
        statement: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        match self.server {
            Some(_) => self.wait(statement).await,
            None => self.noted(statement.await),
        }
    }

    /// What `work` comes to, unless the database falls silent meanwhile.
    pub(crate) async fn wait<T>(
        &self,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        self.wait_until(u64::MAX, work).await
    }

    /// Like [`Pulse::wait`], for the turn to write: others may be at it, but not for ever.
    pub(crate) async fn wait_for_turn<T>(
        &self,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        self.wait_until(self.now_ms() + TURN_MAX_MS, work).await
    }

    async fn wait_until<T>(
        &self,
        end_ms: u64,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        let began_ms = self.now_ms();
        let mut work = pin!(work);
        loop {
            let silent_ms = self.silent_at_ms(began_ms).min(end_ms);
            let silent_at = self.since + Duration::from_millis(silent_ms.min(self.now_ms() + TURN_MAX_MS));
            if let Ok(done) = timeout_at(silent_at, work.as_mut()).await {
                return self.noted(done);
            }
            if self.now_ms() >= end_ms {
                return self.noted(Err(silence()));
            }
            if self.now_ms() < self.silent_at_ms(began_ms) {
                continue;
            }
            let answers = tokio::select! {
                biased;
                done = work.as_mut() => return self.noted(done),
                answers = self.check() => answers,
            };
            if !answers {
                return self.noted(Err(silence()));
            }
        }
    }

    /// When a wait that began then is over, if nothing is heard until then.
    fn silent_at_ms(&self, began_ms: u64) -> u64 {
        if self.at_work.load(Ordering::Relaxed) > 0 {
            return u64::MAX;
        }
        let away = self.away.load(Ordering::Relaxed);
        let max_ms = if away { SILENCE_MAX_WHEN_AWAY_MS } else { SILENCE_MAX_MS };
        began_ms.max(self.heard_ms.load(Ordering::Relaxed)) + max_ms
    }

    /// Whether a server that has not answered for a while answers somebody new.
    async fn check(&self) -> bool {
        let Some(server) = self.server.as_ref().filter(|_| !self.away.load(Ordering::Relaxed)) else {
            return false;
        };
        let asked = async {
            let mut checked = self.checked.lock().await;
            if let Some((_, answers)) = checked.filter(|(at, _)| at.elapsed() < CHECK_HOLDS) {
                return answers;
            }
            let answers = timeout(CHECK_MAX, server.connect()).await.is_ok_and(|it| it.is_ok());
            *checked = Some((Instant::now(), answers));
            if answers {
                self.heard();
            }
            answers
        };
        timeout(CHECK_MAX, asked).await.unwrap_or(false)
    }

    fn noted<T>(&self, done: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        match &done {
            Ok(_) => self.heard(),
            Err(error) if super::is_unavailable(error) => self.away.store(true, Ordering::Relaxed),
            Err(_) => {}
        }
        done
    }

    pub(crate) fn heard_within(&self, lately: Duration) -> bool {
        let heard_ms = self.heard_ms.load(Ordering::Relaxed);
        heard_ms > 0 && self.since.elapsed() <= Duration::from_millis(heard_ms) + lately
    }

    fn heard(&self) {
        self.heard_ms.store(self.now_ms(), Ordering::Relaxed);
        self.away.store(false, Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn silence() -> sqlx::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the database does not answer").into()
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    async fn answer() -> Result<(), sqlx::Error> {
        Ok(())
    }

    #[tokio::test]
    async fn a_silent_database_is_given_up_and_then_known_to_be_away() {
        let pulse = Pulse::new(None);
        let began = Instant::now();
        let waited = pulse.wait(pending::<Result<(), _>>()).await;
        assert!(waited.is_err_and(|error| super::super::is_unavailable(&error)));
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        let began = Instant::now();
        pulse.wait(pending::<Result<(), _>>()).await.expect_err("still away");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        pulse.wait(answer()).await.expect("it is back");
        assert!(!pulse.away.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn slow_work_is_waited_for_while_others_are_answered() {
        let pulse = Pulse::new(None);
        let slow = pulse.wait(async {
            tokio::time::sleep(Duration::from_millis(SILENCE_MAX_MS + 600)).await;
            Ok(())
        });
        let others = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_millis(300)).await;
                pulse.wait(answer()).await.expect("answered");
            }
        };
        let (slow, ()) = tokio::join!(slow, others);
        slow.expect("waited for");
    }
}
