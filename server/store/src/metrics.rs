//! What a workspace measures. The definitions in force are part of [`crate::Live`]; the built-in ones can be renamed and
//! described, but not deleted or turned into something else.

use engine::{MetricDefinition, MetricKey, MetricKind};

use crate::{
    Action, Administrator, GuardrailSet, Invalid, ObjectKind, ObjectRef, Store, StoreError,
    change::Entry,
    db::{Tx, args},
    limits::{METRIC_DESCRIPTION_CHARS_MAX, METRIC_NAME_CHARS_MAX, METRIC_UNIT_CHARS_MAX, METRICS_MAX},
    load::DocumentRow,
    signed, stored_metric, text, to_json, versioned,
};

impl Store {
    /// Adds a metric of the workspace's own, or replaces a definition. Its kind never changes: what was counted as one
    /// thing cannot be read as another.
    pub async fn put_metric(&self, by: &Administrator, metric: MetricDefinition) -> Result<(), StoreError> {
        let metric = tidy(metric)?;
        let mut work = self.begin(by).await?;
        let key = metric.key.to_string();
        let sql = "SELECT document FROM metrics WHERE key = $1";
        let before: Option<(String,)> = work.tx.optional(sql, args![&key]).await?;
        let before = before.map(|(document,)| document);
        let after = to_json("metrics", &metric)?;
        if before.as_deref() == Some(&after) {
            return work.cancel().await;
        }
        match &before {
            Some(document) => check_kept(&versioned::parse("metrics", &key, document)?, &metric)?,
            None if metric.kind.is_built_in() => return Err(Invalid::BuiltInMetric.into()),
            None => {
                let (count,): (i64,) = work.tx.one("SELECT COUNT(*) FROM metrics", args![]).await?;
                if count >= signed(METRICS_MAX as u64) {
                    return Err(Invalid::TooManyMetrics.into());
                }
            }
        }
        let seq = work.seq();
        work.tx
            .execute(
                "INSERT INTO metrics (key, document, audit_seq) VALUES ($1, $2, $3) \
                 ON CONFLICT (key) DO UPDATE SET document = excluded.document, audit_seq = excluded.audit_seq",
                args![&key, &after, seq],
            )
            .await?;
        let verb = if before.is_some() { "changed" } else { "added" };
        let sentence = format!("{verb} the metric {}", metric.name);
        let object = ObjectRef::new(ObjectKind::Metric, &*key);
        let entry = Entry::new(Action::MetricSaved, object, &metric.name, sentence);
        work.finish(Entry { before, after: Some(after), ..entry }).await?;
        Ok(())
    }

    /// Takes a metric of the workspace's own away: its outcomes are refused from then on, its past stays.
    pub async fn delete_metric(&self, by: &Administrator, key: &MetricKey) -> Result<(), StoreError> {
        let mut work = self.begin(by).await?;
        let sql = "DELETE FROM metrics WHERE key = $1 RETURNING document";
        let before: Option<(String,)> = work.tx.optional(sql, args![key.as_str()]).await?;
        let Some((before,)) = before else {
            return Err(StoreError::NotFound { kind: ObjectKind::Metric, key: key.to_string() });
        };
        let metric: MetricDefinition = versioned::parse("metrics", key.as_str(), &before)?;
        if metric.kind.is_built_in() {
            return Err(Invalid::BuiltInMetric.into());
        }
        if let Some(by) = watched_by(&mut work.tx, key).await? {
            return Err(Invalid::MetricWatched { by }.into());
        }
        let object = ObjectRef::new(ObjectKind::Metric, key.as_str());
        let sentence = format!("deleted the metric {}", metric.name);
        let entry = Entry::new(Action::MetricDeleted, object, &metric.name, sentence);
        work.finish(Entry { before: Some(before), ..entry }).await?;
        Ok(())
    }
}

/// Whose guardrails watch a metric; one of them. Guardrails that cannot be read watch nothing.
async fn watched_by(tx: &mut Tx, key: &MetricKey) -> Result<Option<String>, StoreError> {
    let sql = "SELECT flag, environment, document FROM guardrails ORDER BY flag, environment";
    let own: Vec<(String, String, String)> = tx.all(sql, args![]).await?;
    let defaults: Vec<(String,)> = tx.all("SELECT document FROM guardrail_defaults", args![]).await?;
    let watches = |document: &str| {
        let set = serde_json::from_str::<GuardrailSet>(document).unwrap_or_default();
        set.guardrails.iter().any(|guardrail| stored_metric(&guardrail.metric).as_ref() == Some(key))
    };
    let flag = own.iter().find(|(.., document)| watches(document));
    let flag = flag.map(|(flag, environment, _)| format!("{flag} in {environment}"));
    let default = defaults.iter().any(|(document,)| watches(document)).then(|| "the defaults".to_owned());
    Ok(flag.or(default))
}

fn tidy(metric: MetricDefinition) -> Result<MetricDefinition, Invalid> {
    let unit = metric.unit.trim();
    if unit.chars().count() > METRIC_UNIT_CHARS_MAX || unit.chars().any(char::is_control) {
        return Err(Invalid::MetricUnit);
    }
    Ok(MetricDefinition {
        name: text::name(&metric.name, METRIC_NAME_CHARS_MAX, Invalid::MetricName)?,
        description: text::shorten(metric.description.trim(), METRIC_DESCRIPTION_CHARS_MAX),
        unit: if metric.kind == MetricKind::Duration { "ms".to_owned() } else { unit.to_owned() },
        ..metric
    })
}

/// A built-in metric keeps its direction too.
fn check_kept(before: &MetricDefinition, after: &MetricDefinition) -> Result<(), Invalid> {
    if before.kind != after.kind {
        return Err(if before.kind.is_built_in() { Invalid::BuiltInMetric } else { Invalid::MetricKind });
    }
    if before.kind.is_built_in() && before.lower_is_better != after.lower_is_better {
        return Err(Invalid::BuiltInMetric);
    }
    Ok(())
}

/// All definitions by key; one that cannot be read is left out.
pub(crate) fn read(rows: &[DocumentRow], report: &mut dyn FnMut(&str, &str)) -> Vec<MetricDefinition> {
    let mut metrics = Vec::with_capacity(rows.len());
    for row in rows {
        match serde_json::from_str::<MetricDefinition>(&row.document) {
            Ok(metric) if metric.key.as_str() == row.key => metrics.push(metric),
            Ok(_) | Err(_) => report("metrics", &row.key),
        }
    }
    metrics
}
