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
        page.store().delete_attribute(&administrator, &name).await?;
        return Ok(page.done(&page.href(ADDRESS), Toast::Deleted));
    }
    let input = AttributeInput::read(&fields);
    let definition = match definition(&input) {
        Ok(definition) => definition,
        Err(errors) => return page::show(&page, FormState::refused(input, errors)),
    };
    match page.store().put_attribute(&administrator, definition).await {
        Ok(()) => Ok(page.done(&page.href(ADDRESS), Toast::Saved)),
        Err(error @ StoreError::PasswordNeeded) => Err(error.into()),
        Err(error) => page::show(&page, FormState::refused(input, FormErrors::from(error))),
    }
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
