//! The role table: everybody reads who may do what; admins change it.

use engine::EnvironmentKey;
use leptos::prelude::*;
use store::{Environment, Floor, Operation, Role, RoleCell, RoleTable, RolesInForce};

use super::form::{RolesForm, SHOWN, TICKED};
use crate::{
    form::{error::as_sentence, state::FormState},
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Callout, Tone},
        dialog::Confirm,
        field::{Field, FormError},
        icon, time,
    },
};

pub const ADDRESS: &str = "/settings/roles";

/// Beside the line: whoever narrows a role in production had better know what that leaves open.
const EDIT_FLAGS_REACHES: &str = "Concerns every environment: values, archiving and groups reach production, whatever the role may do there.";

pub async fn get(page: Page) -> PageResult {
    show(&page, FormState::default()).await
}

pub async fn show(page: &Page, draft: FormState<RolesForm>) -> PageResult {
    let known = page.store().find_roles(&page.viewer()).await?;
    let editable = page.may(Operation::Administer);
    let meta = PageMeta::new("Roles", Section::Roles).status(draft.status());
    page.render(meta, move || {
        view! {
            <PageHead title="Roles" lead="What each role may do, and where: on these pages, and through REST with a management token." />
            <div class="stack">
                {standing(&known, editable)}
                {if editable { form(&known, draft).into_any() } else { tables(&known.table, None).into_any() }}
                {fixed()}
            </div>
        }
    })
}

/// Who changed the table last, what differs from the defaults, and the ways back.
fn standing(known: &RolesInForce, editable: bool) -> impl IntoView + use<> {
    let here = here();
    let whose = known.saved.as_ref().map(|saved| {
        view! { <p class="note">"Changed by "{saved.changed_by.clone()}", "{time::ago(here.now_ms, saved.changed_ms)}"."</p> }
    });
    let unreadable = known.unreadable.then(|| {
        let text = "What was saved cannot be read, so until it is saved again nobody but admins may do more than what is fixed.";
        view! { <Callout tone=Tone::Danger><p>{text}</p></Callout> }
    });
    let differences: Vec<_> = known.table.differences().iter().map(|it| as_sentence(it)).collect();
    let told = if differences.is_empty() {
        view! { <p>"These are the defaults of Fader."</p> }.into_any()
    } else {
        let lines = differences.into_iter().map(|it| view! { <li>{it}</li> }).collect_view();
        view! { <p>"Unlike the defaults of Fader:"</p><ul class="changes">{lines}</ul> }.into_any()
    };
    let ways = known.saved.as_ref().filter(|_| editable).map(|saved| {
        let back = (!known.table.is_default()).then(|| {
            let text = "Every role may again what it may in a new installation.";
            way("reset", ("Back to the defaults", "Go back to the defaults"), text, saved.version)
        });
        let text = "Puts the table back as it was before the last change.";
        let undo = way("undo", ("Undo the last change", "Undo it"), text, saved.version);
        view! { <div class="cluster">{undo}{back}</div> }
    });
    view! {
        <section class="card stack" aria-labelledby="standing-title" id="roles-standing" data-live="">
            <div class="card-head"><h2 id="standing-title">"In force"</h2>{whose}</div>
            {unreadable}
            {told}
            {ways}
        </section>
    }
}

fn way(
    intent: &'static str,
    (label, button): (&'static str, &'static str),
    text: &'static str,
    version: u64,
) -> impl IntoView + use<> {
    view! {
        <Confirm label=label text=text action=here().href(ADDRESS) button=button>
            <input type="hidden" name="intent" value=intent />
            <input type="hidden" name="version" value=version.to_string() />
            <Field
                label="Why?"
                name="comment"
                id=format!("{intent}-comment")
                placeholder="Optional, goes into the audit log"
                autocomplete="off"
            />
        </Confirm>
    }
}

fn form(known: &RolesInForce, draft: FormState<RolesForm>) -> impl IntoView + use<> {
    let here = here();
    let conflict = draft.conflict().map(|clash| {
        let changes =
            clash.changes.iter().map(|it| view! { <li>{as_sentence(&it.phrase)}</li> }).collect_view();
        let title = format!("{} changed this table while you were editing", clash.by);
        let rest = if draft.input.is_some() {
            "What you ticked is kept, on top of theirs. Save again to have both."
        } else {
            "Nothing was taken back. Look at the table again before you do."
        };
        view! {
            <Callout tone=Tone::Warning role="alert">
                <p><strong>{title}":"</strong></p>
                <ul class="clash-list">{changes}</ul>
                <p>{rest}</p>
            </Callout>
        }
    });
    let general = draft.general().filter(|_| conflict.is_none());
    let beside = draft.at("comment");
    let input = draft.input.unwrap_or_else(|| RolesForm {
        table: known.table.clone(),
        version: known.version(),
        comment: String::new(),
    });
    let shown = here
        .environments
        .iter()
        .map(|it| view! { <input type="hidden" name=SHOWN value=it.key.to_string() /> })
        .collect_view();
    view! {
        {conflict}
        <FormError error=general />
        <form method="post" action=here.href(ADDRESS) class="stack" aria-label="Who may do what">
            <input type="hidden" name="version" value=input.version.to_string() />
            {shown}
            {tables(&input.table, Some(&known.table))}
            <div class="card stack">
                <Field
                    label="Why?"
                    name="comment"
                    value=input.comment
                    error=beside
                    placeholder="Optional, goes into the audit log"
                    autocomplete="off"
                />
                <div class="cluster">
                    <button class="button" data-kind="primary" name="intent" value="save">"Save"</button>
                </div>
            </div>
        </form>
    }
}

