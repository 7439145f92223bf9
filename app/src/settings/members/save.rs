//! Inviting members and changing what they may do.

use store::{Invalid, InvalidRole, Role, StoreError, UserId};

use super::page::{self, InviteInput, IssuedLink, MembersForms};
use crate::{
    error::AppError,
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, toast::Toast},
    sign_in::save::beside_account_fields,
};

const HERE: &str = "/settings/members";

pub async fn post(page: Page, fields: Fields) -> PageResult {
    match fields.text("do") {
        "invite" => invite(page, &fields).await,
        "role" | "sign-out" | "disable" | "enable" | "reset" => change(page, &fields).await,
        _ => Err(AppError::BadForm),
    }
}

async fn invite(page: Page, fields: &Fields) -> PageResult {
    let administrator = page.recent_administrator()?;
    let input = InviteInput::read(fields);
    let Ok(role) = Role::parse(&input.role) else {
        let draft = FormState::refused(input, FormErrors::field("role", InvalidRole));
        return page::show(&page, MembersForms { invite: draft, ..MembersForms::default() }).await;
    };
    let draft = match page.store().invite_member(&administrator, &input.email, &input.name, role).await {
        Ok(token) => {
            let url = page.absolute(&format!("/invite/{}", token.as_str()));
            MembersForms { issued: Some(IssuedLink { email: input.email, url }), ..MembersForms::default() }
        }
        Err(error) => MembersForms {
            invite: FormState::refused(input, beside_account_fields(error)),
            ..MembersForms::default()
        },
    };
    page::show(&page, draft).await
}

async fn change(page: Page, fields: &Fields) -> PageResult {
    let administrator = page.recent_administrator()?;
    let id: UserId = fields.text("id").parse().map_err(|_| AppError::BadForm)?;
    let store = page.store();
    let outcome = match fields.text("do") {
        "role" => {
            let role = Role::parse(fields.text("role")).map_err(|_| AppError::BadForm)?;
            store.set_role(&administrator, id, role).await.map(|()| Toast::RoleChanged)
        }
        "sign-out" => store.revoke_sessions(&administrator, id).await.map(|()| Toast::MemberSignedOut),
        "disable" => store.disable_member(&administrator, id).await.map(|()| Toast::MemberDisabled),
        "enable" => store.enable_member(&administrator, id).await.map(|()| Toast::MemberEnabled),
        _ => return reset(page, id).await,
    };
    match outcome {
        Ok(toast) => Ok(page.done(HERE, toast)),
        Err(error) => refused(&page, id, error).await,
    }
}

async fn reset(page: Page, id: UserId) -> PageResult {
    let administrator = page.recent_administrator()?;
    match page.store().reset_member(&administrator, id).await {
        Ok(token) => {
            let members = page.store().list_members(&administrator).await?;
            let email = members.into_iter().find(|it| it.id == id).map(|it| it.email).unwrap_or_default();
            let url = page.absolute(&format!("/invite/{}", token.as_str()));
            let draft = MembersForms { issued: Some(IssuedLink { email, url }), ..MembersForms::default() };
            page::show(&page, draft).await
        }
        Err(error) => refused(&page, id, error).await,
    }
}

async fn refused(page: &Page, id: UserId, error: StoreError) -> PageResult {
    match error {
        StoreError::Invalid(Invalid::LastAdmin | Invalid::DisabledMember) => {
            let draft = FormState::refused((), error);
            page::show(page, MembersForms { member: Some((id, draft)), ..MembersForms::default() }).await
        }
        other => Err(other.into()),
    }
}
