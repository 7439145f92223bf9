//! One trip and the two ways to pay for it.

use std::sync::Arc;

use axum::{
    Form,
    extract::{
        Path, Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{layout::page, not_found, search::travellers_field, to_start};
use crate::{
    Site, State as SiteState,
    api::PayError,
    bookings::total_cents,
    customers::Customer,
    payment::{CardErrors, CardInput, Travellers},
    trips::{Trip, euros},
};

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Chosen {
    travellers: String,
}

/// What the card form posts.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct CardForm {
    travellers: String,
    name: String,
    number: String,
    expiry: String,
    cvc: String,
}

/// What a failed payment leaves on the page. The number and the code are typed again: they never come back.
#[derive(Default)]
struct Draft {
    name: String,
    expiry: String,
    errors: CardErrors,
    error: Option<String>,
}

/// `GET /trips/{id}`
pub async fn trip(
    state: SiteState,
    headers: HeaderMap,
    Path(id): Path<String>,
    chosen: Result<Query<Chosen>, QueryRejection>,
) -> Response {
    let State(site) = &state;
    let Some(customer) = site.signer.find_customer(&headers) else { return to_start() };
    let Some(trip) = Trip::find(&id, site.calendar.today()) else { return not_found(state, headers).await };
    let travellers = chosen
        .ok()
        .and_then(|Query(chosen)| Travellers::parse(&chosen.travellers))
        .unwrap_or(Travellers::ONE);
    trip_page(site, customer, &trip, travellers, &Draft::default()).into_response()
}

/// `POST /trips/{id}`: the card form, script or not.
pub async fn pay_by_card(
    state: SiteState,
    headers: HeaderMap,
    Path(id): Path<String>,
    form: Result<Form<CardForm>, FormRejection>,
) -> Response {
    let site: Arc<Site> = state.0.clone();
    let Some(customer) = site.signer.find_customer(&headers) else { return to_start() };
    let Some(trip) = Trip::find(&id, site.calendar.today()) else { return not_found(state, headers).await };
    let Ok(Form(form)) = form else {
        let draft =
            Draft { error: Some("The form could not be read. Fill it in again.".into()), ..Draft::default() };
        let page = trip_page(&site, customer, &trip, Travellers::ONE, &draft);
        return (StatusCode::BAD_REQUEST, page).into_response();
    };
    let travellers = Travellers::parse(&form.travellers);
    let card = CardInput { name: form.name, number: form.number, expiry: form.expiry, cvc: form.cvc };
    let paid = match travellers {
        Some(travellers) => site.pay_by_card(customer, trip, travellers, &card),
        None => Err(PayError::Travellers),
    };
    match paid {
        Ok(booking) => Redirect::to(&format!("/bookings/{}", booking.reference)).into_response(),
        Err(error) => {
            let (status, message) = (error.status(), error.to_string());
            let errors = if let PayError::Card(errors) = error { errors } else { CardErrors::default() };
            let draft = Draft { name: card.name, expiry: card.expiry, errors, error: Some(message) };
            let page = trip_page(&site, customer, &trip, travellers.unwrap_or(Travellers::ONE), &draft);
            (status, page).into_response()
        }
    }
}

fn trip_page(site: &Site, customer: &Customer, trip: &Trip, travellers: Travellers, draft: &Draft) -> Markup {
    let total = euros(total_cents(trip, travellers));
    let title = format!("{} to {}", trip.connection.from, trip.connection.to);
    let content = html! {
        div.checkout {
            (itinerary(trip, travellers, &total))
            section.pay aria-labelledby="pay-title" {
                h2 #pay-title { "Pay " span.total { (total) } }
                (fast_payment(customer, trip, travellers, &total))
                (card_form(trip, travellers, draft))
            }
        }
    };
    page(site, Some(customer), &title, &content)
}

fn itinerary(trip: &Trip, travellers: Travellers, total: &str) -> Markup {
    let connection = trip.connection;
    html! {
        section.itinerary data-mode=(connection.mode.label()) {
            p.eyebrow { (trip.day()) " · " (connection.mode.label()) }
            h1 { (connection.from) " " span.arrow aria-label="to" { "→" } " " (connection.to) }
            dl {
                div { dt { "Departs" } dd { (connection.departs()) } }
                div { dt { "Arrives" } dd { (connection.arrives()) } }
                div { dt { "Takes" } dd { (connection.duration()) } }
                div { dt { "With" } dd { (connection.carrier) } }
            }
            form.travellers method="get" action={ "/trips/" (trip.id()) } {
                label { span { "Travellers" } (travellers_field(travellers)) }
                button.quiet { "Update total" }
            }
            p.sum { span { (travellers.get()) " × " (euros(connection.price_cents)) } strong { (total) } }
        }
    }
}

/// Hidden until the script hears from Fader that it is on for this customer. Showing it by hand buys nothing:
/// the payment API asks Fader again.
fn fast_payment(customer: &Customer, trip: &Trip, travellers: Travellers, total: &str) -> Markup {
    html! {
        div.fast #fast-payment data-trip=(trip.id()) data-travellers=(travellers.get()) hidden {
            h3 { "Fast payment" }
            p { "One click, charged to your agency's card ending in " (customer.card_on_file) "." }
            button.button.go type="button" { "Pay " (total) " now" }
        }
        p.said #fast-payment-said role="status" {}
    }
}

fn card_form(trip: &Trip, travellers: Travellers, draft: &Draft) -> Markup {
    html! {
        form.card method="post" action={ "/trips/" (trip.id()) } novalidate {
            h3 { "Card" }
            @if let Some(error) = &draft.error { p.error role="alert" { (error) } }
            input type="hidden" name="travellers" value=(travellers.get());
            (field("name", "Name on card", &draft.name, draft.errors.name, "cc-name", ""))
            (field("number", "Card number", "", draft.errors.number, "cc-number", "4242 4242 4242 4242"))
            div.pair {
                (field("expiry", "Good until", &draft.expiry, draft.errors.expiry, "cc-exp", "08/29"))
                (field("cvc", "Security code", "", draft.errors.cvc, "cc-csc", "123"))
            }
            button.button { "Pay by card" }
            p.hint { "A demo: any card number with a right check digit works, and nothing is charged." }
        }
    }
}

fn field(
    name: &str,
    label: &str,
    value: &str,
    error: Option<&str>,
    autocomplete: &str,
    placeholder: &str,
) -> Markup {
    let id = format!("card-{name}");
    let error_id = format!("card-{name}-error");
    let numeric = (name != "name").then_some("numeric");
    html! {
        div.field {
            label for=(id) { (label) }
            input id=(id) name=(name) value=(value) autocomplete=(autocomplete) placeholder=(placeholder)
                inputmode=[numeric] maxlength="80" required
                aria-invalid=[error.map(|_| "true")] aria-describedby=[error.map(|_| &error_id)];
            @if let Some(error) = error { span.error id=(error_id) { (error) } }
        }
    }
}
