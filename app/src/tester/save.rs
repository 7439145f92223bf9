//! Excluding a tester from a flag, taking that back, and making previews.

use axum::extract::Path;
use engine::{Context, FlagKey, Preview, SubjectKey, VariantKey};
use store::{Invalid, StoreError};

use super::page::{self, IssuedPreview, TesterForms, TesterInput, require_subject};
use crate::{
    error::AppError,
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, toast::Toast},
};

pub async fn post(page: Page, Path(subject): Path<String>, fields: Fields) -> PageResult {
    page.there()?.excluder()?;
    let subject = require_subject(&subject)?;
    let input = TesterInput::from_fields(&fields);
    match fields.text("intent") {
        "exclude" => exclude(&page, &subject, input, true).await,
        "readmit" => exclude(&page, &subject, input, false).await,
        "preview" => preview(&page, &subject, input).await,
        _ => Err(AppError::BadForm),
    }
}

async fn exclude(page: &Page, subject: &SubjectKey, input: TesterInput, excluded: bool) -> PageResult {
    let enroller = page.there()?.excluder()?;
    let flag = FlagKey::parse(&input.flag).map_err(|_| AppError::BadForm)?;
    let (store, environment) = (page.store(), &page.environment.key);
    let outcome = if excluded {
        store.exclude_tester(&enroller, environment, &flag, subject, &input.reason).await
    } else {
        store.readmit_tester(&enroller, environment, &flag, subject, &input.reason).await
    };
    match outcome {
        Ok(_) => Ok(page.done(&page.href(&page::address(subject)), Toast::Saved)),
        Err(error) => {
            let beside =
                matches!(error, StoreError::Invalid(Invalid::ReasonMissing | Invalid::ReasonTooLong));
            let errors = FormErrors::from(error);
            let errors = if beside { errors.beside("reason") } else { errors };
            let draft = TesterForms { exclude: FormState::refused(input, errors), ..TesterForms::default() };
            page::show(page, subject, draft).await
        }
    }
}

async fn preview(page: &Page, subject: &SubjectKey, input: TesterInput) -> PageResult {
    let draft = match make(page, subject, &input).await {
        Ok(issued) => TesterForms { issued: Some(issued), ..TesterForms::default() },
        Err(errors) => TesterForms { preview: FormState::refused(input, errors), ..TesterForms::default() },
    };
    page::show(page, subject, draft).await
}

async fn make(page: &Page, subject: &SubjectKey, input: &TesterInput) -> Result<IssuedPreview, FormErrors> {
    let enroller = page.there()?.excluder()?;
    let (flag, variant) = input.variant.split_once('/').ok_or(AppError::BadForm)?;
    let preview = Preview {
        flag: FlagKey::parse(flag).map_err(|_| AppError::BadForm)?,
        subject: subject.clone(),
        variant: VariantKey::parse(variant).map_err(|_| AppError::BadForm)?,
    };
    let minutes: i64 =
        input.minutes.parse().map_err(|_| FormErrors::field("minutes", "Enter a number of minutes."))?;
    let target = target(&input.page)?;
    let holds_ms = minutes.saturating_mul(60_000);
    let in_vain = in_vain(page, &preview);
    let environment = &page.environment.key;
    let made = page.store().make_preview(&enroller, environment, preview, holds_ms, &input.why).await;
    let (token, until_ms) = made.map_err(|error| match &error {
        StoreError::Invalid(Invalid::PreviewTime) => FormErrors::from(error).beside("minutes"),
        _ => FormErrors::from(error),
    })?;
    let link = target.map_or_else(|| token.clone(), |page| with_preview(&page, &token));
    Ok(IssuedPreview { link, until_ms, in_vain })
}

/// An address of a page, or none.
fn target(text: &str) -> Result<Option<http::Uri>, FormErrors> {
    let wrong = || FormErrors::field("page", "Write an address like https://shop.example.org/trips.");
    if text.is_empty() {
        return Ok(None);
    }
    let uri: http::Uri = text.parse().map_err(|_| wrong())?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some();
    if is_web { Ok(Some(uri)) } else { Err(wrong()) }
}

fn with_preview(page: &http::Uri, token: &str) -> String {
    let mark = if page.query().is_some() { '&' } else { '?' };
    format!("{page}{mark}preview={token}")
}

/// Why the tester would be served something else in spite of the preview.
fn in_vain(page: &Page, preview: &Preview) -> Option<String> {
    let snapshot = page.store().live().snapshot(page.environment.key.as_str())?;
    let people = page.store().live().people();
    let traits = people.traits(preview.subject.as_str()).unwrap_or_default();
    let context = Context::from_traits(preview.subject.as_str(), traits);
    let explained = snapshot.explain_previewed(preview.flag.as_str(), &context, Some(preview), page.now_ms());
    let shown = explained.decision.as_ref().is_ok_and(|served| served.variant == preview.variant);
    (!shown).then(|| explained.sentence())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_joins_the_query_of_the_page() {
        let page = |text: &str| target(text).expect("an address").expect("a page");
        assert_eq!(with_preview(&page("https://shop.test"), "t"), "https://shop.test/?preview=t");
        assert_eq!(with_preview(&page("https://shop.test/a?b=c"), "t"), "https://shop.test/a?b=c&preview=t");
        assert!(target("").expect("no page").is_none());
        for bad in ["shop", "/trips", "javascript:alert(1)", "ftp://shop.test/"] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }
}
