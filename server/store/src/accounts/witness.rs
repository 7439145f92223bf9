//! Who came and went, in the audit log: sign-ins, those that were refused, and sign-outs, with when and from where. Some in
//! ten minutes are listed one by one, for each member and for all unknown accounts together; one more entry says that there
//! were others, so that nobody can fill the log. What was typed as an account that does not exist is not kept: it may be a
//! password.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{UserRow, member_entry};
use crate::{
    Action, ObjectKind, ObjectRef, Principal, RequestOrigin, Store, StoreError, UserId,
    change::{Actor, Entry},
    clock::MINUTE_MS,
    limits::SIGN_INS_AUDITED_MAX,
};

const WINDOW_MS: i64 = 10 * MINUTE_MS;
/// Windows at a time; beyond it those that are over are forgotten, and when there are none all of them.
const WINDOWS_MAX: usize = 10_000;

/// Whom, and what about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum About {
    Member(UserId, Action),
    /// Sign-ins to accounts that do not exist.
    Nobody,
}

/// How often each was seen since its window began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Witnessed(Arc<Mutex<HashMap<About, Window>>>);

#[derive(Debug)]
struct Window {
    since_ms: i64,
    times: usize,
}

/// What the audit log is told of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    ThisOne,
    /// There are more than are listed one by one.
    More,
}

impl Witnessed {
    fn note(&self, about: About, now_ms: i64) -> Told {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= WINDOWS_MAX && !windows.contains_key(&about) {
            windows.retain(|_, window| now_ms - window.since_ms < WINDOW_MS);
            if windows.len() >= WINDOWS_MAX {
                windows.clear();
            }
        }
        let begin = || Window { since_ms: now_ms, times: 0 };
        let window = windows.entry(about).or_insert_with(begin);
        if now_ms - window.since_ms >= WINDOW_MS {
            *window = begin();
        }
        window.times = window.times.saturating_add(1);
        match window.times {
            n if n <= SIGN_INS_AUDITED_MAX => Told::ThisOne,
            n if n == SIGN_INS_AUDITED_MAX + 1 => Told::More,
            _ => Told::Nothing,
        }
    }
}

impl Store {
    /// What to say of a member who comes or goes: an entry for the change that lets them.
    pub(super) fn witness(&self, member: &Principal, action: Action, sentence: &str) -> Option<Entry> {
        let about = About::Member(member.id(), action);
        let sentence = match self.0.witnessed.note(about, self.clock().now_ms()) {
            Told::Nothing => return None,
            Told::ThisOne => sentence.to_owned(),
            Told::More => {
                format!("{sentence}, and more than {SIGN_INS_AUDITED_MAX} times within ten minutes")
            }
        };
        Some(member_entry(action, member.id(), member.name(), sentence))
    }

    /// A sign-in was refused. Written after the answer: how long that takes must not tell which accounts exist.
    pub(super) fn witness_refusal(&self, user: Option<&UserRow>, origin: &RequestOrigin) {
        let about =
            user.map_or(About::Nobody, |user| About::Member(UserId::new(user.id), Action::SignInRefused));
        let told = self.0.witnessed.note(about, self.clock().now_ms());
        let Some(entry) = refusal(user, told) else { return };
        let (store, actor) = (self.clone(), Actor::system(origin.clone()));
        tokio::spawn(async move {
            let (sentence, address) = (entry.sentence.clone(), actor.origin.address.clone());
            if let Err(error) = store.write_witness(actor, entry).await {
                tracing::warn!(%error, sentence, address, "this is not in the audit log");
            }
        });
    }

    async fn write_witness(&self, actor: Actor, entry: Entry) -> Result<(), StoreError> {
        let work = self.begin_as(actor).await?;
        work.finish(entry).await?;
        Ok(())
    }
}

fn refusal(user: Option<&UserRow>, told: Told) -> Option<Entry> {
    let (whom, why) = match user {
        None => ("an account that does not exist".to_owned(), ""),
        Some(user) => {
            let why = match (user.disabled, &user.password_hash) {
                (true, _) => ": the member is disabled",
                (false, None) => ": the member has no password yet",
                (false, Some(_)) => ": the password was wrong",
            };
            (format!("{} ({})", user.name, user.email), why)
        }
    };
    let sentence = match told {
        Told::Nothing => return None,
        Told::ThisOne => format!("refused a sign-in as {whom}{why}"),
        Told::More => {
            format!("refused more than {SIGN_INS_AUDITED_MAX} sign-ins as {whom} within ten minutes")
        }
    };
    let Some(user) = user else {
        let object = ObjectRef::new(ObjectKind::Workspace, "members");
        return Some(Entry::new(Action::SignInRefused, object, "members", sentence));
    };
    Some(member_entry(Action::SignInRefused, UserId::new(user.id), &user.name, sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_listed_and_one_stands_for_the_others() {
        let witnessed = Witnessed::default();
        let ann = About::Member(UserId::new(1), Action::SignInRefused);
        let told: Vec<_> = (0..100).map(|at_ms| witnessed.note(ann, at_ms)).collect();
        assert_eq!(told.iter().filter(|it| **it == Told::ThisOne).count(), SIGN_INS_AUDITED_MAX);
        assert_eq!(told[SIGN_INS_AUDITED_MAX], Told::More);
        assert_eq!(told.iter().filter(|it| **it == Told::More).count(), 1);
        assert_eq!(witnessed.note(About::Nobody, 1), Told::ThisOne, "others are counted apart");
        assert_eq!(witnessed.note(ann, WINDOW_MS), Told::ThisOne, "ten minutes later");
    }

    #[test]
    fn windows_do_not_add_up_for_ever() {
        let witnessed = Witnessed::default();
        for id in 0..3 * i64::try_from(WINDOWS_MAX).expect("small") {
            witnessed.note(About::Member(UserId::new(id), Action::SignedIn), 0);
        }
        assert!(witnessed.0.lock().expect("not poisoned").len() <= WINDOWS_MAX);
    }
}
