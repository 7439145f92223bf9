//! Places for connections: how many there are, in all and for one address, and who leaves when somebody new comes.
//!
//! A connection that waits for a request holds a place that others may need: when places are short, the longest idle one
//! leaves, and nobody is refused. Locks here are taken when a connection comes or goes, never for a request.

pub mod files;
mod socket;

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::task::AtomicWaker;
use ipnet::IpNet;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, MissedTickBehavior, interval},
};

use super::client_address::ClientAddress;
use crate::{Config, limits::LINGERING_MAX};

pub use socket::Socket;

/// How often slow heads are looked for.
const LOOK: Duration = Duration::from_millis(250);
/// How long a newcomer waits until the longest idle connections are asked to leave once more.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// So many of all leave at once, so that a rush of newcomers does not look for the longest idle each time.
const SHARE_THAT_LEAVES: usize = 64;

/// In the number that [`Doing`] is kept as.
const NOT_A_REQUEST: u64 = 1 << 63;

/// All connections of the server.
pub struct Places {
    free: Arc<Semaphore>,
    max: usize,
    per_address_max: usize,
    /// Proxies speak for many.
    exempt: Vec<IpNet>,
    head_read_max: Duration,
    /// What times in [`Connection`] are counted from.
    start: Instant,
    lingering: Arc<Semaphore>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    connections: HashMap<u64, Arc<Connection>>,
    by_address: HashMap<IpAddr, usize>,
    next: u64,
    /// An address at its limit was told of in the log.
    told: bool,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// A request is under way.
    Request,
    /// It waits for one, since so many ms.
    Nothing { since_ms: u64 },
    /// The head of one began to arrive.
    Head { since_ms: u64 },
}

/// One connection, as the others see it.
pub struct Connection {
    address: Option<IpAddr>,
    start: Instant,
    /// [`Doing`], written for every request without a lock.
    doing: AtomicU64,
    leaves: AtomicBool,
    told: AtomicWaker,
    lingering: Arc<Semaphore>,
}

/// A connection's place; given back when it is dropped.
pub struct Place {
    pub connection: Arc<Connection>,
    number: u64,
    places: Arc<Places>,
    _free: OwnedSemaphorePermit,
}

impl Places {
    pub fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(config.connections_max)),
            max: config.connections_max,
            per_address_max: config.connections_per_address_max(),
            exempt: config.trusted_proxies.clone(),
            head_read_max: config.head_read_max,
            start: Instant::now(),
            lingering: Arc::new(Semaphore::new(LINGERING_MAX)),
            open: Mutex::default(),
        })
    }

    /// A place for somebody new, as soon as there is one. `None`: this address has all it may have, and all of them are
    /// busy.
    pub async fn enter(self: &Arc<Self>, peer: SocketAddr) -> Option<Place> {
        let address = self.counted(peer);
        if let Some(address) = address
            && !self.has_room_for(address)
        {
            return None;
        }
        let free = loop {
            if let Ok(free) = Arc::clone(&self.free).try_acquire_owned() {
                break free;
            }
            self.ask_to_leave(None, self.max.div_ceil(SHARE_THAT_LEAVES));
            let waiting = Arc::clone(&self.free).acquire_owned();
            if let Ok(free) = tokio::time::timeout(ASK_AGAIN, waiting).await {
                break free.ok()?;
            }
        };
        let connection = Arc::new(Connection {
            address,
            start: self.start,
            doing: AtomicU64::new(0),
            leaves: AtomicBool::new(false),
            told: AtomicWaker::new(),
            lingering: Arc::clone(&self.lingering),
        });
        connection.rests();
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.connections.insert(number, Arc::clone(&connection));
        if let Some(address) = address {
            *open.by_address.entry(address).or_default() += 1;
        }
        drop(open);
        Some(Place { connection, number, places: Arc::clone(self), _free: free })
    }

    /// Asks whoever needs too long for a request's head to leave; never ends.
    pub async fn look_for_slow_heads(self: Arc<Self>) {
        let mut look = interval(LOOK.min(self.head_read_max));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            self.ask_slow_heads(ms_since(self.start));
        }
    }

    fn ask_slow_heads(&self, now_ms: u64) {
        for connection in self.open().connections.values() {
            if let Doing::Head { since_ms } = connection.doing()
                && u128::from(now_ms.saturating_sub(since_ms)) >= self.head_read_max.as_millis()
            {
                connection.leave();
            }
        }
    }

    /// Asks everybody to leave once their request is answered, and waits until they have.
    pub async fn empty(&self) {
        self.open().connections.values().for_each(|connection| connection.leave());
        let all = u32::try_from(self.max).unwrap_or(u32::MAX);
        drop(self.free.acquire_many(all).await);
    }

    /// What an address is counted by; `None` for proxies, which speak for many.
    fn counted(&self, peer: SocketAddr) -> Option<IpAddr> {
        let address = ClientAddress(peer.ip().to_canonical());
        let is_exempt = self.exempt.iter().any(|net| net.contains(&address.0));
        (!is_exempt).then(|| address.counted())
    }

    /// An address that has as many as it may have gives up its longest idle one.
    fn has_room_for(&self, address: IpAddr) -> bool {
        let mut open = self.open();
        if open.by_address.get(&address).is_none_or(|taken| *taken < self.per_address_max) {
            return true;
        }
        let first = !std::mem::replace(&mut open.told, true);
        drop(open);
        if first {
            let max = self.per_address_max;
            tracing::warn!(%address, max, "this address has as many connections as one may have; if it is a proxy, name it with --trusted-proxy");
        }
        self.ask_to_leave(Some(address), 1)
    }

    /// Asks the `count` longest idle (of one address) to leave; whether there was any.
    fn ask_to_leave(&self, address: Option<IpAddr>, count: usize) -> bool {
        let open = self.open();
        let of_it = |connection: &&Arc<Connection>| {
            (address.is_none() || connection.address == address) && !connection.is_leaving()
        };
        let idle = open.connections.values().filter(of_it).filter_map(|connection| {
            let (Doing::Nothing { since_ms } | Doing::Head { since_ms }) = connection.doing() else {
                return None;
            };
            Some((since_ms, connection))
        });
        let mut idle: Vec<_> = idle.collect();
        if idle.len() > count {
            idle.select_nth_unstable_by_key(count, |(since_ms, _)| *since_ms);
        }
        idle.iter().take(count).for_each(|(_, connection)| connection.leave());
        !idle.is_empty()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// A request has arrived.
    pub fn works(&self) {
        self.is(Doing::Request);
    }

    /// It was answered.
    pub fn rests(&self) {
        self.is(Doing::Nothing { since_ms: ms_since(self.start) });
    }

    /// Bytes have arrived: of a head, unless a request is under way.
    fn hears(&self) {
        if let Doing::Nothing { .. } = self.doing() {
            self.is(Doing::Head { since_ms: ms_since(self.start) });
        }
    }

    fn is(&self, doing: Doing) {
        let number = match doing {
            Doing::Request => 0,
            Doing::Nothing { since_ms } => NOT_A_REQUEST | since_ms << 1,
            Doing::Head { since_ms } => NOT_A_REQUEST | since_ms << 1 | 1,
        };
        self.doing.store(number, Ordering::Relaxed);
    }

    fn doing(&self) -> Doing {
        let doing = self.doing.load(Ordering::Relaxed);
        let since_ms = (doing & !NOT_A_REQUEST) >> 1;
        match (doing, doing & 1) {
            (0, _) => Doing::Request,
            (_, 0) => Doing::Nothing { since_ms },
            _ => Doing::Head { since_ms },
        }
    }

    /// A request is under way: it is not broken off.
    pub fn is_busy(&self) -> bool {
        self.doing() == Doing::Request
    }

    fn leave(&self) {
        self.leaves.store(true, Ordering::Release);
        self.told.wake();
    }

    fn is_leaving(&self) -> bool {
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

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.open();
        open.connections.remove(&self.number);
        let Some(address) = self.connection.address else { return };
        if let Some(taken) = open.by_address.get_mut(&address) {
            *taken -= 1;
            if *taken == 0 {
                open.by_address.remove(&address);
            }
        }
    }
}

