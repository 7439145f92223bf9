//! Triage: state, assignee and note of one item. Audited and checked by version; what the user told never changes, and
//! the note stays out of the audit log: it may name the person, who can be erased.

use engine::Change;

use super::{
    Feedback, FeedbackId, TriageState,
    item::{Row, items},
};
use crate::{
    Action, Conflict, FeedbackHandler, Invalid, ObjectKind, ObjectRef, Operation, Role, Store, StoreError,
    UserId,
    change::{Entry, Work},
    db::args,
    number, signed, text,
    versioned::parse,
};

/// What an item is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triage {
    pub state: TriageState,
    pub assignee: Option<UserId>,
    pub note: String,
}

impl TriageState {
    /// The words that people read.
    pub fn label(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::Looking => "Looking into it",
            Self::Resolved => "Resolved",
            Self::WontFix => "Won’t fix",
        }
    }
}

impl Store {
    /// Sets state, assignee and note; gives the new version. A triage made on an older version than the current one is
    /// a conflict that says what the others changed.
    pub async fn triage_feedback(
        &self,
        by: &FeedbackHandler,
        id: FeedbackId,
        expected: u64,
        triage: Triage,
    ) -> Result<u64, StoreError> {
        let note = text::reason(&triage.note)?;
        let mut work = self.begin(by).await?;
        let row: Option<Row> = work.tx.optional(items!("WHERE feedback.id = $1"), args![id.get()]).await?;
        let Some(before) = row.map(Feedback::try_from).transpose()? else {
            return Err(StoreError::NotFound { kind: ObjectKind::Feedback, key: id.to_string() });
        };
        if before.version != expected {
            return Err(conflict(&mut work, &before, expected).await?.into());
        }
        let assignee = match triage.assignee {
            Some(user) if before.assignee == Some(user) => before.assignee_name.clone(),
            Some(user) => Some(handler_name(&mut work, user).await?),
            None => None,
        };
        let changes = changes(&before, triage.state, assignee.as_deref(), &note);
        if changes.is_empty() {
            work.cancel().await?;
            return Ok(expected);
        }
        let version = expected + 1;
        let (now_ms, name) = (work.now_ms(), work.by().to_owned());
        work.tx
            .execute(
                "UPDATE feedback SET state = $1, assignee = $2, note = $3, version = $4, changed_ms = $5, \
                 changed_by = $6 WHERE id = $7",
                args![
                    triage.state.as_str(),
                    triage.assignee.map(UserId::get),
                    &note,
                    signed(version),
                    now_ms,
                    &name,
                    id.get()
                ],
            )
            .await?;
        work.finish(entry(&before, version, changes)).await?;
        Ok(version)
    }
}

fn entry(before: &Feedback, version: u64, changes: Vec<Change>) -> Entry {
    let id = before.id;
    let of = |phrase: &str| format!("{phrase} of feedback {id}");
    let sentence = crate::change::lead(&changes, of).unwrap_or_default();
    let object = ObjectRef::new(ObjectKind::Feedback, id.to_string());
    Entry {
        environment: Some(before.environment.clone()),
        changes,
        version: Some(version),
        ..Entry::new(Action::FeedbackTriaged, object, &format!("Feedback {id}"), sentence)
    }
}

fn changes(before: &Feedback, state: TriageState, assignee: Option<&str>, note: &str) -> Vec<Change> {
    let mut changes = Vec::new();
    if before.state != state {
        changes.push(Change {
            phrase: "changed the state".to_owned(),
            before: Some(before.state.label().to_owned()),
            after: Some(state.label().to_owned()),
        });
    }
    if before.assignee_name.as_deref() != assignee {
        let side = |name: Option<&str>| Some(name.unwrap_or("nobody").to_owned());
        changes.push(Change {
            phrase: "changed the assignee".to_owned(),
            before: side(before.assignee_name.as_deref()),
            after: side(assignee),
        });
    }
    if before.note != note {
        changes.push(Change { phrase: "changed the note".to_owned(), before: None, after: None });
    }
    changes
}

async fn handler_name(work: &mut Work<'_>, user: UserId) -> Result<String, StoreError> {
    let row: Option<(String, String)> = work
        .tx
        .optional("SELECT name, role FROM users WHERE id = $1 AND NOT disabled", args![user.get()])
        .await?;
    let roles = work.state().await?.roles.clone();
    let may = |role: &str| Role::parse(role).is_ok_and(|it| roles.may(it, Operation::HandleFeedback, None));
    match row {
        Some((name, role)) if may(&role) => Ok(name),
        Some(_) | None => Err(Invalid::FeedbackAssignee.into()),
    }
}

/// What happened to the item since `expected`, out of the audit log.
async fn conflict(work: &mut Work<'_>, current: &Feedback, expected: u64) -> Result<Conflict, StoreError> {
    let id = current.id.to_string();
    let rows: Vec<(String,)> = work
        .tx
        .all(
            "SELECT changes FROM audit WHERE object_kind = $1 AND object_key = $2 AND version > $3 ORDER BY seq",
            args![ObjectKind::Feedback.as_str(), &id, signed(expected)],
        )
        .await?;
    let mut changes: Vec<Change> = Vec::new();
    for (document,) in rows {
        changes.extend(parse::<Vec<Change>>("audit", &id, &document)?);
    }
    Ok(Conflict {
        expected,
        current: number(signed(current.version)),
        by: current.changed_by.clone(),
        at_ms: current.changed_ms,
        changes,
    })
}
