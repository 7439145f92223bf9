//! Verdicts with their evidence: the latest of each rule, and all that were ever told.

use std::{collections::HashMap, sync::Arc};

use engine::{
    EnvironmentKey, FlagKey, Percentage, RuleId, Snapshot,
    guardrail::{Health, Judgement},
};

use super::Consequence;
use crate::{
    AuditEntry, Store, StoreError, Viewer,
    db::{Tx, args},
    limits::VERDICTS_PAGE_MAX,
    signed, to_json,
    versioned::parse,
};

/// What is read for the desk is good for so long.
const FRESH_MS: i64 = 4_000;
/// An act follows what was judged within seconds; a busy machine may take longer.
const JUDGED_BEFORE_MS: i64 = 10 * 60_000;

/// What is known about one rule of a rollout.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleHealth {
    pub rule: RuleId,
    pub judgement: Judgement,
}

/// One flag on the desk: its worst rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagHealth {
    pub health: Health,
    /// Nothing is wrong but that no application asks.
    pub unasked: bool,
    pub at_ms: i64,
    pub sentence: String,
}

/// A verdict that differed from the one before it, or was acted on.
#[derive(Debug, Clone, PartialEq)]
pub struct VerdictRow {
    pub id: i64,
    pub rule: RuleId,
    pub at_ms: i64,
    pub health: Health,
    /// What was done about it.
    pub taken: Option<Consequence>,
    /// The audit entry of what was done, since that is noted.
    pub audit_seq: Option<u64>,
    pub sentence: String,
    pub judgement: Judgement,
}

impl VerdictRow {
    /// Under which number what was done has a page of its own.
    pub fn incident(&self) -> Option<u64> {
        self.audit_seq.filter(|_| self.taken.is_some_and(Consequence::is_incident))
    }
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: i64,
    rule: String,
    at_ms: i64,
    health: String,
    taken: Option<String>,
    audit_seq: Option<i64>,
    sentence: String,
    judgement: String,
}

impl TryFrom<Row> for VerdictRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = row.id.to_string();
        let corrupt = || StoreError::CorruptRow { table: "verdicts", id: id.clone() };
        Ok(Self {
            id: row.id,
            rule: RuleId::try_from(row.rule).map_err(|_| corrupt())?,
            at_ms: row.at_ms,
            health: Health::parse(&row.health).map_err(|_| corrupt())?,
            taken: row.taken.map(|word| Consequence::parse(&word).map_err(|_| corrupt())).transpose()?,
            audit_seq: row.audit_seq.map(crate::number),
            sentence: row.sentence,
            judgement: readable("verdicts", &id, &row.judgement, row.at_ms),
        })
    }
}

