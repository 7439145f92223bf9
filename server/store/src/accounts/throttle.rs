//! Slows down guessing. A device that the owner signed in with before counts its own failures and nobody else's; so does
//! an address that they signed in from, a weaker sign. Strangers are slowed down per address and per address and account,
//! with delays that double, and share what one account takes an hour: it goes on at a small constant rate, so no account
//! is ever closed. Part of that is kept for those who come back when they were told to: whoever guesses from one address
//! after the other does not, so they cannot keep the owner of a new device waiting.

use std::net::IpAddr;

use super::devices;
use crate::{
    SessionId, StoreError, TokenHash,
    clock::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS},
    db::{Db, Tx, args},
    limits::SIGN_IN_ATTEMPTS_KEPT_MAX,
    secret::sha256_hex,
    text,
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

/// Many people can sit behind one address.
const ADDRESS: Policy = Policy { scope: "address", free: 30, delay_ms_max: 15 * MINUTE_MS };
/// One address at one account; also one familiar device, and one session that gives its password again.
const BOTH: Policy = Policy { scope: "both", free: 5, delay_ms_max: 15 * MINUTE_MS };

const ACCOUNT: &str = "account";
/// What strangers may try at one account: so many at once, then one each so often; 380 in the first hour, then 360.
const TRIES: i64 = 20;
const TRY_EVERY_MS: i64 = 10 * SECOND_MS;
/// Of them, for those who come back when they were told to.
const TRIES_FOR_CLAIMS: i64 = 10;
/// When somebody who was one too many is told to come back.
const COME_BACK_MS: i64 = 10 * SECOND_MS;
/// How long their claim holds from then on.
const CLAIM_MS: i64 = 2 * MINUTE_MS;

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

/// Whose failures count for an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Counted {
    /// Those of this device or session alone.
    Own(String),
    /// Those of the address at this account alone.
    FamiliarAddress,
    /// Those of the account, of the address, and of both.
    Stranger,
}

/// One attempt to give the password of an account.
#[derive(Debug)]
pub(crate) struct Attempt {
    account: String,
    address: String,
    pair: String,
    counted: Counted,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    failures: i64,
    last_ms: i64,
    blocked_until_ms: i64,
    come_back_ms: Option<i64>,
}

impl Attempt {
    /// Of whoever signs in: what they are to the account is looked up.
    pub(crate) async fn at_sign_in(
        db: &Db,
        email: &str,
        address: &str,
        device: Option<&str>,
        now_ms: i64,
    ) -> Result<Self, StoreError> {
        let (account, network) = (email.trim().to_lowercase(), network(address));
        let pair = sha256_hex(&format!("{account}\n{network}"));
        let counted = match own_device(db, &account, device, now_ms).await? {
            Some(own) => Counted::Own(own),
            None if is_familiar_address(db, &pair, now_ms).await? => Counted::FamiliarAddress,
            None => Counted::Stranger,
        };
        Ok(Self { account: sha256_hex(&account), address: sha256_hex(&network), pair, counted })
    }

    /// Of somebody signed in who gives their password once more: nobody else can use up what their session may try.
    pub(crate) fn of_session(email: &str, address: &str, session: SessionId) -> Self {
        let (account, network) = (email.trim().to_lowercase(), network(address));
        let pair = sha256_hex(&format!("{account}\n{network}"));
        let own = sha256_hex(&format!("session\n{session}"));
        Self {
            account: sha256_hex(&account),
            address: sha256_hex(&network),
            pair,
            counted: Counted::Own(own),
        }
    }

    /// Neither a familiar device nor a familiar address.
    pub(crate) fn is_strangers(&self) -> bool {
        self.counted == Counted::Stranger
    }

    /// Counts the attempt as failed before it is made, so that attempts at the same time count each other.
    /// `Some`: not now; try again after so many milliseconds.
    pub(crate) async fn begin(&self, db: &Db, now_ms: i64) -> Result<Option<i64>, StoreError> {
        let mut tx = db.begin().await?;
        let wait_ms = match &self.counted {
            Counted::Own(own) => begin_alone(&mut tx, own, now_ms).await?,
            Counted::FamiliarAddress => begin_alone(&mut tx, &self.pair, now_ms).await?,
            Counted::Stranger => self.begin_as_stranger(&mut tx, now_ms).await?,
        };
        tx.commit().await?;
        Ok(wait_ms)
    }

