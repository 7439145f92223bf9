//! What the guard did, to be read by somebody who was not there: the act, its evidence, the seconds around it as they were,
//! and what people did next. Those seconds are copied once they are complete, because cells become minutes within hours.

use std::collections::HashSet;

use engine::{
    Arm, EnvironmentKey, FlagKey, GuardrailId, Rollout, RuleId,
    guardrail::{Evidence, Judgement, definition::Counting},
};
use serde::{Deserialize, Serialize};

use super::{GuardLease, VerdictRow, stored_metric};
use crate::{
    Action, ArmCells, AuditEntry, CELL_MS, CellReader, ObjectKind, Store, StoreError, Viewer,
    db::{Tx, args},
    limits::EXPOSURE_CANDIDATES_MAX,
    outcomes::whole,
    signed, to_json,
    versioned::parse,
};

/// How much is looked at before and after an act: ninety seconds in all.
const BEFORE_MS: i64 = 60_000;
const AFTER_MS: i64 = 30_000;
/// How long outcomes of the last of those seconds may take to be written.
const SETTLES_MS: i64 = 30_000;
/// More broken guardrails than this are told in words only.
const SERIES_MAX: usize = 4;
/// Copied in one look of the guard.
const COPIED_MAX: usize = 3;

/// One act of the guard.
#[derive(Debug, Clone)]
pub struct Incident {
    pub entry: AuditEntry,
    /// The rules it acted on, each with its evidence; none when those are no longer kept.
    pub verdicts: Vec<VerdictRow>,
    /// The rollout on both sides; where the act did not change it, twice as it was. `None` where no version can be read.
    pub before: Option<Rollout>,
    pub after: Option<Rollout>,
    /// `None` when it is no longer kept.
    pub around: Option<Around>,
    /// What a person decided first after it.
    pub decided: Option<AuditEntry>,
}

/// The seconds around an act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Around {
    pub from_ms: i64,
    pub until_ms: i64,
    /// Subjects who had the feature by the rules that broke, in this time before the act.
    pub people: u64,
    /// There are more than were counted.
    pub more_people: bool,
    pub series: Vec<AroundSeries>,
}

/// A broken guardrail in those seconds, step by step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AroundSeries {
    pub rule: RuleId,
    pub guardrail: GuardrailId,
    /// None of those that were merged before they were copied.
    pub steps: Vec<AroundStep>,
}

/// Ten seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AroundStep {
    pub from_ms: i64,
    pub treatment: Half,
    pub control: Half,
}

/// One arm in one step, as the guard counts it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Half {
    pub trials: u64,
    pub events: u64,
    /// Of what the guardrail watches; a quantile in milliseconds.
    pub value: Option<f64>,
}

impl Action {
    /// Whether it is an act of the guard that has a page of its own.
    pub const fn is_incident(self) -> bool {
        matches!(
            self,
            Self::GuardNotified
                | Self::GuardSteppedBack
                | Self::GuardStopped
                | Self::PlanPausedByGuard
                | Self::PlanHeld
        )
    }
}

/// Which seconds are looked at, in whole cells.
const fn seconds_around(at_ms: i64) -> (i64, i64) {
    let from_ms = (at_ms - BEFORE_MS).div_euclid(CELL_MS) * CELL_MS;
    (from_ms, from_ms + BEFORE_MS + AFTER_MS)
}

/// Where an announcement says that an incident is read, below the site's address.
pub(crate) fn path(environment: &EnvironmentKey, flag: &FlagKey, seq: i64) -> String {
    format!("/flags/{flag}/incidents/{seq}?env={environment}")
}

/// Notes in the transaction of an act that its seconds are to be kept.
pub(crate) async fn open(
    tx: &mut Tx,
    (environment, flag): (&str, &str),
    seq: i64,
    at_ms: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO incidents (audit_seq, environment, flag, at_ms) VALUES ($1, $2, $3, $4)";
    tx.execute(sql, args![seq, environment, flag, at_ms]).await?;
    Ok(())
}

#[derive(sqlx_macros::FromRow)]
struct Open {
    audit_seq: i64,
    environment: String,
    flag: String,
    at_ms: i64,
}

impl Store {
    /// An act of the guard on this flag; `None` when the entry is none, or another flag's.
    pub async fn find_incident(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        seq: u64,
    ) -> Result<Option<Incident>, StoreError> {
        by.require_in(environment)?;
        self.incident(&by.into(), environment, flag, seq).await
    }

