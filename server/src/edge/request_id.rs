//! The name of one request, in its answer and wherever it is written down.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

/// Names one request in the log, in the audit log and in its answer: 16 hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub struct RequestId(u64);

impl RequestId {
    const DIGITS: usize = 16;

    pub fn digits(self) -> [u8; Self::DIGITS] {
        let bytes = self.0.to_be_bytes();
        std::array::from_fn(|at| {
            let half = if at % 2 == 0 { bytes[at / 2] >> 4 } else { bytes[at / 2] & 15 };
            b"0123456789abcdef"[usize::from(half)]
        })
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Ids that do not repeat within one server and, starting at random, not among a fleet of them either.
pub struct RequestIds(AtomicU64);

impl RequestIds {
    pub fn starting_at(start: u64) -> Self {
        Self(AtomicU64::new(start))
    }

    /// A number that nobody needs to be unable to guess. splitmix64: a bijection of the counter, so that neighbours look nothing alike.
    pub fn draw(&self) -> u64 {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn next(&self) -> RequestId {
        RequestId(self.draw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_do_not_repeat() {
        let ids = RequestIds::starting_at(7);
        let seen: std::collections::HashSet<_> = (0..10_000).map(|_| ids.next().0).collect();
        assert_eq!(seen.len(), 10_000);
        let id = RequestId(0x0123_4567_89ab_cdef);
        assert_eq!(id.to_string().as_bytes(), id.digits());
    }
}
