//! Importing people.

use super::{
    form::{ImportForm, Report, check},
    page,
};
use crate::{
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, toast::Toast},
};

pub async fn import(page: Page, fields: Fields) -> PageResult {
    let administrator = page.principal.administrator()?;
    let form = ImportForm::from_fields(&fields);
    let report = match checked(&page, &form) {
        Ok(report) => report,
        Err(errors) => return page::show(&page, FormState::refused(form, errors), None),
    };
    // A file that was chosen after the check is looked at first, like everything that was not seen yet.
    if fields.text("intent") != "import" || report.people.is_empty() || form.is_from_file {
        return page::show(&page, FormState::editing(form), Some(report));
    }
    if let Some(why) = report.changed_since(fields.text("seen")) {
        return page::show(&page, FormState::refused(form, FormErrors::form(why)), Some(report));
    }
    match page.store().put_people(&administrator, report.people.clone()).await {
        Ok(_) => Ok(page.done(&page.href("/people"), Toast::PeopleImported)),
        Err(error) => page::show(&page, FormState::refused(form, FormErrors::from(error)), Some(report)),
    }
}

fn checked(page: &Page, form: &ImportForm) -> Result<Report, FormErrors> {
    if let Some(Err(why)) = form.file.as_ref().map(|file| file.read) {
        return Err(FormErrors::field("file", why));
    }
    let live = page.store().live();
    let snapshot = live.snapshot(page.environment.key.as_str());
    let snapshot = snapshot.ok_or(crate::error::AppError::Internal)?;
    check(&form.table, snapshot.attributes(), &live.people())
        .map_err(|sentence| FormErrors::field("table", sentence))
}
