//! Sessions that this copy of the server found not to be over lately. While the database is away they cannot be looked
//! at, so this alone lets nobody in: it tells members, who have something to lose, from strangers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::sessions::SESSION_IDLE_MS;
use crate::{NewSession, Store, TokenHash};

/// About 100 bytes each; beyond it those that are over are forgotten, and when there are none the longest unused.
const SEEN_MAX: usize = 20_000;

/// When each was found last, by the hash of its token.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeenSessions(Arc<Mutex<HashMap<TokenHash, i64>>>);

/// Somebody whose session was good when it was last looked at. It allows nothing but to be remembered as that.
#[derive(Debug, Clone, Copy)]
pub struct SeenSession(());

impl SeenSessions {
    pub(super) fn note(&self, token: TokenHash, now_ms: i64) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= SEEN_MAX && !seen.contains_key(&token) {
            seen.retain(|_, at_ms| now_ms - *at_ms < SESSION_IDLE_MS);
            let longest_unused = seen.iter().min_by_key(|(_, at_ms)| **at_ms).map(|(token, _)| *token);
            if let Some(token) = longest_unused.filter(|_| seen.len() >= SEEN_MAX) {
                seen.remove(&token);
            }
        }
        seen.insert(token, now_ms);
    }

    pub(super) fn forget(&self, token: &TokenHash) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(token);
    }

    fn has(&self, token: &TokenHash, now_ms: i64) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(token).is_some_and(|at_ms| now_ms - at_ms < SESSION_IDLE_MS)
    }
}

impl Store {
    /// It was made, or goes on under a new token.
    pub(super) fn note_session(&self, session: &NewSession) {
        self.0.seen_sessions.note(TokenHash::of(&session.token), self.shared_now_ms());
    }

    /// For a session that cannot be looked at because the database is away.
    pub fn find_seen_session(&self, token: &str) -> Option<SeenSession> {
        let now_ms = self.shared_now_ms();
        self.0.seen_sessions.has(&TokenHash::of(token), now_ms).then_some(SeenSession(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_known_until_it_is_over_or_makes_room() {
        let seen = SeenSessions::default();
        let token = |n: usize| TokenHash::of(&n.to_string());
        seen.note(token(0), 0);
        assert!(seen.has(&token(0), SESSION_IDLE_MS - 1) && !seen.has(&token(0), SESSION_IDLE_MS));
        assert!(!seen.has(&token(1), 0));
        for n in 1..=SEEN_MAX {
            seen.note(token(n), 1);
        }
        assert!(!seen.has(&token(0), 1), "the longest unused");
        assert!(seen.has(&token(1), 1) && seen.has(&token(SEEN_MAX), 1));
        seen.forget(&token(1));
        assert!(!seen.has(&token(1), 1));
        seen.note(token(0), 1 + SESSION_IDLE_MS);
        assert_eq!(seen.0.lock().expect("not poisoned").len(), SEEN_MAX);
        seen.note(token(1), 1 + SESSION_IDLE_MS);
        assert_eq!(seen.0.lock().expect("not poisoned").len(), 2, "those that are over go");
    }
}
