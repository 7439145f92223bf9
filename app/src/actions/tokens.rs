//! Making and revoking tokens.

use engine::EnvironmentKey;
use store::{Invalid, NewToken, StoreError, TokenId, TokenKind};

use crate::{
    draft::{Draft, Refusal},
    error::AppError,
    fields::Fields,
    page::{Page, PageResult},
    pages::tokens::{self, TokenInput, TokensDraft},
    ui::toast::Toast,
};

pub async fn post(page: Page, fields: Fields) -> PageResult {
    match fields.text("do") {
        "create" => create(page, &fields).await,
        "revoke" => revoke(page, &fields).await,
        _ => Err(AppError::BadForm),
    }
}

async fn create(page: Page, fields: &Fields) -> PageResult {
    let administrator = page.recent_administrator()?;
    let input = TokenInput::read(fields);
    let outcome = match new_token(&input) {
        Ok(token) => page.store().create_token(&administrator, token).await.map_err(beside_token_fields),
        Err(error) => return Err(error),
    };
    let draft = match outcome {
        Ok(token) => TokensDraft { issued: Some(token), ..TokensDraft::default() },
        Err(refusal) => TokensDraft { new: Draft::refused(input, refusal), ..TokensDraft::default() },
    };
    tokens::show(&page, draft).await
}

fn new_token(input: &TokenInput) -> Result<NewToken, AppError> {
    let origins = input.origins.split_whitespace().map(|it| it.trim_end_matches(',').to_owned());
    Ok(NewToken {
        name: input.name.clone(),
        kind: TokenKind::parse(&input.kind, Some(&input.role)).ok_or(AppError::BadForm)?,
        environment: EnvironmentKey::parse(&input.environment).map_err(|_| AppError::BadForm)?,
        origins: origins.filter(|it| !it.is_empty()).collect(),
    })
}

fn beside_token_fields(error: StoreError) -> Refusal {
    let field = match &error {
        StoreError::Invalid(Invalid::TokenName) => Some("name"),
        StoreError::Invalid(Invalid::Origins) => Some("origins"),
        _ => None,
    };
    let refusal = Refusal::from(error);
    match field {
        Some(field) => refusal.beside(field),
        None => refusal,
    }
}

async fn revoke(page: Page, fields: &Fields) -> PageResult {
    let administrator = page.recent_administrator()?;
    let id: TokenId = fields.text("id").parse().map_err(|_| AppError::BadForm)?;
    page.store().revoke_token(&administrator, id).await?;
    Ok(page.done("/settings/tokens", Toast::TokenRevoked))
}
