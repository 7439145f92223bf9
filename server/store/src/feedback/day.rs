//! How many items an environment takes on one UTC day, and what of them is for browsers.

use engine::{EnvironmentKey, Sender};

use crate::{
    Invalid, StoreError,
    clock::DAY_MS,
    db::{Tx, args},
    limits::{FEEDBACK_OF_BROWSERS_PER_DAY_MAX, FEEDBACK_PER_DAY_MAX},
    signed,
};

/// The word in the database.
pub(super) fn teller_word(teller: Sender) -> &'static str {
    match teller {
        Sender::Server => "servers",
        Sender::Client => "browsers",
    }
}

/// One more today, unless the day is full, or the browsers' share of it: then the whole transaction is undone.
pub(super) async fn count_for_today(
    tx: &mut Tx,
    environment: &EnvironmentKey,
    teller: Sender,
    now_ms: i64,
) -> Result<(), StoreError> {
    let day = now_ms.div_euclid(DAY_MS);
    let of_browsers = i64::from(teller == Sender::Client);
    let row: Option<(i64,)> = tx
        .optional(
            "INSERT INTO feedback_days (environment, day, arrived, of_browsers) VALUES ($1, $2, 1, $3) \
             ON CONFLICT (environment, day) DO UPDATE SET arrived = feedback_days.arrived + 1, \
             of_browsers = feedback_days.of_browsers + excluded.of_browsers \
             WHERE feedback_days.arrived < $4 AND feedback_days.of_browsers + excluded.of_browsers <= $5 \
             RETURNING arrived",
            args![
                environment.as_str(),
                day,
                of_browsers,
                signed(FEEDBACK_PER_DAY_MAX as u64),
                signed(FEEDBACK_OF_BROWSERS_PER_DAY_MAX as u64),
            ],
        )
        .await?;
    if row.is_some() {
        return Ok(());
    }
    let left_ms = (day + 1) * DAY_MS - now_ms;
    Err(Invalid::FeedbackDayFull { retry_after_s: left_ms.unsigned_abs().div_ceil(1000) }.into())
}
