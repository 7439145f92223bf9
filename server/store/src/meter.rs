//! Numbers that whoever does the work adds to and whoever asks adds up. Adding is an atomic add or three on a line of memory
//! that few others write: no lock, no allocation, no order between threads.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

/// So many threads add without being in each other's way; more share.
const SHARDS: usize = 8;

thread_local! {
    static SHARD: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS
    };
}

/// `N` numbers that only grow.
#[derive(Debug)]
pub struct Meter<const N: usize>([Shard<N>; SHARDS]);

/// On lines of memory of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Shard<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Meter<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Shard(std::array::from_fn(|_| AtomicU64::new(0)))))
    }
}

impl<const N: usize> Meter<N> {
    /// Adds to the number at `place`; beyond the last there is none to add to.
    pub fn add(&self, place: usize, count: u64) {
        if let Some(number) = self.here().get(place) {
            number.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub fn sums(&self) -> [u64; N] {
        std::array::from_fn(|place| {
            let all = self.0.iter().filter_map(|shard| shard.0.get(place));
            all.map(|number| number.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
        })
    }

    fn here(&self) -> &[AtomicU64] {
        SHARD.with(|shard| self.0.get(*shard)).map_or(&[], |shard| &shard.0)
    }
}

/// How long things took.
#[derive(Debug, Default)]
pub struct Timings(Meter<NUMBERS>);

/// Up to so many microseconds, each.
pub const TIMING_BOUNDS_US: [u64; 14] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 2_500_000,
    10_000_000,
];
/// One for each bound, one for what took longer, and the sum of all in nanoseconds.
const NUMBERS: usize = TIMING_BOUNDS_US.len() + 2;

/// What timings come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timed {
    /// How many took at most as long as each of [`TIMING_BOUNDS_US`].
    pub within: [u64; TIMING_BOUNDS_US.len()],
    pub count: u64,
    pub sum: Duration,
}

impl Timings {
    pub fn note(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0.add(TIMING_BOUNDS_US.partition_point(|bound| *bound < us), 1);
        self.0.add(NUMBERS - 1, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub fn look(&self) -> Timed {
        let numbers = self.0.sums();
        let mut count = 0;
        let within = std::array::from_fn(|place| {
            count += numbers.get(place).copied().unwrap_or_default();
            count
        });
        let [.., longer, sum_ns] = numbers;
        Timed { within, count: count + longer, sum: Duration::from_nanos(sum_ns) }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    #[test]
    fn threads_add_to_one_sum() {
        let meter = Arc::new(Meter::<2>::default());
        let threads = (0..20).map(|_| {
            let meter = Arc::clone(&meter);
            thread::spawn(move || (0..1_000).for_each(|_| meter.add(1, 2)))
        });
        threads.collect::<Vec<_>>().into_iter().for_each(|it| it.join().expect("added"));
        meter.add(2, 1);
        assert_eq!(meter.sums(), [0, 40_000]);
    }

    #[test]
    fn a_bound_holds_what_took_exactly_so_long() {
        let timings = Timings::default();
        for us in [0, 100, 101, 10_000_000, 10_000_001] {
            timings.note(Duration::from_micros(us));
        }
        let timed = timings.look();
        assert_eq!((timed.count, timed.sum), (5, Duration::from_micros(20_000_202)));
        assert_eq!((timed.within[0], timed.within[1], timed.within[13]), (2, 3, 4));
    }

    #[test]
    fn adding_allocates_nothing() {
        let (meter, timings) = (Meter::<4>::default(), Timings::default());
        let counted = allocation_counter::measure(|| {
            meter.add(3, 1);
            timings.note(Duration::from_millis(3));
        });
        assert_eq!(counted.count_total, 0);
    }
}
