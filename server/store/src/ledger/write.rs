//! The writer's batch: what many callers sent becomes few lines, and all of it one transaction.

use std::collections::{BTreeMap, HashMap};

use engine::Sender;
use serde::Serialize;

use super::{Delivery, Exposure, day_of, erase::ErasedLately, ids};
use crate::{
    Store, StoreError, arm,
    clock::{HOUR_MS, MINUTE_MS},
    db::{Tx, args},
    limits::LEDGER_CHUNK_ROWS,
    signed, to_json,
};

/// What makes a line, in the order of the primary key: copies of the server that write at the same time take their
/// locks in this order.
type Key<'a> = (&'a str, &'a str, &'a str, i64, &'a str, i64, &'a str, &'a str);

/// First and last time of a line that no server told.
pub(super) const BY_NO_SERVER: (i64, i64) = (i64::MAX, 0);

#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    first_ms: i64,
    last_ms: i64,
    times: i64,
    /// The same times of what servers told.
    servers: (i64, i64),
}

impl Span {
    fn at(at_ms: i64) -> Self {
        Self { first_ms: at_ms, last_ms: at_ms, times: 0, servers: BY_NO_SERVER }
    }

    fn add(&mut self, at_ms: i64, sender: Sender) {
        self.first_ms = self.first_ms.min(at_ms);
        self.last_ms = self.last_ms.max(at_ms);
        self.times += 1;
        if sender == Sender::Server {
            self.servers = (self.servers.0.min(at_ms), self.servers.1.max(at_ms));
        }
    }
}

/// Everything that a batch changes, without repetition.
#[derive(Default)]
struct Batch<'a> {
    lines: HashMap<Key<'a>, Span>,
    subjects: HashMap<&'a str, Span>,
    /// By environment, flag, step, time and variant.
    counts: BTreeMap<(&'a str, &'a str, i64, i64, &'a str), i64>,
}

impl<'a> Batch<'a> {
    fn of(deliveries: &'a [Delivery], erased: &ErasedLately) -> Self {
        let mut batch = Self::default();
        for delivery in deliveries {
            let kept = |it: &&Exposure| !erased.covers(&it.subject, it.at_ms);
            for exposure in delivery.exposures.iter().filter(kept) {
                batch.add((delivery.environment.as_str(), delivery.sender), exposure);
            }
        }
        batch
    }

