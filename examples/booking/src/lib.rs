//! Passerelle, a small booking site for travel agencies. It knows nothing of how flags are decided: it asks
//! Fader, in the browser through OFREP for what to show, and on the server for what to allow.

mod api;
mod assets;
mod bookings;
mod calendar;
pub mod config;
mod customers;
mod fader;
mod headers;
mod identity;
mod pages;
mod partner;
mod payment;
mod preview;
mod reporter;
mod trips;
mod trouble;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};

pub use calendar::Calendar;
pub use config::Config;

use bookings::Bookings;
use fader::Fader;
use identity::Signer;
use reporter::Reporter;
use trouble::Switch;

/// The largest request body that is read; every real one is far below it.
pub const BODY_BYTES_MAX: usize = 16 * 1024;

/// Everything a request handler needs.
pub struct Site {
    config: Config,
    calendar: Calendar,
    fader: Fader,
    signer: Signer,
    bookings: Bookings,
    reporter: Reporter,
    trouble: Switch,
}

/// Shared by all requests.
pub type State = axum::extract::State<Arc<Site>>;

/// What keeps the site from starting.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the HTTP client for Fader could not be made: {0}")]
    Client(#[from] reqwest::Error),
    #[error("the operating system gave no randomness to sign cookies with: {0}")]
    Entropy(#[from] getrandom::Error),
}

/// The whole site as a router. Starts the task that reports outcomes, so it needs a runtime.
pub fn router(config: Config, calendar: Calendar) -> Result<Router, StartError> {
    let fader = Fader::new(&config)?;
    let site = Arc::new(Site {
        reporter: fader.reporter(&config),
        fader,
        trouble: Switch::default(),
        signer: Signer::random()?,
        bookings: Bookings::default(),
        calendar,
        config,
    });
    Ok(Router::new()
        .route("/", get(pages::home))
        .route("/sign-in", post(pages::sign_in))
        .route("/sign-out", post(pages::sign_out))
        .route("/trips/{id}", get(pages::trip).post(pages::pay_by_card))
        .route("/bookings", get(pages::bookings))
        .route("/bookings/{reference}", get(pages::booking))
        .route("/api/pay", post(api::pay).fallback(api::method_not_allowed))
        .route("/api/partner/checkout", post(partner::checkout).fallback(api::method_not_allowed))
        .route("/admin", get(pages::admin).post(pages::set_trouble))
        .route("/assets/{name}", get(assets::serve))
        .route("/healthz", get(|| async { "ok" }))
        .fallback(pages::not_found)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(preview::keep))
        .layer(middleware::from_fn_with_state(site.clone(), headers::secure))
        .with_state(site))
}
