//! Testers of a group: a dry run, confirming it, extending, removing, inviting.

use engine::{GroupKey, SubjectKey};
use store::{Enrolled, Invalid, StoreError};

use super::{
    form::{InvitationForm, Moment, TesterForm, chosen},
    page::{self, Drafts},
    report,
};
use crate::{
    error::AppError,
    form::{
        fields::Fields,
        state::{Draft, Refusal},
    },
    group::page::{Found, Tab},
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
            let enrol = Draft { input: Some(TesterForm::from_fields(fields)), refusal: None };
            page::show(&page, found, Drafts { enrol, ..Drafts::default() }).await
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
            let report = page.store().check_enrolments(&enroller, &found.saved.value, &list).await?;
            report::show(page, &found, form, report, None)
        }
        Err(refusal) => refused(page, found, form, refusal).await,
    }
}

async fn enrol(page: &Page, found: Found, form: TesterForm) -> PageResult {
    let enroller = page.principal.enroller()?;
    let key = &found.saved.value.key;
    let list = match form.list(page.now_ms()) {
        Ok(list) => list,
        Err(refusal) => return refused(page, found, form, refusal).await,
    };
    let (choice, seen) = (form.choice, Some(form.seen.as_str()));
    match page.store().enrol(&enroller, key, &list, choice, seen, &form.purpose).await {
        Ok(Enrolled::Done(_)) => Ok(page.done(&address(page, key), Toast::Enrolled)),
        Ok(Enrolled::Changed(report)) => {
            let why = "Something changed since the list was checked, so nobody was enrolled. This is how it is now.";
            report::show(page, &found, form, report, Some(why))
        }
        Err(error @ StoreError::Refused(_)) => {
            refused(page, found, form, Refusal::from(error).beside("list")).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn refused(page: &Page, found: Found, form: TesterForm, refusal: Refusal) -> PageResult {
    let drafts = Drafts { enrol: Draft::refused(form, refusal), ..Drafts::default() };
    page::show(page, found, drafts).await
}

async fn extend(page: &Page, found: Found, fields: &Fields) -> PageResult {
    let enroller = page.principal.enroller()?;
    let key = &found.saved.value.key;
    let subjects = chosen(fields)?;
    let until = Moment::from_fields(fields, "extend");
    let outcome = match until.end_ms("extend") {
        Ok(_) if subjects.is_empty() => Err(Refusal::field("extend", "Tick at least one tester.")),
        Ok(until_ms) => page
            .store()
            .extend_testers(&enroller, key, &subjects, until_ms, "")
            .await
            .map_err(|error| Refusal::from(error).beside("extend")),
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(_) => Ok(page.done(&address(page, key), Toast::Saved)),
        Err(refusal) => {
            let drafts = Drafts { bulk: Draft::refused((until, subjects), refusal), ..Drafts::default() };
            page::show(page, found, drafts).await
        }
    }
}

async fn remove(page: &Page, found: Found, subjects: Vec<SubjectKey>) -> PageResult {
    let enroller = page.principal.enroller()?;
    let key = &found.saved.value.key;
    if subjects.is_empty() {
        let refusal = Refusal::field("extend", "Tick at least one tester.");
        let bulk = Draft::refused((Moment::default(), subjects), refusal);
        return page::show(page, found, Drafts { bulk, ..Drafts::default() }).await;
    }
    page.store().remove_testers(&enroller, key, &subjects, "").await?;
    Ok(page.done(&address(page, key), Toast::Saved))
}

async fn invite(page: &Page, found: Found, form: InvitationForm) -> PageResult {
    let enroller = page.principal.enroller()?;
    let key = &found.saved.value.key;
    let outcome = match form.parse() {
        Ok(new) => page.store().invite_testers(&enroller, key, new).await.map_err(beside_invitation_fields),
        Err(refusal) => Err(refusal),
    };
    let drafts = match outcome {
        Ok(token) => {
            let link = page.absolute(&format!("/join/{}", token.as_str()));
            Drafts { issued: Some(link), ..Drafts::default() }
        }
        Err(refusal) => Drafts { invite: Draft::refused(form, refusal), ..Drafts::default() },
    };
    page::show(page, found, drafts).await
}

fn beside_invitation_fields(error: StoreError) -> Refusal {
    let field = match &error {
        StoreError::Invalid(Invalid::InvitationPurpose) => Some("invite_purpose"),
        StoreError::Invalid(Invalid::InvitationCapacity) => Some("capacity"),
        StoreError::Invalid(Invalid::EndHasPassed) => Some("closes"),
        _ => None,
    };
    let refusal = Refusal::from(error);
    match field {
        Some(field) => refusal.beside(field),
        None => refusal,
    }
}