    pub(super) async fn incident(
        &self,
        by: &CellReader,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        seq: u64,
    ) -> Result<Option<Incident>, StoreError> {
        let is_of_it = |entry: &AuditEntry| {
            entry.action.is_incident()
                && entry.object.kind == ObjectKind::Flag
                && entry.object.key == flag.as_str()
                && entry.environment.as_ref() == Some(environment)
        };
        let Some(entry) = self.entry_with_documents(seq).await?.filter(is_of_it) else { return Ok(None) };
        let verdicts = self.verdicts_of(environment, flag, &entry).await?;
        let kept: Option<(Option<String>,)> = self
            .db()
            .optional("SELECT around FROM incidents WHERE audit_seq = $1", args![signed(seq)])
            .await?;
        let around = match kept {
            Some((Some(document),)) => Some(parse("incidents", &seq.to_string(), &document)?),
            Some((None,)) => Some(self.seconds_of(by, environment, flag, (&verdicts, entry.at_ms)).await?),
            None => None,
        };
        let decided = self.decision_after(environment, flag, seq).await?;
        let rollout = |document: &Option<serde_json::Value>| {
            document.clone().and_then(|it| serde_json::from_value::<Rollout>(it).ok())
        };
        let (before, after) = if entry.version.is_some() {
            (rollout(&entry.before), rollout(&entry.after))
        } else {
            let unchanged = self.rollout_at(environment, flag, seq).await?;
            (unchanged.clone(), unchanged)
        };
        Ok(Some(Incident { entry, verdicts, before, after, around, decided }))
    }

    /// As an entry found it.
    async fn rollout_at(
        &self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        seq: u64,
    ) -> Result<Option<Rollout>, StoreError> {
        let row: Option<(String,)> = self
            .db()
            .optional(
                "SELECT document FROM versions WHERE object_kind = 'rollout' AND object_key = $1 \
                 AND environment = $2 AND audit_seq <= $3 ORDER BY version DESC LIMIT 1",
                args![flag.as_str(), environment.as_str(), signed(seq)],
            )
            .await?;
        Ok(row.and_then(|(document,)| serde_json::from_str(&document).ok()))
    }

