//! A refetch that an event triggered names the state it expects: it is never answered from an older one.

use std::{sync::Arc, time::Duration};

use engine::parse_date_ms;
use store::{Store, Token};

use super::{error::OfrepError, prepared::Prepared, revision::ConfigRevision, state::Ofrep};
use crate::limits::{CATCH_UP_MAX, CATCH_UP_POLL};

/// Clocks of several copies differ by less; a later time than that was not named by an event of ours.
const CLOCK_SKEW_MS: i64 = 60_000;

/// What `flagConfigEtag` and `flagConfigLastModified` name. What we cannot have written is left out of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected {
    revision: Option<ConfigRevision>,
    changed_s: Option<i64>,
}

impl Expected {
    pub fn from_query(query: Option<&str>, environment: &str) -> Self {
        let mut expected = Self::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "flagConfigEtag" => expected.revision = revision_of(&value, environment),
                "flagConfigLastModified" => expected.changed_s = seconds_of(&value),
                _ => {}
            }
        }
        expected
    }

    /// When the environment last changed; only looked up when that is asked for.
    fn changed_ms(self, store: &Store, environment: &str) -> i64 {
        let environment = self.changed_s.and_then(|_| store.live().environment(environment));
        environment.map_or(i64::MIN, |it| it.changed_ms)
    }

    fn is_met(self, prepared: &Prepared, changed_ms: i64, now_ms: i64) -> bool {
        let since_ms = prepared.changed_ms(changed_ms, now_ms);
        let credible = self.changed_s.filter(|s| s.saturating_mul(1000) <= now_ms + CLOCK_SKEW_MS);
        self.revision.is_none_or(|expected| expected <= prepared.revision(now_ms))
            && credible.is_none_or(|s| s <= since_ms.div_euclid(1000))
    }
}

fn revision_of(etag: &str, environment: &str) -> Option<ConfigRevision> {
    let tag = etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"');
    tag.strip_prefix(environment)?.strip_prefix('-')?.parse().ok()
}

fn seconds_of(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| parse_date_ms(text).ok().map(|ms| ms.div_euclid(1000)))
}

/// The environment's state, at least as new as expected. Waits for a short while when this copy of the server has
/// not heard of the change yet.
pub async fn current(ofrep: &Ofrep, token: &Token, expected: Expected) -> Result<Arc<Prepared>, OfrepError> {
    let environment = token.environment_key();
    let (mut waited, mut place) = (Duration::ZERO, None);
    loop {
        // Read before the snapshot, so that it is never newer than what is answered from.
        let changed_ms = expected.changed_ms(ofrep.store(), environment);
        let snapshot = ofrep.store().live().snapshot(environment).ok_or(OfrepError::NoEnvironment)?;
        let prepared = ofrep.prepared.get(&snapshot);
        if expected.is_met(&prepared, changed_ms, ofrep.store().clock().now_ms()) {
            return Ok(prepared);
        }
        if place.is_none() {
            place = ofrep.catching_up.try_acquire().ok();
        }
        // Anybody can name a state that never comes: only so many are waited for.
        if waited >= CATCH_UP_MAX || place.is_none() {
            return Err(OfrepError::Behind);
        }
        tokio::time::sleep(CATCH_UP_POLL).await;
        waited += CATCH_UP_POLL;
    }
}

#[cfg(test)]
mod tests {
    use super::{super::revision::config_etag, *};

    #[test]
    fn a_refetch_names_a_state_in_several_ways() {
        let revision = ConfigRevision { revision: 42, passed: 3 };
        let etag = config_etag("production", revision);
        assert_eq!(etag, "\"production-42-3\"");
        let query = "flagConfigEtag=%22production-42-3%22&flagConfigLastModified=1771622898&x=y";
        let expected = Expected { revision: Some(revision), changed_s: Some(1_771_622_898) };
        assert_eq!(Expected::from_query(Some(query), "production"), expected);
        let iso = Expected::from_query(Some("flagConfigLastModified=1970-01-01T00:01:00Z"), "production");
        assert_eq!(iso.changed_s, Some(60));
        for foreign in ["", "flagConfigEtag=abc", "flagConfigEtag=staging-1-1", "flagConfigLastModified=soon"]
        {
            assert_eq!(Expected::from_query(Some(foreign), "production"), Expected::default(), "{foreign}");
        }
    }
}
