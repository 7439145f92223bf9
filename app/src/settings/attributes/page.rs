//! The attribute schema: what each attribute is, and which ones a browser may not set.

use engine::{AttributeDefinition, AttributeType};
use leptos::prelude::*;
use store::{AttributeUse, AttributeUses, RolloutEntry};

use crate::{
    form::{fields::Fields, state::FormState},
    page::{
        Page, PageMeta, PageResult, address,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Badge, Callout, Tone},
        dialog::Confirm,
        empty::Empty,
        field::{Choice, Field, FormError},
        icon,
        table::{Column, Table},
    },
};

pub const ADDRESS: &str = "/settings/attributes";

/// Those that use an attribute in its line.
const USES_MAX: usize = 4;
/// Rollouts that are named before trust ends.
const ENTRIES_MAX: usize = 20;

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

    pub fn of(definition: &AttributeDefinition) -> Self {
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
    show(&page, FormState::default(), Vec::new()).await
}

/// `entries`: what a browser could enter by what it says of itself, to be confirmed first.
pub async fn show(page: &Page, draft: FormState<AttributeInput>, entries: Vec<RolloutEntry>) -> PageResult {
    let uses = page.store().attribute_uses(&page.principal.administrator()?).await?;
    let snapshot = page.store().live().snapshot(page.environment.key.as_str());
    let definitions = snapshot.map(|it| it.attributes().definitions().to_vec()).unwrap_or_default();
    // `?edit=name` fills the form with a definition.
    let edited = page.query("edit");
    let edited = edited.and_then(|name| definitions.iter().find(|it| it.name.as_str() == name));
    let input = draft.input.clone().or_else(|| edited.map(AttributeInput::of));
    let is_edit = edited.is_some() || !entries.is_empty();
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
            table(&definitions, &uses).into_any()
        };
        view! {
            <PageHead
                title="Attributes"
                lead="What conditions can test. Others may still be sent; they are untrusted and of any type."
            />
            <div class="group-grid">
                <div id="attributes" data-live="">{list}</div>
                <aside class="stack">{form(&draft, input.unwrap_or_default(), is_edit, entries)}</aside>
            </div>
        }
    })
}

fn table(definitions: &[AttributeDefinition], uses: &AttributeUses) -> impl IntoView + use<> {
    let rows = definitions
        .iter()
        .map(|definition| {
            let name = definition.name.to_string();
            let used = uses.get(&name).map(Vec::as_slice).unwrap_or_default();
            let delete = used.is_empty().then(|| {
                let name = name.clone();
                view! {
                    <Confirm
                        label="Delete"
                        text=format!("{name} may still be sent, but it is no longer trusted or typed.")
                        action=here().href(ADDRESS)
                        button="Delete it"
                        danger=true
                    >
                        <input type="hidden" name="intent" value="delete" />
                        <input type="hidden" name="name" value=name />
                    </Confirm>
                }
            });
            let trusted = definition.trusted.then(|| view! { <Badge tone=Tone::Accent text="trusted" /> });
            let personal =
                definition.personal.then(|| view! { <Badge tone=Tone::Neutral text="personal" /> });
            view! {
                <tr>
                    <td><code>{name.clone()}</code>" "{trusted}" "{personal}</td>
                    <td data-label="Type">{words(definition.value_type).1}</td>
                    <td data-label="Description" class="muted">{definition.description.clone()}</td>
                    <td data-label="Used by">{used_by(used)}</td>
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
                            {delete}
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
        Column::Text("Used by"),
        Column::Hidden("Actions"),
    ];
    view! {
        <Table columns box_class="attribute-table">{rows}</Table>
    }
}

/// Links to the first of those that use an attribute, which keep it as it is.
fn used_by(used: &[AttributeUse]) -> impl IntoView + use<> {
    let here = here();
    let more = used.len().saturating_sub(USES_MAX);
    let more = (more > 0).then(|| view! { <span class="muted">{format!("+{more}")}</span> });
    let links = used
        .iter()
        .take(USES_MAX)
        .map(|used| match used {
            AttributeUse::Rollout { environment, flag, name } => {
                let href = here.href_in(&address::flag(flag), environment);
                view! { <a href=href>{format!("{name} in {environment}")}</a> }.into_any()
            }
            AttributeUse::Group { key, name } => {
                view! { <a href=here.href(&address::group(key))>{name.clone()}</a> }.into_any()
            }
            AttributeUse::Persona { name } => view! { <span>{format!("persona {name}")}</span> }.into_any(),
        })
        .collect_view();
    view! { <span class="group-uses">{links}{more}</span> }
}

/// What a browser could enter from now on.
fn confirm(name: &str, entries: &[RolloutEntry]) -> impl IntoView + use<> {
    let here = here();
    let more = entries.len().saturating_sub(ENTRIES_MAX);
    let more = (more > 0).then(|| view! { <li>{format!("and {more} more")}</li> });
    let links = entries
        .iter()
        .take(ENTRIES_MAX)
        .map(|entry| {
            let href = here.href_in(&address::flag(&entry.flag), &entry.environment);
            view! { <li><a href=href>{format!("{} in {}", entry.name, entry.environment)}</a></li> }
        })
        .collect_view();
    let why = format!("A browser could then say of itself what {name} is, and get what is rolled out by it:");
    view! {
        <Callout tone=Tone::Danger role="alert">
            <p>{why}</p>
            <ul>{links}{more}</ul>
        </Callout>
    }
}

fn form(
    draft: &FormState<AttributeInput>,
    input: AttributeInput,
    is_edit: bool,
    entries: Vec<RolloutEntry>,
) -> impl IntoView + use<> {
    let entered = (!entries.is_empty()).then(|| confirm(&input.name, &entries));
    // Behind "Save": whoever presses Enter in a field is asked once more.
    let untrust = (!entries.is_empty()).then(|| {
        view! { <button name="intent" value="untrust" class="button" data-kind="danger">"Stop trusting it"</button> }
    });
    let options = TYPES.iter().map(|(_, word, label)| ((*word).to_owned(), (*label).to_owned())).collect();
    let value_type = if input.value_type.is_empty() { "text".to_owned() } else { input.value_type };
    let title = if is_edit { format!("Change {}", input.name) } else { "Describe an attribute".to_owned() };
    let cancel =
        is_edit.then(|| view! { <a class="button" data-kind="quiet" href=here().href(ADDRESS)>"Cancel"</a> });
    view! {
        <form method="post" action=here().href(ADDRESS) class="card stack" aria-labelledby="attribute-title">
            <h2 id="attribute-title">{title}</h2>
            <FormError error=draft.general() />
            {entered}
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
                {untrust}
                {cancel}
            </div>
        </form>
    }
}
