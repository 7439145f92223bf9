//! One change: everything it writes in one transaction, closed by its audit entry, in force before the caller returns.
//! Writers wait for each other on the one row of `workspace`, so the order of entries is the order of commits, and
//! under that lock the state in memory is the database's.

mod actor;

use std::sync::Arc;

use engine::{Change, EnvironmentKey, counted};
use tokio::sync::OwnedMutexGuard;

pub(crate) use actor::Actor;

use crate::{
    Action, Invalid, ObjectRef, Principal, Store, StoreError,
    audit::{
        chain::{self, Sealed},
        key::{Format, Keys},
    },
    db::{Tx, args},
    history::HistoryPoint,
    limits::{CHANGE_CHARS_MAX, CHANGES_MAX, ORIGIN_TEXT_CHARS_MAX, SENTENCE_CHARS_MAX},
    live::State,
    number,
    secret::new_secret,
    text::shorten,
};

/// The notification channel of PostgreSQL; the payload is the audit sequence.
pub(crate) const CHANNEL: &str = "fader_changed";

/// What the audit log will say of a change.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) action: Action,
    pub(crate) object: ObjectRef,
    pub(crate) object_name: String,
    pub(crate) sentence: String,
    pub(crate) environment: Option<EnvironmentKey>,
    pub(crate) changes: Vec<Change>,
    pub(crate) reason: String,
    pub(crate) version: Option<u64>,
    /// Both sides of what has no versions.
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

impl Entry {
    pub(crate) fn new(action: Action, object: ObjectRef, name: &str, sentence: String) -> Self {
        Self {
            action,
            object,
            object_name: name.to_owned(),
            sentence,
            environment: None,
            changes: Vec::new(),
            reason: String::new(),
            version: None,
            before: None,
            after: None,
        }
    }
}

/// One version among many that a change writes.
#[derive(Debug)]
pub(crate) struct VersionLine {
    pub(crate) key: String,
    pub(crate) version: i64,
    pub(crate) document: String,
}

/// Whose revision moves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Revisions<'a> {
    Of(&'a EnvironmentKey),
    All,
}

/// A change that is being made. Dropping it undoes it.
pub(crate) struct Work<'s> {
    pub(crate) tx: Tx,
    store: &'s Store,
    actor: Actor,
    now_ms: i64,
    seq: i64,
    before: HistoryPoint,
    keys: Keys,
    format: Format,
    /// What the versions written so far add to the entry's hash.
    versions: Vec<String>,
    _turn: OwnedMutexGuard<()>,
}

impl Store {
    /// Begins a change: the caller has the only write transaction from here on.
    pub(crate) async fn begin(&self, by: &Principal) -> Result<Work<'_>, StoreError> {
        self.begin_as(by.into()).await
    }

    pub(crate) async fn begin_as(&self, actor: Actor) -> Result<Work<'_>, StoreError> {
        self.look_at_file().await?;
        if self.is_away() {
            // It may be there already, but with a schema of before.
            return Err(sqlx::Error::PoolTimedOut.into());
        }
        let mut work = self.begin_unchecked(actor.clone()).await?;
        // What was decided here by what is in memory would be decided by another history.
        let known = self.live().state();
        if !work.continues(&known).await? {
            work.cancel().await?;
            self.start_anew(&known).await?;
            work = self.begin_unchecked(actor).await?;
        }
        work.ask_anew().await?;
        Ok(work)
    }

    /// Begins a change whatever became of the database since it was read.
    pub(crate) async fn begin_unchecked(&self, actor: Actor) -> Result<Work<'_>, StoreError> {
        let (mut tx, turn) = self.db().begin_in_turn(&self.0.writing).await?;
        let head: Head = tx
            .one(
                "UPDATE workspace SET audit_seq = audit_seq + 1 WHERE id = 1 \
                 RETURNING audit_seq, audit_hash, audit_format, secret, history",
                args![],
            )
            .await?;
        let secret = match head.secret {
            Some(secret) => secret,
            None => make_secret(&mut tx).await?,
        };
        let keys = Keys::new(Some(secret), self.0.audit_secret.as_ref());
        let format = keys.best();
        // There is no way back to a weaker key: what follows would prove less than what is there.
        if Format::of(head.audit_format).is_none_or(|before| before > format) {
            return Err(Invalid::AuditSecretMissing.into());
        }
        let now_ms = self.shared_now_ms();
        let before =
            HistoryPoint { seq: number(head.audit_seq - 1), hash: head.audit_hash, history: head.history };
        Ok(Work {
            tx,
            store: self,
            actor,
            now_ms,
            seq: head.audit_seq,
            before,
            keys,
            format,
            versions: Vec::new(),
            _turn: turn,
        })
    }
}

