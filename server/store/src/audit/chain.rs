//! The hash chain. What is hashed of an entry is one line of JSON: an array of the word `fader-audit-` with the entry's
//! format, the previous entry's hash, and then every other column of `audit` in the order of [`Sealed`], numbers as
//! numbers, absent values as `null`, documents as the text they are stored as. With what it is hashed, [`Format`] says.
//! `versions_hash` is the SHA-256 of the lines, sorted, of the versions that the change wrote: arrays of kind, key,
//! environment, version and document.

use serde_json::json;

use super::key::{Format, Keys};
use crate::{
    StoreError,
    db::{Tx, args},
    secret::sha256_hex,
};

/// A row of `audit`. Changing the order of the hashed columns would break every chain there is.
#[derive(Debug, Clone, sqlx_macros::FromRow)]
pub(crate) struct Sealed {
    pub(crate) seq: i64,
    pub(crate) at_ms: i64,
    pub(crate) actor_kind: String,
    pub(crate) actor_id: i64,
    pub(crate) actor: String,
    pub(crate) actor_email: String,
    pub(crate) action: String,
    pub(crate) object_kind: String,
    pub(crate) object_key: String,
    pub(crate) object_name: String,
    pub(crate) environment: Option<String>,
    pub(crate) sentence: String,
    pub(crate) changes: String,
    pub(crate) reason: String,
    pub(crate) request_id: String,
    pub(crate) address: String,
    pub(crate) version: Option<i64>,
    pub(crate) document_before: Option<String>,
    pub(crate) document_after: Option<String>,
    pub(crate) versions_hash: String,
    pub(crate) previous_hash: String,
    pub(crate) hash: String,
    pub(crate) format: i64,
}

impl Sealed {
    pub(crate) fn format(&self) -> Option<Format> {
        Format::of(self.format)
    }

    /// The hash that belongs to the other columns; `None` without the key to it.
    pub(crate) fn computed_hash(&self, keys: &Keys) -> Option<String> {
        let line = json!([
            format!("fader-audit-{}", self.format),
            self.previous_hash,
            self.seq,
            self.at_ms,
            self.actor_kind,
            self.actor_id,
            self.actor,
            self.actor_email,
            self.action,
            self.object_kind,
            self.object_key,
            self.object_name,
            self.environment,
            self.sentence,
            self.changes,
            self.reason,
            self.request_id,
            self.address,
            self.version,
            self.document_before,
            self.document_after,
            self.versions_hash,
        ]);
        keys.hash(self.format()?, &line.to_string())
    }

    pub(crate) fn sealed(mut self, keys: &Keys) -> Option<Self> {
        self.hash = self.computed_hash(keys)?;
        Some(self)
    }
}

/// What one version adds to `versions_hash`.
pub(crate) fn version_line(kind: &str, key: &str, environment: &str, version: i64, document: &str) -> String {
    json!([kind, key, environment, version, document]).to_string()
}

/// Empty for a change without versions.
pub(crate) fn versions_hash(mut lines: Vec<String>) -> String {
    if lines.is_empty() {
        return String::new();
    }
    lines.sort();
    sha256_hex(&lines.join("\n"))
}

pub(crate) async fn insert(tx: &mut Tx, row: &Sealed) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO audit (seq, at_ms, actor_kind, actor_id, actor, actor_email, action, object_kind, object_key, \
         object_name, environment, sentence, changes, reason, request_id, address, version, document_before, \
         document_after, versions_hash, previous_hash, hash, format) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
         $23)",
        args![
            row.seq,
            row.at_ms,
            &row.actor_kind,
            row.actor_id,
            &row.actor,
            &row.actor_email,
            &row.action,
            &row.object_kind,
            &row.object_key,
            &row.object_name,
            row.environment.as_deref(),
            &row.sentence,
            &row.changes,
            &row.reason,
            &row.request_id,
            &row.address,
            row.version,
            row.document_before.as_deref(),
            row.document_after.as_deref(),
            &row.versions_hash,
            &row.previous_hash,
            &row.hash,
            row.format,
        ],
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AuditSecret;

    fn row() -> Sealed {
        let text = |text: &str| text.to_owned();
        Sealed {
            seq: 7,
            at_ms: 1_767_000_000_000,
            actor_kind: text("member"),
            actor_id: 3,
            actor: text("Ann"),
            actor_email: text("ann@example.test"),
            action: text("rollout_changed"),
            object_kind: text("flag"),
            object_key: text("fast-payment"),
            object_name: text("Fast payment"),
            environment: Some(text("production")),
            sentence: text("raised VIP agencies 50 → 100 % on Fast payment in production"),
            changes: text("[]"),
            reason: text(""),
            request_id: text("r"),
            address: text("127.0.0.1"),
            version: Some(4),
            document_before: None,
            document_after: None,
            versions_hash: versions_hash(vec![version_line(
                "rollout",
                "fast-payment",
                "production",
                4,
                "{}",
            )]),
            previous_hash: text("00"),
            hash: String::new(),
            format: Format::Plain.number(),
        }
    }

    fn keys() -> Keys {
        Keys::new(Some("11".repeat(32)), AuditSecret::parse(&"secret from outside ".repeat(2)).ok().as_ref())
    }

    #[test]
    fn the_serialisation_is_pinned() {
        let hash = |format: Format| Sealed { format: format.number(), ..row() }.computed_hash(&keys());
        assert_eq!(
            hash(Format::Plain).as_deref(),
            Some("129e1dab22f25e09958fcb987393645f8cf8debc4f98901f4ec9a92013cabce4")
        );
        assert_eq!(
            hash(Format::Workspace).as_deref(),
            Some("3d7746a091bb1c42b55178a8156656a3ed16867e8fa3945b88027f11515d2e83")
        );
        assert_eq!(
            hash(Format::Outside).as_deref(),
            Some("32f1aa4a24373b4a90a85d5d63ed8119bfc38f9f471f5c3f10e39951f420a522")
        );
    }

    #[test]
    fn what_is_keyed_is_not_computed_without_the_key() {
        for format in [Format::Workspace, Format::Outside] {
            let row = Sealed { format: format.number(), ..row() };
            assert_eq!(row.computed_hash(&Keys::new(None, None)), None, "{format:?}");
        }
        assert_eq!(Sealed { format: 9, ..row() }.computed_hash(&keys()), None, "an unknown format");
    }

    #[test]
    fn the_order_in_which_versions_were_written_does_not_matter() {
        let (a, b) = ("a".to_owned(), "b".to_owned());
        assert_eq!(versions_hash(vec![a.clone(), b.clone()]), versions_hash(vec![b, a]));
        assert_eq!(versions_hash(Vec::new()), "");
    }

    #[test]
    fn every_column_counts() {
        let sealed = row().sealed(&keys()).expect("sealed");
        let changed: [fn(&mut Sealed); 5] = [
            |r| r.format = Format::Workspace.number(),
            |r| r.sentence.push('!'),
            |r| r.environment = None,
            |r| r.at_ms += 1,
            |r| r.previous_hash.clear(),
        ];
        for change in changed {
            let mut other = sealed.clone();
            change(&mut other);
            assert_ne!(other.computed_hash(&keys()).expect("a hash"), sealed.hash);
        }
    }
}
