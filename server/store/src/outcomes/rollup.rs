//! Merging cells as they age: ten seconds for two hours, minutes for eight days, hours for ninety days, and verdicts as
//! long. Of several servers one does it: whoever moves the time of the next turn on holds its row until the work is committed.

use std::collections::BTreeMap;

use engine::guardrail::Accepts;

use super::{CELL_MS, Cell, Entry, GroupDurations, HOUR_CELL_MS, MINUTE_CELL_MS, Told};
use crate::{
    Store, StoreError,
    clock::{DAY_MS, HOUR_MS, MINUTE_MS},
    db::{Tx, args},
    signed,
};

const CELLS_KEPT_MS: i64 = 2 * HOUR_MS;
const MINUTES_KEPT_MS: i64 = 8 * DAY_MS;
const HOURS_KEPT_MS: i64 = 90 * DAY_MS;
/// An hour is merged once all of its minutes are.
const HOURS_AFTER_MS: i64 = CELLS_KEPT_MS + HOUR_MS;
const EVERY_MS: i64 = MINUTE_MS;
/// Rows merged in one transaction.
const ROWS_MAX: i64 = 20_000;

/// What one turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RolledUp {
    /// False: it is not time yet, or another server does it.
    pub turn: bool,
    /// Rows that became part of longer cells.
    pub merged: u64,
    pub deleted: u64,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    environment: String,
    flag: String,
    metric: String,
    from_ms: i64,
    rule: String,
    arm: String,
    allocation: i64,
    document: String,
    servers: Option<String>,
}

/// `None` when either book cannot be read.
fn told(document: &str, servers: Option<&str>) -> Option<Told> {
    let servers = match servers {
        Some(servers) => Some(Cell::from_json(servers)?),
        None => None,
    };
    Some(Told::read(Cell::from_json(document)?, servers))
}

/// Everything of a row's key but the writer; `from_ms` is the longer cell's.
type Key = (String, String, String, i64, String, String, i64);

impl Store {
    /// Merges and deletes what is old enough, at most once a minute over all servers.
    pub async fn roll_up_cells(&self) -> Result<RolledUp, StoreError> {
        // The database's: cells that still grow look old to a copy whose clock is ahead.
        let now_ms = self.database_now_ms().await?;
        let mut tx = self.db().begin().await?;
        let sql = "UPDATE cells_upkeep SET next_ms = $1 WHERE id = 1 AND (next_ms <= $2 OR next_ms > $1)";
        if tx.execute(sql, args![now_ms + EVERY_MS, now_ms]).await? == 0 {
            tx.rollback().await?;
            return Ok(RolledUp::default());
        }
        let mut done = RolledUp { turn: true, ..RolledUp::default() };
        done.merged += to_minutes(&mut tx, now_ms).await?;
        done.merged += to_hours(&mut tx, now_ms).await?;
        done.deleted += delete(&mut tx, now_ms).await?;
        tx.commit().await?;
        Ok(done)
    }
}

/// Cells become minutes and are gone. Whole minutes only, oldest first.
async fn to_minutes(tx: &mut Tx, now_ms: i64) -> Result<u64, StoreError> {
    let before_ms = floor(now_ms - CELLS_KEPT_MS, MINUTE_CELL_MS);
    let Some(until_ms) = span_end(tx, CELL_MS, (i64::MIN, before_ms), MINUTE_CELL_MS).await? else {
        return Ok(0);
    };
    let rows = read(tx, CELL_MS, (i64::MIN, until_ms)).await?;
    let merged = rows.len() as u64;
    write(tx, rows, MINUTE_CELL_MS).await?;
    let sql = "DELETE FROM cells WHERE step_ms = $1 AND from_ms < $2";
    tx.execute(sql, args![CELL_MS, until_ms]).await?;
    Ok(merged)
}

/// Minutes are added up to hours and stay beside them.
async fn to_hours(tx: &mut Tx, now_ms: i64) -> Result<u64, StoreError> {
    let sql = "SELECT hours_until_ms FROM cells_upkeep WHERE id = 1";
    let (done_ms,): (i64,) = tx.one(sql, args![]).await?;
    // Minutes that are not merged yet, when a server was away, hold their hour back.
    let sql = "SELECT MIN(from_ms) FROM cells WHERE step_ms = $1";
    let (oldest_ms,): (Option<i64>,) = tx.one(sql, args![CELL_MS]).await?;
    let ready_ms = oldest_ms.map_or(i64::MAX, |ms| floor(ms, HOUR_CELL_MS));
    let before_ms = floor(now_ms - HOURS_AFTER_MS, HOUR_CELL_MS).min(ready_ms);
    if before_ms <= done_ms {
        return Ok(0);
    }
    let until_ms = span_end(tx, MINUTE_CELL_MS, (done_ms, before_ms), HOUR_CELL_MS).await?;
    let until_ms = until_ms.unwrap_or(before_ms);
    let rows = read(tx, MINUTE_CELL_MS, (done_ms, until_ms)).await?;
    let merged = rows.len() as u64;
    write(tx, rows, HOUR_CELL_MS).await?;
    tx.execute("UPDATE cells_upkeep SET hours_until_ms = $1 WHERE id = 1", args![until_ms]).await?;
    Ok(merged)
}