    fn add(&mut self, (environment, sender): (&'a str, Sender), exposure: &'a Exposure) {
        let (subject, flag, variant) =
            (exposure.subject.as_str(), exposure.flag.as_str(), exposure.variant.as_str());
        let (rule, at_ms) = (exposure.rule.as_ref().map_or("", |rule| rule.as_str()), exposure.at_ms);
        let (revision, arm) = (signed(exposure.revision), arm::stored(exposure.arm));
        let key = (environment, subject, flag, day_of(at_ms), variant, revision, rule, arm);
        self.lines.entry(key).or_insert_with(|| Span::at(at_ms)).add(at_ms, sender);
        self.subjects.entry(subject).or_insert_with(|| Span::at(at_ms)).add(at_ms, sender);
        for step_ms in [MINUTE_MS, HOUR_MS] {
            let begins = at_ms - at_ms.rem_euclid(step_ms);
            *self.counts.entry((environment, flag, step_ms, begins, variant)).or_default() += 1;
        }
    }

    async fn write(self, tx: &mut Tx) -> Result<(), StoreError> {
        let mut lines: Vec<_> = self
            .lines
            .into_iter()
            .map(|((environment, subject, flag, day, variant, revision, rule, arm), span)| {
                let Span { first_ms, last_ms, times, servers } = span;
                let key = (environment, subject, flag, day, variant, revision, rule, arm);
                (key, (first_ms, last_ms, times), servers)
            })
            .collect();
        lines.sort_unstable();
        let mut subjects: Vec<_> =
            self.subjects.into_iter().map(|(subject, span)| (subject, span.first_ms, span.last_ms)).collect();
        subjects.sort_unstable();
        let counts: Vec<_> = self
            .counts
            .into_iter()
            .map(|((environment, flag, step, at, variant), times)| {
                (environment, flag, step, at, variant, times)
            })
            .collect();
        upsert(tx, Table::Exposures, &lines).await?;
        upsert(tx, Table::Counts, &counts).await?;
        upsert(tx, Table::Subjects, &subjects).await
    }
}

#[derive(Clone, Copy)]
enum Table {
    Exposures,
    Counts,
    Subjects,
}

async fn upsert<T: Serialize>(tx: &mut Tx, table: Table, rows: &[T]) -> Result<(), StoreError> {
    for chunk in rows.chunks(LEDGER_CHUNK_ROWS) {
        let json = to_json("exposures", &chunk)?;
        tx.execute(table.upsert_sql(tx), args![&json]).await?;
    }
    Ok(())
}

impl Table {
    /// One bound JSON text, an array of arrays, has no limit on the number of parameters. A subject's time is only
    /// moved when it is an hour old: most batches then leave that table alone.
    fn upsert_sql(self, tx: &Tx) -> &'static str {
        match (self, tx) {
            (Self::Exposures, Tx::Sqlite(_)) => {
                "INSERT INTO exposures (environment, subject, flag, day_ms, variant, revision, rule, arm, \
                 first_ms, last_ms, times, servers_first_ms, servers_last_ms) \
                 SELECT value ->> '$[0][0]', value ->> '$[0][1]', value ->> '$[0][2]', value ->> '$[0][3]', \
                 value ->> '$[0][4]', value ->> '$[0][5]', value ->> '$[0][6]', value ->> '$[0][7]', \
                 value ->> '$[1][0]', value ->> '$[1][1]', value ->> '$[1][2]', \
                 value ->> '$[2][0]', value ->> '$[2][1]' \
                 FROM json_each($1) WHERE true \
                 ON CONFLICT (environment, subject, flag, day_ms, variant, revision, rule, arm) DO UPDATE SET \
                 first_ms = MIN(exposures.first_ms, excluded.first_ms), \
                 last_ms = MAX(exposures.last_ms, excluded.last_ms), \
                 times = exposures.times + excluded.times, \
                 servers_first_ms = MIN(COALESCE(exposures.servers_first_ms, exposures.first_ms), \
                 excluded.servers_first_ms), \
                 servers_last_ms = MAX(COALESCE(exposures.servers_last_ms, exposures.last_ms), \
                 excluded.servers_last_ms)"
            }
            (Self::Exposures, Tx::Pg(_)) => {
                "INSERT INTO exposures (environment, subject, flag, day_ms, variant, revision, rule, arm, \
                 first_ms, last_ms, times, servers_first_ms, servers_last_ms) \
                 SELECT line -> 0 ->> 0, line -> 0 ->> 1, line -> 0 ->> 2, (line -> 0 ->> 3)::BIGINT, \
                 line -> 0 ->> 4, (line -> 0 ->> 5)::BIGINT, line -> 0 ->> 6, line -> 0 ->> 7, \
                 (line -> 1 ->> 0)::BIGINT, (line -> 1 ->> 1)::BIGINT, (line -> 1 ->> 2)::BIGINT, \
                 (line -> 2 ->> 0)::BIGINT, (line -> 2 ->> 1)::BIGINT \
                 FROM json_array_elements($1::json) AS line \
                 ON CONFLICT (environment, subject, flag, day_ms, variant, revision, rule, arm) DO UPDATE SET \
                 first_ms = LEAST(exposures.first_ms, excluded.first_ms), \
                 last_ms = GREATEST(exposures.last_ms, excluded.last_ms), \
                 times = exposures.times + excluded.times, \
                 servers_first_ms = LEAST(COALESCE(exposures.servers_first_ms, exposures.first_ms), \
                 excluded.servers_first_ms), \
                 servers_last_ms = GREATEST(COALESCE(exposures.servers_last_ms, exposures.last_ms), \
                 excluded.servers_last_ms)"
            }
            (Self::Counts, Tx::Sqlite(_)) => {
                "INSERT INTO exposure_counts (environment, flag, step_ms, at_ms, variant, times) \
                 SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 \
                 FROM json_each($1) WHERE true \
                 ON CONFLICT (environment, flag, step_ms, at_ms, variant) DO UPDATE SET \
                 times = exposure_counts.times + excluded.times"
            }
            (Self::Counts, Tx::Pg(_)) => {
                "INSERT INTO exposure_counts (environment, flag, step_ms, at_ms, variant, times) \
                 SELECT line ->> 0, line ->> 1, (line ->> 2)::BIGINT, (line ->> 3)::BIGINT, line ->> 4, \
                 (line ->> 5)::BIGINT \
                 FROM json_array_elements($1::json) AS line \
                 ON CONFLICT (environment, flag, step_ms, at_ms, variant) DO UPDATE SET \
                 times = exposure_counts.times + excluded.times"
            }
            (Self::Subjects, Tx::Sqlite(_)) => {
                "INSERT INTO learned_subjects (subject, first_ms, last_ms) \
                 SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each($1) WHERE true \
                 ON CONFLICT (subject) DO UPDATE SET \
                 first_ms = MIN(learned_subjects.first_ms, excluded.first_ms), \
                 last_ms = MAX(learned_subjects.last_ms, excluded.last_ms) \
                 WHERE excluded.last_ms >= learned_subjects.last_ms + 3600000 \
                     OR excluded.first_ms < learned_subjects.first_ms"
            }
            (Self::Subjects, Tx::Pg(_)) => {
                "INSERT INTO learned_subjects (subject, first_ms, last_ms) \
                 SELECT line ->> 0, (line ->> 1)::BIGINT, (line ->> 2)::BIGINT \
                 FROM json_array_elements($1::json) AS line \
                 ON CONFLICT (subject) DO UPDATE SET \
                 first_ms = LEAST(learned_subjects.first_ms, excluded.first_ms), \
                 last_ms = GREATEST(learned_subjects.last_ms, excluded.last_ms) \
                 WHERE excluded.last_ms >= learned_subjects.last_ms + 3600000 \
                     OR excluded.first_ms < learned_subjects.first_ms"
            }
        }
    }
}

