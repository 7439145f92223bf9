//! What one subject saw, and which of many subjects saw some flags.

use std::collections::BTreeMap;

use engine::{EnvironmentKey, FlagKey, SubjectKey, VariantKey};

use super::{
    Seen,
    line::{LedgerLine, seen},
};
use crate::{
    PeopleReader, Store, StoreError,
    clock::DAY_MS,
    db::{Db, args},
    limits::{EXPOSURES_OF_SUBJECT_MAX, LEARNED_SUBJECTS_PAGE_MAX, SEEN_SUBJECTS_MAX},
    signed, to_json,
};

/// How far back "the nearest before" goes.
const AROUND_MS: i64 = 30 * DAY_MS;

impl Store {
    /// Everything this subject was served, newest first, days put together: at most [`EXPOSURES_OF_SUBJECT_MAX`].
    pub async fn exposures_of(
        &self,
        _by: &PeopleReader,
        environment: &EnvironmentKey,
        subject: &SubjectKey,
    ) -> Result<Vec<Seen>, StoreError> {
        let lines: Vec<LedgerLine> = self
            .db()
            .all(
                "SELECT subject, flag, variant, revision, rule, arm, \
                 MIN(first_ms) AS first_ms, MAX(last_ms) AS last_ms, CAST(SUM(times) AS BIGINT) AS times \
                 FROM exposures \
                 WHERE environment = $1 AND subject = $2 \
                 GROUP BY subject, flag, variant, revision, rule, arm \
                 ORDER BY MAX(last_ms) DESC, flag, variant, revision DESC, rule, arm \
                 LIMIT $3",
                args![environment.as_str(), subject.as_str(), signed(EXPOSURES_OF_SUBJECT_MAX as u64)],
            )
            .await?;
        seen(lines)
    }

    /// For every flag the line of the ledger that holds `at_ms`, else the nearest before it within 30 days; by flag.
    /// Where several hold it, the one that began last.
    pub async fn exposures_around(
        &self,
        _by: &PeopleReader,
        environment: &EnvironmentKey,
        subject: &SubjectKey,
        at_ms: i64,
    ) -> Result<Vec<Seen>, StoreError> {
        self.seen_around(environment, subject, at_ms).await
    }

    /// [`Store::exposures_around`] for Fader itself, which attaches it to feedback.
    pub(crate) async fn seen_around(
        &self,
        environment: &EnvironmentKey,
        subject: &SubjectKey,
        at_ms: i64,
    ) -> Result<Vec<Seen>, StoreError> {
        let lines: Vec<LedgerLine> = self
            .db()
            .all(
                "SELECT subject, flag, variant, revision, rule, arm, first_ms, last_ms, times \
                 FROM ( \
                     SELECT subject, flag, variant, revision, rule, arm, first_ms, last_ms, times, \
                     ROW_NUMBER() OVER ( \
                         PARTITION BY flag \
                         ORDER BY CASE WHEN last_ms > $3 THEN $3 ELSE last_ms END DESC, first_ms DESC, \
                         revision DESC, variant, rule, arm \
                     ) AS place \
                     FROM exposures \
                     WHERE environment = $1 AND subject = $2 AND first_ms <= $3 AND last_ms >= $4 \
                 ) AS ranked \
                 WHERE place = 1 \
                 ORDER BY flag \
                 LIMIT $5",
                args![
                    environment.as_str(),
                    subject.as_str(),
                    at_ms,
                    at_ms.saturating_sub(AROUND_MS),
                    signed(EXPOSURES_OF_SUBJECT_MAX as u64),
                ],
            )
            .await?;
        seen(lines)
    }

    /// Who of `subjects` (at most [`SEEN_SUBJECTS_MAX`]) was really served which variants of `flags`: one per subject,
    /// flag and variant, with the revision, rule and arm of the last time.
    pub async fn seen_by_subjects(
        &self,
        _by: &PeopleReader,
        environment: &EnvironmentKey,
        flags: &[FlagKey],
        subjects: &[SubjectKey],
    ) -> Result<Vec<Seen>, StoreError> {
        let subjects = subjects.get(..SEEN_SUBJECTS_MAX).unwrap_or(subjects);
        if flags.is_empty() || subjects.is_empty() {
            return Ok(Vec::new());
        }
        let (flags, subjects) = (to_json("exposures", &flags)?, to_json("exposures", &subjects)?);
        let sql = match &*self.db() {
            Db::Sqlite { .. } => {
                "SELECT subject, flag, variant, revision, rule, arm, first_ms, last_ms, times \
                 FROM exposures \
                 WHERE environment = $1 \
                 AND subject IN (SELECT value FROM json_each($2)) \
                 AND flag IN (SELECT value FROM json_each($3))"
            }
            Db::Pg(_) => {
                "SELECT subject, flag, variant, revision, rule, arm, first_ms, last_ms, times \
                 FROM exposures \
                 WHERE environment = $1 \
                 AND subject = ANY (ARRAY(SELECT json_array_elements_text($2::json))) \
                 AND flag = ANY (ARRAY(SELECT json_array_elements_text($3::json)))"
            }
        };
        let lines: Vec<LedgerLine> =
            self.db().all(sql, args![environment.as_str(), &subjects, &flags]).await?;
        Ok(per_variant(seen(lines)?))
    }

    /// Keys of subjects that were only ever seen, that begin with `prefix`, in order: at most
    /// [`LEARNED_SUBJECTS_PAGE_MAX`], with the first and the last time (the last one up to an hour behind). Audited like
    /// [`Store::search_people`], together with it when both are asked the same.
    pub async fn learned_subjects(
        &self,
        by: &PeopleReader,
        prefix: &str,
    ) -> Result<Vec<(SubjectKey, i64, i64)>, StoreError> {
        if prefix.contains('\0') {
            return Ok(Vec::new());
        }
        self.audit_search(by, prefix, "looked for keys that begin so").await?;
        // Greater than anything that begins with the prefix: no character is.
        let end = format!("{prefix}{}", char::MAX);
        let rows: Vec<(String, i64, i64)> = self
            .db()
            .all(
                "SELECT subject, first_ms, last_ms FROM learned_subjects \
                 WHERE subject >= $1 AND subject < $2 ORDER BY subject LIMIT $3",
                args![prefix, &end, signed(LEARNED_SUBJECTS_PAGE_MAX as u64)],
            )
            .await?;
        let corrupt = || StoreError::CorruptRow { table: "learned_subjects", id: prefix.to_owned() };
        let learned = |(subject, first, last)| {
            SubjectKey::try_from(subject).map(|subject| (subject, first, last)).map_err(|_| corrupt())
        };
        rows.into_iter().map(learned).collect()
    }
}

/// Days, revisions, rules and arms put together.
fn per_variant(lines: Vec<Seen>) -> Vec<Seen> {
    let mut together: BTreeMap<(SubjectKey, FlagKey, VariantKey), Seen> = BTreeMap::new();
    for line in lines {
        let key = (line.subject.clone(), line.flag.clone(), line.variant.clone());
        let Some(known) = together.get_mut(&key) else {
            together.insert(key, line);
            continue;
        };
        let (first_ms, count) = (known.first_ms.min(line.first_ms), known.count + line.count);
        if (line.last_ms, line.revision) > (known.last_ms, known.revision) {
            *known = line;
        }
        (known.first_ms, known.count) = (first_ms, count);
    }
    together.into_values().collect()
}
