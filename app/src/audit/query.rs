//! The filters of the audit log as they stand in the URL.

use engine::EnvironmentKey;
use store::{Action, AuditFilter, ObjectKind};

use crate::{page::Visit, zone::typed::Days};

/// Filters out of the URL. What cannot be read filters nothing: an old link still shows the log.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    pub text: Option<String>,
    pub kind: Option<ObjectKind>,
    pub key: Option<String>,
    pub actor: Option<String>,
    pub action: Option<Action>,
    pub environment: Option<EnvironmentKey>,
    pub days: Days,
    pub before: Option<u64>,
}

impl AuditQuery {
    pub fn read(visit: &Visit) -> Self {
        Self {
            text: visit.query("q").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
            kind: visit.query("kind").and_then(|word| ObjectKind::parse(&word).ok()),
            key: visit.query("key"),
            actor: visit.query("actor"),
            action: visit.query("action").and_then(|word| Action::parse(&word).ok()),
            environment: visit.query("in").and_then(|key| EnvironmentKey::parse(&key).ok()),
            days: Days::read(visit),
            before: visit.query("before").and_then(|seq| seq.parse().ok()),
        }
    }

    pub fn is_filtered(&self) -> bool {
        self.text.is_some()
            || self.kind.is_some()
            || self.key.is_some()
            || self.actor.is_some()
            || self.action.is_some()
            || self.environment.is_some()
            || self.days.is_filtered()
    }

    pub fn filter(&self, limit: usize) -> AuditFilter {
        AuditFilter {
            object_kind: self.kind,
            object_key: self.key.clone(),
            environment: self.environment.clone(),
            actor: self.actor.clone(),
            action: self.action,
            from_ms: self.days.from_ms(),
            until_ms: self.days.until_ms(),
            text: self.text.clone(),
            from_seq: None,
            before_seq: self.before,
            limit,
            documents: false,
        }
    }
}

pub(crate) fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Flag => "Flags and rollouts",
        ObjectKind::Group => "Groups",
        ObjectKind::Member => "Members",
        ObjectKind::Token => "Tokens",
        ObjectKind::Attribute => "Attributes",
        ObjectKind::Person => "People",
        ObjectKind::Persona => "Personas",
        ObjectKind::Environment => "Environments",
        ObjectKind::Workspace => "The workspace",
        ObjectKind::Feedback => "Feedback",
        ObjectKind::Metric => "Metrics",
        ObjectKind::Webhook => "Webhooks",
        ObjectKind::Roles => "Who may do what",
    }
}

/// `rollout_stopped` → `Rollout stopped`.
pub(crate) fn action_name(action: Action) -> String {
    let words = action.as_str().replace('_', " ");
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
