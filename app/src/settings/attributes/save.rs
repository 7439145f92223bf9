//! Changing the attribute schema.

use engine::{AttributeDefinition, AttributeName};
use store::StoreError;

use super::page::{self, ADDRESS, AttributeInput};
use crate::{
    form::{error::FormErrors, fields::Fields, state::FormState},
    page::{Page, PageResult, toast::Toast},
};

pub async fn post(page: Page, fields: Fields) -> PageResult {
    let administrator = page.principal.administrator()?;
    if fields.text("intent") == "delete" {
        let name =
            AttributeName::parse(fields.trimmed("name")).map_err(|_| crate::error::AppError::BadForm)?;
        return match page.store().delete_attribute(&administrator, &name).await {
            Ok(()) => Ok(page.done(&page.href(ADDRESS), Toast::Deleted)),
            Err(error @ StoreError::InUse { .. }) => {
                let input = saved(&page, &name).as_ref().map(AttributeInput::of).unwrap_or_default();
                page::show(&page, FormState::refused(input, FormErrors::from(error)), Vec::new()).await
            }
            Err(error) => Err(error.into()),
        };
    }
    let input = AttributeInput::read(&fields);
    let definition = match definition(&input) {
        Ok(definition) => definition,
        Err(errors) => return page::show(&page, FormState::refused(input, errors), Vec::new()).await,
    };
    let was_trusted = saved(&page, &definition.name).is_some_and(|it| it.trusted);
    if was_trusted && !definition.trusted && fields.text("intent") != "untrust" {
        let entries = page.store().entries_by(&administrator, &definition.name);
        if !entries.is_empty() {
            let why = FormErrors::form("Nothing was saved yet: say that you mean it.");
            return page::show(&page, FormState::refused(input, why), entries).await;
        }
    }
    match page.store().put_attribute(&administrator, definition).await {
        Ok(()) => Ok(page.done(&page.href(ADDRESS), Toast::Saved)),
        Err(error @ StoreError::PasswordNeeded) => Err(error.into()),
        Err(error @ StoreError::InUse { .. }) => {
            let errors = FormErrors::from(error).beside("type");
            page::show(&page, FormState::refused(input, errors), Vec::new()).await
        }
        Err(error) => page::show(&page, FormState::refused(input, FormErrors::from(error)), Vec::new()).await,
    }
}

/// As it is in force.
fn saved(page: &Page, name: &AttributeName) -> Option<AttributeDefinition> {
    let snapshot = page.store().live().snapshot(page.environment.key.as_str())?;
    snapshot.attributes().get(name.as_str()).cloned()
}

fn definition(input: &AttributeInput) -> Result<AttributeDefinition, FormErrors> {
    let name = AttributeName::parse(&input.name)
        .map_err(|invalid| FormErrors::field("name", format!("an attribute name {invalid}")))?;
    let value_type =
        input.parse_type().ok_or_else(|| FormErrors::field("type", "Choose one of the types."))?;
    Ok(AttributeDefinition {
        name,
        value_type,
        description: input.description.clone(),
        trusted: input.trusted,
        personal: input.personal,
    })
}
