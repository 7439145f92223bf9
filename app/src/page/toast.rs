//! What a page says once after something worked. Closed: it travels in a cookie, so it carries no text.

use leptos::prelude::*;

engine::words! {
    /// A sentence after a redirect.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Toast {
        Saved = "saved",
        Unchanged = "unchanged",
        Created = "created",
        Deleted = "deleted",
        Stopped = "stopped",
        Resumed = "resumed",
        ReRandomised = "re-randomised",
        Archived = "archived",
        Restored = "restored",
        Reverted = "reverted",
        RoleChanged = "role-changed",
        MemberSignedOut = "member-signed-out",
        MemberDisabled = "member-disabled",
        MemberEnabled = "member-enabled",
        TokenRevoked = "token-revoked",
        TokenChanged = "token-changed",
        PasswordChanged = "password-changed",
        ZoneSaved = "zone-saved",
        SessionsEnded = "sessions-ended",
        OtherSessionsEnded = "other-sessions-ended",
        SignedOut = "signed-out",
        Welcome = "welcome",
        PersonaSaved = "persona-saved",
        FeedbackTriaged = "feedback-triaged",
        ComplaintLogged = "complaint-logged",
        Enrolled = "enrolled",
        InvitationRevoked = "invitation-revoked",
        PeopleImported = "people-imported",
        PersonErased = "person-erased",
        MetricSaved = "metric-saved",
        WebhookTested = "webhook-tested",
        WebhookDeleted = "webhook-deleted",
        PlanSaved = "plan-saved",
        PlanStarted = "plan-started",
        PlanMoved = "plan-moved",
        PlanApproved = "plan-approved",
        GuardrailsSaved = "guardrails-saved",
        GuardrailsReset = "guardrails-reset",
        RolesSaved = "roles-saved",
    }
}

impl Toast {
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Saved => "Saved. Clients have it already.",
            Self::Unchanged => "Nothing is different, so nothing was saved.",
            Self::Created => "Created.",
            Self::Deleted => "Deleted.",
            Self::Stopped => "Stopped. Everybody gets the off variant now.",
            Self::Resumed => "Resumed. Exactly the same people have it again.",
            Self::ReRandomised => "Re-randomised. Other people are inside the percentages now.",
            Self::Archived => "Archived. Clients no longer find this flag.",
            Self::Restored => "Restored.",
            Self::Reverted => "Reverted, as a new change.",
            Self::RoleChanged => "The role was changed. It counts from the next click.",
            Self::MemberDisabled => "Disabled, and signed out everywhere.",
            Self::MemberEnabled => "Enabled. They can sign in again.",
            Self::TokenChanged => "Changed. It counts from the next request.",
            Self::TokenRevoked => "Revoked. Clients with this token are refused from now on.",
            Self::ZoneSaved => "Saved. Times are shown and typed in your zone now.",
            Self::PasswordChanged => "Your password was changed.",
            Self::MemberSignedOut => "The member is signed out everywhere.",
            Self::SessionsEnded => "That browser is signed out.",
            Self::OtherSessionsEnded => "All your other browsers are signed out.",
            Self::SignedOut => "You are signed out.",
            Self::Welcome => "Welcome to Fader.",
            Self::PersonaSaved => "Saved as a persona. Try it on any flag.",
            Self::FeedbackTriaged => "Saved. Everybody who looks at the inbox sees it.",
            Self::ComplaintLogged => "Logged, with what they saw at that moment.",
            Self::Enrolled => "Enrolled. Clients have it already.",
            Self::InvitationRevoked => "Revoked. Nobody can accept this invitation any more.",
            Self::PeopleImported => "Imported. They count from now on.",
            Self::PersonErased => "Erased everywhere. The audit log keeps no key.",
            Self::MetricSaved => "Saved. Its outcomes count from now on.",
            Self::WebhookTested => "A test message is on its way.",
            Self::WebhookDeleted => "Deleted. This address is told nothing more.",
            Self::PlanSaved => "Saved. Nothing changes for anybody before it starts or gets there.",
            Self::PlanStarted => "Started. Clients have the first step already.",
            Self::PlanMoved => "Done. The line of steps shows where the plan is now.",
            Self::PlanApproved => "Approved. The plan may enter this step.",
            Self::GuardrailsSaved => "Saved. The guard judges by these from now on.",
            Self::RolesSaved => "Saved. It counts from the next click of everybody.",
            Self::GuardrailsReset => "Done. The guard judges by these from now on.",
        }
    }
}

/// The region that says it politely; on every page, so that it is known before it speaks.
pub fn region(toast: Option<Toast>) -> impl IntoView {
    let toast =
        toast.map(|toast| view! { <p class="toast">{crate::ui::icon::check()}{toast.sentence()}</p> });
    view! { <div class="toasts" role="status">{toast}</div> }
}

#[cfg(test)]
mod tests {
    use super::Toast;

    #[test]
    fn every_toast_comes_back_from_its_cookie() {
        for toast in Toast::ALL {
            assert_eq!(Toast::parse(toast.as_str()), Ok(toast));
        }
        assert!(Toast::parse("<b>").is_err());
    }
}