impl Store {
    /// Adds what was served to the ledger: lines, counts, subjects and event ids, all or nothing. For the server's
    /// own writer, which has checked the tokens; nothing is decided by it, so there is no audit entry. What was served to
    /// somebody before they were erased is left out.
    pub async fn record_exposures(&self, deliveries: &[Delivery]) -> Result<(), StoreError> {
        self.write_batch(deliveries, None).await
    }

    /// The same for a writer that tries until it works: what has `mark`, which no other batch has, is written once, also
    /// when the answer to its commit was lost. The upper half of the mark names the writer, a copy of the server. `again`:
    /// it was tried before.
    pub async fn record_batch(
        &self,
        deliveries: &[Delivery],
        mark: u64,
        again: bool,
    ) -> Result<(), StoreError> {
        self.write_batch(deliveries, Some((mark, again))).await
    }

    async fn write_batch(
        &self,
        deliveries: &[Delivery],
        marked: Option<(u64, bool)>,
    ) -> Result<(), StoreError> {
        let now_ms = self.database_now_ms().await?;
        let mut tx = self.db().begin().await?;
        if let Some((mark, true)) = marked
            && ids::is_written(&mut tx, mark).await?
        {
            return Ok(tx.rollback().await?);
        }
        let erased = ErasedLately::load(&mut tx, now_ms).await?;
        Batch::of(deliveries, &erased).write(&mut tx).await?;
        let mark = marked.map(|(mark, _)| mark);
        ids::write(&mut tx, mark.as_ref(), deliveries, now_ms).await?;
        Ok(tx.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use engine::{EnvironmentKey, FlagKey, SubjectKey, VariantKey};

    use super::*;
    use crate::clock::DAY_MS;

    fn exposure(subject: &str, at_ms: i64) -> Exposure {
        Exposure {
            subject: SubjectKey::parse(subject).expect("a key"),
            flag: FlagKey::parse("fast-payment").expect("a key"),
            variant: VariantKey::parse("on").expect("a key"),
            revision: 7,
            rule: None,
            arm: None,
            at_ms,
        }
    }

    #[test]
    fn a_batch_holds_one_line_per_subject_and_day() {
        let delivery = Delivery {
            environment: EnvironmentKey::parse("production").expect("a key"),
            sender: Sender::Server,
            exposures: vec![exposure("a", 10), exposure("a", 5), exposure("a", DAY_MS), exposure("b", 5)],
            ids: Vec::new(),
        };
        let deliveries = [delivery];
        let batch = Batch::of(&deliveries, &ErasedLately::default());
        assert_eq!(batch.lines.len(), 3);
        let key = ("production", "a", "fast-payment", 0, "on", 7, "", "");
        assert_eq!(batch.lines[&key], Span { first_ms: 5, last_ms: 10, times: 2, servers: (5, 10) });
        let of_a = Span { first_ms: 5, last_ms: DAY_MS, times: 3, servers: (5, DAY_MS) };
        assert_eq!(batch.subjects["a"], of_a);
        assert_eq!(batch.counts[&("production", "fast-payment", HOUR_MS, 0, "on")], 3);
        assert_eq!(batch.counts.len(), 4, "minutes and hours of two days");
    }
}
