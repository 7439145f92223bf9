//! Testers of a group: a dry run, confirming it, extending, removing, inviting.

use engine::{GroupKey, SubjectKey};
use store::{Enrolled, EnrolmentList, Invalid, StoreError};

use super::{
    form::{InvitationForm, Moment, TesterForm, chosen},
    page::{self, Forms},
    report::{self, Again},
};
use crate::{
    error::AppError,
    form::{error::FormErrors, fields::Fields, state::FormState},
    group::head::{Found, Tab},
    page::{Page, PageResult, toast::Toast},
};

pub async fn post(page: Page, found: Found, fields: &Fields) -> PageResult {
    page.principal.enroller()?;
    if let Some(subject) = fields.find("remove") {
        // A row's own button: whoever else is ticked stays.
        let subject = SubjectKey::parse(subject).map_err(|_| AppError::BadForm)?;
        return remove(&page, found, vec![subject]).await;
    }
    match fields.text("intent") {
        "check" => check(&page, found, TesterForm::from_fields(fields)).await,
        "enrol" => enrol(&page, found, TesterForm::from_fields(fields)).await,
        "edit" => {
            let enrol = FormState::editing(TesterForm::from_fields(fields));
            page::show(&page, found, Forms { enrol, ..Forms::default() }).await
        }
        "extend" => extend(&page, found, fields).await,
        "remove" => remove(&page, found, chosen(fields)?).await,
        "invite" => invite(&page, found, InvitationForm::from_fields(fields)).await,
        "revoke" => {
            let enroller = page.principal.enroller()?;
            let id = fields.text("id").parse().map_err(|_| AppError::BadForm)?;
            page.store().revoke_tester_invitation(&enroller, &found.saved.value.key, id).await?;
            Ok(page.done(&address(&page, &found.saved.value.key), Toast::InvitationRevoked))
        }
        _ => Err(AppError::BadForm),
    }
}

fn address(page: &Page, key: &GroupKey) -> String {
    page.href(&Tab::Testers.address(key))
}

async fn check(page: &Page, found: Found, form: TesterForm) -> PageResult {
    let enroller = page.principal.enroller()?;
    match form.list(page.now_ms()) {
        Ok(list) => {
            let list = known(page, &found, list).await?;
            let reading = report::reading(&list, form.file.as_ref());
            let report = page.store().check_enrolments(&enroller, &found.saved.value, &list).await?;
            report::show(page, &found, form, report, reading, None)
        }
        Err(errors) => refused(page, found, form, errors).await,
    }
}

async fn enrol(page: &Page, found: Found, form: TesterForm) -> PageResult {
    let enroller = page.principal.enroller()?;
    let key = &found.saved.value.key;
    let list = match form.list(page.now_ms()) {
        Ok(list) => known(page, &found, list).await?,
        Err(errors) => return refused(page, found, form, errors).await,
    };
    let (choice, seen) = (form.choice, Some(form.seen.as_str()));
    let reading = report::reading(&list, form.file.as_ref());
    let report = page.store().check_enrolments(&enroller, &found.saved.value, &list).await?;
    if report.enrolled(choice).next().is_none() && report.fingerprint() == form.seen {
        return report::show(page, &found, form, report, reading, Some(Again::Nobody));
    }
    match page.store().enrol(&enroller, key, &list, choice, seen, &form.purpose).await {
        Ok(Enrolled::Done(_)) => Ok(page.done(&address(page, key), Toast::Enrolled)),
        Ok(Enrolled::Changed(report)) => {
            report::show(page, &found, form, report, reading, Some(Again::Changed))
        }
        Err(error @ StoreError::Refused(_)) => {
            refused(page, found, form, FormErrors::from(error).beside("list")).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The list with those who are named by address or by name, for whoever may look people up.
async fn known(page: &Page, found: &Found, list: EnrolmentList) -> Result<EnrolmentList, AppError> {
    match page.principal.people_reader() {
        Ok(reader) => Ok(page.store().find_listed(&reader, &found.saved.value.key, list).await?),
        Err(_) => Ok(list),
    }
}

async fn refused(page: &Page, found: Found, form: TesterForm, errors: FormErrors) -> PageResult {
    let drafts = Forms { enrol: FormState::refused(form, errors), ..Forms::default() };
    page::show(page, found, drafts).await
}

async fn extend(page: &Page, found: Found, fields: &Fields) -> PageResult {
    let enroller = page.principal.enroller()?;
    let key = &found.saved.value.key;
    let subjects = chosen(fields)?;
    let until = Moment::from_fields(fields, "extend");
    let outcome = match until.end_ms("extend") {
        Ok(_) if subjects.is_empty() => Err(FormErrors::field("extend", "Tick at least one tester.")),
        Ok(until_ms) => page
            .store()
            .extend_testers(&enroller, key, &subjects, until_ms, "")
            .await
            .map_err(|error| FormErrors::from(error).beside("extend")),
        Err(errors) => Err(errors),
    };
    match outcome {
        Ok(_) => Ok(page.done(&address(page, key), Toast::Saved)),
        Err(errors) => {
            let drafts = Forms { bulk: FormState::refused((until, subjects), errors), ..Forms::default() };
            page::show(page, found, drafts).await
        }
    }
}

async fn remove(page: &Page, found: Found, subjects: Vec<SubjectKey>) -> PageResult {
    let enroller = page.principal.enroller()?;
    let key = &found.saved.value.key;
    if subjects.is_empty() {
        let errors = FormErrors::field("extend", "Tick at least one tester.");
        let bulk = FormState::refused((Moment::default(), subjects), errors);
        return page::show(page, found, Forms { bulk, ..Forms::default() }).await;
    }
    page.store().remove_testers(&enroller, key, &subjects, "").await?;
    Ok(page.done(&address(page, key), Toast::Saved))
}

async fn invite(page: &Page, found: Found, form: InvitationForm) -> PageResult {
    let enroller = page.principal.enroller()?;
    let key = &found.saved.value.key;
    let outcome = match form.parse() {
        Ok(new) => page.store().invite_testers(&enroller, key, new).await.map_err(beside_invitation_fields),
        Err(errors) => Err(errors),
    };
    let drafts = match outcome {
        Ok(token) => {
            let link = page.absolute(&format!("/join/{}", token.as_str()));
            Forms { issued: Some(link), ..Forms::default() }
        }
        Err(errors) => Forms { invite: FormState::refused(form, errors), ..Forms::default() },
    };
    page::show(page, found, drafts).await
}

fn beside_invitation_fields(error: StoreError) -> FormErrors {
    let field = match &error {
        StoreError::Invalid(Invalid::InvitationPurpose) => Some("invite_purpose"),
        StoreError::Invalid(Invalid::InvitationCapacity) => Some("capacity"),
        StoreError::Invalid(Invalid::EndHasPassed) => Some("closes"),
        _ => None,
    };
    let errors = FormErrors::from(error);
    match field {
        Some(field) => errors.beside(field),
        None => errors,
    }
}
