//! Reading the audit log, newest first, page by page.

use engine::{EnvironmentKey, FlagKey};

use super::{Action, ActorKind, AuditEntry, AuditFilter};
use crate::{
    AuditReader, AuditScope, ObjectKind, ObjectRef, Store, StoreError, Viewer,
    db::args,
    limits::{AUDIT_PAGE_MAX, AUDIT_TEXT_CHARS_MAX},
    number, signed,
    text::shorten,
    versioned::parse,
};

const ACTORS_MAX: i64 = 500;

/// The columns of an entry; with `$1` also the versions on both sides.
macro_rules! entries {
    ($rest:literal) => {
        concat!(
            "SELECT audit.seq, audit.at_ms, audit.actor_kind, audit.actor, audit.actor_email, audit.action, \
             audit.object_kind, audit.object_key, audit.object_name, audit.environment, audit.sentence, \
             audit.changes, audit.reason, audit.request_id, audit.address, audit.version, audit.hash, \
             audit.previous_hash, \
             COALESCE(audit.document_before, version_before.document) AS document_before, \
             COALESCE(audit.document_after, version_after.document) AS document_after \
             FROM audit \
             LEFT JOIN versions AS version_before ON $1 \
                 AND version_before.object_kind = CASE WHEN audit.environment IS NULL \
                     THEN audit.object_kind ELSE 'rollout' END \
                 AND version_before.object_key = audit.object_key \
                 AND version_before.environment = COALESCE(audit.environment, '') \
                 AND version_before.version = audit.version - 1 \
             LEFT JOIN versions AS version_after ON $1 \
                 AND version_after.object_kind = CASE WHEN audit.environment IS NULL \
                     THEN audit.object_kind ELSE 'rollout' END \
                 AND version_after.object_key = audit.object_key \
                 AND version_after.environment = COALESCE(audit.environment, '') \
                 AND version_after.version = audit.version ",
            $rest
        )
    };
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    seq: i64,
    at_ms: i64,
    actor_kind: String,
    actor: String,
    actor_email: String,
    action: String,
    object_kind: String,
    object_key: String,
    object_name: String,
    environment: Option<String>,
    sentence: String,
    changes: String,
    reason: String,
    request_id: String,
    address: String,
    version: Option<i64>,
    hash: String,
    previous_hash: String,
    document_before: Option<String>,
    document_after: Option<String>,
}

impl TryFrom<Row> for AuditEntry {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = row.seq.to_string();
        let corrupt = || StoreError::CorruptRow { table: "audit", id: id.clone() };
        let document = |text: Option<String>| text.map(|text| parse("audit", &id, &text)).transpose();
        Ok(Self {
            seq: number(row.seq),
            at_ms: row.at_ms,
            actor: row.actor,
            actor_kind: ActorKind::parse(&row.actor_kind).map_err(|_| corrupt())?,
            actor_email: row.actor_email,
            action: Action::parse(&row.action).map_err(|_| corrupt())?,
            object: ObjectRef::new(
                ObjectKind::parse(&row.object_kind).map_err(|_| corrupt())?,
                row.object_key,
            ),
            object_name: row.object_name,
            environment: row.environment.map(EnvironmentKey::try_from).transpose().map_err(|_| corrupt())?,
            sentence: row.sentence,
            changes: parse("audit", &id, &row.changes)?,
            before: document(row.document_before)?,
            after: document(row.document_after)?,
            reason: row.reason,
            request_id: row.request_id,
            address: row.address,
            version: row.version.map(number),
            hash: row.hash,
            previous_hash: row.previous_hash,
        })
    }
}

fn page(limit: usize) -> i64 {
    signed(limit.clamp(1, AUDIT_PAGE_MAX) as u64)
}

fn before(seq: Option<u64>) -> i64 {
    seq.map_or(i64::MAX, signed)
}

/// Whose own entries a reader sees besides those of flags and groups, `None` for one who sees all; and whether those of
/// people and of their feedback.
fn scope(by: &AuditReader) -> (Option<i64>, bool) {
    match by.scope() {
        AuditScope::Whole => (None, true),
        AuditScope::Seen { people } => (Some(by.id().get()), people),
    }
}

