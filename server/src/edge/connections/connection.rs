//! One connection, as the others see it: what it is doing, and whether it was asked to leave.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures::task::AtomicWaker;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::{Places, answer, ms_since};

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// A request is under way.
    Request,
    /// It waits for one, since so many ms.
    Nothing { since_ms: u64 },
    /// The head of one began to arrive.
    Head { since_ms: u64 },
}

/// One connection, as the others see it.
pub struct Connection {
    pub(super) address: Option<IpAddr>,
    pub(super) start: Instant,
    /// Requests.
    under_way: AtomicUsize,
    /// What [`Doing`] is without a request, written for every request without a lock.
    doing: AtomicU64,
    /// It speaks HTTP/2: what arrives may be anything.
    is_shared: AtomicBool,
    /// Of HTTP/2 only.
    answers: Mutex<Answers>,
    /// The places of its address.
    taken: Option<Arc<AtomicUsize>>,
    places: Weak<Places>,
    leaves: AtomicBool,
    told: AtomicWaker,
    pub(super) lingering: Arc<Semaphore>,
}

#[derive(Default)]
struct Answers {
    open: HashMap<u64, Arc<answer::Open>>,
    next: u64,
}

/// A request, until its answer is over.
pub struct UnderWay {
    pub(super) connection: Arc<Connection>,
    /// The place of one beside others.
    free: Option<OwnedSemaphorePermit>,
    of_address: Option<Arc<AtomicUsize>>,
}

impl Connection {
    pub(super) fn new(
        places: &Arc<Places>,
        address: Option<IpAddr>,
        taken: Option<Arc<AtomicUsize>>,
    ) -> Self {
        let connection = Self {
            address,
            start: places.start,
            under_way: AtomicUsize::new(0),
            doing: AtomicU64::new(0),
            is_shared: AtomicBool::new(false),
            answers: Mutex::default(),
            taken,
            places: Arc::downgrade(places),
            leaves: AtomicBool::new(false),
            told: AtomicWaker::new(),
            lingering: Arc::clone(&places.lingering),
        };
        connection.is(Doing::Nothing { since_ms: ms_since(places.start) });
        connection
    }

    /// A request has arrived, with HTTP/2 or not. `None`: there are others under way on this connection, and no place for one
    /// beside them.
    pub fn works(self: &Arc<Self>, shared: bool) -> Option<UnderWay> {
        if shared {
            self.is_shared.store(true, Ordering::Relaxed);
        }
        let others = self.under_way.fetch_add(1, Ordering::AcqRel);
        let mut under_way = UnderWay { connection: Arc::clone(self), free: None, of_address: None };
        if others == 0 || !shared {
            return Some(under_way);
        }
        let places = self.places.upgrade()?;
        if let Some(taken) = &self.taken {
            let before = taken.fetch_add(1, Ordering::AcqRel);
            under_way.of_address = Some(Arc::clone(taken));
            if before >= places.per_address_max {
                return None;
            }
        }
        let free = Arc::clone(&places.free).try_acquire_owned();
        under_way.free = Some(free.map_err(|_| places.ask_to_leave(None, 1)).ok()?);
        Some(under_way)
    }

    /// One was answered.
    fn rests(&self) {
        self.is(Doing::Nothing { since_ms: ms_since(self.start) });
        self.under_way.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn add_answer(&self, open: &Arc<answer::Open>) -> u64 {
        let mut answers = self.answers();
        let number = answers.next;
        answers.next += 1;
        answers.open.insert(number, Arc::clone(open));
        number
    }

    pub(super) fn remove_answer(&self, number: u64) {
        self.answers().open.remove(&number);
    }

    pub(super) fn give_up_stalled(&self, now_ms: u64) {
        if self.is_shared.load(Ordering::Relaxed) {
            self.answers().open.values().for_each(|answer| answer.give_up_stalled(now_ms));
        }
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes have arrived: of a head, unless a request is under way. (Of HTTP/2 they may be about the connection.)
    pub(super) fn hears(&self) {
        if let Doing::Nothing { .. } = self.doing()
            && !self.is_shared.load(Ordering::Relaxed)
        {
            self.is(Doing::Head { since_ms: ms_since(self.start) });
        }
    }

    pub(super) fn is(&self, doing: Doing) {
        let number = match doing {
            Doing::Request => return,
            Doing::Nothing { since_ms } => since_ms << 1,
            Doing::Head { since_ms } => since_ms << 1 | 1,
        };
        self.doing.store(number, Ordering::Relaxed);
    }

    pub(super) fn doing(&self) -> Doing {
        if self.under_way.load(Ordering::Acquire) > 0 {
            return Doing::Request;
        }
        let doing = self.doing.load(Ordering::Relaxed);
        let since_ms = doing >> 1;
        if doing & 1 == 0 { Doing::Nothing { since_ms } } else { Doing::Head { since_ms } }
    }

    /// A request is under way: it is not broken off.
    pub fn is_busy(&self) -> bool {
        self.doing() == Doing::Request
    }

    pub(super) fn leave(&self) {
        self.leaves.store(true, Ordering::Release);
        self.told.wake();
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaves.load(Ordering::Acquire)
    }

    /// Ready once it was asked to leave.
    pub fn poll_leaving(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_leaving() {
            return Poll::Ready(());
        }
        self.told.register(cx.waker());
        if self.is_leaving() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        drop(self.free.take());
        if let Some(taken) = &self.of_address {
            taken.fetch_sub(1, Ordering::AcqRel);
        }
        self.connection.rests();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[tokio::test]
    async fn a_slow_head_leaves() {
        let places = Places::new(&Config::default());
        let place = places.enter(([192, 0, 2, 1], 1).into()).await.expect("a place");
        place.connection.is(Doing::Nothing { since_ms: 0 });
        places.ask_the_slow(60_000);
        assert!(!place.connection.is_leaving(), "idle is not slow");
        place.connection.is(Doing::Nothing { since_ms: 60_000 });
        let request = place.connection.works(false);
        places.ask_the_slow(200_000);
        assert!(!place.connection.is_leaving(), "an answer has its time");
        drop(request);
        place.connection.is(Doing::Head { since_ms: 60_000 });
        place.connection.hears();
        assert_eq!(
            place.connection.doing(),
            Doing::Head { since_ms: 60_000 },
            "more of it starts no new time"
        );
        places.ask_the_slow(69_999);
        assert!(!place.connection.is_leaving());
        places.ask_the_slow(70_000);
        assert!(place.connection.is_leaving());
    }
}