#[derive(sqlx_macros::FromRow)]
struct Head {
    audit_seq: i64,
    audit_hash: String,
    audit_format: i64,
    secret: Option<String>,
    history: String,
}

/// The first change makes the workspace's secret, when nobody has asked for it yet.
async fn make_secret(tx: &mut Tx) -> Result<String, StoreError> {
    let secret = new_secret()?;
    tx.execute("UPDATE workspace SET secret = $1 WHERE id = 1", args![&secret]).await?;
    Ok(secret)
}

impl Work<'_> {
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// The sequence of the audit entry that will close this change.
    pub(crate) fn seq(&self) -> i64 {
        self.seq
    }

    /// Where the database stood before this change.
    pub(crate) fn place(&self) -> &HistoryPoint {
        &self.before
    }

    pub(crate) fn by(&self) -> &str {
        &self.actor.name
    }

    /// Refuses whoever may not change this environment: bound to another, or by the role table.
    pub(crate) fn require_in(&self, environment: &EnvironmentKey) -> Result<(), StoreError> {
        Ok(self.actor.permit.covers(Some(environment))?)
    }

    /// From here on it is this member's change: they did not exist when it began.
    pub(crate) fn act_as(&mut self, principal: &Principal) {
        self.actor = principal.into();
    }

    /// Everything committed before this change, in memory.
    pub(crate) async fn state(&self) -> Result<Arc<State>, StoreError> {
        let live = self.store.live();
        live.reach(&self.store.db(), self.before.seq).await?;
        Ok(live.state())
    }

    /// Keeps a version for ever. `environment` is empty for what has none.
    pub(crate) async fn add_version(
        &mut self,
        kind: &'static str,
        key: &str,
        environment: &str,
        version: i64,
        document: &str,
    ) -> Result<(), StoreError> {
        self.tx
            .execute(
                "INSERT INTO versions (object_kind, object_key, environment, version, document, at_ms, audit_seq) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                args![kind, key, environment, version, document, self.now_ms, self.seq],
            )
            .await?;
        self.versions.push(chain::version_line(kind, key, environment, version, document));
        Ok(())
    }

    /// [`Work::add_version`] for many objects of one kind that belong to no environment.
    pub(crate) async fn add_versions(
        &mut self,
        kind: &'static str,
        lines: Vec<VersionLine>,
    ) -> Result<(), StoreError> {
        let row = |it: &VersionLine| (it.key.clone(), it.version, it.document.clone());
        let rows = crate::to_json("versions", &lines.iter().map(row).collect::<Vec<_>>())?;
        let sql = match &self.tx {
            Tx::Sqlite(_) => {
                "INSERT INTO versions (object_kind, object_key, environment, version, document, at_ms, audit_seq) \
                 SELECT $2, value ->> 0, '', value ->> 1, value ->> 2, $3, $4 FROM json_each($1)"
            }
            Tx::Pg(_) => {
                "INSERT INTO versions (object_kind, object_key, environment, version, document, at_ms, audit_seq) \
                 SELECT $2, line ->> 0, '', (line ->> 1)::BIGINT, line ->> 2, $3, $4 \
                 FROM json_array_elements($1::json) AS line"
            }
        };
        let (now_ms, seq) = (self.now_ms, self.seq);
        self.tx.execute(sql, args![&rows, kind, now_ms, seq]).await?;
        let line = |it: &VersionLine| chain::version_line(kind, &it.key, "", it.version, &it.document);
        self.versions.extend(lines.iter().map(line));
        Ok(())
    }

    /// Moves the revision: decisions can differ from here on.
    pub(crate) async fn bump(&mut self, revisions: Revisions<'_>) -> Result<(), StoreError> {
        let key = match revisions {
            Revisions::Of(environment) => Some(environment.as_str()),
            Revisions::All => None,
        };
        self.tx
            .execute(
                "UPDATE environments SET revision = revision + 1, changed_ms = $1 WHERE $2 IS NULL OR key = $2",
                args![self.now_ms, key],
            )
            .await?;
        Ok(())
    }

    /// Undoes everything: nothing was worth an entry.
    pub(crate) async fn cancel(self) -> Result<(), StoreError> {
        Ok(self.tx.rollback().await?)
    }

    /// Writes the audit entry, commits, and puts the change into force. After the commit nothing can fail any more:
    /// a reload that does not work now is repeated by the follower.
    pub(crate) async fn finish(self, entry: Entry) -> Result<u64, StoreError> {
        // Nobody changes anything where they may not, whatever an operation forgot to ask.
        self.actor.permit.covers(entry.environment.as_ref())?;
        let store = self.store;
        let seq = self.commit(entry).await?;
        if let Err(error) = store.live().reach(&store.db(), seq).await {
            tracing::error!(%error, seq, "a committed change is not in force yet; it will be when the database answers");
        }
        Ok(seq)
    }

    /// Writes the audit entry and commits.
    pub(crate) async fn commit(mut self, entry: Entry) -> Result<u64, StoreError> {
        let seq = self.seq;
        // Having looked at something on the way is not what was to be done once.
        if !entry.action.is_look()
            && let Some(claim) = self.actor.origin.once.take()
        {
            self.note_once(&claim).await?;
        }
        let sealed = self.seal(entry)?;
        let mut tx = self.tx;
        chain::insert(&mut tx, &sealed).await?;
        tx.execute(
            "UPDATE workspace SET audit_hash = $1, audit_format = $2 WHERE id = 1",
            args![&sealed.hash, sealed.format],
        )
        .await?;
        tx.notify(CHANNEL, &seq.to_string()).await?;
        tx.commit().await?;
        Ok(number(seq))
    }

    fn seal(&self, entry: Entry) -> Result<Sealed, StoreError> {
        let short = |text: &str| shorten(text, CHANGE_CHARS_MAX);
        let changes: Vec<_> = entry
            .changes
            .iter()
            .take(CHANGES_MAX)
            .map(|change| Change {
                phrase: short(&change.phrase),
                before: change.before.as_deref().map(short),
                after: change.after.as_deref().map(short),
            })
            .collect();
        let sealed = Sealed {
            seq: self.seq,
            at_ms: self.now_ms,
            actor_kind: self.actor.kind.as_str().to_owned(),
            actor_id: self.actor.id.get(),
            actor: self.actor.name.clone(),
            actor_email: self.actor.email.clone(),
            action: entry.action.as_str().to_owned(),
            object_kind: entry.object.kind.as_str().to_owned(),
            object_key: entry.object.key,
            object_name: entry.object_name,
            environment: entry.environment.map(Into::into),
            sentence: shorten(&entry.sentence, SENTENCE_CHARS_MAX),
            changes: crate::to_json("audit", &changes)?,
            reason: entry.reason,
            request_id: shorten(&self.actor.origin.request_id, ORIGIN_TEXT_CHARS_MAX),
            address: shorten(&self.actor.origin.address, ORIGIN_TEXT_CHARS_MAX),
            version: entry.version.map(crate::signed),
            document_before: entry.before,
            document_after: entry.after,
            versions_hash: chain::versions_hash(self.versions.clone()),
            previous_hash: self.before.hash.clone(),
            hash: String::new(),
            format: self.format.number(),
        };
        sealed.sealed(&self.keys).ok_or(StoreError::Invalid(Invalid::AuditSecretMissing))
    }
}

/// "raised VIP agencies 50 → 100 %" and what else: the first change leads.
pub(crate) fn lead(changes: &[Change], of: impl FnOnce(&str) -> String) -> Option<String> {
    let (first, rest) = changes.split_first()?;
    let sentence = of(&first.phrase);
    Some(match rest.len() {
        0 => sentence,
        n => format!("{sentence}, and {}", counted(n, "more change")),
    })
}