impl AuditReader {
    /// Whether the reader finds this entry in the log: as [`Store::list_audit`] asks.
    pub fn sees(&self, entry: &AuditEntry) -> bool {
        let AuditScope::Seen { people } = self.scope() else { return true };
        match entry.object.kind {
            ObjectKind::Flag | ObjectKind::Group => true,
            ObjectKind::Person | ObjectKind::Feedback if people => true,
            _ => !entry.actor_email.is_empty() && entry.actor_email == self.email(),
        }
    }
}

impl Store {
    /// The entries this reader may see, newest first; the next page starts before the last `seq` of this one.
    pub async fn list_audit(
        &self,
        by: &AuditReader,
        filter: &AuditFilter,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let (own, people) = scope(by);
        let text = filter.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let in_changes = text.map(|text| like(&in_json(text)));
        // `group/subject`: group keys have no slash.
        let in_testers = text.map(|text| format!("%/{}", like(text)));
        let text = text.map(like);
        let rows: Vec<Row> = self
            .db()
            .all(
                entries!(
                    "WHERE audit.seq < $2 \
                     AND ($3 IS NULL OR audit.object_kind = $3) \
                     AND ($4 IS NULL OR audit.object_key = $4) \
                     AND ($5 IS NULL OR audit.environment = $5) \
                     AND ($6 IS NULL OR audit.actor_email = $6 OR audit.actor = $6) \
                     AND ($7 IS NULL OR audit.action = $7) \
                     AND ($8 IS NULL OR audit.at_ms >= $8) \
                     AND ($9 IS NULL OR audit.at_ms < $9) \
                     AND ($10 IS NULL OR lower(audit.sentence) LIKE $10 ESCAPE '!' \
                         OR lower(audit.reason) LIKE $10 ESCAPE '!' \
                         OR lower(audit.object_name) LIKE $10 ESCAPE '!' \
                         OR lower(audit.changes) LIKE $14 ESCAPE '!' \
                         OR (audit.object_kind = 'group' AND EXISTS (SELECT 1 FROM versions AS tester \
                             WHERE tester.audit_seq = audit.seq AND tester.object_kind = 'enrolment' \
                             AND lower(tester.object_key) LIKE $15 ESCAPE '!'))) \
                     AND ($11 IS NULL OR audit.actor_id = $11 OR audit.object_kind IN ('flag', 'group') \
                         OR ($12 AND audit.object_kind IN ('person', 'feedback'))) \
                     AND audit.seq >= $16 \
                     ORDER BY audit.seq DESC LIMIT $13"
                ),
                args![
                    filter.documents,
                    before(filter.before_seq),
                    filter.object_kind.map(ObjectKind::as_str),
                    filter.object_key.as_deref(),
                    filter.environment.as_ref().map(EnvironmentKey::as_str),
                    filter.actor.as_deref(),
                    filter.action.map(Action::as_str),
                    filter.from_ms,
                    filter.until_ms,
                    text.as_deref(),
                    own,
                    people,
                    page(filter.limit),
                    in_changes.as_deref(),
                    in_testers.as_deref(),
                    signed(filter.from_seq.unwrap_or(0)),
                ],
            )
            .await?;
        rows.into_iter().map(AuditEntry::try_from).collect()
    }

    /// One entry with both sides, if this reader may see it.
    pub async fn find_audit(&self, by: &AuditReader, seq: u64) -> Result<Option<AuditEntry>, StoreError> {
        let filter = AuditFilter {
            before_seq: Some(seq.saturating_add(1)),
            limit: 1,
            documents: true,
            ..AuditFilter::default()
        };
        let entries = self.list_audit(by, &filter).await?;
        Ok(entries.into_iter().next().filter(|entry| entry.seq == seq))
    }