/// All of the table; with what is in force, as boxes to tick.
fn tables(table: &RoleTable, in_force: Option<&RoleTable>) -> impl IntoView + use<> {
    let here = here();
    let everywhere = part(table, in_force, None);
    let each = here.environments.iter().map(|it| part(table, in_force, Some(it))).collect_view();
    view! { {everywhere}{each} }
}

fn part(
    table: &RoleTable,
    in_force: Option<&RoleTable>,
    place: Option<&Environment>,
) -> impl IntoView + use<> {
    let (id, title, note) = match place {
        None => (
            "roles-everywhere".to_owned(),
            "In the whole installation".to_owned(),
            "Flags, groups, testers and people are the same in every environment, so who edits them changes production, too.",
        ),
        Some(place) => (
            format!("roles-{}", place.key),
            format!("In {}", place.name),
            "What this environment does with flags: nothing of it reaches another.",
        ),
    };
    let lines = Operation::ALL
        .into_iter()
        .filter(|it| it.is_per_environment() == place.is_some())
        .map(|operation| line(table, in_force, operation, place.map(|it| &it.key)))
        .collect_view();
    let heads =
        Role::ALL.into_iter().map(|role| view! { <th scope="col">{role.to_string()}</th> }).collect_view();
    let title_id = format!("{id}-title");
    let (labelled, region) = (title_id.clone(), format!("{title}, the table"));
    view! {
        <section class="card stack roles" id=id aria-labelledby=labelled>
            <h2 id=title_id>{title}</h2>
            <p class="note">{note}</p>
            <div class="roles-scroll" tabindex="0" role="region" aria-label=region>
                <table class="table">
                    <thead><tr><th scope="col">"May"</th>{heads}</tr></thead>
                    <tbody>{lines}</tbody>
                </table>
            </div>
        </section>
    }
}

fn line(
    table: &RoleTable,
    in_force: Option<&RoleTable>,
    operation: Operation,
    environment: Option<&EnvironmentKey>,
) -> impl IntoView + use<> {
    let cells = Role::ALL
        .into_iter()
        .map(|role| place(table, in_force, &RoleCell::new(operation, role, environment)))
        .collect_view();
    let text = as_sentence(operation.phrase());
    let reach =
        (operation == Operation::EditFlags).then(|| view! { <p class="note">{EDIT_FLAGS_REACHES}</p> });
    view! { <tr><th scope="row">{text.trim_end_matches('.').to_owned()}{reach}</th>{cells}</tr> }
}

/// One place: a box for whoever may change it, otherwise what it says.
fn place(table: &RoleTable, in_force: Option<&RoleTable>, cell: &RoleCell) -> AnyView {
    let may = table.says(cell);
    let word = if may { "yes" } else { "no" };
    let mark = may.then(icon::check);
    if let Some(floor) = cell.floor() {
        return view! {
            <td data-may=word data-fixed="" title=floor.reason()>
                {mark}{icon::lock()}<span class="visually-hidden">{format!("{word}, always")}</span>
            </td>
        }
        .into_any();
    }
    let Some(in_force) = in_force else {
        return view! { <td data-may=word>{mark}<span class="visually-hidden">{word}</span></td> }.into_any();
    };
    let place = cell.environment.as_ref().map(|key| format!(" in {key}")).unwrap_or_default();
    let label = format!("{} may {}{place}", cell.role, cell.operation.phrase());
    // What is ticked and not saved yet: after a refusal it can be told from the rest.
    let changed = (may != in_force.says(cell)).then_some("");
    view! {
        <td data-changed=changed>
            <label class="roles-box">
                <input type="checkbox" name=TICKED value=cell.to_string() checked=may aria-label=label />
            </label>
        </td>
    }
    .into_any()
}

/// What stays as it is, and why.
fn fixed() -> impl IntoView {
    const FLOORS: [Floor; 4] = [Floor::AdminsMayAll, Floor::OnlyAdmins, Floor::StopStays, Floor::Everybody];
    let lines = FLOORS.into_iter().map(|floor| view! { <li>{floor.reason()}</li> }).collect_view();
    view! {
        <section class="card stack" aria-labelledby="fixed-title">
            <h2 id="fixed-title">"What is fixed"</h2>
            <ul class="changes">
                {lines}
                <li>"Nobody approves what they proposed or started themselves, whatever their role."</li>
                <li>"A management token may what both its role and its owner's may, and nothing outside its environment."</li>
            </ul>
        </section>
    }
}
