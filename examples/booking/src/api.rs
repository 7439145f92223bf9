//! The payment API. Whether fast payment is allowed is decided here, by asking Fader for the signed-in
//! customer at the moment of paying. What the page showed, and what a caller claims, does not count.

use std::{sync::Arc, time::Instant};

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ALLOW, LOCATION, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use crate::{
    Site,
    bookings::{Booking, PaidWith},
    customers::Customer,
    fader::FAST_PAYMENT,
    payment::{CardErrors, CardInput, TRAVELLERS_MAX, Travellers},
    trips::Trip,
    trouble::{Trouble, per_mille},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    trip: String,
    travellers: u8,
    method: Method,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum Method {
    Fast {},
    Card(CardInput),
}

#[derive(Serialize)]
struct Paid {
    reference: String,
    total_cents: u32,
    method: &'static str,
}

/// Why nothing was paid.
#[derive(Debug)]
pub enum PayError {
    SignedOut,
    Unreadable(StatusCode),
    NoSuchTrip,
    Travellers,
    Card(CardErrors),
    FastPaymentOff,
    FastPaymentUnknown,
    BankRefused,
    Internal,
}

#[derive(Serialize)]
struct ErrorBody {
    error: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<CardErrors>,
}

/// `POST /api/pay`
pub async fn pay(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    payment: Result<Json<Payment>, JsonRejection>,
) -> Result<Response, PayError> {
    let customer = site.signer.find_customer(&headers).ok_or(PayError::SignedOut)?;
    let Json(payment) = payment.map_err(|rejection| PayError::Unreadable(rejection.status()))?;
    let trip = Trip::find(&payment.trip, site.calendar.today()).ok_or(PayError::NoSuchTrip)?;
    let travellers = Travellers::new(payment.travellers).ok_or(PayError::Travellers)?;
    let (booking, method) = match payment.method {
        Method::Fast {} => (site.pay_fast(customer, trip, travellers).await?, "fast"),
        Method::Card(card) => (site.pay_by_card(customer, trip, travellers, &card)?, "card"),
    };
    let location = [(LOCATION, format!("/bookings/{}", booking.reference))];
    let paid = Paid { total_cents: booking.total_cents(), reference: booking.reference, method };
    Ok((StatusCode::CREATED, location, Json(paid)).into_response())
}

pub async fn method_not_allowed() -> Response {
    let body = ErrorBody { error: "method_not_allowed", message: "Use POST.".to_owned(), fields: None };
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")], Json(body)).into_response()
}

impl Site {
    async fn pay_fast(
        &self,
        customer: &'static Customer,
        trip: Trip,
        travellers: Travellers,
    ) -> Result<Booking, PayError> {
        match self.fader.allows(FAST_PAYMENT, customer.subject()).await {
            Ok(true) => self.charge_card_on_file(customer, trip, travellers).await,
            Ok(false) => Err(PayError::FastPaymentOff),
            Err(error) => {
                tracing::warn!(customer = customer.id, "fast payment refused: {error}");
                Err(PayError::FastPaymentUnknown)
            }
        }
    }

    /// Fast payment as it behaves today, and what came of it.
    async fn charge_card_on_file(
        &self,
        customer: &'static Customer,
        trip: Trip,
        travellers: Travellers,
    ) -> Result<Booking, PayError> {
        let (began, trouble) = (Instant::now(), self.trouble.get());
        tokio::time::sleep(trouble.extra_delay()).await;
        let fails = per_mille().map_err(|_| PayError::Internal)? < trouble.failures_per_mille();
        // Somebody who tries the demo by hand must not meet the few failures of a good day.
        let fails = fails && trouble == Trouble::Errors;
        self.report_payment(customer.id, !fails, began.elapsed());
        if fails {
            return Err(PayError::BankRefused);
        }
        self.book(customer, trip, travellers, PaidWith::FastPayment(customer.card_on_file.to_owned()))
    }

    /// The ordinary way to pay; does not depend on Fader at all.
    pub fn pay_by_card(
        &self,
        customer: &'static Customer,
        trip: Trip,
        travellers: Travellers,
        card: &CardInput,
    ) -> Result<Booking, PayError> {
        let began = Instant::now();
        let card = card.check(self.calendar.today()).map_err(PayError::Card)?;
        let booking = self.book(customer, trip, travellers, PaidWith::Card(card.last_digits))?;
        self.report_payment(customer.id, true, began.elapsed());
        Ok(booking)
    }

    fn book(
        &self,
        customer: &'static Customer,
        trip: Trip,
        travellers: Travellers,
        paid_with: PaidWith,
    ) -> Result<Booking, PayError> {
        self.bookings.add(customer, trip, travellers, paid_with).map_err(|error| {
            tracing::error!("no booking reference could be made: {error}");
            PayError::Internal
        })
    }
}

impl PayError {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::SignedOut => StatusCode::UNAUTHORIZED,
            Self::Unreadable(status) => *status,
            Self::NoSuchTrip => StatusCode::NOT_FOUND,
            Self::Travellers | Self::Card(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::FastPaymentOff => StatusCode::FORBIDDEN,
            Self::FastPaymentUnknown => StatusCode::SERVICE_UNAVAILABLE,
            Self::BankRefused => StatusCode::BAD_GATEWAY,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Unreadable(_) => "unreadable",
            Self::NoSuchTrip => "no_such_trip",
            Self::Travellers => "travellers",
            Self::Card(_) => "card",
            Self::FastPaymentOff => "fast_payment_off",
            Self::FastPaymentUnknown => "fast_payment_unknown",
            Self::BankRefused => "bank_refused",
            Self::Internal => "internal",
        }
    }
}

impl std::fmt::Display for PayError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SignedOut => formatter.write_str("Nobody is signed in. Choose who you are on the start page first."),
            Self::Unreadable(_) => formatter.write_str(
                "Send JSON like {\"trip\": \"leman.2026-05-14\", \"travellers\": 1, \"method\": {\"type\": \"fast\"}}.",
            ),
            Self::NoSuchTrip => formatter.write_str("This trip is not on sale. Search again."),
            Self::Travellers => write!(formatter, "Between 1 and {TRAVELLERS_MAX} people can travel on one booking."),
            Self::Card(_) => formatter.write_str("The card was not accepted. See the fields."),
            Self::FastPaymentOff => {
                formatter.write_str("Fast payment is not switched on for you. Nothing was charged; pay by card instead.")
            }
            Self::FastPaymentUnknown => formatter.write_str(
                "We could not check whether fast payment is on for you, so nothing was charged. Pay by card instead.",
            ),
            Self::BankRefused => formatter.write_str("The payment failed at the bank. Nothing was charged; pay by card instead."),
            Self::Internal => formatter.write_str("Something went wrong on our side. Nothing was charged; try again."),
        }
    }
}

impl IntoResponse for PayError {
    fn into_response(self) -> Response {
        let (status, error, message) = (self.status(), self.code(), self.to_string());
        let fields = match self {
            Self::Card(fields) => Some(fields),
            Self::SignedOut
            | Self::Unreadable(_)
            | Self::NoSuchTrip
            | Self::Travellers
            | Self::FastPaymentOff
            | Self::FastPaymentUnknown
            | Self::BankRefused
            | Self::Internal => None,
        };
        let mut response = (status, Json(ErrorBody { error, message, fields })).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}