    /// Everybody who changed something, by name: the choices of the filter.
    pub async fn list_actors(&self, by: &AuditReader) -> Result<Vec<String>, StoreError> {
        let (own, people) = scope(by);
        let rows: Vec<(String,)> = self
            .db()
            .all(
                "SELECT DISTINCT actor FROM audit WHERE $1 IS NULL OR actor_id = $1 \
                 OR object_kind IN ('flag', 'group') OR ($2 AND object_kind IN ('person', 'feedback')) \
                 ORDER BY actor LIMIT $3",
                args![own, people, ACTORS_MAX],
            )
            .await?;
        Ok(rows.into_iter().map(|(actor,)| actor).collect())
    }

    /// What happened to one object, newest first; with an environment, a flag's definition and its rollout there.
    /// Everybody signed in may see it, of flags and groups; of anything else there is no history.
    pub async fn history(
        &self,
        _by: &Viewer,
        object: &ObjectRef,
        environment: Option<&EnvironmentKey>,
        before_seq: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        if !matches!(object.kind, ObjectKind::Flag | ObjectKind::Group) {
            return Ok(Vec::new());
        }
        let rows: Vec<Row> = self
            .db()
            .all(
                entries!(
                    "WHERE audit.seq < $2 AND audit.object_kind = $3 AND audit.object_key = $4 \
                     AND ($5 IS NULL OR audit.environment IS NULL OR audit.environment = $5) \
                     ORDER BY audit.seq DESC LIMIT $6"
                ),
                args![
                    false,
                    before(before_seq),
                    object.kind.as_str(),
                    &object.key,
                    environment.map(EnvironmentKey::as_str),
                    page(limit),
                ],
            )
            .await?;
        rows.into_iter().map(AuditEntry::try_from).collect()
    }

    /// One entry with both sides, for whoever may see it for another reason than reading the log.
    pub(crate) async fn entry_with_documents(&self, seq: u64) -> Result<Option<AuditEntry>, StoreError> {
        let row: Option<Row> =
            self.db().optional(entries!("WHERE audit.seq = $2"), args![true, signed(seq)]).await?;
        row.map(AuditEntry::try_from).transpose()
    }

    /// What was first decided about a rollout after an entry, by whoever it was but the guard.
    pub(crate) async fn decision_after(
        &self,
        environment: &EnvironmentKey,
        flag: &FlagKey,
        seq: u64,
    ) -> Result<Option<AuditEntry>, StoreError> {
        let row: Option<Row> = self
            .db()
            .optional(
                entries!(
                    "WHERE audit.seq > $2 AND audit.object_kind = 'flag' AND audit.object_key = $3 \
                     AND audit.environment = $4 AND audit.actor_kind <> 'system' \
                     AND audit.action IN ('rollout_changed', 'rollout_resumed', 'rollout_stopped', \
                         'rollout_re_randomised', 'reverted', 'plan_moved') \
                     ORDER BY audit.seq LIMIT 1"
                ),
                args![false, signed(seq), flag.as_str(), environment.as_str()],
            )
            .await?;
        row.map(AuditEntry::try_from).transpose()
    }

    /// One entry without its sides, whoever asks: that is for the caller to settle.
    pub(crate) async fn stored_entry(&self, seq: u64) -> Result<Option<AuditEntry>, StoreError> {
        let row: Option<Row> =
            self.db().optional(entries!("WHERE audit.seq = $2"), args![false, signed(seq)]).await?;
        row.map(AuditEntry::try_from).transpose()
    }
}

/// A pattern that finds `text` anywhere.
pub(crate) fn like(text: &str) -> String {
    let text = shorten(text, AUDIT_TEXT_CHARS_MAX).to_lowercase();
    let escaped = text.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    format!("%{escaped}%")
}

/// A text as it stands within a text of a JSON document.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(text).to_owned()
}

/// The object of a rollout's entry.
impl AuditEntry {
    /// The flag the entry is about, when it is about one.
    pub fn flag(&self) -> Option<FlagKey> {
        if self.object.kind == ObjectKind::Flag { FlagKey::parse(&self.object.key).ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_means_its_own_characters() {
        assert_eq!(like("50 → 100 %"), "%50 → 100 !%%");
        assert_eq!(like("A_b!"), "%a!_b!!%");
        assert_eq!(in_json("say \"hi\" ü"), r#"say \"hi\" ü"#);
    }
}
