//! Importing people.

use super::{
    form::{Report, check},
    page,
};
use crate::{
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, toast::Toast},
};

pub async fn import(page: Page, fields: Fields) -> PageResult {
    let administrator = page.principal.administrator()?;
    let table = fields.text("table").to_owned();
    let report = match checked(&page, &table) {
        Ok(report) => report,
        Err(errors) => return page::show(&page, FormState::refused(table, errors), None),
    };
    if fields.text("intent") != "import" || report.people.is_empty() {
        return page::show(&page, FormState::editing(table), Some(report));
    }
    match page.store().put_people(&administrator, report.people.clone()).await {
        Ok(_) => Ok(page.done(&page.href("/people"), Toast::PeopleImported)),
        Err(error) => page::show(&page, FormState::refused(table, FormErrors::from(error)), Some(report)),
    }
}

fn checked(page: &Page, table: &str) -> Result<Report, FormErrors> {
    let live = page.store().live();
    let snapshot = live.snapshot(page.environment.key.as_str());
    let snapshot = snapshot.ok_or(crate::error::AppError::Internal)?;
    check(table, snapshot.attributes(), &live.people())
        .map_err(|sentence| FormErrors::field("table", sentence))
}