fn ms_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX >> 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 1))
    }

    fn places(max: usize, per_address: usize) -> Arc<Places> {
        Places::new(&Config {
            connections_max: max,
            connections_per_address_max: Some(per_address),
            trusted_proxies: vec!["192.0.2.9/32".parse().expect("a network")],
            ..Config::default()
        })
    }

    #[tokio::test]
    async fn the_longest_idle_leaves_for_a_newcomer_and_the_busy_stay() {
        let places = places(3, 3);
        let busy = places.enter(peer(1)).await.expect("a place");
        busy.connection.works();
        let newer = places.enter(peer(2)).await.expect("a place");
        newer.connection.is(Doing::Nothing { since_ms: 2 });
        let older = places.enter(peer(1)).await.expect("a place");
        older.connection.is(Doing::Nothing { since_ms: 1 });
        let entering = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.enter(peer(3)).await.is_some() }
        });
        while !older.connection.is_leaving() {
            tokio::task::yield_now().await;
        }
        assert!(!busy.connection.is_leaving() && !newer.connection.is_leaving());
        drop(older);
        assert!(entering.await.expect("runs"));
    }

    #[tokio::test]
    async fn an_address_has_its_share_and_a_proxy_all_of_it() {
        let places = places(10, 2);
        let one = places.enter(peer(1)).await.expect("a place");
        let two = places.enter(peer(1)).await.expect("a place");
        one.connection.works();
        two.connection.works();
        assert!(places.enter(peer(1)).await.is_none(), "all of its connections are busy");
        assert!(places.enter(peer(2)).await.is_some(), "others do not notice");
        two.connection.rests();
        assert!(places.enter(peer(1)).await.is_some() && two.connection.is_leaving());
        let mut of_proxy = Vec::new();
        for _ in 0..5 {
            of_proxy.push(places.enter(peer(9)).await.expect("a place"));
        }
        drop((one, two, of_proxy));
        assert!(places.open().by_address.is_empty() && places.open().connections.is_empty());
    }

    #[tokio::test]
    async fn a_slow_head_leaves() {
        let places = places(3, 3);
        let place = places.enter(peer(1)).await.expect("a place");
        place.connection.is(Doing::Nothing { since_ms: 0 });
        places.ask_slow_heads(60_000);
        assert!(!place.connection.is_leaving(), "idle is not slow");
        place.connection.is(Doing::Head { since_ms: 60_000 });
        place.connection.hears();
        assert_eq!(
            place.connection.doing(),
            Doing::Head { since_ms: 60_000 },
            "more of it starts no new time"
        );
        places.ask_slow_heads(69_999);
        assert!(!place.connection.is_leaving());
        places.ask_slow_heads(70_000);
        assert!(place.connection.is_leaving());
    }
}
