//! The API for the agencies' own systems, behind one key: offer, then pay or give up. The payment is the same as on
//! the page, and every outcome is told to Fader. Without a key in the configuration this door does not exist.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Site,
    api::PayError,
    config::Token,
    fader::{FAST_PAYMENT, Subject},
    reporter::Outcome,
    trips::Trip,
    trouble::{Trouble, per_mille},
};

const ID_BYTES_MAX: usize = 128;
/// Of 1,000 card payments, how many fail.
const CARD_FAILURES_PER_MILLE: u32 = 4;
/// Of 1,000 customers who pay by card, how many give up on the way.
const CARD_ABANDONS_PER_MILLE: u32 = 120;
/// A metric of Fader's demo: who came to the payment and left without trying it.
const ABANDONMENT: &str = "abandonment";
const CARD_DELAY_MS: u32 = 40;
const FAST_DELAY_MS: u32 = 15;

/// Whom an agency books for, as its own system knows them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Buyer {
    id: String,
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    tier: Option<String>,
    #[serde(default)]
    role: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkout {
    customer: Buyer,
    trip: String,
}

/// What came of a checkout.
#[derive(Debug, Serialize)]
struct CheckedOut {
    /// `fast` or `card`: what the customer was offered.
    method: &'static str,
    /// `paid`, `abandoned` or `failed`.
    result: &'static str,
}

impl Buyer {
    fn subject(&self) -> Subject<'_> {
        Subject {
            id: &self.id,
            tenant: self.tenant.as_deref(),
            tier: self.tier.as_deref(),
            role: self.role.as_deref(),
        }
    }

    fn is_complete(&self) -> bool {
        (1..=ID_BYTES_MAX).contains(&self.id.len())
    }
}

/// Whether the request carries the partners' key.
fn is_partner(headers: &HeaderMap, key: &Token) -> bool {
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    // Digests are compared, so that the time it takes says nothing of the key.
    sent.is_some_and(|sent| Sha256::digest(sent) == Sha256::digest(key.as_str()))
}

/// `POST /api/partner/checkout`
pub async fn checkout(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    checkout: Result<Json<Checkout>, JsonRejection>,
) -> Result<Response, PayError> {
    if !site.config.partner_key.as_ref().is_some_and(|key| is_partner(&headers, key)) {
        return Ok(StatusCode::UNAUTHORIZED.into_response());
    }
    let Json(Checkout { customer, trip }) =
        checkout.map_err(|rejection| PayError::Unreadable(rejection.status()))?;
    if !customer.is_complete() {
        return Err(PayError::Unreadable(StatusCode::UNPROCESSABLE_ENTITY));
    }
    Trip::find(&trip, site.calendar.today()).ok_or(PayError::NoSuchTrip)?;
    // What cannot be asked is not offered: the card always works.
    let is_fast = site.fader.allows(FAST_PAYMENT, customer.subject()).await.unwrap_or(false);
    let went = Course::draw(is_fast, site.trouble.get()).map_err(|_| PayError::Internal)?;
    let result = site.run(&customer.id, &went).await;
    let method = if is_fast { "fast" } else { "card" };
    Ok((StatusCode::OK, Json(CheckedOut { method, result })).into_response())
}

/// How one checkout goes.
struct Course {
    abandons: bool,
    fails: bool,
    delay: Duration,
}

impl Course {
    fn draw(is_fast: bool, trouble: Trouble) -> Result<Self, getrandom::Error> {
        let (abandons, failures, delay_ms, extra) = if is_fast {
            let (abandons, failures) = (trouble.abandons_per_mille(), trouble.failures_per_mille());
            (abandons, failures, FAST_DELAY_MS, trouble.extra_delay())
        } else {
            (CARD_ABANDONS_PER_MILLE, CARD_FAILURES_PER_MILLE, CARD_DELAY_MS, Duration::ZERO)
        };
        // Now and then somebody's bank is slow.
        let spread = per_mille()?;
        let delay_ms = delay_ms + spread * delay_ms / 1000 + if spread < 20 { 4 * delay_ms } else { 0 };
        Ok(Self {
            abandons: per_mille()? < abandons,
            fails: per_mille()? < failures,
            delay: Duration::from_millis(u64::from(delay_ms)) + extra,
        })
    }
}

impl Site {
    /// Lets one checkout happen and tells Fader what came of it.
    async fn run(&self, customer: &str, course: &Course) -> &'static str {
        self.reporter.tell(Outcome::new(customer, ABANDONMENT, !course.abandons, None));
        if course.abandons {
            self.reporter.tell(Outcome::new(customer, "conversion", false, None));
            return "abandoned";
        }
        let began = Instant::now();
        tokio::time::sleep(course.delay).await;
        self.report_payment(customer, !course.fails, began.elapsed());
        if course.fails { "failed" } else { "paid" }
    }

    /// One payment that was tried: whether it worked, how long it took, and whether the customer got what they came for.
    pub fn report_payment(&self, customer: &str, ok: bool, took: Duration) {
        self.reporter.tell(Outcome::new(customer, "error_rate", ok, None));
        if ok {
            self.reporter.tell(Outcome::new(customer, "latency", true, Some(took)));
        }
        self.reporter.tell(Outcome::new(customer, "conversion", ok, None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(is_fast: bool, trouble: Trouble, of: impl Fn(&Course) -> bool) -> f64 {
        let drawn = (0..4000).map(|_| Course::draw(is_fast, trouble).expect("randomness"));
        f64::from(u32::try_from(drawn.filter(of).count()).expect("few")) / 4000.0
    }

    #[test]
    fn trouble_shows_in_fast_payment_and_nowhere_else() {
        assert!(share(true, Trouble::Errors, |it| it.fails) > 0.2);
        assert!(share(true, Trouble::None, |it| it.fails) < 0.02);
        assert!(share(false, Trouble::Errors, |it| it.fails) < 0.02);
        assert!(share(true, Trouble::Confusing, |it| it.abandons) > 0.3);
        assert!(share(false, Trouble::Confusing, |it| it.abandons) < 0.2);
        assert!(share(true, Trouble::Slow, |it| it.delay > Duration::from_secs(2)) > 0.99);
        assert!(share(false, Trouble::Slow, |it| it.delay < Duration::from_secs(1)) > 0.99);
    }
}
