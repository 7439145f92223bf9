//! Who saw a flag, page by page. Reading it is audited: once per member, flag and ten minutes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use engine::{EnvironmentKey, FlagKey, RuleId, VariantKey};

use super::{
    ExposureCursor, Seen, day_of,
    line::{LedgerLine, seen},
};
use crate::{
    Action, LedgerReader, ObjectKind, ObjectRef, Store, StoreError, UserId,
    change::Entry,
    clock::MINUTE_MS,
    db::args,
    limits::{EXPOSURE_CANDIDATES_MAX, EXPOSURE_PAGE_DEFAULT, EXPOSURE_PAGE_MAX},
    signed,
};

/// How long one entry stands for further looks.
const LOOK_MS: i64 = 10 * MINUTE_MS;
/// Looks remembered; beyond it all are forgotten, and audited once more.
const LOOKS_MAX: usize = 10_000;

/// Which lines. Times are epoch ms and half-open: lines that begin before `until_ms` and end at or after `from_ms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposureFilter {
    pub variant: Option<VariantKey>,
    pub rule: Option<RuleId>,
    pub from_ms: Option<i64>,
    pub until_ms: Option<i64>,
    pub cursor: Option<ExposureCursor>,
    /// At most [`EXPOSURE_PAGE_MAX`].
    pub limit: usize,
}

impl Default for ExposureFilter {
    fn default() -> Self {
        Self {
            variant: None,
            rule: None,
            from_ms: None,
            until_ms: None,
            cursor: None,
            limit: EXPOSURE_PAGE_DEFAULT,
        }
    }
}

/// Lines of the ledger, those that began last first; one per subject, variant, revision, rule, arm and UTC day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposurePage {
    /// May be fewer than asked for, even none, where few of the lines match.
    pub lines: Vec<Seen>,
    /// Where to go on, as long as there may be more.
    pub next: Option<ExposureCursor>,
}

/// Who looked at which flag of which environment when.
#[derive(Debug, Default, Clone)]
pub(crate) struct Looked(Arc<Mutex<HashMap<LookKey, i64>>>);

type LookKey = (UserId, EnvironmentKey, FlagKey);

/// What is told of in the audit log.
#[derive(Clone, Copy)]
pub(super) enum Look {
    Page,
    Export,
}

impl Looked {
    /// Whether this look is to be audited.
    fn begins(&self, by: UserId, environment: &EnvironmentKey, flag: &FlagKey, now_ms: i64) -> bool {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() >= LOOKS_MAX {
            looks.clear();
        }
        let key = (by, environment.clone(), flag.clone());
        let known = looks.get(&key).is_some_and(|since| now_ms - since < LOOK_MS);
        if !known {
            looks.insert(key, now_ms);
        }
        !known
    }

    /// After a backup was put back the audit log may not have them any more.
    pub(crate) fn forget_all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn forget(&self, by: UserId, environment: &EnvironmentKey, flag: &FlagKey) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.remove(&(by, environment.clone(), flag.clone()));
    }
}

/// The lines of a flag before `$4` and after the cursor, of which `$5` is the time: all of it read from the index
/// `exposures_flag` alone.
macro_rules! candidates {
    ($columns:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM exposures \
             WHERE environment = $1 AND flag = $2 AND first_ms >= $3 AND first_ms < $4 \
             AND (first_ms < $5 OR (subject, variant, revision, rule, arm) < ($6, $7, $8, $9, $10)) \
             ORDER BY first_ms DESC, subject DESC, variant DESC, revision DESC, rule DESC, arm DESC ",
            $rest
        )
    };
}

/// What the index does not hold of a candidate. A scalar and no join, so that no database turns the order around.
macro_rules! line {
    ($column:literal) => {
        concat!(
            "(SELECT ",
            $column,
            " FROM exposures AS line WHERE line.environment = $1 AND line.subject = candidates.subject \
             AND line.flag = $2 AND line.day_ms = candidates.first_ms - candidates.first_ms % 86400000 \
             AND line.variant = candidates.variant AND line.revision = candidates.revision \
             AND line.rule = candidates.rule AND line.arm = candidates.arm)"
        )
    };
}

impl Store {
    /// Who was served a flag. A page costs the same wherever it is and whatever it looks for: it looks at no more than
    /// [`EXPOSURE_CANDIDATES_MAX`] lines.
    pub async fn exposures_of_flag(
        &self,
        by: impl Into<LedgerReader>,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        filter: &ExposureFilter,
    ) -> Result<ExposurePage, StoreError> {
        let by = by.into();
        by.require_in(environment)?;
        self.audit_look(&by, environment, flag).await?;
        self.exposure_page(environment, flag, filter).await
    }

    /// For whoever has been told of in the audit log.
    pub(super) async fn exposure_page(
        &self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        filter: &ExposureFilter,
    ) -> Result<ExposurePage, StoreError> {
        let limit = filter.limit.clamp(1, EXPOSURE_PAGE_MAX);
        let mut lines = self.matching_lines(environment, flag, filter, limit + 1).await?;
        let next = if lines.len() > limit {
            lines.truncate(limit);
            lines.last().map(ExposureCursor::from)
        } else {
            self.last_candidate(environment, flag, filter).await?
        };
        Ok(ExposurePage { lines: seen(lines)?, next })
    }

