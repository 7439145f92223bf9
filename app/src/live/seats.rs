//! Who listens to `/live`. A browser needs one stream for all of its pages, and has a few; one more ends the oldest,
//! which may well be one that nobody reads any more. A stream ends when its session does.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use store::{Principal, SessionId, Store, UserId};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

/// Browsers allow six connections to a server that speaks HTTP/1.1. Whatever their pages do, two are left for what somebody
/// presses.
pub const LIVE_PER_SESSION_MAX: usize = 4;
pub const LIVE_PER_MEMBER_MAX: usize = 64;
/// How often all sessions with a stream are looked at, together.
const LOOK: Duration = Duration::from_secs(1);
/// A database that takes longer is asked again at the next look.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// All streams of pages.
#[derive(Clone)]
pub struct Seats(Arc<Shared>);

struct Shared {
    max: usize,
    open: Mutex<Open>,
    start: Instant,
    /// Milliseconds from the start to the latest look.
    looked_ms: AtomicU64,
}

#[derive(Default)]
struct Open {
    /// The oldest first.
    listeners: BTreeMap<u64, Arc<Listener>>,
    next: u64,
}

struct Listener {
    session: Option<SessionId>,
    member: UserId,
    is_over: AtomicBool,
    ended: Notify,
}

/// One open stream; given back when it is dropped.
pub struct Seat {
    seats: Seats,
    number: u64,
    listener: Arc<Listener>,
}

impl Seats {
    /// At most `max` streams of all members together.
    pub fn new(max: usize) -> Self {
        let (start, looked_ms) = (Instant::now(), AtomicU64::new(0));
        Self(Arc::new(Shared { max, open: Mutex::default(), start, looked_ms }))
    }

    /// `None` when the server has as many as it can hold.
    pub fn take(&self, principal: &Principal) -> Option<Seat> {
        let (session, member) = (principal.session_id(), principal.id());
        let mut open = self.open();
        if open.listeners.len() >= self.0.max {
            return None;
        }
        open.end_oldest(LIVE_PER_SESSION_MAX, |it| session.is_some() && it.session == session);
        open.end_oldest(LIVE_PER_MEMBER_MAX, |it| it.member == member);
        let (is_over, ended) = (AtomicBool::new(false), Notify::new());
        let listener = Arc::new(Listener { session, member, is_over, ended });
        let number = open.next;
        open.next += 1;
        open.listeners.insert(number, Arc::clone(&listener));
        Some(Seat { seats: self.clone(), number, listener })
    }

    /// Streams that are open.
    pub fn count(&self) -> usize {
        self.open().listeners.len()
    }

    /// Ends the streams of sessions that are over. Whoever comes first in a second does it for all.
    async fn look(&self, store: &Store) {
        let now_ms = u64::try_from(self.0.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let looked_ms = self.0.looked_ms.load(Ordering::Acquire);
        let is_time = u128::from(now_ms - looked_ms.min(now_ms)) >= LOOK.as_millis();
        let claim = || {
            let (before, after) = (Ordering::AcqRel, Ordering::Relaxed);
            self.0.looked_ms.compare_exchange(looked_ms, now_ms, before, after).is_ok()
        };
        if !is_time || !claim() {
            return;
        }
        let mut sessions: Vec<_> = self.open().listeners.values().filter_map(|it| it.session).collect();
        sessions.sort_unstable_by_key(|session| session.get());
        sessions.dedup();
        match timeout(LOOK_MAX, store.sessions_that_hold(&sessions)).await {
            Ok(Ok(held)) => {
                let asked = |session: &SessionId| {
                    sessions.binary_search_by_key(&session.get(), |it| it.get()).is_ok()
                };
                self.open().end(|it| it.session.is_some_and(|it| asked(&it) && !held.contains(&it)));
            }
            Ok(Err(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "sessions cannot be read");
            }
            Err(_) => tracing::debug!("sessions are not read in time"),
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Makes room for one more among `max` of those.
    fn end_oldest(&mut self, max: usize, of_those: impl Fn(&Listener) -> bool) {
        let numbers = self.listeners.iter().filter(|(_, it)| of_those(it)).map(|(number, _)| *number);
        let numbers: Vec<_> = numbers.collect();
        let surplus = (numbers.len() + 1).saturating_sub(max);
        for number in numbers.into_iter().take(surplus) {
            if let Some(listener) = self.listeners.remove(&number) {
                listener.end();
            }
        }
    }

    fn end(&mut self, those: impl Fn(&Listener) -> bool) {
        self.listeners.retain(|_, listener| {
            let ends = those(listener);
            if ends {
                listener.end();
            }
            !ends
        });
    }
}

impl Listener {
    fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.ended.notify_one();
    }
}

impl Seat {
    /// Whether this stream goes on; looks at the sessions when it is time.
    pub async fn goes_on(&self, store: &Store) -> bool {
        self.seats.look(store).await;
        !self.listener.is_over.load(Ordering::Acquire)
    }

    /// Resolves when this stream is to end.
    pub async fn ended(&self) {
        self.listener.ended.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.open().listeners.remove(&self.number);
    }
}
