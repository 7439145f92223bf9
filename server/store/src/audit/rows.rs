//! Comparing what is in force with what the log knows of it last. The chain proves that the log is as it was written;
//! this proves that the rows that decide are what the log says.

use std::fmt;

use serde_json::Value as Json;

use super::settings;
use crate::{
    StoreError,
    db::{Tx, args},
};

const PAGE: i64 = 500;
/// What put the first metrics there, before there was a log.
const SCHEMA: &str = include_str!("../../../../migrations/sqlite/0001_schema.sql");

/// A row that is not what the log says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRow {
    /// `rollout`, `flag`, `group`, `guardrails`…
    pub what: &'static str,
    pub key: String,
    /// Empty for what has none.
    pub environment: String,
}

impl LiveRow {
    fn of(what: &'static str) -> impl FnOnce((String, String)) -> Self {
        move |(key, environment)| Self { what, key, environment }
    }
}

/// `the rollout of fast-payment in production`
impl fmt::Display for LiveRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, key, environment } = self;
        match (environment.is_empty(), key.is_empty()) {
            (false, _) => write!(f, "the {what} of {key} in {environment}"),
            (true, false) => write!(f, "the {what} {key}"),
            (true, true) => write!(f, "the {what}"),
        }
    }
}

/// Rows whose document, version or entry is not that of the last version. `$unless` lets rows go that are older than
/// their kind's versions: those of which none is known.
macro_rules! differs {
    ($table:literal, $kind:literal, $key:literal, $environment:literal, $and:literal, $unless:literal) => {
        concat!(
            "SELECT ",
            $key,
            " AS key, ",
            $environment,
            " AS environment FROM ",
            $table,
            " AS live \
             LEFT JOIN versions AS known ON known.object_kind = '",
            $kind,
            "' AND known.object_key = ",
            $key,
            " \
                 AND known.environment = ",
            $environment,
            " AND known.version = live.version \
             LEFT JOIN audit AS entry ON entry.seq = known.audit_seq \
             WHERE (known.version IS NULL AND (",
            $unless,
            " OR EXISTS (SELECT 1 FROM versions AS other \
                     WHERE other.object_kind = '",
            $kind,
            "' AND other.object_key = ",
            $key,
            " \
                     AND other.environment = ",
            $environment,
            "))) \
                 OR (known.version IS NOT NULL AND (known.audit_seq <> live.audit_seq ",
            $and,
            ")) \
                 OR EXISTS (SELECT 1 FROM versions AS newer WHERE newer.object_kind = '",
            $kind,
            "' \
                     AND newer.object_key = ",
            $key,
            " AND newer.environment = ",
            $environment,
            " \
                     AND newer.version > live.version) \
             ORDER BY 1, 2 LIMIT 1"
        )
    };
}

/// Versions of what is not there any more.
macro_rules! gone {
    ($table:literal, $kind:literal, $of:literal) => {
        concat!(
            "SELECT known.object_key, known.environment FROM versions AS known \
             WHERE known.object_kind = '", $kind, "' AND known.document <> 'null' \
                 AND NOT EXISTS (SELECT 1 FROM ", $table, " AS live WHERE ", $of, ") \
                 AND NOT EXISTS (SELECT 1 FROM versions AS newer WHERE newer.object_kind = known.object_kind \
                     AND newer.object_key = known.object_key AND newer.environment = known.environment \
                     AND newer.version > known.version) \
             ORDER BY 1, 2 LIMIT 1"
        )
    };
}

/// What has no versions keeps both sides in its entries: the last one says what is there.
macro_rules! of_entries {
    ($table:literal, $kind:literal, $key:literal, $of:literal) => {
        concat!(
            "SELECT live.",
            $key,
            ", '' AS environment FROM ",
            $table,
            " AS live \
             LEFT JOIN audit AS entry ON entry.seq = live.audit_seq AND entry.object_kind = '",
            $kind,
            "' \
                 AND entry.object_key = live.",
            $key,
            " \
             WHERE ",
            $of,
            " AND (entry.seq IS NULL OR entry.document_after IS NULL \
                 OR entry.document_after <> live.document \
                 OR EXISTS (SELECT 1 FROM audit AS newer WHERE newer.object_kind = '",
            $kind,
            "' \
                     AND newer.object_key = live.",
            $key,
            " AND newer.seq > live.audit_seq)) \
             UNION ALL \
             SELECT entry.object_key, '' FROM audit AS entry \
             WHERE entry.object_kind = '",
            $kind,
            "' AND entry.document_after IS NOT NULL \
                 AND NOT EXISTS (SELECT 1 FROM ",
            $table,
            " AS live WHERE live.",
            $key,
            " = entry.object_key) \
                 AND NOT EXISTS (SELECT 1 FROM audit AS newer WHERE newer.object_kind = '",
            $kind,
            "' \
                     AND newer.object_key = entry.object_key AND newer.seq > entry.seq) \
             LIMIT 1"
        )
    };
}

