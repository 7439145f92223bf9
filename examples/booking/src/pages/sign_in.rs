//! Choosing who one is. A real site would ask for a password here; the rest, the signed cookie, is real.

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, header::SET_COOKIE},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::page;
use crate::{
    Site, State as SiteState,
    customers::{CUSTOMERS, Customer, find_customer},
    identity::sign_out_cookie,
};

#[derive(Deserialize)]
pub struct Choice {
    customer: String,
}

/// `POST /sign-in`
pub async fn sign_in(State(site): SiteState, choice: Result<Form<Choice>, FormRejection>) -> Response {
    let customer = choice.ok().and_then(|Form(choice)| find_customer(&choice.customer));
    let Some(customer) = customer else {
        let page = choose_page(&site, Some("That is none of the demo customers. Choose one of these."));
        return (StatusCode::UNPROCESSABLE_ENTITY, page).into_response();
    };
    match site.signer.sign_in_cookie(customer) {
        Ok(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `POST /sign-out`
pub async fn sign_out(_headers: HeaderMap) -> Response {
    ([(SET_COOKIE, sign_out_cookie())], Redirect::to("/")).into_response()
}

pub(super) fn choose_page(site: &Site, error: Option<&str>) -> Markup {
    let content = html! {
        section.welcome {
            h1 { "Rail, coach and ferry," br; "one desk for your agency." }
            p { "This is a demo shop. Choose who you are; no password, and no money moves." }
            @if let Some(error) = error { p.error role="alert" { (error) } }
        }
        form.people method="post" action="/sign-in" {
            @for customer in &CUSTOMERS { (person(customer)) }
        }
    };
    page(site, None, "Choose who you are", &content)
}

fn person(customer: &Customer) -> Markup {
    html! {
        button.person name="customer" value=(customer.id) {
            span.badge aria-hidden="true" { (customer.initials()) }
            span.person-text {
                strong { (customer.name) }
                span { (customer.agency) }
            }
            span.standing data-standing=(customer.standing()) { (customer.standing()) }
        }
    }
}
