//! The admin corner: staff choose how fast payment behaves, and watch in Fader what comes of it.

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{layout::page, to_start};
use crate::{
    Site, State as SiteState,
    customers::{Customer, Role},
    fader::FAST_PAYMENT,
    trouble::Trouble,
};

#[derive(Deserialize)]
pub struct Choice {
    trouble: String,
}

/// `GET /admin`
pub async fn admin(State(site): SiteState, headers: HeaderMap) -> Response {
    match site.signer.find_customer(&headers) {
        None => to_start(),
        Some(customer) if customer.role == Role::Staff => corner(&site, customer, None).into_response(),
        Some(customer) => staff_only(&site, customer),
    }
}

/// `POST /admin`
pub async fn set_trouble(
    State(site): SiteState,
    headers: HeaderMap,
    choice: Result<Form<Choice>, FormRejection>,
) -> Response {
    let Some(customer) = site.signer.find_customer(&headers) else { return to_start() };
    if customer.role != Role::Staff {
        return staff_only(&site, customer);
    }
    let Some(trouble) = choice.ok().and_then(|Form(choice)| Trouble::parse(&choice.trouble)) else {
        let error = "Choose one of these.";
        return (StatusCode::UNPROCESSABLE_ENTITY, corner(&site, customer, Some(error))).into_response();
    };
    site.trouble.set(trouble);
    tracing::info!(trouble = trouble.as_str(), "fast payment behaves differently from now on");
    Redirect::to("/admin").into_response()
}

fn staff_only(site: &Site, customer: &Customer) -> Response {
    let content = html! {
        section.notice {
            h1 { "For our own people" }
            p { "Change the customer to Sam Rivers, who works here, to get into the admin corner." }
            p { a.button href="/" { "Search trips" } }
        }
    };
    (StatusCode::FORBIDDEN, page(site, Some(customer), "For our own people", &content)).into_response()
}

fn corner(site: &Site, customer: &Customer, error: Option<&str>) -> Markup {
    let now = site.trouble.get();
    let health = format!("{}/flags/{FAST_PAYMENT}/health", site.config.public_url());
    let content = html! {
        h1 { "Admin corner" }
        p { "Choose how " em { "Fast payment" } " behaves from now on, for everybody who has it. "
            "Then watch Fader notice, and take it away by itself." }
        @if let Some(error) = error { p.error role="alert" { (error) } }
        form.troubles method="post" action="/admin" {
            fieldset {
                legend { "Fast payment…" }
                @for trouble in Trouble::ALL {
                    label.trouble {
                        input type="radio" name="trouble" value=(trouble.as_str()) checked[trouble == now] required;
                        span { strong { (trouble.label()) } small { (trouble.says()) } }
                    }
                }
            }
            div.actions {
                button.button { "From now on" }
                a href=(health) { "Watch its health in Fader" }
            }
        }
    };
    page(site, Some(customer), "Admin corner", &content)
}