const FLAGS: &str =
    differs!("flags", "flag", "live.key", "''", "OR known.document <> live.document", "1 = 1");
const ROLLOUTS: &str = differs!(
    "rollouts",
    "rollout",
    "live.flag",
    "live.environment",
    "OR known.document <> live.document",
    "1 = 1"
);
const GROUPS: &str = differs!(
    "groups",
    "group",
    "live.key",
    "''",
    "OR known.document <> live.document OR (entry.action = 'group_deleted') <> live.deleted",
    "1 = 1"
);
const TESTERS: &str = differs!(
    "enrolments",
    "enrolment",
    "live.group_key || '/' || live.subject",
    "''",
    "OR known.document <> live.document",
    "1 = 1"
);
/// Their last entry of before there were versions of them says what they were.
const GUARDRAILS: &str = differs!(
    "guardrails",
    "guardrails",
    "live.flag",
    "live.environment",
    "OR known.document <> live.document",
    "NOT EXISTS (SELECT 1 FROM audit AS origin WHERE origin.seq = live.audit_seq AND origin.format = 1 \
     AND origin.object_key = live.flag AND origin.environment = live.environment AND origin.document_after = live.document)"
);
const DEFAULTS: &str = differs!(
    "guardrail_defaults",
    "guardrail_defaults",
    "''",
    "''",
    "OR known.document <> live.document",
    "NOT EXISTS (SELECT 1 FROM audit AS origin WHERE origin.seq = live.audit_seq AND origin.format = 1 \
     AND origin.object_key = 'guardrails' AND origin.document_after = live.document)"
);
const FLAGS_GONE: &str = gone!("flags", "flag", "live.key = known.object_key");
const ROLLOUTS_GONE: &str =
    gone!("rollouts", "rollout", "live.flag = known.object_key AND live.environment = known.environment");
const GROUPS_GONE: &str = gone!("groups", "group", "live.key = known.object_key");
const TESTERS_GONE: &str =
    gone!("enrolments", "enrolment", "live.group_key || '/' || live.subject = known.object_key");
const GUARDRAILS_GONE: &str = gone!(
    "guardrails",
    "guardrails",
    "live.flag = known.object_key AND live.environment = known.environment"
);
const DEFAULTS_GONE: &str = gone!("guardrail_defaults", "guardrail_defaults", "live.id = 1");
const PLANS_GONE: &str =
    gone!("plans", "plan", "live.flag = known.object_key AND live.environment = known.environment");
const ATTRIBUTES: &str = of_entries!("attributes", "attribute", "name", "1 = 1");
const ROLES: &str = of_entries!("role_table", "roles", "key", "1 = 1");
const METRICS: &str = of_entries!("metrics", "metric", "key", "live.audit_seq <> 0");

/// The first row in force that is not what the log knows of it last.
pub(super) async fn first_that_differs(tx: &mut Tx) -> Result<Option<LiveRow>, StoreError> {
    for (what, sql) in [
        ("flag", FLAGS),
        ("flag", FLAGS_GONE),
        ("rollout", ROLLOUTS),
        ("rollout", ROLLOUTS_GONE),
        ("group", GROUPS),
        ("group", GROUPS_GONE),
        ("enrolment", TESTERS),
        ("enrolment", TESTERS_GONE),
        ("guardrails", GUARDRAILS),
        ("guardrails", GUARDRAILS_GONE),
        ("default guardrails", DEFAULTS),
        ("default guardrails", DEFAULTS_GONE),
        ("release plan", PLANS_GONE),
        ("attribute", ATTRIBUTES),
        ("metric", METRICS),
        ("role table", ROLES),
        ("environment", settings::ENVIRONMENTS),
        ("time that exposures are kept in", settings::EXPOSURES_KEPT),
        ("time that feedback is kept in", settings::FEEDBACK_KEPT),
    ] {
        let row: Option<(String, String)> = tx.optional(sql, args![]).await?;
        if row.is_some() {
            return Ok(row.map(LiveRow::of(what)));
        }
    }
    match first_metric_unlike_migrated(tx).await? {
        Some(row) => Ok(Some(row)),
        None => first_plan_that_differs(tx).await,
    }
}