async fn delete(tx: &mut Tx, now_ms: i64) -> Result<u64, StoreError> {
    let sql = "SELECT hours_until_ms FROM cells_upkeep WHERE id = 1";
    let (hours_until_ms,): (i64,) = tx.one(sql, args![]).await?;
    let minutes_from_ms = floor(now_ms - MINUTES_KEPT_MS, HOUR_CELL_MS).min(hours_until_ms);
    let sql = "UPDATE cells_upkeep SET minutes_from_ms = $1 WHERE id = 1 AND minutes_from_ms < $1";
    tx.execute(sql, args![minutes_from_ms]).await?;
    let cells = "DELETE FROM cells WHERE step_ms = $1 AND from_ms < $2";
    let minutes = tx.execute(cells, args![MINUTE_CELL_MS, minutes_from_ms]).await?;
    let oldest_ms = now_ms - HOURS_KEPT_MS;
    let hours = tx.execute(cells, args![HOUR_CELL_MS, oldest_ms]).await?;
    let counts =
        "DELETE FROM first_exposures WHERE first_ms < $1 AND treatment_last_ms < $1 AND control_last_ms < $1";
    let counts = tx.execute(counts, args![oldest_ms]).await?;
    // What the guard did stands in the audit log as well, and stays there.
    let verdicts = tx.execute("DELETE FROM verdicts WHERE at_ms < $1", args![oldest_ms]).await?;
    let incidents = tx.execute("DELETE FROM incidents WHERE at_ms < $1", args![oldest_ms]).await?;
    let unverified = crate::unverified::delete_before(tx, oldest_ms, now_ms).await?;
    let omitted = crate::omitted::delete_old(tx, now_ms).await?;
    Ok(minutes + hours + counts + verdicts + incidents + unverified + omitted)
}

/// Where a turn over rows of `step_ms` ends, so that it holds about [`ROWS_MAX`] rows and whole cells of `longer_ms`;
/// `None` when there are none.
async fn span_end(
    tx: &mut Tx,
    step_ms: i64,
    (from_ms, before_ms): (i64, i64),
    longer_ms: i64,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT MAX(from_ms) FROM (SELECT from_ms FROM cells \
               WHERE step_ms = $1 AND from_ms >= $2 AND from_ms < $3 ORDER BY from_ms LIMIT $4) AS oldest";
    let (last_ms,): (Option<i64>,) = tx.one(sql, args![step_ms, from_ms, before_ms, ROWS_MAX]).await?;
    Ok(last_ms.map(|ms| floor(ms, longer_ms) + longer_ms))
}

async fn read(tx: &mut Tx, step_ms: i64, (from_ms, until_ms): (i64, i64)) -> Result<Vec<Row>, StoreError> {
    let sql = "SELECT environment, flag, metric, from_ms, rule, arm, allocation, document, servers FROM cells \
               WHERE step_ms = $1 AND from_ms >= $2 AND from_ms < $3";
    Ok(tx.all(sql, args![step_ms, from_ms, until_ms]).await?)
}

/// Adds rows to the longer cells they belong to. A row that cannot be read is reported and left out.
async fn write(tx: &mut Tx, rows: Vec<Row>, longer_ms: i64) -> Result<(), StoreError> {
    let mut merged: BTreeMap<Key, Told> = BTreeMap::new();
    for row in rows {
        let Some(mut cell) = told(&row.document, row.servers.as_deref()) else {
            tracing::error!(flag = row.flag, from_ms = row.from_ms, "a cell cannot be read and is left out");
            continue;
        };
        let from_ms = floor(row.from_ms, longer_ms);
        let key = (row.environment, row.flag, row.metric, from_ms, row.rule, row.arm, row.allocation);
        // The guard has folded it: how durations are spread over people is not needed any more, and large.
        cell.enter(Entry::Both, |cell| cell.durations = GroupDurations::default());
        merged.entry(key).or_default().merge(&cell);
    }
    for (key, cell) in merged {
        write_one(tx, &key, cell, longer_ms).await?;
    }
    Ok(())
}

async fn write_one(tx: &mut Tx, key: &Key, mut cell: Told, step_ms: i64) -> Result<(), StoreError> {
    let (environment, flag, metric, from_ms, rule, arm, allocation) = key;
    let (from_ms, allocation) = (*from_ms, *allocation);
    let before: Option<(String, Option<String>)> = tx
        .optional(
            "SELECT document, servers FROM cells WHERE environment = $1 AND flag = $2 AND metric = $3 AND from_ms = $4 \
             AND step_ms = $5 AND rule = $6 AND arm = $7 AND allocation = $8 AND writer = ''",
            args![environment, flag, metric, from_ms, step_ms, rule, arm, allocation],
        )
        .await?;
    if let Some(before) = before.and_then(|(document, servers)| told(&document, servers.as_deref())) {
        cell.merge(&before);
    }
    let corrupt = |_| StoreError::CorruptRow { table: "cells", id: format!("{flag}/{from_ms}") };
    let servers = cell.apart().map(Cell::to_json).transpose().map_err(corrupt)?;
    let cell = cell.of(Accepts::ServersAndBrowsers);
    let document = cell.to_json().map_err(corrupt)?;
    tx.execute(
        "INSERT INTO cells (environment, flag, metric, from_ms, step_ms, rule, arm, allocation, writer, \
         outcomes, events, document, servers) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, $10, $11, $12) \
         ON CONFLICT (environment, flag, metric, from_ms, step_ms, rule, arm, allocation, writer) \
         DO UPDATE SET outcomes = excluded.outcomes, events = excluded.events, document = excluded.document, \
         servers = excluded.servers",
        args![
            environment,
            flag,
            metric,
            from_ms,
            step_ms,
            rule,
            arm,
            allocation,
            signed(cell.outcomes),
            signed(cell.events),
            &document,
            servers.as_deref(),
        ],
    )
    .await?;
    Ok(())
}

const fn floor(ms: i64, step_ms: i64) -> i64 {
    ms.div_euclid(step_ms) * step_ms
}
