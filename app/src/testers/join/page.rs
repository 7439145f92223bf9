//! What an invitation link for testers leads to: anybody who holds it names their targeting key and is in. The address
//! is a secret, so it is never a referrer and never logged.

use axum::extract::Path;
use leptos::prelude::*;
use store::{Acceptance, InvitationState, TesterInvitation};

use crate::{
    error::AppError,
    form::state::FormState,
    page::{PageMeta, PageResult, Visit, here::here},
    ui::{
        badge::{Callout, Tone},
        field::{Field, FormError},
        time,
    },
};

/// What the page has to say beside the invitation.
#[derive(Default)]
pub struct JoinForms {
    pub form: FormState<String>,
    pub outcome: Option<Acceptance>,
}

pub async fn get(visit: Visit, Path(token): Path<String>) -> PageResult {
    let subject = visit.query("subject");
    let form = FormState { input: subject, errors: None };
    show(&visit, &token, JoinForms { form, outcome: None }).await
}

pub async fn show(visit: &Visit, token: &str, draft: JoinForms) -> PageResult {
    let invitation = visit.store().find_tester_invitation(token).await?.ok_or(AppError::StaleLink)?;
    let shut = match &draft.outcome {
        Some(Acceptance::Shut(state)) => Some(*state),
        None => Some(invitation.state).filter(|state| *state != InvitationState::Open),
        Some(Acceptance::Enrolled | Acceptance::AlreadyIn { .. } | Acceptance::Excluded) => None,
    };
    let status = match (&draft.outcome, shut) {
        (Some(Acceptance::Excluded), _) => http::StatusCode::CONFLICT,
        (_, Some(_)) => http::StatusCode::GONE,
        (_, None) => draft.form.status(),
    };
    let meta = PageMeta::outside(format!("Try {}", invitation.group_name)).status(status).secret_address();
    let action = format!("/join/{token}");
    visit.render_door(meta, move || {
        let told = draft.outcome.as_ref().map(|outcome| outcome_view(outcome, &invitation));
        let shut = shut.map(shut_view);
        let ends = !matches!(draft.outcome, None | Some(Acceptance::Excluded)) || shut.is_some();
        let form = (!ends).then(|| form(&action, &invitation, draft.form));
        view! {
            <h1>{format!("Try {}", invitation.group_name)}</h1>
            <p class="lead">{invitation.purpose.clone()}</p>
            {told}
            {shut}
            {form}
        }
    })
}

fn form(action: &str, invitation: &TesterInvitation, draft: FormState<String>) -> impl IntoView + use<> {
    let (general, subject) = (draft.general(), draft.at("subject"));
    let typed = draft.input.unwrap_or_default();
    let until = invitation.until_ms.map_or_else(
        || "You are in until somebody takes you out again.".to_owned(),
        |until| format!("You are in until {}; it ends by itself.", time::last_moment(until)),
    );
    let left = invitation.capacity.saturating_sub(invitation.accepted);
    let places = if left == 1 { "1 place is".to_owned() } else { format!("{left} places are") };
    let closes = format!("{places} left. The invitation closes {}.", time::last_moment(invitation.closes_ms));
    view! {
        <form method="post" action=here().plain(action) class="card stack">
            <FormError error=general />
            <Field
                label="Your user id (targeting key)"
                name="subject"
                value=typed
                error=subject
                hint="The id under which the site knows you, exactly as it stands in your account."
                mono=true
                required=true
                autofocus=true
                autocomplete="off"
            />
            <p class="note">{until}</p>
            <button class="button" data-kind="primary">"Take part"</button>
        </form>
        <p class="note">{closes}</p>
    }
}

fn outcome_view(outcome: &Acceptance, invitation: &TesterInvitation) -> AnyView {
    let until = |until: Option<i64>| {
        until.map_or_else(String::new, |until| {
            format!(" It ends by itself: until {}.", time::last_moment(until))
        })
    };
    let (tone, text) = match outcome {
        Acceptance::Enrolled => {
            (Tone::Good, format!("You are in. The site shows it to you from now on.{}", until(invitation.until_ms)))
        }
        Acceptance::AlreadyIn { until_ms } => {
            (Tone::Good, format!("You are in already; nothing was changed.{}", until(*until_ms)))
        }
        Acceptance::Excluded => (
            Tone::Warning,
            "This user id is excluded from what is being tried, so it cannot take part. Ask whoever sent you the link."
                .to_owned(),
        ),
        Acceptance::Shut(_) => return ().into_any(),
    };
    let role = if tone == Tone::Good { "status" } else { "alert" };
    view! { <Callout tone=tone role=role><p>{text}</p></Callout> }.into_any()
}

fn shut_view(state: InvitationState) -> AnyView {
    let text = match state {
        InvitationState::Full => "This invitation is full: as many testers as were wanted have taken part.",
        InvitationState::Expired => "This invitation has expired.",
        InvitationState::Revoked => "This invitation was revoked.",
        InvitationState::Open => return ().into_any(),
    };
    view! {
        <Callout tone=Tone::Warning role="alert">
            <p><strong>{text}</strong>" Ask whoever sent you the link for a new one."</p>
        </Callout>
    }
    .into_any()
}