    /// Only lines that match are looked up beyond the index. The outer query does not sort again: both databases then
    /// stop at the last line wanted. A test holds them to the order.
    async fn matching_lines(
        &self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        filter: &ExposureFilter,
        limit: usize,
    ) -> Result<Vec<LedgerLine>, StoreError> {
        let start = start(filter);
        let (from_ms, until_ms) = bounds(filter, &start);
        Ok(self
            .db()
            .all(
                concat!(
                    "SELECT subject, flag, variant, revision, rule, arm, first_ms, ",
                    line!("last_ms"),
                    " AS last_ms, ",
                    line!("times"),
                    " AS times FROM (",
                    candidates!("subject, flag, variant, revision, rule, arm, first_ms", "LIMIT $11"),
                    ") AS candidates \
                     WHERE ($13 IS NULL OR variant = $13) \
                     AND ($14 IS NULL OR rule = $14) \
                     AND (first_ms >= $12 OR ",
                    line!("last_ms"),
                    " >= $12) LIMIT $15"
                ),
                args![
                    environment.as_str(),
                    flag.as_str(),
                    day_of(from_ms),
                    until_ms,
                    start.first_ms,
                    &start.subject,
                    &start.variant,
                    start.revision,
                    &start.rule,
                    &start.arm,
                    signed(EXPOSURE_CANDIDATES_MAX as u64),
                    from_ms,
                    filter.variant.as_ref().map(VariantKey::as_str),
                    filter.rule.as_ref().map(RuleId::as_str),
                    signed(limit as u64),
                ],
            )
            .await?)
    }

    /// The last line that [`Store::matching_lines`] looked at, when it could not look at all.
    async fn last_candidate(
        &self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        filter: &ExposureFilter,
    ) -> Result<Option<ExposureCursor>, StoreError> {
        let start = start(filter);
        let (from_ms, until_ms) = bounds(filter, &start);
        let row: Option<CursorRow> = self
            .db()
            .optional(
                candidates!("first_ms, subject, variant, revision, rule, arm", "LIMIT 1 OFFSET $11"),
                args![
                    environment.as_str(),
                    flag.as_str(),
                    day_of(from_ms),
                    until_ms,
                    start.first_ms,
                    &start.subject,
                    &start.variant,
                    start.revision,
                    &start.rule,
                    &start.arm,
                    signed(EXPOSURE_CANDIDATES_MAX as u64 - 1),
                ],
            )
            .await?;
        Ok(row.map(ExposureCursor::from))
    }

    async fn audit_look(
        &self,
        by: &LedgerReader,
        environment: &EnvironmentKey,
        flag: &FlagKey,
    ) -> Result<(), StoreError> {
        let looked = &self.0.looked;
        if !looked.begins(by.id(), environment, flag, self.clock().now_ms()) {
            return Ok(());
        }
        let written = self.write_look(by, environment, flag, Look::Page).await;
        if written.is_err() {
            looked.forget(by.id(), environment, flag);
        }
        written
    }

    pub(super) async fn write_look(
        &self,
        by: &LedgerReader,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        look: Look,
    ) -> Result<(), StoreError> {
        let name = self
            .live()
            .snapshot(environment.as_str())
            .and_then(|snapshot| snapshot.flag(flag.as_str()).map(|compiled| compiled.flag().name.clone()));
        let not_found = || StoreError::NotFound { kind: ObjectKind::Flag, key: flag.to_string() };
        let name = name.ok_or_else(not_found)?;
        let work = self.begin(by).await?;
        let sentence = match look {
            Look::Page => format!("looked at who saw {name} in {environment}"),
            Look::Export => format!("exported who saw {name} in {environment}"),
        };
        // About the environment: the history of a flag tells its changes.
        let object = ObjectRef::new(ObjectKind::Environment, environment.as_str());
        let entry = Entry {
            environment: Some(environment.clone()),
            ..Entry::new(Action::ExposuresRead, object, environment.as_str(), sentence)
        };
        work.finish(entry).await?;
        Ok(())
    }
}

#[derive(sqlx_macros::FromRow)]
struct CursorRow {
    first_ms: i64,
    subject: String,
    variant: String,
    revision: i64,
    rule: String,
    arm: String,
}

impl From<CursorRow> for ExposureCursor {
    fn from(row: CursorRow) -> Self {
        let CursorRow { first_ms, subject, variant, revision, rule, arm } = row;
        Self { first_ms, subject, variant, revision, rule, arm }
    }
}

/// Days are reckoned from the lower bound, so it stays where there are some. The upper one ends at the cursor: SQLite
/// takes one bound to the index, and would walk from the newest line to the cursor otherwise.
fn bounds(filter: &ExposureFilter, start: &ExposureCursor) -> (i64, i64) {
    let until_ms = filter.until_ms.unwrap_or(i64::MAX).min(start.first_ms.saturating_add(1));
    (filter.from_ms.unwrap_or(0).max(0), until_ms)
}

/// The cursor, or one before everything.
fn start(filter: &ExposureFilter) -> ExposureCursor {
    filter.cursor.clone().unwrap_or_else(|| ExposureCursor {
        first_ms: i64::MAX,
        subject: String::new(),
        variant: String::new(),
        revision: 0,
        rule: String::new(),
        arm: String::new(),
    })
}
