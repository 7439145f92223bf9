//! One entry of the audit log and how it is asked for.

use engine::{Change, EnvironmentKey};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::LiveRow;
use crate::{
    ObjectKind, ObjectRef,
    limits::{AUDIT_PAGE_DEFAULT, AUDIT_SEARCH_ENTRIES_MAX},
};

engine::words! {
    /// What was done.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Action: serde {
        FlagCreated = "flag_created",
        FlagChanged = "flag_changed",
        FlagArchived = "flag_archived",
        FlagRestored = "flag_restored",
        RolloutChanged = "rollout_changed",
        RolloutStopped = "rollout_stopped",
        RolloutResumed = "rollout_resumed",
        RolloutReRandomised = "rollout_re_randomised",
        GroupCreated = "group_created",
        GroupChanged = "group_changed",
        GroupDeleted = "group_deleted",
        EnrolmentsChanged = "enrolments_changed",
        Reverted = "reverted",
        AttributeSaved = "attribute_saved",
        AttributeDeleted = "attribute_deleted",
        PeopleSaved = "people_saved",
        PersonaSaved = "persona_saved",
        PersonaDeleted = "persona_deleted",
        MemberAdded = "member_added",
        MemberInvited = "member_invited",
        MemberJoined = "member_joined",
        MemberReset = "member_reset",
        MemberRoleChanged = "member_role_changed",
        MemberDisabled = "member_disabled",
        MemberEnabled = "member_enabled",
        SignedIn = "signed_in",
        SignInRefused = "sign_in_refused",
        SignedOut = "signed_out",
        PasswordChanged = "password_changed",
        PasswordRefused = "password_refused",
        SessionsRevoked = "sessions_revoked",
        TokenCreated = "token_created",
        TokenRevoked = "token_revoked",
        TokenRotated = "token_rotated",
        TokenChanged = "token_changed",
        WorkspaceSetUp = "workspace_set_up",
        FeedbackTriaged = "feedback_triaged",
        ComplaintLogged = "complaint_logged",
        ExposuresRead = "exposures_read",
        RetentionChanged = "retention_changed",
        PersonErased = "person_erased",
        TestersInvited = "testers_invited",
        TesterInvitationRevoked = "tester_invitation_revoked",
        PreviewMade = "preview_made",
        PersonLookedUp = "person_looked_up",
        PeopleSearched = "people_searched",
        MetricSaved = "metric_saved",
        MetricDeleted = "metric_deleted",
        GuardrailsChanged = "guardrails_changed",
        GuardNotified = "guard_notified",
        GuardSteppedBack = "guard_stepped_back",
        GuardStopped = "guard_stopped",
        PlanSaved = "plan_saved",
        PlanMoved = "plan_moved",
        PlanApproved = "plan_approved",
        PlanAdvanced = "plan_advanced",
        PlanFinished = "plan_finished",
        PlanHeld = "plan_held",
        PlanWentOn = "plan_went_on",
        PlanPausedByGuard = "plan_paused_by_guard",
        WebhookSaved = "webhook_saved",
        WebhookDeleted = "webhook_deleted",
        WebhookTested = "webhook_tested",
        DatabaseRestored = "database_restored",
        RolesChanged = "roles_changed",
        IncidentShared = "incident_shared",
    } else InvalidAction = "there is no such action"
}

engine::words! {
    /// Who did it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum ActorKind: serde {
        Member = "member",
        CommandLine = "command_line",
        /// A program with a management token.
        Token = "token",
        /// The server itself.
        System = "system",
        /// A tester with an invitation link.
        Invitation = "invitation",
    } else InvalidActorKind = "there is no such kind of actor"
}

impl Action {
    /// Whether somebody only looked: nothing was changed.
    pub(crate) const fn is_look(self) -> bool {
        matches!(self, Self::PersonLookedUp | Self::PeopleSearched | Self::ExposuresRead)
    }
}

