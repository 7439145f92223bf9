//! A line of the ledger as it stands in the database.

use engine::{FlagKey, RuleId, SubjectKey, VariantKey};

use super::Seen;
use crate::{StoreError, arm, number};

#[derive(Debug, sqlx_macros::FromRow)]
pub(super) struct LedgerLine {
    pub(super) subject: String,
    pub(super) flag: String,
    pub(super) variant: String,
    pub(super) revision: i64,
    pub(super) rule: String,
    pub(super) arm: String,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    pub(super) times: i64,
}

impl TryFrom<LedgerLine> for Seen {
    type Error = StoreError;

    fn try_from(line: LedgerLine) -> Result<Self, StoreError> {
        // The row's own key would name a person in the log.
        let corrupt = || StoreError::CorruptRow { table: "exposures", id: line.flag.clone() };
        let rule = if line.rule.is_empty() { None } else { Some(RuleId::parse(&line.rule)) };
        Ok(Self {
            subject: SubjectKey::parse(&line.subject).map_err(|_| corrupt())?,
            flag: FlagKey::parse(&line.flag).map_err(|_| corrupt())?,
            variant: VariantKey::parse(&line.variant).map_err(|_| corrupt())?,
            revision: number(line.revision),
            rule: rule.transpose().map_err(|_| corrupt())?,
            arm: arm::parse(&line.arm).map_err(|_| corrupt())?,
            first_ms: line.first_ms,
            last_ms: line.last_ms,
            count: number(line.times),
        })
    }
}

pub(super) fn seen(lines: Vec<LedgerLine>) -> Result<Vec<Seen>, StoreError> {
    lines.into_iter().map(Seen::try_from).collect()
}
