//! What an invitation link for testers leads to: anybody who holds it says under which name the site knows them, and is in.
//! It speaks to somebody who never heard of Fader. The address is a secret, so it is never a referrer and never logged.

use axum::extract::Path;
use leptos::prelude::*;
use store::{Acceptance, InvitationState, TesterInvitation};

use crate::{
    error::AppError,
    form::{error::as_sentence, state::FormState},
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
    let meta = PageMeta::outside("You are invited to test").status(status).secret_address();
    let action = format!("/join/{token}");
    let site = site(visit);
    visit.render_door(meta, move || {
        let told = draft.outcome.as_ref().map(|outcome| outcome_view(outcome, &invitation, &site));
        let shut = shut.map(shut_view);
        let ends = !matches!(draft.outcome, None | Some(Acceptance::Excluded)) || shut.is_some();
        let form = (!ends).then(|| form(&action, &invitation, draft.form, &site));
        let facts = shut.is_none().then(|| facts(&invitation, &site));
        view! {
            <h1>"You are invited to test"</h1>
            <p class="lead">{what(&invitation)}</p>
            {told}
            {shut}
            {facts}
            {form}
        }
    })
}

/// What the site is called, as far as is known: its host, where the environment has one.
fn site(visit: &Visit) -> String {
    let origins = visit.store().live().client_origins(visit.environment.key.as_str());
    let host = match &origins[..] {
        [one] => one.split_once("://").map(|(_, host)| host.to_owned()),
        [] | [_, _, ..] => None,
    };
    host.unwrap_or_else(|| "the site".to_owned())
}

/// What they will test.
fn what(invitation: &TesterInvitation) -> String {
    match &*invitation.purpose {
        "" => "Somebody would like you to try something new before everybody gets it.".to_owned(),
        purpose => as_sentence(purpose),
    }
}

/// Until when, what is recorded, and how to leave: in their words, before they agree to it.
fn facts(invitation: &TesterInvitation, site: &str) -> impl IntoView + use<> {
    let until = invitation.until_ms.map_or_else(
        || "Until you ask to leave, or somebody ends the test.".to_owned(),
        |until| format!("Until {}. It ends by itself.", time::last_moment(until)),
    );
    let recorded = format!(
        "Your user name, when you joined and by which invitation, and the address that your browser connects from. While you \
         take part, also which version {site} showed you and when, and whether it worked."
    );
    view! {
        <dl class="join-facts">
            <dt>"Until when"</dt>
            <dd>{until}</dd>
            <dt>"What is recorded"</dt>
            <dd>{recorded}</dd>
            <dt>"How to leave"</dt>
            <dd>"Tell whoever sent you the link. They can take you out at any moment, and you see what everybody sees again."</dd>
        </dl>
    }
}

fn form(
    action: &str,
    invitation: &TesterInvitation,
    draft: FormState<String>,
    site: &str,
) -> impl IntoView + use<> {
    let (general, subject) = (draft.general(), draft.at("subject"));
    let typed = draft.input.unwrap_or_default();
    let left = invitation.capacity.saturating_sub(invitation.accepted);
    let places = if left == 1 { "1 place is".to_owned() } else { format!("{left} places are") };
    let closes = format!("{places} left. You can join until {}.", time::last_moment(invitation.closes_ms));
    view! {
        <form method="post" action=here().plain(action) class="card stack">
            <FormError error=general />
            <Field
                label=format!("Your user name on {site}")
                name="subject"
                value=typed
                error=subject
                hint="Exactly as it stands in your account there. If you are not sure, ask whoever sent you the link."
                mono=true
                required=true
                autofocus=true
                autocomplete="off"
            />
            <button class="button" data-kind="primary">"Take part"</button>
        </form>
        <p class="note">{closes}</p>
    }
}

fn outcome_view(outcome: &Acceptance, invitation: &TesterInvitation, site: &str) -> AnyView {
    let until = |until: Option<i64>| {
        until.map_or_else(String::new, |until| {
            format!(" It ends by itself: until {}.", time::last_moment(until))
        })
    };
    let (tone, text) = match outcome {
        Acceptance::Enrolled => {
            let next = format!("You are in. When it is your turn, {site} shows you the new version.");
            (Tone::Good, format!("{next}{}", until(invitation.until_ms)))
        }
        Acceptance::AlreadyIn { until_ms } => {
            (Tone::Good, format!("You take part already, so nothing was changed.{}", until(*until_ms)))
        }
        Acceptance::Excluded => (
            Tone::Warning,
            "This user name cannot take part in this test. Ask whoever sent you the link why.".to_owned(),
        ),
        Acceptance::Shut(_) => return ().into_any(),
    };
    let role = if tone == Tone::Good { "status" } else { "alert" };
    view! { <Callout tone=tone role=role><p>{text}</p></Callout> }.into_any()
}

fn shut_view(state: InvitationState) -> AnyView {
    let text = match state {
        InvitationState::Full => "This test is full: as many people as were wanted take part.",
        InvitationState::Expired => "It is too late to join with this invitation.",
        InvitationState::Revoked => "This invitation was taken back.",
        InvitationState::Open => return ().into_any(),
    };
    view! {
        <Callout tone=Tone::Warning role="alert">
            <p><strong>{text}</strong>" Ask whoever sent you the link."</p>
        </Callout>
    }
    .into_any()
}
