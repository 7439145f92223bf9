//! Approvals: the steps of release plans that wait for somebody, the next ones first.

use leptos::prelude::*;
use store::{ApprovalRequest, Operation};

use crate::{
    flag,
    form::{
        error::{FormErrors, as_sentence},
        state::FormState,
    },
    page::{
        Page, PageMeta, PageResult,
        here::{Here, here},
        layout::{PageHead, Section},
    },
    ui::{
        badge::{Badge, Tone},
        empty::Empty,
        field::{Field, FormError},
        time,
    },
};

pub async fn get(page: Page) -> PageResult {
    page.principal.approver()?;
    show(&page, None).await
}

/// The list; `refused` says why an approval did not count.
pub async fn show(page: &Page, refused: Option<FormErrors>) -> PageResult {
    let requests = page.store().list_approvals(&page.viewer()).await?;
    let status = refused.as_ref().map_or(http::StatusCode::OK, |errors| errors.status);
    let draft = FormState { input: Some(()), errors: refused };
    page.render(PageMeta::new("Approvals", Section::Approvals).status(status), move || {
        let here = here();
        let list = if requests.is_empty() {
            let text = "A release plan can ask for an approval before a step, for example before 100 % in production. \
                        Somebody else than whoever wrote or started the plan gives it here.";
            view! { <Empty title="Nothing waits for an approval" text=text /> }.into_any()
        } else {
            let items: Vec<_> = requests.iter().map(|request| item(request, &here)).collect();
            view! { <ul class="approvals">{items}</ul> }.into_any()
        };
        view! {
            <PageHead title="Approvals" lead="Steps of release plans that wait for somebody, in every environment." />
            <FormError error=draft.general() />
            <div id="approvals" data-live="">{list}</div>
        }
    })
}

fn item(request: &ApprovalRequest, here: &Here) -> impl IntoView + use<> {
    let step = request.step + 1;
    let key = format!("{}-{}-{step}", request.environment, request.flag);
    let plan = here.href_in(&flag::Tab::Plan.path(&request.flag), &request.environment);
    let who = here.href_in(&flag::plan::who::address(&request.flag, step), &request.environment);
    let (tone, word) = if request.next { (Tone::Accent, "Next step") } else { (Tone::Neutral, "Later step") };
    let may = here.principal.as_ref().is_some_and(|who| who.may_in(Operation::Approve, &request.environment));
    let form = if !may {
        let who =
            here.principal.as_ref().map(|who| who.who_may(Operation::Approve, Some(&request.environment)));
        let text = format!("{} may approve in {}.", who.unwrap_or_default(), request.environment);
        view! { <p class="note">{text}</p> }.into_any()
    } else if request.may_be_mine {
        view! {
            <form method="post" action=here.href("/approvals") class="plan-approve">
                <input type="hidden" name="flag" value=request.flag.to_string() />
                <input type="hidden" name="environment" value=request.environment.to_string() />
                <input type="hidden" name="version" value=request.version.to_string() />
                <input type="hidden" name="step" value=step.to_string() />
                <Field label="Comment" name="comment" id=format!("why-{key}") placeholder="Optional" autocomplete="off" />
                <button class="button" data-kind="primary" aria-label=format!("Approve step {step} of {}", request.flag_name)>
                    "Approve"
                </button>
            </form>
        }
        .into_any()
    } else {
        view! { <p class="note">"You wrote or started this plan, so somebody else approves it."</p> }
            .into_any()
    };
    view! {
        <li class="card stack" data-key=key>
            <div class="card-head">
                <h2><a href=plan>{request.flag_name.clone()}</a></h2>
                <p class="cluster"><Badge tone=tone text=word /><Badge text=request.environment.to_string() /></p>
            </div>
            <p><b>{format!("Step {step} of “{}”: ", request.plan_name)}</b>{as_sentence(&request.phrase)}</p>
            <p class="note">{format!("Written by {}; last changed by {}, ", request.proposed_by, request.changed_by)}{time::ago(here.now_ms, request.changed_ms)}</p>
            <p class="note"><a href=who>"Who gains it with this step?"</a></p>
            {form}
        </li>
    }
}
