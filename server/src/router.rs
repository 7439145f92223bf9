//! All doors in one router.

use std::sync::Arc;

use axum::{Router, middleware::from_fn_with_state, routing::get};

use crate::{
    Server,
    doors::{dashboard, ofrep, otlp, probes, rest, widget},
    edge::{around, stand_in},
};

/// The whole server, as tests, benches and `fader serve` start it. Expects `ConnectInfo<SocketAddr>`.
pub fn app(server: &Arc<Server>) -> Router {
    let plain = Router::new()
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/readyz/decisions", get(probes::decides))
        .with_state(Arc::clone(server));
    let doors = plain
        .merge(widget::router())
        .merge(ofrep::router(server))
        .merge(rest::router(server))
        .merge(otlp::router(server))
        .merge(dashboard::router(server));
    surround(server, doors.layer(from_fn_with_state(Arc::clone(server), stand_in::gate)))
}

/// Puts around `routes` what surrounds every request.
pub fn surround(server: &Arc<Server>, routes: Router) -> Router {
    routes.layer(from_fn_with_state(Arc::clone(server), around::surround))
}
