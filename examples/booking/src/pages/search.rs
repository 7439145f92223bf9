//! The start page: who are you, or, once that is known, the search.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use jiff::civil::Date;
use maud::{Markup, html};
use serde::Deserialize;

use super::{layout::page, sign_in::choose_page};
use crate::{
    State as SiteState,
    payment::{TRAVELLERS_MAX, Travellers},
    trips::{Search, Trip, euros, last_bookable, list_places, list_trips},
};

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    from: String,
    to: String,
    date: String,
    travellers: String,
}

/// `GET /`
pub async fn home(
    State(site): SiteState,
    headers: HeaderMap,
    typed: Result<Query<Typed>, QueryRejection>,
) -> Response {
    let Some(customer) = site.signer.find_customer(&headers) else {
        return choose_page(&site, None).into_response();
    };
    let typed = typed.map(|Query(typed)| typed).unwrap_or_default();
    let today = site.calendar.today();
    let (search, error) = Search::parse(&typed.from, &typed.to, &typed.date, today);
    let travellers = Travellers::parse(&typed.travellers).unwrap_or(Travellers::ONE);
    let trips = list_trips(&search);
    let content = html! {
        h1 { "Where to, " (customer.name.split(' ').next().unwrap_or_default()) "?" }
        (search_form(&search, travellers, today))
        @if let Some(error) = error { p.error role="alert" { (error) } }
        (results(&trips, travellers))
    };
    page(&site, Some(customer), "Search trips", &content).into_response()
}

fn search_form(search: &Search, travellers: Travellers, today: Date) -> Markup {
    html! {
        form.search role="search" method="get" action="/" {
            label { span { "From" } input name="from" list="places" value=(search.from) placeholder="Anywhere" maxlength="60" autocomplete="off"; }
            label { span { "To" } input name="to" list="places" value=(search.to) placeholder="Anywhere" maxlength="60" autocomplete="off"; }
            label {
                span { "Day" }
                input type="date" name="date" value=(search.date) min=(today) max=(last_bookable(today)) required;
            }
            label { span { "Travellers" } (travellers_field(travellers)) }
            button.button { "Search" }
            datalist id="places" { @for place in list_places() { option value=(place) {} } }
        }
    }
}

pub(super) fn travellers_field(travellers: Travellers) -> Markup {
    html! { input type="number" name="travellers" min="1" max=(TRAVELLERS_MAX) value=(travellers.get()) required; }
}

fn results(trips: &[Trip], travellers: Travellers) -> Markup {
    let Some(first) = trips.first() else {
        return html! {
            section.notice {
                h2 { "Nothing goes there" }
                p { "Leave one of the places empty to see what leaves or arrives. Try Lyon, Geneva or Hamburg." }
            }
        };
    };
    html! {
        h2.day { (first.day()) " · " (trips.len()) @if trips.len() == 1 { " connection" } @else { " connections" } }
        ol.trips { @for trip in trips { li { (ticket(trip, travellers)) } } }
    }
}

fn ticket(trip: &Trip, travellers: Travellers) -> Markup {
    let connection = trip.connection;
    let href = format!("/trips/{}?travellers={}", trip.id(), travellers.get());
    html! {
        a.ticket href=(href) data-mode=(connection.mode.label()) {
            span.times { strong { (connection.departs()) } span.line aria-hidden="true" {} strong { (connection.arrives()) } }
            span.places { (connection.from) " → " (connection.to) }
            span.carrier { (connection.mode.label()) " · " (connection.carrier) " · " (connection.duration()) }
            span.price { (euros(connection.price_cents)) small { "each" } }
        }
    }
}