    /// The rows are locked in one order by everybody.
    async fn begin_as_stranger(&self, tx: &mut Tx, now_ms: i64) -> Result<Option<i64>, StoreError> {
        let account = lock(tx, ACCOUNT, &self.account, now_ms).await?;
        let address = lock(tx, ADDRESS.scope, &self.address, now_ms).await?;
        let pair = lock(tx, BOTH.scope, &self.pair, now_ms).await?;
        let wait_ms = address.blocked_until_ms.max(pair.blocked_until_ms) - now_ms;
        if wait_ms > 0 {
            return Ok(Some(wait_ms));
        }
        let full_ms = account.blocked_until_ms.max(now_ms);
        let turn = turn(full_ms - now_ms, pair.come_back_ms.map(|at_ms| at_ms - now_ms));
        if let Turn::Later { wait_ms } = turn {
            tx.execute(
                "UPDATE sign_in_attempts SET last_ms = $1, come_back_ms = $2 WHERE scope = $3 AND subject_hash = $4",
                args![now_ms, now_ms + wait_ms, BOTH.scope, &self.pair],
            )
            .await?;
            return Ok(Some(wait_ms));
        }
        tx.execute(
            "UPDATE sign_in_attempts SET last_ms = $1, blocked_until_ms = $2 WHERE scope = $3 AND subject_hash = $4",
            args![now_ms, full_ms + TRY_EVERY_MS, ACCOUNT, &self.account],
        )
        .await?;
        count(tx, ADDRESS, &self.address, &address, now_ms).await?;
        count(tx, BOTH, &self.pair, &pair, now_ms).await?;
        Ok(None)
    }

    /// Takes the attempt back: it succeeded. The account and the address keep the failures of others, or an attacker's own
    /// account would clear them.
    pub(crate) async fn succeeded(&self, tx: &mut Tx, now_ms: i64) -> Result<(), StoreError> {
        if self.is_strangers() {
            tx.execute(
                "UPDATE sign_in_attempts SET blocked_until_ms = blocked_until_ms - $1 \
                 WHERE scope = $2 AND subject_hash = $3",
                args![TRY_EVERY_MS, ACCOUNT, &self.account],
            )
            .await?;
            tx.execute(
                "UPDATE sign_in_attempts SET failures = CASE WHEN failures > 0 THEN failures - 1 ELSE 0 END, \
                 blocked_until_ms = 0 WHERE scope = $1 AND subject_hash = $2",
                args![ADDRESS.scope, &self.address],
            )
            .await?;
        }
        tx.execute(
            "INSERT INTO sign_in_attempts (scope, subject_hash, failures, last_ms, blocked_until_ms, succeeded_ms) \
             VALUES ($1, $2, 0, $3, 0, $3) \
             ON CONFLICT (scope, subject_hash) DO UPDATE SET failures = 0, last_ms = excluded.last_ms, \
             blocked_until_ms = 0, come_back_ms = NULL, succeeded_ms = excluded.succeeded_ms",
            args![BOTH.scope, &self.pair, now_ms],
        )
        .await?;
        if let Counted::Own(own) = &self.counted {
            tx.execute(
                "UPDATE sign_in_attempts SET failures = 0, blocked_until_ms = 0 WHERE scope = $1 AND subject_hash = $2",
                args![BOTH.scope, own],
            )
            .await?;
        }
        Ok(())
    }
}

/// Forgets what is too old to count, and of strangers the oldest beyond what is kept.
pub(crate) async fn sweep(db: &Db, now_ms: i64) -> Result<(), StoreError> {
    db.execute(
        "DELETE FROM sign_in_attempts WHERE last_ms < $1 AND (succeeded_ms IS NULL OR succeeded_ms < $2)",
        args![now_ms - FORGIVEN_AFTER_MS, now_ms - FAMILIAR_MS],
    )
    .await?;
    db.execute(
        "DELETE FROM sign_in_attempts WHERE succeeded_ms IS NULL AND last_ms < ( \
             SELECT newer.last_ms FROM sign_in_attempts AS newer ORDER BY newer.last_ms DESC LIMIT 1 OFFSET $1)",
        args![SIGN_IN_ATTEMPTS_KEPT_MAX],
    )
    .await?;
    Ok(())
}

/// Whether a stranger may try an account now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Now,
    Later { wait_ms: i64 },
}

