//! Slows down guessing: per account, per address, and per both, with delays that double. The delays of an account and of
//! an address alone do not hold where its owner has signed in before, so neither strangers nor neighbours behind the same
//! address can lock them out; elsewhere an account's is short.

use std::net::IpAddr;

use crate::{
    StoreError,
    clock::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS},
    db::{Db, Tx, args},
    secret::sha256_hex,
};

/// Failures older than this are forgiven.
const FORGIVEN_AFTER_MS: i64 = 6 * HOUR_MS;
/// How long an address stays familiar after a sign-in.
const FAMILIAR_MS: i64 = 90 * DAY_MS;
const FIRST_DELAY_MS: i64 = SECOND_MS;

/// How patient a scope is.
#[derive(Debug, Clone, Copy)]
struct Policy {
    scope: &'static str,
    /// Attempts without any delay.
    free: i64,
    delay_ms_max: i64,
}

const ACCOUNT: Policy = Policy { scope: "account", free: 10, delay_ms_max: 30 * SECOND_MS };
/// Many people can sit behind one address.
const ADDRESS: Policy = Policy { scope: "address", free: 30, delay_ms_max: 15 * MINUTE_MS };
const BOTH: Policy = Policy { scope: "both", free: 5, delay_ms_max: 15 * MINUTE_MS };

impl Policy {
    /// How long to wait after this many attempts in a row.
    fn delay_ms(self, attempts: i64) -> i64 {
        let beyond = attempts - self.free;
        if beyond < 0 {
            return 0;
        }
        let doubled = FIRST_DELAY_MS.saturating_mul(1i64 << beyond.min(30));
        doubled.min(self.delay_ms_max)
    }
}

/// Whose attempts are counted, in the order in which their rows are locked.
pub(crate) struct Attempt {
    rows: [(Policy, String); 3],
}

#[derive(sqlx::FromRow)]
struct Row {
    failures: i64,
    last_ms: i64,
    blocked_until_ms: i64,
    succeeded_ms: Option<i64>,
}

impl Attempt {
    pub(crate) fn new(email: &str, address: &str) -> Self {
        let (email, address) = (email.trim().to_lowercase(), network(address));
        let both = format!("{email}\n{address}");
        Self {
            rows: [(ACCOUNT, email), (ADDRESS, address), (BOTH, both)]
                .map(|(p, text)| (p, sha256_hex(&text))),
        }
    }

    /// Counts the attempt as failed before it is made, so that attempts at the same time count each other.
    /// `Some`: not now; try again after so many milliseconds.
    pub(crate) async fn begin(&self, db: &Db, now_ms: i64) -> Result<Option<i64>, StoreError> {
        let mut tx = db.begin().await?;
        let mut rows = Vec::with_capacity(self.rows.len());
        for (policy, subject) in &self.rows {
            rows.push(lock(&mut tx, *policy, subject, now_ms).await?);
        }
        let familiar = rows[2].succeeded_ms.is_some_and(|at| now_ms - at < FAMILIAR_MS);
        let counts = |policy: Policy| !familiar || policy.scope == BOTH.scope;
        let waits = self.rows.iter().zip(&rows).filter(|((policy, _), _)| counts(*policy));
        let wait_ms = waits.map(|(_, row)| row.blocked_until_ms - now_ms).max().unwrap_or(0);
        if wait_ms > 0 {
            tx.rollback().await?;
            return Ok(Some(wait_ms));
        }
        for ((policy, subject), row) in self.rows.iter().zip(&rows).filter(|((policy, _), _)| counts(*policy))
        {
            let failures = if now_ms - row.last_ms > FORGIVEN_AFTER_MS { 1 } else { row.failures + 1 };
            tx.execute(
                "UPDATE sign_in_attempts SET failures = $1, last_ms = $2, blocked_until_ms = $3 \
                 WHERE scope = $4 AND subject_hash = $5",
                args![failures, now_ms, now_ms + policy.delay_ms(failures), policy.scope, subject],
            )
            .await?;
        }
        tx.commit().await?;
        Ok(None)
    }

    /// Takes the attempt back: it succeeded. The address keeps its other failures, or an attacker's own account would
    /// clear them.
    pub(crate) async fn succeeded(&self, tx: &mut Tx, now_ms: i64) -> Result<(), StoreError> {
        for (policy, subject) in &self.rows {
            let keeps = policy.scope == ADDRESS.scope;
            tx.execute(
                "UPDATE sign_in_attempts SET \
                 failures = CASE WHEN $1 AND failures > 0 THEN failures - 1 ELSE 0 END, \
                 blocked_until_ms = 0, succeeded_ms = $2 WHERE scope = $3 AND subject_hash = $4",
                args![keeps, now_ms, policy.scope, subject],
            )
            .await?;
        }
        tx.execute(
            "DELETE FROM sign_in_attempts WHERE last_ms < $1 AND (succeeded_ms IS NULL OR succeeded_ms < $2)",
            args![now_ms - FORGIVEN_AFTER_MS, now_ms - FAMILIAR_MS],
        )
        .await?;
        Ok(())
    }
}

/// The row, made when missing; the write locks it until the transaction ends.
async fn lock(tx: &mut Tx, policy: Policy, subject: &str, now_ms: i64) -> Result<Row, StoreError> {
    Ok(tx
        .one(
            "INSERT INTO sign_in_attempts (scope, subject_hash, failures, last_ms, blocked_until_ms) \
             VALUES ($1, $2, 0, $3, 0) \
             ON CONFLICT (scope, subject_hash) DO UPDATE SET last_ms = sign_in_attempts.last_ms \
             RETURNING failures, last_ms, blocked_until_ms, succeeded_ms",
            args![policy.scope, subject, now_ms],
        )
        .await?)
}

/// Who is behind an address: one IPv4 address, or the /64 network of an IPv6 one.
fn network(address: &str) -> String {
    match address.trim().parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(IpAddr::V4(ip)) => ip.to_string(),
        Err(_) => address.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_their_cap() {
        assert_eq!(BOTH.delay_ms(4), 0);
        assert_eq!(BOTH.delay_ms(5), 1000);
        assert_eq!(BOTH.delay_ms(8), 8000);
        assert_eq!(BOTH.delay_ms(1000), 15 * MINUTE_MS);
        assert_eq!(ACCOUNT.delay_ms(1_000_000), 30 * SECOND_MS);
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::9"));
        assert_ne!(network("2001:db8:1:2::9"), network("2001:db8:1:3::9"));
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
    }
}
