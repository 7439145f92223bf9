//! Changing the attribute schema.

use engine::{AttributeDefinition, AttributeName};
use store::StoreError;

use crate::{
    draft::{Draft, Refusal},
    fields::Fields,
    page::{Page, PageResult},
    pages::attributes::{self, ADDRESS, AttributeInput},
    ui::toast::Toast,
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
        Err(refusal) => return attributes::show(&page, Draft::refused(input, refusal)),
    };
    match page.store().put_attribute(&administrator, definition).await {
        Ok(()) => Ok(page.done(&page.href(ADDRESS), Toast::Saved)),
        Err(error @ StoreError::PasswordNeeded) => Err(error.into()),
        Err(error) => attributes::show(&page, Draft::refused(input, Refusal::from(error))),
    }
}

fn definition(input: &AttributeInput) -> Result<AttributeDefinition, Refusal> {
    let name = AttributeName::parse(&input.name)
        .map_err(|invalid| Refusal::field("name", format!("an attribute name {invalid}")))?;
    let value_type = input.parse_type().ok_or_else(|| Refusal::field("type", "Choose one of the types."))?;
    Ok(AttributeDefinition {
        name,
        value_type,
        description: input.description.clone(),
        trusted: input.trusted,
        personal: input.personal,
    })
}
