//! What the signed-in customer has booked.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};

use super::{layout::page, not_found, to_start};
use crate::{
    State as SiteState,
    bookings::{Booking, PaidWith},
    trips::euros,
};

/// `GET /bookings`
pub async fn bookings(State(site): SiteState, headers: HeaderMap) -> Response {
    let Some(customer) = site.signer.find_customer(&headers) else { return to_start() };
    let bookings = site.bookings.list(customer);
    let content = html! {
        h1 { "My bookings" }
        @if bookings.is_empty() {
            section.notice {
                p { "Nothing booked yet. Bookings of this demo live until it is restarted." }
                p { a.button href="/" { "Search trips" } }
            }
        } @else {
            ol.trips { @for booking in &bookings { li { (row(booking)) } } }
        }
    };
    page(&site, Some(customer), "My bookings", &content).into_response()
}

/// `GET /bookings/{reference}`
pub async fn booking(state: SiteState, headers: HeaderMap, Path(reference): Path<String>) -> Response {
    let State(site) = &state;
    let Some(customer) = site.signer.find_customer(&headers) else { return to_start() };
    let Some(booking) = site.bookings.find(customer, &reference) else {
        return not_found(state, headers).await;
    };
    let connection = booking.trip.connection;
    let content = html! {
        article.done data-mode=(connection.mode.label()) {
            p.eyebrow { "Booked" }
            h1 { (connection.from) " " span.arrow aria-label="to" { "→" } " " (connection.to) }
            p { (booking.trip.day()) ", " (connection.departs()) " with " (connection.carrier) }
            dl {
                div { dt { "Reference" } dd.reference { (booking.reference) } }
                div { dt { "Travellers" } dd { (booking.travellers.get()) } }
                div { dt { "Paid" } dd { (euros(booking.total_cents())) } }
                div { dt { "With" } dd { (paid_with(&booking.paid_with)) } }
            }
            p { a.button href="/" { "Book another trip" } }
        }
    };
    page(site, Some(customer), "Booked", &content).into_response()
}

fn row(booking: &Booking) -> Markup {
    let connection = booking.trip.connection;
    html! {
        a.ticket href={ "/bookings/" (booking.reference) } data-mode=(connection.mode.label()) {
            span.times { strong { (connection.departs()) } span.line aria-hidden="true" {} strong { (connection.arrives()) } }
            span.places { (connection.from) " → " (connection.to) }
            span.carrier { (booking.trip.day()) " · " (booking.reference) " · " (paid_with(&booking.paid_with)) }
            span.price { (euros(booking.total_cents())) }
        }
    }
}

fn paid_with(paid_with: &PaidWith) -> String {
    match paid_with {
        PaidWith::FastPayment(last_digits) => format!("Fast payment, card ending in {last_digits}"),
        PaidWith::Card(last_digits) => format!("Card ending in {last_digits}"),
    }
}
