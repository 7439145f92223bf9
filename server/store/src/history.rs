//! Whether the database goes on from what is in memory. After a backup was put back, under a server that runs, it does
//! not: then everything in memory is read again, and no revision that was served comes back with another content.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use engine::Change;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::{
    Action, ObjectKind, ObjectRef, RequestOrigin, Store, StoreError,
    change::{Actor, Entry, Work},
    db::args,
    live::{Look, State},
    number,
    secret::new_secret,
    signed,
};

/// How far revisions leap over those that were served. Another copy may have served some that this one has not heard of;
/// it cannot be this many.
const REVISION_LEAP: i64 = 1000;

/// Where in which history a state stands: its last audit entry, that entry's hash, and the name of the history.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct HistoryPoint {
    pub(crate) seq: u64,
    pub(crate) hash: String,
    /// Random; it changes when a copy of the server has noticed that a backup was put back. Empty before anything
    /// was read.
    pub(crate) history: String,
}

impl HistoryPoint {
    /// Whether a database that stands at `head` goes on from here. `known_hash` is what it has as the hash of our last
    /// entry: without that entry the chain is broken, which is another matter.
    pub(crate) fn continues_at(&self, head: &Self, known_hash: Option<&str>) -> bool {
        if self.history.is_empty() {
            return true;
        }
        self.history == head.history
            && match head.seq.cmp(&self.seq) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Equal => head.hash == self.hash,
                std::cmp::Ordering::Greater => {
                    self.seq == 0 || known_hash.is_none_or(|hash| hash == self.hash)
                }
            }
    }
}

/// Looks at the database that callers wait for. One is under way at a time and serves all who came before it began, so
/// that the database is asked no faster than it answers.
#[derive(Debug, Default, Clone)]
pub(crate) struct HeadLooks(Arc<Looks>);

#[derive(Debug, Default)]
struct Looks {
    begun: AtomicU64,
    /// Whether the last one worked.
    worked: Mutex<bool>,
}

impl HeadLooks {
    /// Runs `look`, or waits for one that somebody else began since.
    async fn once<F>(&self, look: impl FnOnce() -> F) -> Result<(), StoreError>
    where
        F: Future<Output = Result<(), StoreError>>,
    {
        let before = self.0.begun.load(Ordering::Acquire);
        let mut worked = self.0.worked.lock().await;
        if self.0.begun.load(Ordering::Acquire) > before {
            let failed = || StoreError::Unavailable(sqlx::Error::PoolTimedOut);
            return worked.then_some(()).ok_or_else(failed);
        }
        self.0.begun.fetch_add(1, Ordering::AcqRel);
        *worked = false;
        let looked = look().await;
        *worked = looked.is_ok();
        looked
    }
}

impl Store {
    /// Brings memory up to what any copy of the server had committed when this was called: before a caller is told that
    /// something does not exist which another copy may have made a moment ago.
    pub async fn look_at_head(&self) -> Result<(), StoreError> {
        if self.is_away() {
            return Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut));
        }
        self.0.head_looks.once(|| self.catch_up()).await
    }

    /// Brings memory up to the database, also when that is another one than it was.
    pub(crate) async fn catch_up(&self) -> Result<(), StoreError> {
        match self.live().refresh(&self.db()).await? {
            Look::Continued => Ok(()),
            Look::AnotherHistory => self.start_anew(&self.live().state()).await,
        }
    }

    /// Whether the database goes on from a state that was known before it was opened.
    pub(crate) async fn goes_on_from(&self, known: &HistoryPoint) -> Result<bool, StoreError> {
        let sql = "SELECT audit_seq, audit_hash, history, (SELECT hash FROM audit WHERE seq = $1) AS known_hash \
                   FROM workspace WHERE id = 1";
        let (seq, hash, history, known_hash): (i64, String, String, Option<String>) =
            self.db().one(sql, args![signed(known.seq)]).await?;
        let head = HistoryPoint { seq: number(seq), hash, history };
        Ok(known.continues_at(&head, known_hash.as_deref()))
    }

    /// Reads everything again. When the database does not go on from what was known, revisions are raised above all that
    /// were served before, and the audit log is told. Of several copies the first one to notice writes; the others write
    /// only when they served more than it knew of.
    pub(crate) async fn start_anew(&self, known: &Arc<State>) -> Result<(), StoreError> {
        let _one = self.0.starting_anew.lock().await;
        let origin = RequestOrigin::at("the server itself");
        let mut work = self.begin_unchecked(Actor::system(origin)).await?;
        if work.continues(known).await? {
            work.cancel().await?;
        } else {
            tracing::error!(
                known_seq = known.place.seq,
                head_seq = work.place().seq,
                "the database is another one than it was: a backup was put back; everything is read again"
            );
            let noticed = work.is_noticed().await?;
            let raised = work.raise_revisions(known, noticed).await?;
            if noticed && raised.is_empty() {
                work.cancel().await?;
            } else {
                work.begin_history(known, raised).await?;
            }
        }
        self.0.past.forget();
        self.0.looked.forget_all();
        self.0.searched.forget_all();
        self.forget_verified().await;
        self.live().load_anew(&self.db()).await
    }
}