impl Store {
    /// The latest judgement on each rule that is guarded; a rule that was never looked at is not listed.
    pub async fn list_rule_health(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<Vec<RuleHealth>, StoreError> {
        by.require_in(environment)?;
        let rows: Vec<(String, String, Option<String>, i64)> = self
            .db()
            .all(
                "SELECT guard_states.rule, guard_states.judgement, guards.acted, guard_states.at_ms FROM guard_states \
                 LEFT JOIN guards ON guards.environment = guard_states.environment \
                 AND guards.flag = guard_states.flag \
                 WHERE guard_states.environment = $1 AND guard_states.flag = $2 \
                 AND (guards.began_ms IS NULL OR guard_states.at_ms >= guards.began_ms) \
                 ORDER BY guard_states.rule",
                args![environment.as_str(), flag.as_str()],
            )
            .await?;
        let snapshot = self.live().snapshot(environment.as_str());
        rows.into_iter()
            .filter(|(rule, _, acted, _)| {
                is_judged(snapshot.as_deref(), flag.as_str(), rule, acted.is_some())
            })
            .map(|(rule, judgement, _, at_ms)| {
                let judgement = readable("guard_states", &rule, &judgement, at_ms);
                let corrupt = |_| StoreError::CorruptRow { table: "guard_states", id: flag.to_string() };
                Ok(RuleHealth { rule: RuleId::try_from(rule).map_err(corrupt)?, judgement })
            })
            .collect()
    }

    /// The worst health of each guarded flag, for the desk: of a few seconds ago at the latest.
    pub async fn list_flag_health(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
    ) -> Result<Arc<HashMap<FlagKey, FlagHealth>>, StoreError> {
        by.require_in(environment)?;
        let stamp = (self.desk_stamp(), self.clock().now_ms() / FRESH_MS);
        self.0.desk.health.of(environment.clone(), stamp, self.read_flag_health(environment)).await
    }

    async fn read_flag_health(
        &self,
        environment: &EnvironmentKey,
    ) -> Result<HashMap<FlagKey, FlagHealth>, StoreError> {
        let rows: Vec<(String, String, String, Option<String>, i64)> = self
            .db()
            .all(
                "SELECT guard_states.flag, guard_states.rule, guard_states.judgement, guards.acted, \
                 guard_states.at_ms \
                 FROM guard_states \
                 LEFT JOIN guards ON guards.environment = guard_states.environment \
                 AND guards.flag = guard_states.flag \
                 WHERE guard_states.environment = $1 \
                 AND (guards.began_ms IS NULL OR guard_states.at_ms >= guards.began_ms) \
                 ORDER BY guard_states.flag, guard_states.rule",
                args![environment.as_str()],
            )
            .await?;
        let snapshot = self.live().snapshot(environment.as_str());
        let mut worst: HashMap<FlagKey, FlagHealth> = HashMap::new();
        for (flag, rule, judgement, acted, at_ms) in rows {
            if !is_judged(snapshot.as_deref(), &flag, &rule, acted.is_some()) {
                continue;
            }
            let judgement = readable("guard_states", &flag, &judgement, at_ms);
            let corrupt = |_| StoreError::CorruptRow { table: "guard_states", id: environment.to_string() };
            let key = FlagKey::try_from(flag).map_err(corrupt)?;
            let found = FlagHealth {
                health: judgement.health,
                unasked: judgement.is_unasked(),
                at_ms: judgement.at_ms,
                sentence: judgement.sentence(),
            };
            match worst.get(&key) {
                Some(known) if severity(known.health) >= severity(found.health) => {}
                Some(_) | None => drop(worst.insert(key, found)),
            }
        }
        Ok(worst)
    }

    /// Verdicts since a moment, newest first, at most [`VERDICTS_PAGE_MAX`].
    pub async fn list_verdicts(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        since_ms: i64,
        limit: usize,
    ) -> Result<Vec<VerdictRow>, StoreError> {
        by.require_in(environment)?;
        let limit = signed(limit.clamp(1, VERDICTS_PAGE_MAX) as u64);
        let rows: Vec<Row> = self
            .db()
            .all(
                "SELECT id, rule, at_ms, health, taken, audit_seq, sentence, judgement FROM verdicts \
                 WHERE environment = $1 AND flag = $2 AND at_ms >= $3 \
                 ORDER BY at_ms DESC, id DESC LIMIT $4",
                args![environment.as_str(), flag.as_str(), since_ms, limit],
            )
            .await?;
        rows.into_iter().map(VerdictRow::try_from).collect()
    }
}

impl Store {
    /// What an act of the guard was done about.
    pub(super) async fn verdicts_of(
        &self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        entry: &AuditEntry,
    ) -> Result<Vec<VerdictRow>, StoreError> {
        let rows: Vec<Row> = self
            .db()
            .all(
                "SELECT id, rule, at_ms, health, taken, audit_seq, sentence, judgement FROM verdicts \
                 WHERE environment = $1 AND flag = $2 AND at_ms >= $3 AND at_ms <= $4 AND audit_seq = $5 \
                 ORDER BY id LIMIT $6",
                args![
                    environment.as_str(),
                    flag.as_str(),
                    entry.at_ms - JUDGED_BEFORE_MS,
                    entry.at_ms + JUDGED_BEFORE_MS,
                    signed(entry.seq),
                    signed(VERDICTS_PAGE_MAX as u64)
                ],
            )
            .await?;
        rows.into_iter().map(VerdictRow::try_from).collect()
    }
}

/// A stored judgement; one that cannot be read is an alarm of its own and hides no other.
fn readable(table: &'static str, id: &str, document: &str, at_ms: i64) -> Judgement {
    parse(table, id, document).unwrap_or_else(|error| {
        tracing::error!(%error, "a judgement cannot be read");
        Judgement::unreadable(at_ms)
    })
}

/// Whether what was last said of a rule still is: the guard judges rules that serve somebody. What it took away stays
/// told until somebody decides what comes next.
fn is_judged(snapshot: Option<&Snapshot>, flag: &str, rule: &str, acted: bool) -> bool {
    let rule = snapshot.and_then(|snapshot| snapshot.flag(flag)?.rollout().rule(rule));
    rule.is_some_and(|rule| acted || rule.percentage > Percentage::NONE)
}

/// Which of two matters more.
pub(crate) fn severity(health: Health) -> u8 {
    match health {
        Health::Healthy => 0,
        Health::Watching => 1,
        Health::Inconclusive => 2,
        Health::Breach => 3,
    }
}

pub(crate) async fn insert_verdict(
    tx: &mut Tx,
    (environment, flag, rule): (&str, &str, &str),
    judgement: &Judgement,
    taken: Option<(Consequence, i64)>,
) -> Result<(), StoreError> {
    let (sentence, document) = (judgement.sentence(), to_json("verdicts", judgement)?);
    tx.execute(
        "INSERT INTO verdicts (environment, flag, rule, at_ms, health, taken, sentence, judgement, audit_seq) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![
            environment,
            flag,
            rule,
            judgement.at_ms,
            judgement.health.as_str(),
            taken.map(|(taken, _)| taken.as_str()),
            &sentence,
            &document,
            taken.map(|(_, seq)| seq)
        ],
    )
    .await?;
    Ok(())
}