    /// The guard's newest act on this flag, of those that are kept.
    pub async fn latest_incident(
        &self,
        by: &Viewer,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<Option<u64>, StoreError> {
        by.require_in(environment)?;
        let (seq,): (Option<i64>,) = self
            .db()
            .one(
                "SELECT MAX(audit_seq) FROM incidents WHERE environment = $1 AND flag = $2",
                args![environment.as_str(), flag.as_str()],
            )
            .await?;
        Ok(seq.map(crate::number))
    }

    /// Copies the seconds around acts whose seconds are complete, a few at a time. What cannot be read is logged and noted in
    /// `unreadable`, and the acts after it are not kept waiting.
    pub async fn keep_incidents(
        &self,
        by: &GuardLease,
        unreadable: &mut HashSet<i64>,
    ) -> Result<(), StoreError> {
        let complete_ms = self.clock().now_ms() - AFTER_MS - SETTLES_MS;
        let open: Vec<Open> = self
            .db()
            .all(
                "SELECT audit_seq, environment, flag, at_ms FROM incidents \
                 WHERE around IS NULL AND at_ms < $1 ORDER BY at_ms, audit_seq LIMIT $2",
                args![complete_ms, signed((COPIED_MAX + unreadable.len()) as u64)],
            )
            .await?;
        let open = open.into_iter().filter(|it| !unreadable.contains(&it.audit_seq)).take(COPIED_MAX);
        for open in open.collect::<Vec<_>>() {
            let seq = open.audit_seq;
            match self.keep_incident(by, open).await {
                Ok(()) => {}
                Err(error @ (StoreError::Unavailable(_) | StoreError::Restored)) => return Err(error),
                Err(error) => {
                    tracing::error!(%error, seq, "the seconds around what the guard did are not kept");
                    unreadable.insert(seq);
                }
            }
        }
        Ok(())
    }

    async fn keep_incident(&self, by: &GuardLease, open: Open) -> Result<(), StoreError> {
        let Open { audit_seq, environment, flag, at_ms } = open;
        let corrupt = || StoreError::CorruptRow { table: "incidents", id: audit_seq.to_string() };
        let environment = EnvironmentKey::try_from(environment).map_err(|_| corrupt())?;
        let flag = FlagKey::try_from(flag).map_err(|_| corrupt())?;
        let entry = self.entry_with_documents(crate::number(audit_seq)).await?.ok_or_else(corrupt)?;
        let verdicts = self.verdicts_of(&environment, &flag, &entry).await?;
        let around = self.seconds_of(&by.into(), &environment, &flag, (&verdicts, at_ms)).await?;
        let document = to_json("incidents", &around)?;
        let mut tx = self.db().begin().await?;
        if by.is_held(&mut tx).await? {
            let sql = "UPDATE incidents SET around = $1 WHERE audit_seq = $2 AND around IS NULL";
            tx.execute(sql, args![&document, audit_seq]).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// As far as it is stored now.
    async fn seconds_of(
        &self,
        by: &CellReader,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        (verdicts, at_ms): (&[VerdictRow], i64),
    ) -> Result<Around, StoreError> {
        let (from_ms, until_ms) = seconds_around(at_ms);
        let broken: Vec<(&RuleId, &Evidence)> = verdicts
            .iter()
            .flat_map(|it| Judgement::broken(&it.judgement).into_iter().map(move |broken| (&it.rule, broken)))
            .collect();
        let mut series = Vec::new();
        for (rule, evidence) in broken.iter().take(SERIES_MAX) {
            let Some(metric) = stored_metric(&evidence.metric) else { continue };
            let basis = (*rule, &metric, evidence.accepts);
            let cells = self.guard_cells(by, environment, flag, basis, (from_ms, until_ms)).await?;
            series.push(AroundSeries {
                rule: (*rule).clone(),
                guardrail: evidence.guardrail.clone(),
                steps: steps(evidence, &cells),
            });
        }
        let mut rules: Vec<&RuleId> = broken.iter().map(|(rule, _)| *rule).collect();
        rules.dedup();
        let (mut people, mut more_people) = (0, false);
        for rule in rules {
            let (count, more) = self.people_of(environment, flag, rule, (from_ms, at_ms + 1)).await?;
            people += count;
            more_people |= more;
        }
        Ok(Around { from_ms, until_ms, people, more_people, series })
    }

    /// Subjects who were served the feature by a rule in this time, of the [`EXPOSURE_CANDIDATES_MAX`] newest lines of the
    /// ledger, and whether there may be more.
    async fn people_of(
        &self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        rule: &RuleId,
        (from_ms, until_ms): (i64, i64),
    ) -> Result<(u64, bool), StoreError> {
        let (people, lines): (f64, f64) = self
            .db()
            .one(
                "SELECT CAST(COUNT(DISTINCT CASE WHEN lines.rule = $3 AND lines.arm = 'treatment' \
                     AND lines.last_ms >= $4 THEN lines.subject END) AS DOUBLE PRECISION), \
                 CAST(COUNT(*) AS DOUBLE PRECISION) \
                 FROM (SELECT subject, rule, arm, last_ms FROM exposures \
                     WHERE environment = $1 AND flag = $2 AND first_ms >= $5 AND first_ms < $6 \
                     ORDER BY first_ms DESC LIMIT $7) AS lines",
                args![
                    environment.as_str(),
                    flag.as_str(),
                    rule.as_str(),
                    from_ms,
                    crate::ledger::day_of(from_ms),
                    until_ms,
                    signed(EXPOSURE_CANDIDATES_MAX as u64),
                ],
            )
            .await?;
        Ok((whole(people), whole(lines) >= EXPOSURE_CANDIDATES_MAX as u64))
    }
}

/// What both arms measured of a guardrail's metric, in whole steps: a change in the middle of one splits its cells. What has
/// become minutes meanwhile is no step.
fn steps(evidence: &Evidence, cells: &[ArmCells]) -> Vec<AroundStep> {
    let mut merged: Vec<ArmCells> = Vec::new();
    for cell in cells.iter().filter(|it| it.until_ms - it.from_ms <= CELL_MS) {
        let from_ms = cell.from_ms.div_euclid(CELL_MS) * CELL_MS;
        match merged.last_mut() {
            Some(last) if last.from_ms == from_ms => {
                last.treatment.merge(&cell.treatment);
                last.control.merge(&cell.control);
            }
            Some(_) | None => merged.push(ArmCells { from_ms, ..cell.clone() }),
        }
    }
    let half = |cell: &ArmCells, arm: Arm| {
        let cell = match arm {
            Arm::Treatment => &cell.treatment,
            Arm::Control => &cell.control,
        };
        let (trials, value) = match evidence.metric.counting() {
            Counting::Tally(_) => (cell.tally.trials, cell.tally.rate()),
            Counting::Durations(quantile) => (cell.latency.total(), cell.latency.quantile(quantile.shown())),
        };
        Half { trials, events: cell.tally.events, value }
    };
    let step = |cell: &ArmCells| AroundStep {
        from_ms: cell.from_ms,
        treatment: half(cell, Arm::Treatment),
        control: half(cell, Arm::Control),
    };
    merged.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninety_seconds_are_looked_at_in_whole_cells() {
        let (from_ms, until_ms) = seconds_around(1_795_378_765_432);
        assert_eq!((from_ms % CELL_MS, until_ms - from_ms), (0, 90_000));
        assert!(from_ms <= 1_795_378_765_432 - BEFORE_MS && until_ms > 1_795_378_765_432 + AFTER_MS / 2);
    }
}
