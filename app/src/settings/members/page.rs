//! Members and their roles: invite by a link, change a role, disable, reset a password.

use leptos::prelude::*;
use store::{Member, MemberState, Role, UserId};

use crate::{
    form::{fields::Fields, state::FormState},
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Badge, Tone},
        field::{Choice, Field, FormError},
        secret::Secret,
        table::{Column, Table},
        time,
    },
};

/// What was typed into the invitation.
#[derive(Debug, Clone)]
pub struct InviteInput {
    pub email: String,
    pub name: String,
    pub role: String,
}

impl InviteInput {
    pub fn read(fields: &Fields) -> Self {
        Self {
            email: fields.trimmed("email").to_owned(),
            name: fields.trimmed("name").to_owned(),
            role: fields.text("role").to_owned(),
        }
    }
}

impl Default for InviteInput {
    fn default() -> Self {
        Self { email: String::new(), name: String::new(), role: Role::Viewer.as_str().to_owned() }
    }
}

/// A link that was made just now, and whom it is for. Shown once.
pub struct IssuedLink {
    pub email: String,
    pub url: String,
}

/// What a post of this page leaves to show.
#[derive(Default)]
pub struct MembersForms {
    pub invite: FormState<InviteInput>,
    /// A refused change of one member.
    pub member: Option<(UserId, FormState<()>)>,
    pub issued: Option<IssuedLink>,
}

pub async fn get(page: Page) -> PageResult {
    show(&page, MembersForms::default()).await
}

pub async fn show(page: &Page, draft: MembersForms) -> PageResult {
    let administrator = page.principal.administrator()?;
    let members = page.store().list_members(&administrator).await?;
    let status = draft.member.as_ref().map_or(draft.invite.status(), |(_, draft)| draft.status());
    let meta = PageMeta::new("Members", Section::Members).status(status);
    page.render(meta, move || {
        let MembersForms { invite, member, issued } = draft;
        let issued = issued.map(|link| {
            view! {
                <Secret
                    title=format!("A link for {}", link.email)
                    text="Send it to them. It works once, and it is shown only now."
                    value=link.url
                    label="Link"
                />
            }
        });
        let rows = members.into_iter().map(|it| row(it, member.as_ref())).collect_view();
        let columns = vec![
            Column::Text("Member"),
            Column::Text("Role"),
            Column::Text("State"),
            Column::Text("Last seen"),
            Column::Hidden("Actions"),
        ];
        view! {
            <PageHead title="Members" lead="Who may do what. A role counts from the next click." />
            {issued}
            {invite_form(invite)}
            <Table columns id="members" live=true>{rows}</Table>
            <p><a href=here().href(Section::Roles.path())>"What each role may do, and where"</a></p>
        }
    })
}

fn roles() -> Vec<(String, String)> {
    Role::ALL.into_iter().map(|role| (role.as_str().to_owned(), role.to_string())).collect()
}

fn invite_form(draft: FormState<InviteInput>) -> impl IntoView {
    let [email, name, role] = ["email", "name", "role"].map(|field| draft.at(field));
    let general = draft.general();
    let input = draft.input.unwrap_or_default();
    view! {
        <form method="post" action=here().plain("/settings/members") class="card stack" aria-labelledby="invite-title">
            <h2 id="invite-title">"Invite somebody"</h2>
            <FormError error=general />
            <div class="field-row">
                <Field label="E-mail" name="email" kind="email" value=input.email error=email autocomplete="off" required=true />
                <Field label="Name" name="name" value=input.name error=name autocomplete="off" required=true />
                <Choice label="Role" name="role" value=input.role options=roles() error=role />
            </div>
            <div class="cluster">
                <button class="button" data-kind="primary" name="do" value="invite">"Make an invitation link"</button>
            </div>
        </form>
    }
}

fn row(member: Member, refused: Option<&(UserId, FormState<()>)>) -> impl IntoView + use<> {
    let here = here();
    let (state, tone) = match member.state {
        MemberState::Invited => ("Invited", Tone::Accent),
        MemberState::Active => ("Active", Tone::Good),
        MemberState::Disabled => ("Disabled", Tone::Neutral),
    };
    let seen = member.last_seen_ms.map_or_else(
        || view! { <span class="faint">"never"</span> }.into_any(),
        |at| time::ago(here.now_ms, at).into_any(),
    );
    let you = here.principal.is_some_and(|who| who.id() == member.id);
    let error = refused.filter(|(id, _)| *id == member.id).and_then(|(_, draft)| draft.general());
    view! {
        <tr data-key=member.id.to_string()>
            <td>
                <div class="who">
                    <strong>{member.name.clone()}{you.then_some(" (you)")}</strong>
                    <span class="note">{member.email.clone()}</span>
                </div>
            </td>
            <td data-label="Role">{member.role.to_string()}</td>
            <td data-label="State"><Badge tone=tone text=state /></td>
            <td data-label="Last seen">{seen}</td>
            <td class="actions">{manage(&member, error)}</td>
        </tr>
    }
}

fn manage(member: &Member, error: Option<String>) -> impl IntoView + use<> {
    let id = member.id.to_string();
    let disabled = member.state == MemberState::Disabled;
    let (word, label, kind) = if disabled {
        ("enable", "Enable", None)
    } else {
        ("disable", "Disable and sign out everywhere", Some("danger-quiet"))
    };
    let open = error.is_some();
    let hidden = || view! { <input type="hidden" name="id" value=id.clone() /> };
    view! {
        <details class="confirm" open=open>
            <summary class="button" data-size="small">
                "Manage"<span class="visually-hidden">{format!(" {}", member.name)}</span>
            </summary>
            <div class="confirm-panel stack">
                <FormError error=error />
                <form method="post" action=here().plain("/settings/members") class="stack-small">
                    {hidden()}
                    <Choice
                        label="Role"
                        name="role"
                        id=format!("role-{}", member.id)
                        value=member.role.as_str()
                        options=roles()
                    />
                    <button class="button" data-size="small" name="do" value="role">"Change the role"</button>
                </form>
                <hr />
                <form method="post" action=here().plain("/settings/members") class="stack-small">
                    {hidden()}
                    <button class="button" data-size="small" name="do" value="reset" disabled=disabled>
                        "Make a new sign-in link"
                    </button>
                    <button class="button" data-size="small" name="do" value="sign-out" disabled=disabled>
                        "Sign out everywhere"
                    </button>
                    <button class="button" data-size="small" data-kind=kind name="do" value=word>{label}</button>
                </form>
            </div>
        </details>
    }
}