/// Metrics that nobody has changed have no entry: they are what the schema began with.
async fn first_metric_unlike_migrated(tx: &mut Tx) -> Result<Option<LiveRow>, StoreError> {
    let sql =
        "SELECT live.key, live.document FROM metrics AS live WHERE live.audit_seq = 0 ORDER BY live.key";
    let rows: Vec<(String, String)> = tx.all(sql, args![]).await?;
    let is_migrated = |key: &str, document: &str| SCHEMA.contains(&format!("('{key}', '{document}', 0)"));
    let unlike = rows.into_iter().find(|(key, document)| !is_migrated(key, document));
    Ok(unlike.map(|(key, _)| LiveRow { what: "metric", key, environment: String::new() }))
}

#[derive(sqlx_macros::FromRow)]
struct PlanRow {
    environment: String,
    flag: String,
    document: String,
    state: String,
    version: i64,
    proposed_by: i64,
    moved_by: String,
    audit_seq: i64,
    known: Option<String>,
    known_seq: Option<i64>,
    newest: Option<i64>,
    /// Whether the entry that wrote the row is older than versions of plans.
    older: bool,
}

/// What a version of a plan holds. The guard notes in the row how long a step was watched, so those two are left out.
pub(crate) fn plan_document(
    plan: &str,
    state: &str,
    proposed_by: i64,
    moved_by: &str,
) -> Result<String, StoreError> {
    let read = |text: &str| {
        serde_json::from_str::<Json>(text)
            .map_err(|_| StoreError::CorruptRow { table: "plans", id: "a state".to_owned() })
    };
    let (plan, mut state, moved_by) = (read(plan)?, read(state)?, read(moved_by)?);
    forget_watch(&mut state);
    let document = serde_json::json!([plan, state, proposed_by, moved_by]);
    Ok(document.to_string())
}

fn forget_watch(state: &mut Json) {
    match state {
        Json::Object(fields) => {
            fields.remove("held_ms");
            fields.remove("seen_ms");
            fields.values_mut().for_each(forget_watch);
        }
        Json::Array(items) => items.iter_mut().for_each(forget_watch),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

async fn first_plan_that_differs(tx: &mut Tx) -> Result<Option<LiveRow>, StoreError> {
    let (mut environment, mut flag) = (String::new(), String::new());
    loop {
        let rows: Vec<PlanRow> = tx.all(PLANS, args![&environment, &flag, PAGE]).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        (environment, flag) = (last.environment.clone(), last.flag.clone());
        if let Some(row) = rows.into_iter().find(|row| !is_known(row)) {
            return Ok(Some(LiveRow { what: "release plan", key: row.flag, environment: row.environment }));
        }
    }
}

fn is_known(row: &PlanRow) -> bool {
    let document = plan_document(&row.document, &row.state, row.proposed_by, &row.moved_by).ok();
    // As values: the order of the fields says nothing.
    let value = |text: &str| serde_json::from_str::<Json>(text).ok();
    match (&row.known, row.newest) {
        (Some(known), Some(newest)) => {
            newest == row.version
                && row.known_seq == Some(row.audit_seq)
                && document.is_some_and(|document| value(&document) == value(known))
        }
        (Some(_), None) | (None, Some(_)) => false,
        (None, None) => row.older,
    }
}

const PLANS: &str = "SELECT live.environment, live.flag, live.document, live.state, live.version, \
     live.proposed_by, live.moved_by, live.audit_seq, known.document AS known, known.audit_seq AS known_seq, \
     (SELECT MAX(other.version) FROM versions AS other WHERE other.object_kind = 'plan' \
         AND other.object_key = live.flag AND other.environment = live.environment) AS newest, \
     EXISTS (SELECT 1 FROM audit AS origin WHERE origin.seq = live.audit_seq AND origin.format = 1 \
         AND origin.object_key = live.flag AND origin.environment = live.environment) AS older \
     FROM plans AS live \
     LEFT JOIN versions AS known ON known.object_kind = 'plan' AND known.object_key = live.flag \
         AND known.environment = live.environment AND known.version = live.version \
     WHERE (live.environment, live.flag) > ($1, $2) ORDER BY live.environment, live.flag LIMIT $3";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_step_was_watched_is_no_part_of_a_plans_version() {
        let document = |state: &str| plan_document(r#"{"name":"x"}"#, state, 3, "[]").expect("a document");
        let state = r#"{"running":{"step":1,"held_ms":5,"seen_ms":9,"approvals":[]}}"#;
        let later = r#"{"running":{"step":1,"held_ms":7,"seen_ms":11,"approvals":[]}}"#;
        assert_eq!(document(state), document(later));
        let approved =
            r#"{"running":{"step":1,"held_ms":5,"seen_ms":9,"approvals":[{"step":2,"by":"Ann"}]}}"#;
        assert_ne!(document(state), document(approved));
    }
}
