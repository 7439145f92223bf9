//! Links by which testers enrol themselves: so many of them, until so long. 256 random bits, stored as SHA-256.

use std::{fmt, str::FromStr};

use engine::{Enrolment, GroupKey, SubjectKey};

use super::{report, with_enrolments};
use crate::{
    Action, ActorKind, Enroller, Invalid, InviteToken, ObjectKind, ObjectRef, RequestOrigin, Store,
    StoreError, TokenHash, Viewer,
    change::{Actor, Entry},
    db::args,
    limits::{INVITATION_CAPACITY_MAX, INVITATIONS_LISTED_MAX, PURPOSE_CHARS_MAX},
    number,
    secret::new_secret,
    text,
};

/// How much of the secret the list shows.
const HINT_CHARS: usize = 4;

/// An invitation's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TesterInvitationId(i64);

impl TesterInvitationId {
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for TesterInvitationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TesterInvitationId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// An invitation to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTesterInvitation {
    /// Becomes the purpose of the enrolments, and tells invitations apart.
    pub purpose: String,
    /// How many testers it takes: 1 to 10,000.
    pub capacity: u64,
    /// Epoch ms, exclusive: nobody can accept it from then on.
    pub closes_ms: i64,
    /// Epoch ms, exclusive: when the enrolments that it makes end.
    pub until_ms: Option<i64>,
}

/// Whether an invitation can be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationState {
    Open,
    Full,
    Expired,
    Revoked,
}

/// An invitation, without its link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TesterInvitation {
    pub id: TesterInvitationId,
    pub group: GroupKey,
    pub group_name: String,
    pub hint: String,
    pub purpose: String,
    pub capacity: u64,
    pub accepted: u64,
    pub closes_ms: i64,
    pub until_ms: Option<i64>,
    pub created_ms: i64,
    pub created_by: String,
    pub state: InvitationState,
}

/// What came of accepting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acceptance {
    Enrolled,
    /// They were in the group already, until then; nothing was taken from the capacity.
    AlreadyIn {
        until_ms: Option<i64>,
    },
    /// Excluded from every rollout that the group is used in: the enrolment would do nothing.
    Excluded,
    /// Full, expired or revoked.
    Shut(InvitationState),
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: i64,
    hint: String,
    group_key: String,
    purpose: String,
    capacity: i64,
    accepted: i64,
    closes_ms: i64,
    until_ms: Option<i64>,
    created_ms: i64,
    created_by: String,
    revoked_ms: Option<i64>,
}

impl Row {
    fn parse(self, group_name: &str, now_ms: i64) -> Result<TesterInvitation, StoreError> {
        let state = match self.revoked_ms {
            Some(_) => InvitationState::Revoked,
            None if self.closes_ms <= now_ms || self.until_ms.is_some_and(|until| until <= now_ms) => {
                InvitationState::Expired
            }
            None if self.accepted >= self.capacity => InvitationState::Full,
            None => InvitationState::Open,
        };
        Ok(TesterInvitation {
            id: TesterInvitationId(self.id),
            group: GroupKey::parse(&self.group_key).map_err(|_| StoreError::CorruptRow {
                table: "tester_invitations",
                id: self.id.to_string(),
            })?,
            group_name: group_name.to_owned(),
            hint: self.hint,
            purpose: self.purpose,
            capacity: number(self.capacity),
            accepted: number(self.accepted),
            closes_ms: self.closes_ms,
            until_ms: self.until_ms,
            created_ms: self.created_ms,
            created_by: self.created_by,
            state,
        })
    }
}

impl Store {
    /// Makes a link; it is returned here and nowhere else.
    pub async fn invite_testers(
        &self,
        by: &Enroller,
        key: &GroupKey,
        new: NewTesterInvitation,
    ) -> Result<InviteToken, StoreError> {
        let purpose = text::name(&new.purpose, PURPOSE_CHARS_MAX, Invalid::InvitationPurpose)?;
        if !(1..=INVITATION_CAPACITY_MAX).contains(&new.capacity) {
            return Err(Invalid::InvitationCapacity.into());
        }
        let mut work = self.begin(by).await?;
        let now_ms = work.now_ms();
        if new.closes_ms <= now_ms || new.until_ms.is_some_and(|until| until <= now_ms) {
            return Err(Invalid::EndHasPassed.into());
        }
        let group = work.require_group(key).await?.value;
        let secret = new_secret()?;
        let hint = format!("…{}", &secret[secret.len() - HINT_CHARS..]);
        let (capacity, author) = (crate::signed(new.capacity), work.by().to_owned());
        work.tx
            .execute(
                "INSERT INTO tester_invitations (token_hash, hint, group_key, purpose, capacity, accepted, closes_ms, \
                 until_ms, created_ms, created_by) VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9)",
                args![
                    &TokenHash::of(&secret).hex(),
                    &hint,
                    key.as_str(),
                    &purpose,
                    capacity,
                    new.closes_ms,
                    new.until_ms,
                    now_ms,
                    &author,
                ],
            )
            .await?;
        let testers = engine::counted(new.capacity, "tester");
        let sentence = format!("made an invitation for {testers} to {}", group.name);
        work.finish(group_entry(Action::TestersInvited, &group.key, &group.name, sentence, purpose)).await?;
        Ok(InviteToken::new(secret))
    }

