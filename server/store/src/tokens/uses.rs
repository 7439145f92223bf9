//! When tokens were last used: noted in memory, written once a minute. A request writes nothing and waits for nobody.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::{Store, StoreError, clock::MINUTE_MS, db::args};

/// How exact "last used" is: a busy token is noted so often, and read otherwise.
const EXACT_MS: i64 = MINUTE_MS / 4;

/// The last use of one token, whichever of its secrets came.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    at_ms: AtomicI64,
    written_ms: AtomicI64,
}

impl Uses {
    pub(super) fn since(last_ms: Option<i64>) -> Self {
        let last_ms = last_ms.unwrap_or(0);
        Self { at_ms: AtomicI64::new(last_ms), written_ms: AtomicI64::new(last_ms) }
    }

    pub(super) fn note(&self, now_ms: i64) {
        if now_ms - self.at_ms.load(Ordering::Relaxed) >= EXACT_MS {
            self.at_ms.store(now_ms, Ordering::Relaxed);
        }
    }

    pub(super) fn at_ms(&self) -> Option<i64> {
        Some(self.at_ms.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    /// What is not written yet.
    fn news(&self) -> Option<i64> {
        self.at_ms().filter(|at| *at > self.written_ms.load(Ordering::Relaxed))
    }
}

impl Store {
    /// Writes when tokens were last used, those that were used since the last time. No change of Fader: no audit entry.
    pub async fn write_token_uses(&self) -> Result<(), StoreError> {
        let state = self.live().state();
        for token in state.tokens.values() {
            let Some(at_ms) = token.uses.news() else { continue };
            self.db()
                .execute(
                    "UPDATE tokens SET last_used_ms = $1 \
                     WHERE id = $2 AND (last_used_ms IS NULL OR last_used_ms < $1)",
                    args![at_ms, token.id.get()],
                )
                .await?;
            token.uses.written_ms.fetch_max(at_ms, Ordering::Relaxed);
        }
        Ok(())
    }
}
