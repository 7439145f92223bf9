//! Opening one person: what is stored with them, and an entry in the audit log that says who looked.

use std::sync::Arc;

use engine::{SubjectKey, Traits};

use super::People;
use crate::{
    Action, ObjectKind, ObjectRef, PeopleReader, Store, StoreError, change::Entry, clock::MINUTE_MS, db::args,
};

/// Looking again at the same person within this time is the same look-up.
const LOOK_UP_MS: i64 = 10 * MINUTE_MS;

/// One person, and everybody at the same moment.
#[derive(Debug, Clone)]
pub struct LookedUp {
    pub subject: SubjectKey,
    people: Arc<People>,
}

impl LookedUp {
    /// What is stored with them; `None` when nothing is known.
    pub fn traits(&self) -> Option<Traits<'_>> {
        self.people.traits(self.subject.as_str())
    }
}

impl Store {
    /// Opens somebody, known or not. Audited: once for each member and person in ten minutes. It alters no decision, so
    /// no revision moves and nobody's page is told.
    pub async fn look_up(&self, by: &PeopleReader, subject: &SubjectKey) -> Result<LookedUp, StoreError> {
        if !self.looked_lately(by, subject).await? {
            let work = self.begin(by).await?;
            let key = subject.as_str();
            let object = ObjectRef::new(ObjectKind::Person, key);
            work.finish(Entry::new(Action::PersonLookedUp, object, key, format!("looked up {key}"))).await?;
        }
        Ok(LookedUp { subject: subject.clone(), people: self.live().people() })
    }

    async fn looked_lately(&self, by: &PeopleReader, subject: &SubjectKey) -> Result<bool, StoreError> {
        let now_ms = self.clock().now_ms();
        let row: Option<(i64,)> = self
            .db()
            .optional(
                "SELECT seq FROM audit WHERE object_kind = 'person' AND object_key = $1 AND actor_id = $2 \
                 AND action = 'person_looked_up' AND at_ms > $3 AND at_ms <= $4 LIMIT 1",
                args![subject.as_str(), by.id().get(), now_ms - LOOK_UP_MS, now_ms],
            )
            .await?;
        Ok(row.is_some())
    }
}