    /// Invitations to the group, newest first, at most [`INVITATIONS_LISTED_MAX`].
    pub async fn list_tester_invitations(
        &self,
        _by: &Viewer,
        key: &GroupKey,
    ) -> Result<Vec<TesterInvitation>, StoreError> {
        let rows: Vec<Row> = self
            .db()
            .all(
                "SELECT id, hint, group_key, purpose, capacity, accepted, closes_ms, until_ms, created_ms, \
                 created_by, revoked_ms FROM tester_invitations WHERE group_key = $1 ORDER BY id DESC LIMIT $2",
                args![key.as_str(), INVITATIONS_LISTED_MAX],
            )
            .await?;
        let now_ms = self.clock().now_ms();
        rows.into_iter().map(|row| row.parse(key.as_str(), now_ms)).collect()
    }

    /// Nobody can accept it from now on; who did stays in the group. `false`: there is no such invitation to this group.
    pub async fn revoke_tester_invitation(
        &self,
        by: &Enroller,
        key: &GroupKey,
        id: TesterInvitationId,
    ) -> Result<bool, StoreError> {
        let mut work = self.begin(by).await?;
        let group = work.require_group(key).await?.value;
        let now_ms = work.now_ms();
        let row: Option<(String, String)> = work
            .tx
            .optional(
                "UPDATE tester_invitations SET revoked_ms = $1 \
                 WHERE id = $2 AND group_key = $3 AND revoked_ms IS NULL RETURNING hint, purpose",
                args![now_ms, id.0, key.as_str()],
            )
            .await?;
        let Some((hint, purpose)) = row else {
            let sql = "SELECT id FROM tester_invitations WHERE id = $1 AND group_key = $2";
            let found: Option<(i64,)> = work.tx.optional(sql, args![id.0, key.as_str()]).await?;
            work.cancel().await?;
            return Ok(found.is_some());
        };
        let sentence = format!("revoked the invitation {hint} to {}", group.name);
        let action = Action::TesterInvitationRevoked;
        work.finish(group_entry(action, &group.key, &group.name, sentence, purpose)).await?;
        Ok(true)
    }

    /// What a link invites to, also when it is shut. `None`: there is no such link, or its group was deleted.
    pub async fn find_tester_invitation(&self, token: &str) -> Result<Option<TesterInvitation>, StoreError> {
        let row: Option<Row> = self
            .db()
            .optional(
                "SELECT tester_invitations.id, hint, group_key, purpose, capacity, accepted, closes_ms, until_ms, \
                 created_ms, created_by, revoked_ms FROM tester_invitations \
                 JOIN groups ON groups.key = tester_invitations.group_key \
                 WHERE token_hash = $1 AND NOT groups.deleted",
                args![&TokenHash::of(token).hex()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let state = self.live().state();
        let group = state.snapshots.iter().find_map(|snapshot| snapshot.group(&row.group_key));
        let name = group.map_or_else(|| row.group_key.clone(), |group| group.name().to_owned());
        row.parse(&name, self.clock().now_ms()).map(Some)
    }

    /// Enrols whoever holds the link under the key that they name. `None`: there is no such link.
    pub async fn accept_tester_invitation(
        &self,
        token: &str,
        subject: &SubjectKey,
        origin: &RequestOrigin,
    ) -> Result<Option<Acceptance>, StoreError> {
        let Some(invitation) = self.find_tester_invitation(token).await? else { return Ok(None) };
        let actor = Actor {
            kind: ActorKind::Invitation,
            name: format!("invitation {}", invitation.hint),
            ..Actor::system(origin.clone())
        };
        let mut work = self.begin_as(actor).await?;
        let current = work.require_group(&invitation.group).await?;
        let now_ms = work.now_ms();
        let there = current.value.enrolments.iter().find(|it| it.subject == *subject);
        if let Some(enrolment) = there.filter(|it| !it.is_over(now_ms)) {
            let until_ms = enrolment.until_ms;
            work.cancel().await?;
            return Ok(Some(Acceptance::AlreadyIn { until_ms }));
        }
        let state = work.state().await?;
        let users = report::using(&state, &invitation.group);
        let excluded = report::excluded_from(&users, &state, subject, now_ms).len();
        if excluded > 0 && excluded == users.len() {
            work.cancel().await?;
            return Ok(Some(Acceptance::Excluded));
        }
        // Taking a place is the check: of two at the same time, the second finds none left.
        let taken = work
            .tx
            .execute(
                "UPDATE tester_invitations SET accepted = accepted + 1 WHERE id = $1 AND accepted < capacity \
                 AND closes_ms > $2 AND revoked_ms IS NULL AND (until_ms IS NULL OR until_ms > $2)",
                args![invitation.id.0, now_ms],
            )
            .await?;
        if taken == 0 {
            work.cancel().await?;
            let now = self.find_tester_invitation(token).await?;
            return Ok(now.map(|it| Acceptance::Shut(it.state)));
        }
        let enrolment = Enrolment {
            purpose: invitation.purpose.clone(),
            until_ms: invitation.until_ms,
            by: work.by().to_owned(),
            at_ms: Some(now_ms),
            ..Enrolment::new(subject.clone())
        };
        let group = with_enrolments(&current.value, vec![enrolment]);
        work.write_group(current, group, invitation.purpose, Action::EnrolmentsChanged).await?;
        Ok(Some(Acceptance::Enrolled))
    }
}

fn group_entry(action: Action, key: &GroupKey, name: &str, sentence: String, reason: String) -> Entry {
    let object = ObjectRef::new(ObjectKind::Group, key.as_str());
    Entry { reason, ..Entry::new(action, object, name, sentence) }
}
