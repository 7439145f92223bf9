//! What clients sent and nobody could use: counted by token, reason and hour, with the last sentence that was answered, so
//! that whoever runs the client sees it without reading its log. However much is sent, it takes the same few rows, and no
//! sentence names a person.

use std::collections::BTreeMap;

use crate::{
    Administrator, Store, StoreError,
    clock::{DAY_MS, HOUR_MS},
    db::{Tx, args},
    number, signed,
    tokens::TokenId,
};

/// How far back it is told.
pub const OMITTED_SHOWN_MS: i64 = DAY_MS;
const KEPT_MS: i64 = 8 * DAY_MS;
/// A sentence holds what a sender wrote.
const SENTENCE_CHARS_MAX: usize = 300;
/// Hours and reasons of as many tokens as are listed.
const ROWS_MAX: i64 = 250_000;

/// Why something that was sent is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Omission {
    UnknownFlag,
    UnknownVariant,
    Malformed,
    Nobody,
    NoVariant,
    /// Kept in the ledger, and in no comparison.
    NoArm,
    TooOld,
    TooLate,
    TooLong,
    /// An event of the REST interface.
    Rejected,
}

impl Omission {
    const ALL: [Self; 10] = [
        Self::UnknownFlag,
        Self::UnknownVariant,
        Self::Malformed,
        Self::Nobody,
        Self::NoVariant,
        Self::NoArm,
        Self::TooOld,
        Self::TooLate,
        Self::TooLong,
        Self::Rejected,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownFlag => "unknown_flag",
            Self::UnknownVariant => "unknown_variant",
            Self::Malformed => "malformed",
            Self::Nobody => "nobody",
            Self::NoVariant => "no_variant",
            Self::NoArm => "no_arm",
            Self::TooOld => "too_old",
            Self::TooLate => "too_late",
            Self::TooLong => "too_long",
            Self::Rejected => "rejected",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// `3 evaluations of flags that are not here`.
    pub fn phrase(self, times: u64) -> String {
        let (one, many, rest) = match self {
            Self::UnknownFlag => ("evaluation of a flag", "evaluations of flags", "not known here"),
            Self::UnknownVariant => ("evaluation", "evaluations", "with an unknown variant"),
            Self::Malformed => ("evaluation", "evaluations", "with an attribute that cannot be read"),
            Self::Nobody => ("evaluation", "evaluations", "of nobody"),
            Self::NoVariant => ("evaluation", "evaluations", "without what was served"),
            Self::NoArm => ("exposure", "exposures", "in no comparison"),
            Self::TooOld => ("exposure", "exposures", "older than what is kept"),
            Self::TooLate => ("outcome", "outcomes", "too late to be counted"),
            Self::TooLong => ("duration", "durations", "longer than a day"),
            Self::Rejected => ("event", "events", "rejected"),
        };
        format!(
            "{} {} {rest}",
            engine::grouped(usize::try_from(times).unwrap_or(usize::MAX)),
            if times == 1 { one } else { many }
        )
    }
}

/// What of one client was left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omitted {
    pub token: TokenId,
    pub omission: Omission,
    pub times: u64,
    /// When it was last so.
    pub at_ms: i64,
    /// What was answered then.
    pub sentence: String,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    token: i64,
    reason: String,
    times: i64,
    last_ms: i64,
    sentence: String,
}

impl Store {
    /// Adds to the counts. For the server's own writer: no proof, and no audit entry.
    pub async fn record_omitted(&self, all: &[Omitted]) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        for omitted in all {
            let sentence: String = omitted.sentence.chars().take(SENTENCE_CHARS_MAX).collect();
            tx.execute(
                "INSERT INTO omitted (token, reason, hour_ms, times, last_ms, sentence) \
                 VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (token, reason, hour_ms) \
                 DO UPDATE SET times = omitted.times + excluded.times, last_ms = excluded.last_ms, \
                 sentence = excluded.sentence",
                args![
                    omitted.token.get(),
                    omitted.omission.as_str(),
                    omitted.at_ms.div_euclid(HOUR_MS) * HOUR_MS,
                    signed(omitted.times),
                    omitted.at_ms,
                    sentence.as_str(),
                ],
            )
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// What was left out since `since_ms`, by whole hours: by token, and within each by how often.
    pub async fn list_omitted(
        &self,
        _by: &Administrator,
        since_ms: i64,
    ) -> Result<BTreeMap<TokenId, Vec<Omitted>>, StoreError> {
        let rows: Vec<Row> = self
            .db()
            .all(
                "SELECT token, reason, times, last_ms, sentence FROM omitted WHERE hour_ms >= $1 \
                 ORDER BY last_ms LIMIT $2",
                args![since_ms.div_euclid(HOUR_MS) * HOUR_MS, ROWS_MAX],
            )
            .await?;
        let mut sums: BTreeMap<(TokenId, Omission), Omitted> = BTreeMap::new();
        for row in rows {
            // A newer version may know more reasons.
            let Some(omission) = Omission::parse(&row.reason) else { continue };
            let token = TokenId::new(row.token);
            let sum = sums.entry((token, omission)).or_insert_with(|| Omitted {
                token,
                omission,
                times: 0,
                at_ms: 0,
                sentence: String::new(),
            });
            sum.times = sum.times.saturating_add(number(row.times));
            (sum.at_ms, sum.sentence) = (row.last_ms, row.sentence);
        }
        let mut by_token: BTreeMap<TokenId, Vec<Omitted>> = BTreeMap::new();
        for omitted in sums.into_values() {
            by_token.entry(omitted.token).or_default().push(omitted);
        }
        for all in by_token.values_mut() {
            all.sort_by_key(|omitted| std::cmp::Reverse(omitted.times));
        }
        Ok(by_token)
    }
}

/// Forgets what is older.
pub(crate) async fn delete_old(tx: &mut Tx, now_ms: i64) -> Result<u64, StoreError> {
    Ok(tx.execute("DELETE FROM omitted WHERE hour_ms < $1", args![now_ms - KEPT_MS]).await?)
}
