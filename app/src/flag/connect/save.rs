//! Making a token for the application that is being connected.

use axum::extract::Path;
use store::{Invalid, NewToken, StoreError, TokenKind, limits::TOKEN_NAME_CHARS_MAX};

use super::{
    language::Language,
    page::{self, OriginForm, Pressed, language_of},
};
use crate::{
    error::AppError,
    flag::FlagPage,
    form::{error::FormErrors, fields::Fields},
    page::{Page, PageResult},
};

pub async fn post(page: Page, Path(key): Path<String>, fields: Fields) -> PageResult {
    let administrator = page.recent_administrator()?;
    if fields.text("do") != "token" {
        return Err(AppError::BadForm);
    }
    let shown = FlagPage::load(&page, &key).await?;
    let (language, origin) = (language_of(&page), fields.trimmed("origin").to_owned());
    let kind = language.token_kind();
    let name = name_of(&shown.flag.name, language);
    let token = NewToken {
        origins: if kind == TokenKind::Client { vec![origin.clone()] } else { Vec::new() },
        ..NewToken::new(name.clone(), kind, page.environment.key.clone())
    };
    let pressed = match page.store().create_token(&administrator, token).await {
        Ok(secret) => Pressed { made: Some((name, secret)), ..Pressed::default() },
        Err(error) => {
            let is_origin = matches!(error, StoreError::Invalid(Invalid::Origins));
            let errors = FormErrors::from(error);
            let errors = if is_origin { errors.beside("origin") } else { errors };
            Pressed { form: OriginForm::refused(origin, errors), made: None }
        }
    };
    page::show(&page, shown, pressed).await
}

/// `Connect: Fast payment (Python)`; a long name gives way.
fn name_of(flag: &str, language: Language) -> String {
    let around = format!("Connect:  ({})", language.label());
    let room = TOKEN_NAME_CHARS_MAX - around.chars().count();
    let flag: String = flag.chars().take(room).collect();
    format!("Connect: {} ({})", flag.trim_end(), language.label())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_what_it_was_made_for() {
        assert_eq!(name_of("Fast payment", Language::Python), "Connect: Fast payment (Python)");
        let longest = Language::ALL.map(|it| name_of(&"x".repeat(120), it).chars().count());
        assert!(longest.iter().all(|chars| *chars == TOKEN_NAME_CHARS_MAX), "{longest:?}");
    }
}
