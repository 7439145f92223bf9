//! Making, rotating and revoking tokens.

use engine::EnvironmentKey;
use store::{Invalid, InvalidLifetime, NewToken, Rotation, StoreError, TokenId, TokenKind, TokenScope};

use super::page::{self, Issued, TokenInput, TokensForms, WORKSPACE};
use crate::{
    error::AppError,
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, toast::Toast},
};

const HERE: &str = "/settings/tokens";

pub async fn post(page: Page, fields: Fields) -> PageResult {
    match fields.text("do") {
        "create" => create(page, &fields).await,
        "rotate" => rotate(page, &fields).await,
        "grant" => grant(page, &fields, true).await,
        "withdraw" => grant(page, &fields, false).await,
        "revoke" => revoke(page, &fields).await,
        _ => Err(AppError::BadForm),
    }
}

async fn create(page: Page, fields: &Fields) -> PageResult {
    let administrator = page.recent_administrator()?;
    let input = TokenInput::read(fields);
    let token = new_token(&input)?;
    let draft = match page.store().create_token(&administrator, token).await {
        Ok(secret) => issued("The new token", secret),
        Err(error) => TokensForms {
            new: FormState::refused(input, beside_token_fields(error)),
            ..TokensForms::default()
        },
    };
    page::show(&page, draft).await
}

fn issued(title: &'static str, secret: String) -> TokensForms {
    TokensForms { issued: Some(Issued { title, secret }), ..TokensForms::default() }
}

fn new_token(input: &TokenInput) -> Result<NewToken, AppError> {
    let origins = input.origins.split_whitespace().map(|it| it.trim_end_matches(',').to_owned());
    let scope = match input.environment.as_str() {
        WORKSPACE => TokenScope::Workspace,
        key => EnvironmentKey::parse(key).map_err(|_| AppError::BadForm)?.into(),
    };
    let kind = TokenKind::parse(&input.kind, Some(&input.role)).ok_or(AppError::BadForm)?;
    Ok(NewToken {
        origins: origins.filter(|it| !it.is_empty()).collect(),
        writes_traits: input.writes_traits,
        lifetime: input.expires.parse().map_err(|InvalidLifetime| AppError::BadForm)?,
        ..NewToken::new(input.name.clone(), kind, scope)
    })
}

fn beside_token_fields(error: StoreError) -> FormErrors {
    let field = match &error {
        StoreError::Invalid(Invalid::TokenName) => Some("name"),
        StoreError::Invalid(Invalid::Origins) => Some("origins"),
        StoreError::Invalid(Invalid::TokenScope) => Some("environment"),
        StoreError::Invalid(Invalid::TokenLifetime) => Some("expires"),
        _ => None,
    };
    let errors = FormErrors::from(error);
    match field {
        Some(field) => errors.beside(field),
        None => errors,
    }
}

async fn rotate(page: Page, fields: &Fields) -> PageResult {
    let administrator = page.recent_administrator()?;
    let id = token_id(fields)?;
    let rotation = Rotation {
        overlap_hours: fields.text("overlap").parse().map_err(|_| AppError::BadForm)?,
        lifetime: fields.text("expires").parse().map_err(|InvalidLifetime| AppError::BadForm)?,
    };
    match page.store().rotate_token(&administrator, id, rotation).await {
        Ok(secret) => page::show(&page, issued("The new secret", secret)).await,
        Err(error) => refused(&page, id, error).await,
    }
}

async fn grant(page: Page, fields: &Fields, writes_traits: bool) -> PageResult {
    let administrator = page.recent_administrator()?;
    let id = token_id(fields)?;
    match page.store().grant_traits(&administrator, id, writes_traits).await {
        Ok(()) => Ok(page.done(HERE, Toast::TokenChanged)),
        Err(error) => refused(&page, id, error).await,
    }
}

async fn revoke(page: Page, fields: &Fields) -> PageResult {
    let administrator = page.recent_administrator()?;
    page.store().revoke_token(&administrator, token_id(fields)?).await?;
    Ok(page.done(HERE, Toast::TokenRevoked))
}

fn token_id(fields: &Fields) -> Result<TokenId, AppError> {
    fields.text("id").parse().map_err(|_| AppError::BadForm)
}

async fn refused(page: &Page, id: TokenId, error: StoreError) -> PageResult {
    match error {
        StoreError::Invalid(_) => {
            let draft = FormState::refused((), error);
            page::show(page, TokensForms { token: Some((id, draft)), ..TokensForms::default() }).await
        }
        other => Err(other.into()),
    }
}
