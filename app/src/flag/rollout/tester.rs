//! The way from a field of a flag's page to the page of a tester, where a preview of the flag can be made.

use engine::{FlagKey, SubjectKey};

use super::page::{self, Typed};
use crate::{
    flag::FlagPage,
    form::{error::FormErrors, state::FormState},
    page::{Page, PageResult, layout::Section},
    tester::page::preview_address,
};

/// A text that names nobody comes back to the field with the reason.
pub async fn find(page: Page) -> PageResult {
    let text = page.query("subject").unwrap_or_default().trim().to_owned();
    let Some(flag) = page.query("flag").and_then(|flag| FlagKey::parse(&flag).ok()) else {
        // Somebody shortened the address.
        let section = if Section::People.is_for(&page.principal) { Section::People } else { Section::Desk };
        return Ok(page.go(&page.href(section.path())));
    };
    match named(&page, &text).await {
        Ok(subject) => Ok(page.go(&page.href(&preview_address(&subject, &flag)))),
        Err(errors) => {
            let shown = FlagPage::load(&page, flag.as_str()).await?;
            let typed = Typed { tester: FormState::refused(text, errors), ..Typed::default() };
            page::show(&page, shown, typed).await
        }
    }
}

/// Whom a text names: by key, and by address or name as in a list of testers.
async fn named(page: &Page, text: &str) -> Result<SubjectKey, FormErrors> {
    let reader = page.principal.people_reader()?;
    SubjectKey::parse(text).map_err(|error| FormErrors::form(format!("the targeting key {error}")))?;
    page.store().find_tester(&reader, text).await?.map_err(FormErrors::form)
}
