//! Devices that somebody signed in with: 256 random bits in a cookie of their own, their SHA-256 in the database, bound to
//! the member. A familiar device signs nobody in; it only has an allowance of guesses that strangers cannot use up.

use super::sessions::Browser;
use crate::{
    Store, StoreError, TokenHash, UserId,
    clock::DAY_MS,
    db::{Db, Tx, args},
    limits::DEVICES_PER_MEMBER_MAX,
    secret::new_secret,
};

/// How long a device stays familiar after a sign-in.
pub const DEVICE_KEPT_MS: i64 = 90 * DAY_MS;

/// A browser that somebody signed in with before. It allows nothing but to be told from strangers.
#[derive(Debug, Clone, Copy)]
pub struct FamiliarDevice(());

impl Store {
    /// The device of a cookie, whoever it is that signed in with it; `None` for one that is not familiar (any more).
    pub async fn find_device(&self, token: &str) -> Result<Option<FamiliarDevice>, StoreError> {
        let since_ms = self.shared_now_ms() - DEVICE_KEPT_MS;
        let row: Option<(i64,)> =
            self.db().optional(KNOWN, args![&TokenHash::of(token).hex(), since_ms]).await?;
        Ok(row.map(|_| FamiliarDevice(())))
    }

    /// Who signed in last with the device of a cookie: what comes from there without a session was most likely theirs.
    pub async fn last_of_device(&self, token: &str) -> Result<Option<UserId>, StoreError> {
        let since_ms = self.shared_now_ms() - DEVICE_KEPT_MS;
        let row: Option<(i64,)> = self
            .db()
            .optional(
                "SELECT user_id FROM devices WHERE token_hash = $1 AND last_ms > $2 \
                 ORDER BY last_ms DESC LIMIT 1",
                args![&TokenHash::of(token).hex(), since_ms],
            )
            .await?;
        Ok(row.map(|(id,)| UserId::new(id)))
    }
}

const KNOWN: &str = "SELECT last_ms FROM devices WHERE token_hash = $1 AND last_ms > $2 LIMIT 1";

/// Whether the owner of the account has signed in with this device before. `email` as accounts know it.
pub(super) async fn is_familiar(
    db: &Db,
    email: &str,
    device: &TokenHash,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let row: Option<(i64,)> = db
        .optional(
            "SELECT devices.last_ms FROM devices \
             JOIN users ON users.id = devices.user_id \
             WHERE devices.token_hash = $1 AND lower(users.email) = $2 AND devices.last_ms > $3",
            args![&device.hex(), email, now_ms - DEVICE_KEPT_MS],
        )
        .await?;
    Ok(row.is_some())
}

/// Binds the browser's device to the member, and returns what its cookie is to hold. A browser that several members use
/// keeps one secret; one that nobody signed in with gets a new one, whatever it sent.
pub(super) async fn remember(
    tx: &mut Tx,
    member: UserId,
    browser: Browser<'_>,
    now_ms: i64,
) -> Result<String, StoreError> {
    let token = match browser.device {
        Some(sent) if is_known(tx, sent, now_ms).await? => sent.to_owned(),
        Some(_) | None => new_secret()?,
    };
    let (id, hash) = (member.get(), TokenHash::of(&token).hex());
    tx.execute(
        "INSERT INTO devices (user_id, token_hash, created_ms, last_ms) VALUES ($1, $2, $3, $3) \
         ON CONFLICT (user_id, token_hash) DO UPDATE SET last_ms = excluded.last_ms",
        args![id, &hash, now_ms],
    )
    .await?;
    tx.execute(
        "DELETE FROM devices WHERE user_id = $1 AND (last_ms <= $2 OR token_hash NOT IN ( \
             SELECT kept.token_hash FROM devices AS kept WHERE kept.user_id = $1 \
             ORDER BY kept.last_ms DESC, kept.token_hash LIMIT $3))",
        args![id, now_ms - DEVICE_KEPT_MS, DEVICES_PER_MEMBER_MAX],
    )
    .await?;
    Ok(token)
}

/// Nobody's device is familiar any more to this member's account.
pub(super) async fn forget_all(tx: &mut Tx, member: UserId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM devices WHERE user_id = $1", args![member.get()]).await?;
    Ok(())
}

async fn is_known(tx: &mut Tx, token: &str, now_ms: i64) -> Result<bool, StoreError> {
    let since_ms = now_ms - DEVICE_KEPT_MS;
    let row: Option<(i64,)> = tx.optional(KNOWN, args![&TokenHash::of(token).hex(), since_ms]).await?;
    Ok(row.is_some())
}
