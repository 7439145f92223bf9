//! That a flag was asked for, as requests note it: one relaxed store into memory, at most once in a quarter of a minute.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::intake::signals::EXACT_MS;

/// When something was asked for last, and what of that was passed on.
#[derive(Default)]
pub struct Mark {
    asked_ms: AtomicI64,
    told_ms: AtomicI64,
}

impl Mark {
    pub fn note(&self, now_ms: i64) {
        if now_ms - self.asked_ms.load(Ordering::Relaxed) >= EXACT_MS {
            self.asked_ms.store(now_ms, Ordering::Relaxed);
        }
    }

    /// When it was asked for, once.
    pub fn news(&self) -> Option<i64> {
        let asked_ms = self.asked_ms.load(Ordering::Relaxed);
        (self.told_ms.swap(asked_ms, Ordering::Relaxed) != asked_ms).then_some(asked_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_told_once_in_a_while() {
        let mark = Mark::default();
        assert_eq!(mark.news(), None);
        mark.note(1_000_000);
        mark.note(1_000_000 + EXACT_MS - 1);
        assert_eq!((mark.news(), mark.news()), (Some(1_000_000), None));
        mark.note(1_000_000 + EXACT_MS);
        assert_eq!(mark.news(), Some(1_000_000 + EXACT_MS));
    }
}
