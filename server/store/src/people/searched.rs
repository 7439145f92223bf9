//! Searching people stands in the audit log like opening one: who, when, and how many were shown. What was typed is not
//! kept anywhere: it may name somebody, also somebody who is erased later. One entry for each reader and question in ten
//! minutes; beyond some of them one more says that there were others, so that typing does not fill the log.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use super::Matches;
use crate::{
    Action, ObjectKind, ObjectRef, PeopleReader, Store, StoreError, UserId,
    change::Entry,
    clock::MINUTE_MS,
    limits::{SEARCH_CHARS_MAX, SEARCHES_AUDITED_MAX},
};

/// Asking the same again within this time is the same search.
const SEARCH_MS: i64 = 10 * MINUTE_MS;
/// Fewer than these, and those are shown as well who are nearly called so.
const SIMILAR_BELOW: usize = 3;
const SIMILAR_MAX: usize = 10;
/// Readers remembered at a time; beyond it the remembered searches are forgotten, and audited again.
const READERS_MAX: usize = 10_000;

/// Who searched for what lately.
#[derive(Debug, Default, Clone)]
pub(crate) struct Searched(Arc<Mutex<Readers>>);

#[derive(Debug, Default)]
struct Readers {
    /// Another hash in every process: nobody can tell a question by it.
    hasher: RandomState,
    by: HashMap<UserId, Window>,
}

/// Ten minutes of one reader.
#[derive(Debug)]
struct Window {
    since_ms: i64,
    questions: HashSet<u64>,
}

/// What the audit log is told of one search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It stands there already.
    Nothing,
    ThisOne,
    /// There are more than are listed one by one.
    More,
}

impl Searched {
    fn note(&self, by: UserId, query: &str, now_ms: i64) -> Told {
        let mut readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let question = readers.hasher.hash_one(query);
        if readers.by.len() >= READERS_MAX {
            readers.by.clear();
        }
        let begin = || Window { since_ms: now_ms, questions: HashSet::new() };
        let window = readers.by.entry(by).or_insert_with(begin);
        if now_ms - window.since_ms >= SEARCH_MS {
            *window = begin();
        }
        // One more than are listed stands for all the others.
        if window.questions.len() > SEARCHES_AUDITED_MAX || !window.questions.insert(question) {
            return Told::Nothing;
        }
        if window.questions.len() > SEARCHES_AUDITED_MAX { Told::More } else { Told::ThisOne }
    }

    /// After a backup was put back the audit log may not have them any more.
    pub(crate) fn forget_all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by.clear();
    }

    fn forget(&self, by: UserId, query: &str) {
        let mut readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let question = readers.hasher.hash_one(query);
        if let Some(window) = readers.by.get_mut(&by) {
            window.questions.remove(&question);
        }
    }
}

impl Store {
    /// The people that match all words of `query`, in any trait; where those are few, also who is nearly called so. Audited, unless nothing was asked. It alters no decision,
    /// so no revision moves and nobody's page is told.
    pub async fn search_people(
        &self,
        by: &PeopleReader,
        query: &str,
        limit: usize,
    ) -> Result<Matches, StoreError> {
        let query: String = query.trim().chars().take(SEARCH_CHARS_MAX).collect();
        if query.is_empty() {
            return Ok(Matches::default());
        }
        let people = self.live().people();
        let mut matches = people.search(&query, limit);
        if !matches.more && matches.people.len() < SIMILAR_BELOW {
            let room = limit.min(SIMILAR_MAX);
            matches.similar = people.similar(&query, room, &matches.people).await;
        }
        let shown = match (matches.people.len(), matches.more) {
            (n, true) => format!("the first {n} shown of more"),
            (0, false) => "nobody found".to_owned(),
            (n, false) => format!("{n} found"),
        };
        let shown = match matches.similar.len() {
            0 => shown,
            n => format!("{shown}, {n} with a similar name"),
        };
        self.audit_search(by, &query, &shown).await?;
        Ok(matches)
    }

    /// Before anything is shown: an entry that cannot be written shows nothing.
    pub(crate) async fn audit_search(
        &self,
        by: &PeopleReader,
        query: &str,
        shown: &str,
    ) -> Result<(), StoreError> {
        self.audit_looking(by, query, format!("searched people: {shown}")).await
    }

    /// A place where people are shown, of which one entry is enough. No question that was typed has a NUL in it.
    pub(crate) async fn audit_place(
        &self,
        by: &PeopleReader,
        place: &str,
        sentence: &str,
    ) -> Result<(), StoreError> {
        self.audit_looking(by, &format!("\0{place}"), sentence.to_owned()).await
    }

    async fn audit_looking(
        &self,
        by: &PeopleReader,
        query: &str,
        sentence: String,
    ) -> Result<(), StoreError> {
        let searched = &self.0.searched;
        let sentence = match searched.note(by.id(), query, self.clock().now_ms()) {
            Told::Nothing => return Ok(()),
            Told::ThisOne => sentence,
            Told::More => format!("searched people more than {SEARCHES_AUDITED_MAX} times in ten minutes"),
        };
        let written = self.write_search(by, sentence).await;
        if written.is_err() {
            searched.forget(by.id(), query);
        }
        written
    }

    async fn write_search(&self, by: &PeopleReader, sentence: String) -> Result<(), StoreError> {
        let work = self.begin(by).await?;
        let object = ObjectRef::new(ObjectKind::Workspace, "people");
        work.finish(Entry::new(Action::PeopleSearched, object, "people", sentence)).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_is_told_once_and_many_are_told_as_many() {
        let searched = Searched::default();
        let ann = UserId::new(1);
        assert_eq!(searched.note(ann, "ada", 0), Told::ThisOne);
        assert_eq!(searched.note(ann, "ada", SEARCH_MS - 1), Told::Nothing);
        assert_eq!(searched.note(UserId::new(2), "ada", 0), Told::ThisOne, "another reader");
        let told: Vec<_> = (0..100).map(|n| searched.note(ann, &n.to_string(), 1)).collect();
        assert_eq!(told.iter().filter(|told| **told == Told::ThisOne).count(), SEARCHES_AUDITED_MAX - 1);
        assert_eq!(told.iter().filter(|told| **told == Told::More).count(), 1);
        assert_eq!(searched.note(ann, "ada", SEARCH_MS), Told::ThisOne, "ten minutes later");
    }

    #[test]
    fn what_could_not_be_written_is_told_the_next_time() {
        let searched = Searched::default();
        assert_eq!(searched.note(UserId::new(1), "ada", 0), Told::ThisOne);
        searched.forget(UserId::new(1), "ada");
        assert_eq!(searched.note(UserId::new(1), "ada", 0), Told::ThisOne);
    }
}
