//! The pages: plain HTML that books a trip without any script. Only fast payment needs one, because it comes
//! and goes while the page is open.

mod admin;
mod bookings;
mod layout;
mod search;
mod sign_in;
mod trip;

pub use admin::{admin, set_trouble};
pub use bookings::{booking, bookings};
pub use search::home;
pub use sign_in::{sign_in, sign_out};
pub use trip::{pay_by_card, trip};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use maud::html;

use crate::State as SiteState;
use layout::page;

pub async fn not_found(State(site): SiteState, headers: HeaderMap) -> Response {
    let content = html! {
        section.notice {
            h1 { "Nothing here" }
            p { "This page does not exist, or the trip is no longer on sale." }
            p { a.button href="/" { "Search trips" } }
        }
    };
    let customer = site.signer.find_customer(&headers);
    (StatusCode::NOT_FOUND, page(&site, customer, "Nothing here", &content)).into_response()
}

/// Where somebody goes who has to sign in first.
fn to_start() -> Response {
    Redirect::to("/").into_response()
}