/// `used_ms`: how far what the account takes is used up. `claim_ms`: from when on (negative: since when) this stranger has
/// a claim, who was told to come back then.
fn turn(used_ms: i64, claim_ms: Option<i64>) -> Turn {
    match claim_ms {
        Some(early_ms) if early_ms > 0 => Turn::Later { wait_ms: early_ms },
        Some(since_ms) if since_ms > -CLAIM_MS => {
            let over_ms = used_ms - (TRIES - 1) * TRY_EVERY_MS;
            if over_ms <= 0 { Turn::Now } else { Turn::Later { wait_ms: over_ms } }
        }
        Some(_) | None => {
            let fits = used_ms <= (TRIES - TRIES_FOR_CLAIMS - 1) * TRY_EVERY_MS;
            if fits { Turn::Now } else { Turn::Later { wait_ms: COME_BACK_MS } }
        }
    }
}

/// An attempt whose delay depends on this row alone.
async fn begin_alone(tx: &mut Tx, subject: &str, now_ms: i64) -> Result<Option<i64>, StoreError> {
    let row = lock(tx, BOTH.scope, subject, now_ms).await?;
    let wait_ms = row.blocked_until_ms - now_ms;
    if wait_ms > 0 {
        return Ok(Some(wait_ms));
    }
    count(tx, BOTH, subject, &row, now_ms).await?;
    Ok(None)
}

async fn count(tx: &mut Tx, policy: Policy, subject: &str, row: &Row, now_ms: i64) -> Result<(), StoreError> {
    let failures = if now_ms - row.last_ms > FORGIVEN_AFTER_MS { 1 } else { row.failures + 1 };
    tx.execute(
        "UPDATE sign_in_attempts SET failures = $1, last_ms = $2, blocked_until_ms = $3, come_back_ms = NULL \
         WHERE scope = $4 AND subject_hash = $5",
        args![failures, now_ms, now_ms + policy.delay_ms(failures), policy.scope, subject],
    )
    .await?;
    Ok(())
}

/// The row, made when missing; the write locks it until the transaction ends.
async fn lock(tx: &mut Tx, scope: &str, subject: &str, now_ms: i64) -> Result<Row, StoreError> {
    Ok(tx
        .one(
            "INSERT INTO sign_in_attempts (scope, subject_hash, failures, last_ms, blocked_until_ms) \
             VALUES ($1, $2, 0, $3, 0) \
             ON CONFLICT (scope, subject_hash) DO UPDATE SET last_ms = sign_in_attempts.last_ms \
             RETURNING failures, last_ms, blocked_until_ms, come_back_ms",
            args![scope, subject, now_ms],
        )
        .await?)
}

/// What a familiar device is counted under.
async fn own_device(
    db: &Db,
    account: &str,
    device: Option<&str>,
    now_ms: i64,
) -> Result<Option<String>, StoreError> {
    // What cannot be an address is nobody's; NUL would not even reach PostgreSQL.
    let (Some(device), Ok(email)) = (device.map(TokenHash::of), text::email(account)) else {
        return Ok(None);
    };
    let is_familiar = devices::is_familiar(db, &email, &device, now_ms).await?;
    Ok(is_familiar.then(|| sha256_hex(&format!("device\n{email}\n{}", device.hex()))))
}

async fn is_familiar_address(db: &Db, pair: &str, now_ms: i64) -> Result<bool, StoreError> {
    let sql = "SELECT succeeded_ms FROM sign_in_attempts WHERE scope = $1 AND subject_hash = $2";
    let row: Option<(Option<i64>,)> = db.optional(sql, args![BOTH.scope, pair]).await?;
    Ok(row.and_then(|(at_ms,)| at_ms).is_some_and(|at_ms| now_ms - at_ms < FAMILIAR_MS))
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
    }

    #[test]
    fn whoever_comes_back_goes_before_whoever_comes_first() {
        let used_by_strangers = (TRIES - TRIES_FOR_CLAIMS) * TRY_EVERY_MS;
        let used_up = TRIES * TRY_EVERY_MS;
        assert_eq!(turn(0, None), Turn::Now);
        assert_eq!(turn(used_by_strangers, None), Turn::Later { wait_ms: COME_BACK_MS });
        assert_eq!(turn(used_by_strangers, Some(3000)), Turn::Later { wait_ms: 3000 }, "too early");
        assert_eq!(turn(used_by_strangers, Some(0)), Turn::Now);
        assert_eq!(
            turn(used_by_strangers, Some(-CLAIM_MS)),
            Turn::Later { wait_ms: COME_BACK_MS },
            "too late"
        );
        assert_eq!(turn(used_up, Some(0)), Turn::Later { wait_ms: TRY_EVERY_MS });
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::9"));
        assert_ne!(network("2001:db8:1:2::9"), network("2001:db8:1:3::9"));
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
    }
}