/// One change, told as a sentence. Entries are never changed or deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// 1, 2, 3…, without gaps, in the order of the commits.
    pub seq: u64,
    pub at_ms: i64,
    /// The name at the time.
    pub actor: String,
    pub actor_kind: ActorKind,
    pub actor_email: String,
    pub action: Action,
    pub object: ObjectRef,
    /// The name at the time.
    pub object_name: String,
    pub environment: Option<EnvironmentKey>,
    /// `raised VIP agencies 50 → 100 % on Fast payment in production`.
    pub sentence: String,
    pub changes: Vec<Change>,
    /// The whole object on both sides; only where [`AuditFilter::documents`] asked for it.
    pub before: Option<Json>,
    pub after: Option<Json>,
    pub reason: String,
    pub request_id: String,
    pub address: String,
    /// The object's version that this change made, where it has versions.
    pub version: Option<u64>,
    pub hash: String,
    pub previous_hash: String,
}

impl AuditEntry {
    /// Whether [`crate::Store::revert`] can undo it.
    pub fn is_revertible(&self) -> bool {
        matches!(self.object.kind, ObjectKind::Flag | ObjectKind::Group)
            && self.action != Action::GroupCreated
            && (self.version.is_some_and(|version| version > 1) || self.is_of_testers())
    }

    /// Whether it changed who is in a group, and not the group itself.
    pub(crate) fn is_of_testers(&self) -> bool {
        self.version.is_none() && self.action == Action::EnrolmentsChanged
    }
}

/// Which entries, newest first. Ranges are half-open; every set field must agree.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditFilter {
    pub object_kind: Option<ObjectKind>,
    pub object_key: Option<String>,
    pub environment: Option<EnvironmentKey>,
    /// A member's e-mail address or name, exactly.
    pub actor: Option<String>,
    pub action: Option<Action>,
    pub from_ms: Option<i64>,
    pub until_ms: Option<i64>,
    /// Found anywhere in the sentence, the reason, the object's name, what changed, or the keys of the testers who came, left or
    /// were changed, in any case.
    pub text: Option<String>,
    /// Entries from this one on; see [`AuditFilter::in_reach`].
    pub from_seq: Option<u64>,
    /// Entries before this one: the last `seq` of the page above.
    pub before_seq: Option<u64>,
    /// At most [`crate::limits::AUDIT_PAGE_MAX`].
    pub limit: usize,
    /// Whether `before` and `after` are filled; they can be large.
    pub documents: bool,
}

impl Default for AuditFilter {
    fn default() -> Self {
        Self {
            object_kind: None,
            object_key: None,
            environment: None,
            actor: None,
            action: None,
            from_ms: None,
            until_ms: None,
            text: None,
            from_seq: None,
            before_seq: None,
            limit: AUDIT_PAGE_DEFAULT,
            documents: false,
        }
    }
}

impl AuditFilter {
    /// What of it is looked at in one go, in a log whose last entry is `head`: a search for a text reads so many entries and
    /// no more, however few it finds. The second is where to go on, as `before_seq`, if that is not all.
    #[must_use]
    pub fn in_reach(self, head: u64) -> (Self, Option<u64>) {
        if self.text.is_none() {
            return (self, None);
        }
        let before = self.before_seq.map_or(head + 1, |seq| seq.min(head + 1));
        let from = before.saturating_sub(AUDIT_SEARCH_ENTRIES_MAX as u64);
        let more = Some(from).filter(|from| *from > 1);
        (Self { from_seq: Some(from), ..self }, more)
    }
}

/// What walking the whole chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditVerdict {
    Intact {
        entries: u64,
    },
    /// The first entry that is not as it was written.
    Broken {
        seq: u64,
        why: BrokenChain,
    },
    /// The chain is whole, and what is in force is something else than it says.
    Differs {
        row: LiveRow,
    },
}

/// How the chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    #[error("the entry is missing")]
    Missing,
    #[error("the entry was changed after it was written")]
    Changed,
    #[error("the entry does not follow the one before it")]
    Link,
    #[error("the versions that the entry recorded were changed or removed")]
    Versions,
    #[error("entries after this one were removed from the end")]
    Truncated,
    #[error(
        "the entry is keyed with less than the one before it, or in a way that this release does not know"
    )]
    Weaker,
    #[error("another entry stood here when its hash was noted: the log was rewritten")]
    Rewritten,
    #[error("the entry was there when its hash was noted, and the log ends before it: its end was cut off")]
    CutOff,
    #[error("versions were added that no entry recorded")]
    StrayVersions,
}
