//! Links by which testers enrol themselves: making one, and the list of those there are.

use engine::GroupKey;
use leptos::prelude::*;
use store::{InvitationState, TesterInvitation};

use super::{enrol::moment, form::InvitationForm};
use crate::{
    form::state::FormState,
    group::head::Tab,
    page::here::here,
    ui::{
        badge::{Badge, Tone},
        dialog::Confirm,
        field::{Field, FormError},
        secret::Secret,
        table::{Column, Table},
        time,
    },
    zone::zone,
};

/// The new link, once.
pub fn issued(link: String) -> impl IntoView {
    view! {
        <Secret
            title="The invitation link"
            text="Copy it now: only its fingerprint is kept. Add ?subject=… to fill in the user name of somebody."
            value=link
            label="Invitation link"
        />
    }
}

pub fn form(key: &GroupKey, draft: FormState<InvitationForm>) -> impl IntoView + use<> {
    let fields = ["invite_purpose", "capacity", "closes", "invite_until"];
    let [purpose, capacity, closes, until] = fields.map(|field| draft.at(field));
    let general = draft.general();
    let open = draft.input.is_some();
    let typed = draft.input.unwrap_or_default();
    let action = here().href(&Tab::Testers.address(key));
    view! {
        <details class="card tester-form" id="invite" open=open>
            <summary><h2>"Invite by link"</h2></summary>
            <form method="post" action=format!("{action}#invite") class="stack">
                <FormError error=general />
                <Field
                    label="What for"
                    name="invite_purpose"
                    value=typed.purpose
                    error=purpose
                    hint="Whoever opens the link reads it; it becomes the purpose of their enrolment."
                    autocomplete="off"
                />
                <Field label="How many testers" name="capacity" kind="number" value=typed.capacity error=capacity inputmode="numeric" />
                {moment("Can be accepted until", "closes", typed.closes, closes)}
                {moment("Enrolled until", "invite_until", typed.until, until)}
                <p class="note">{format!("Days and times are those of {}. Without an end they are in until somebody removes them.", zone().name())}</p>
                <div class="cluster">
                    <button name="intent" value="invite" class="button" data-kind="primary">"Make the link"</button>
                </div>
            </form>
        </details>
    }
}

pub fn list(key: &GroupKey, invitations: Vec<TesterInvitation>, now_ms: i64) -> impl IntoView + use<> {
    let action = here().href(&Tab::Testers.address(key));
    let rows = invitations.into_iter().map(|it| row(&action, &it, now_ms)).collect_view();
    let columns = vec![
        Column::Text("Invitation"),
        Column::Text("State"),
        Column::Number("Accepted"),
        Column::Text("Made"),
        Column::Hidden("Actions"),
    ];
    view! {
        <h2>"Invitations"</h2>
        <Table columns>{rows}</Table>
    }
}

fn row(action: &str, invitation: &TesterInvitation, now_ms: i64) -> impl IntoView + use<> {
    let (tone, word) = match invitation.state {
        InvitationState::Open => (Tone::Good, "open"),
        InvitationState::Full => (Tone::Accent, "full"),
        InvitationState::Expired => (Tone::Neutral, "expired"),
        InvitationState::Revoked => (Tone::Neutral, "revoked"),
    };
    let (action, id) = (action.to_owned(), invitation.id.to_string());
    let revoke = matches!(invitation.state, InvitationState::Open | InvitationState::Full).then(|| {
        view! {
            <Confirm
                label="Revoke"
                text="Nobody can accept this invitation any more. Who did stays in the group."
                action=action
                button="Revoke the invitation"
                danger=true
            >
                <input type="hidden" name="intent" value="revoke" />
                <input type="hidden" name="id" value=id />
            </Confirm>
        }
    });
    let enrolled = invitation.until_ms.map(|until| format!(", enrolled until {}", time::last_moment(until)));
    let closes =
        format!("closes {}{}", time::last_moment(invitation.closes_ms), enrolled.unwrap_or_default());
    view! {
        <tr data-key=invitation.id.to_string()>
            <td>
                <div class="who">
                    <strong>{invitation.purpose.clone()}</strong>
                    <small class="muted"><code>{invitation.hint.clone()}</code>" "{closes}</small>
                </div>
            </td>
            <td data-label="State"><Badge tone=tone text=word /></td>
            <td data-label="Accepted" class="num">{format!("{} of {}", invitation.accepted, invitation.capacity)}</td>
            <td data-label="Made">
                <span>{time::ago(now_ms, invitation.created_ms)}<span class="note">" by "{invitation.created_by.clone()}</span></span>
            </td>
            <td class="actions">{revoke}</td>
        </tr>
    }
}
