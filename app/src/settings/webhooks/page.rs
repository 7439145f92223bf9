//! Webhooks: addresses that are told what the guard and the release plans do. The secret of a new one is shown once.

use leptos::prelude::*;
use store::{Reach, Webhook};

use crate::{
    form::state::FormState,
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Badge, Tone},
        dialog::Confirm,
        empty::Empty,
        field::{Field, FormError},
        secret::Secret,
        table::{Column, Table},
        time,
    },
};

pub const ADDRESS: &str = "/settings/webhooks";

/// What a post of this page leaves to show.
#[derive(Default)]
pub struct WebhooksForms {
    /// The address that was typed.
    pub new: FormState<String>,
    /// The secret of a webhook that was added just now. Shown once.
    pub secret: Option<String>,
}

pub async fn get(page: Page) -> PageResult {
    show(&page, WebhooksForms::default()).await
}

pub async fn show(page: &Page, draft: WebhooksForms) -> PageResult {
    let administrator = page.principal.administrator()?;
    let webhooks = page.store().list_webhooks(&administrator).await?;
    let meta = PageMeta::new("Webhooks", Section::Webhooks).status(draft.new.status());
    let reach = page.state.webhooks;
    page.render(meta, move || {
        let WebhooksForms { new, secret } = draft;
        let secret = secret.map(|secret| {
            view! {
                <Secret
                    title="The secret of the new webhook"
                    text="Copy it now: it is not shown again. Each message carries x-fader-timestamp and x-fader-signature: sha256= and the HMAC-SHA256 of “timestamp.body” under this secret."
                    value=secret
                    label="Secret"
                />
            }
        });
        let list = if webhooks.is_empty() {
            view! {
                <Empty
                    title="No webhooks yet"
                    text="A chat channel or an on-call service can hear at once when the guard stops a flag or a plan moves by itself."
                />
            }
            .into_any()
        } else {
            table(webhooks).into_any()
        };
        view! {
            <PageHead title="Webhooks" lead="Who is told when the guard acts or a release plan moves by itself. Messages are signed, and tried again for a day." />
            {secret}
            {form(new, reach)}
            <div id="webhooks" data-live="">{list}</div>
        }
    })
}

/// What the field says about where an address may lead.
fn hint(reach: Reach) -> &'static str {
    match reach {
        Reach::Public => {
            "An address that the internet can reach. Whoever runs the server can allow others with --webhooks-private."
        }
        Reach::Private => {
            "Fader sends to it from where it runs, also inside your network. Name only addresses that you trust."
        }
    }
}

fn form(draft: FormState<String>, reach: Reach) -> impl IntoView {
    let (error, general) = (draft.at("url"), draft.general());
    let url = draft.input.unwrap_or_default();
    view! {
        <form method="post" action=here().plain(ADDRESS) class="card stack" aria-labelledby="new-title">
            <h2 id="new-title">"New webhook"</h2>
            <FormError error=general />
            <Field
                label="Address"
                name="url"
                value=url
                error=error
                placeholder="https://hooks.example.org/fader"
                hint=hint(reach)
                autocomplete="off"
                required=true
            />
            <div class="cluster">
                <button class="button" data-kind="primary" name="do" value="create">"Add the webhook"</button>
            </div>
        </form>
    }
}

fn table(webhooks: Vec<Webhook>) -> impl IntoView {
    let rows = webhooks.into_iter().map(row).collect_view();
    let columns = vec![
        Column::Text("Address"),
        Column::Text("Last message"),
        Column::Text("Added"),
        Column::Hidden("Actions"),
    ];
    view! {
        <Table columns>{rows}</Table>
    }
}

fn row(webhook: Webhook) -> impl IntoView {
    let here = here();
    let last = match (&webhook.last_problem, webhook.last_done_ms) {
        (Some(problem), _) => {
            let next = if webhook.waiting > 0 { "It is tried again." } else { "It was given up." };
            view! { <Badge tone=Tone::Danger text="Did not arrive" /><span class="note">{format!("{problem}. {next}")}</span> }
                .into_any()
        }
        (None, Some(at)) => {
            view! { <Badge tone=Tone::Good text="Arrived" /><span class="note">{time::ago(here.now_ms, at)}</span> }
                .into_any()
        }
        (None, None) if webhook.waiting > 0 => view! { <span class="note">"on its way"</span> }.into_any(),
        (None, None) => view! { <span class="note">"none yet"</span> }.into_any(),
    };
    view! {
        <tr data-key=webhook.id.to_string()>
            <td><code class="clip">{webhook.place.clone()}</code><span class="note">{format!("no. {}", webhook.id)}</span></td>
            <td data-label="Last message"><div class="who">{last}</div></td>
            <td data-label="Added">
                <span>{time::ago(here.now_ms, webhook.created_ms)}<span class="note">" by "{webhook.created_by.clone()}</span></span>
            </td>
            <td class="actions">{test(&webhook)}{delete(&webhook)}</td>
        </tr>
    }
}

fn test(webhook: &Webhook) -> impl IntoView + use<> {
    view! {
        <form method="post" action=here().plain(ADDRESS)>
            <input type="hidden" name="id" value=webhook.id.to_string() />
            <button class="button" data-size="small" name="do" value="test" aria-label=format!("Send a test message to {}, no. {}", webhook.place, webhook.id)>
                "Send a test"
            </button>
        </form>
    }
}

fn delete(webhook: &Webhook) -> impl IntoView + use<> {
    let (id, text) = (
        webhook.id.to_string(),
        format!(
            "{}, no. {}, is told nothing more, and messages on their way are dropped.",
            webhook.place, webhook.id
        ),
    );
    view! {
        <Confirm
            label="Delete"
            text=text
            action=here().plain(ADDRESS)
            button="Delete the webhook"
            danger=true
        >
            <input type="hidden" name="id" value=id />
            <input type="hidden" name="do" value="delete" />
        </Confirm>
    }
}