impl Work<'_> {
    /// Whether the database, before this change, goes on from a state in memory.
    pub(crate) async fn continues(&mut self, known: &State) -> Result<bool, StoreError> {
        let head = self.place().clone();
        let lags = head.seq > known.place.seq && known.place.seq > 0;
        let hash: Option<(String,)> = if lags {
            let sql = "SELECT hash FROM audit WHERE seq = $1";
            self.tx.optional(sql, args![signed(known.place.seq)]).await?
        } else {
            None
        };
        Ok(known.place.continues_at(&head, hash.as_ref().map(|(hash,)| &**hash)))
    }

    /// Whether another copy has begun the history that the database names.
    async fn is_noticed(&mut self) -> Result<bool, StoreError> {
        let history = self.place().history.clone();
        let sql = "SELECT seq FROM audit WHERE action = $1 AND document_after = $2 ORDER BY seq DESC LIMIT 1";
        let action = Action::DatabaseRestored.as_str();
        let found: Option<(i64,)> = self.tx.optional(sql, args![action, &named(&history)]).await?;
        Ok(found.is_some())
    }

    /// Of environments that are behind what was served, or of all.
    async fn raise_revisions(
        &mut self,
        known: &Arc<State>,
        only_behind: bool,
    ) -> Result<Vec<Change>, StoreError> {
        let now_ms = self.now_ms();
        let mut raised = Vec::new();
        for environment in known.environments.iter() {
            let served = signed(environment.revision);
            let revision: Option<(i64,)> = self
                .tx
                .optional(
                    "UPDATE environments \
                     SET revision = CASE WHEN revision > $1 THEN revision ELSE $1 END + $2, changed_ms = $3 \
                     WHERE key = $4 AND (revision <= $1 OR NOT $5) \
                     RETURNING revision",
                    args![served, REVISION_LEAP, now_ms, environment.key.as_str(), only_behind],
                )
                .await?;
            if let Some((revision,)) = revision {
                raised.push(Change {
                    phrase: format!("{} goes on with revision {revision}", environment.name),
                    before: Some(served.to_string()),
                    after: Some(revision.to_string()),
                });
            }
        }
        Ok(raised)
    }

    /// Closes the change: from here on it is another history, so that every copy notices.
    async fn begin_history(mut self, known: &State, raised: Vec<Change>) -> Result<(), StoreError> {
        let history = new_secret()?;
        self.tx.execute("UPDATE workspace SET history = $1 WHERE id = 1", args![&history]).await?;
        let sentence = match known.place.seq.saturating_sub(self.place().seq) {
            0 => "noticed that the database was replaced by one with another history".to_owned(),
            1 => "noticed that the database was restored: 1 entry is gone".to_owned(),
            gone => {
                format!("noticed that the database was restored: {} are gone", engine::counted(gone, "entry"))
            }
        };
        let object = ObjectRef::new(ObjectKind::Workspace, "history");
        let entry = Entry {
            changes: raised,
            before: Some(named(&known.place.history)),
            after: Some(named(&history)),
            ..Entry::new(Action::DatabaseRestored, object, "Database", sentence)
        };
        self.commit(entry).await?;
        Ok(())
    }
}

/// A history as a document of the audit log.
fn named(history: &str) -> String {
    serde_json::json!({ "history": history }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_look_serves_all_who_came_before_it() {
        let (looks, count) = (HeadLooks::default(), Arc::new(AtomicU64::new(0)));
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let look = || {
            let (looks, count, gate) = (looks.clone(), Arc::clone(&count), Arc::clone(&gate));
            async move {
                let counted = async || {
                    count.fetch_add(1, Ordering::Relaxed);
                    gate.acquire().await.expect("open").forget();
                    Ok(())
                };
                looks.once(counted).await.expect("worked");
            }
        };
        let mut all = tokio::task::JoinSet::new();
        all.spawn(look());
        tokio::task::yield_now().await;
        assert_eq!(count.load(Ordering::Relaxed), 1, "it is under way");
        for _ in 0..50 {
            all.spawn(look());
        }
        // All of them wait by now.
        tokio::task::yield_now().await;
        gate.add_permits(3);
        all.join_all().await;
        assert_eq!(count.load(Ordering::Relaxed), 2);
        look().await;
        assert_eq!(count.load(Ordering::Relaxed), 3, "who comes later asks again");
    }

    fn place(seq: u64, hash: &str, history: &str) -> HistoryPoint {
        HistoryPoint { seq, hash: hash.to_owned(), history: history.to_owned() }
    }

    #[test]
    fn a_history_goes_on_or_is_another_one() {
        let known = place(7, "seven", "a");
        for (head, known_hash, continues) in [
            (place(7, "seven", "a"), Some("seven"), true),
            (place(9, "nine", "a"), Some("seven"), true),
            (place(9, "nine", "a"), Some("another seven"), false),
            (place(9, "nine", "a"), None, true),
            (place(7, "another seven", "a"), None, false),
            (place(6, "six", "a"), None, false),
            (place(7, "seven", "b"), Some("seven"), false),
        ] {
            assert_eq!(known.continues_at(&head, known_hash), continues, "{head:?} {known_hash:?}");
        }
        assert!(HistoryPoint::default().continues_at(&known, None), "nothing was read yet");
        assert!(place(0, "", "a").continues_at(&place(1, "one", "a"), None));
    }
}
