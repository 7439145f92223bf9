//! The attribute schema: what each attribute is, and which ones a browser may not set.

use engine::{AttributeDefinition, AttributeType};
use leptos::prelude::*;

use crate::{
    form::{fields::Fields, state::FormState},
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Badge, Tone},
        dialog::Confirm,
        empty::Empty,
        field::{Choice, Field, FormError},
        icon,
        table::{Column, Table},
    },
};

pub const ADDRESS: &str = "/settings/attributes";

/// The words in the form.
const TYPES: [(AttributeType, &str, &str); 6] = [
    (AttributeType::Text, "text", "Text"),
    (AttributeType::Number, "number", "Number"),
    (AttributeType::Boolean, "boolean", "True or false"),
    (AttributeType::List, "list", "List of texts"),
    (AttributeType::Date, "date", "Date"),
    (AttributeType::Semver, "semver", "Version"),
];

/// An attribute as typed.
#[derive(Debug, Clone, Default)]
pub struct AttributeInput {
    pub name: String,
    pub value_type: String,
    pub description: String,
    pub trusted: bool,
    pub personal: bool,
}

impl AttributeInput {
    pub fn read(fields: &Fields) -> Self {
        Self {
            name: fields.trimmed("name").to_owned(),
            value_type: fields.text("type").to_owned(),
            description: fields.trimmed("description").to_owned(),
            trusted: fields.has("trusted"),
            personal: fields.has("personal"),
        }
    }

    pub fn parse_type(&self) -> Option<AttributeType> {
        TYPES.iter().find(|(_, word, _)| *word == self.value_type).map(|(value_type, ..)| *value_type)
    }

    fn of(definition: &AttributeDefinition) -> Self {
        Self {
            name: definition.name.to_string(),
            value_type: words(definition.value_type).0.to_owned(),
            description: definition.description.clone(),
            trusted: definition.trusted,
            personal: definition.personal,
        }
    }
}

fn words(value_type: AttributeType) -> (&'static str, &'static str) {
    let row = TYPES.iter().find(|(each, ..)| *each == value_type);
    row.map_or(("text", "Text"), |(_, word, label)| (word, label))
}

pub async fn get(page: Page) -> PageResult {
    show(&page, FormState::default())
}

pub fn show(page: &Page, draft: FormState<AttributeInput>) -> PageResult {
    page.principal.administrator()?;
    let snapshot = page.store().live().snapshot(page.environment.key.as_str());
    let definitions = snapshot.map(|it| it.attributes().definitions().to_vec()).unwrap_or_default();
    // `?edit=name` fills the form with a definition.
    let edited = page.query("edit");
    let edited = edited.and_then(|name| definitions.iter().find(|it| it.name.as_str() == name));
    let input = draft.input.clone().or_else(|| edited.map(AttributeInput::of));
    let is_edit = edited.is_some();
    let meta = PageMeta::new("Attributes", Section::Attributes).status(draft.status());
    page.render(meta, move || {
        let list = if definitions.is_empty() {
            view! {
                <Empty
                    title="No attributes are described yet"
                    text="Describe what your application sends, such as tier or country. The condition builder then offers \
                          the right comparisons, and a trusted attribute can no longer be set by editing JavaScript."
                />
            }
            .into_any()
        } else {
            table(&definitions).into_any()
        };
        view! {
            <PageHead
                title="Attributes"
                lead="What conditions can test. Others may still be sent; they are untrusted and of any type."
            />
            <div class="group-grid">
                <div id="attributes" data-live="">{list}</div>
                <aside class="stack">{form(&draft, input.unwrap_or_default(), is_edit)}</aside>
            </div>
        }
    })
}

fn table(definitions: &[AttributeDefinition]) -> impl IntoView + use<> {
    let rows = definitions
        .iter()
        .map(|definition| {
            let name = definition.name.to_string();
            let trusted = definition.trusted.then(|| view! { <Badge tone=Tone::Accent text="trusted" /> });
            let personal = definition.personal.then(|| view! { <Badge tone=Tone::Neutral text="personal" /> });
            view! {
                <tr>
                    <td><code>{name.clone()}</code>" "{trusted}" "{personal}</td>
                    <td data-label="Type">{words(definition.value_type).1}</td>
                    <td data-label="Description" class="muted">{definition.description.clone()}</td>
                    <td class="actions">
                        <span class="attribute-actions">
                            <a
                                class="button"
                                data-size="small"
                                href=here().href(&format!("{ADDRESS}?edit={name}"))
                                aria-label=format!("Edit {name}")
                            >
                                {icon::edit()}
                            </a>
                            <Confirm
                                label="Delete"
                                text=format!("Conditions on {name} keep working, but it is no longer trusted or typed.")
                                action=here().href(ADDRESS)
                                button="Delete it"
                                danger=true
                            >
                                <input type="hidden" name="intent" value="delete" />
                                <input type="hidden" name="name" value=name.clone() />
                            </Confirm>
                        </span>
                    </td>
                </tr>
            }
        })
        .collect_view();
    let columns = vec![
        Column::Text("Attribute"),
        Column::Text("Type"),
        Column::Text("Description"),
        Column::Hidden("Actions"),
    ];
    view! {
        <Table columns box_class="attribute-table">{rows}</Table>
    }
}

fn form(draft: &FormState<AttributeInput>, input: AttributeInput, is_edit: bool) -> impl IntoView + use<> {
    let options = TYPES.iter().map(|(_, word, label)| ((*word).to_owned(), (*label).to_owned())).collect();
    let value_type = if input.value_type.is_empty() { "text".to_owned() } else { input.value_type };
    let title = if is_edit { format!("Change {}", input.name) } else { "Describe an attribute".to_owned() };
    let cancel =
        is_edit.then(|| view! { <a class="button" data-kind="quiet" href=here().href(ADDRESS)>"Cancel"</a> });
    view! {
        <form method="post" action=here().href(ADDRESS) class="card stack" aria-labelledby="attribute-title">
            <h2 id="attribute-title">{title}</h2>
            <FormError error=draft.general() />
            <Field
                label="Name"
                name="name"
                value=input.name
                error=draft.at("name")
                hint="As your application sends it, for example transactions_30d."
                mono=true
                required=true
                autocomplete="off"
            />
            <Choice label="Type" name="type" value=value_type options=options error=draft.at("type") />
            <Field
                label="Description"
                name="description"
                value=input.description
                error=draft.at("description")
                autocomplete="off"
            />
            <label class="check">
                <input type="checkbox" name="trusted" value="1" checked=input.trusted />
                <span>"Trusted"<span class="muted">" – a browser may not set it: it comes from what is stored, or from a server"</span></span>
            </label>
            <label class="check">
                <input type="checkbox" name="personal" value="1" checked=input.personal />
                <span>"Personal"<span class="muted">" – says who somebody is, like a name: hidden from roles that do not look people up"</span></span>
            </label>
            <div class="cluster">
                <button name="intent" value="save" class="button" data-kind="primary">"Save"</button>
                {cancel}
            </div>
        </form>
    }
}
