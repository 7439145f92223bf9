//! All doors in one router.

use std::sync::Arc;

use axum::{Router, middleware::from_fn_with_state};

use crate::{
    Server,
    doors::{DOORS, dashboard, ofrep, otlp, probes, rest, widget},
    edge::{around, stand_in},
};

/// The whole server, as tests, benches and `fader serve` start it. Expects `ConnectInfo<SocketAddr>`.
pub fn app(server: &Server) -> Router {
    let doors = probes::router(Arc::clone(&server.probes))
        .merge(widget::router())
        .merge(ofrep::router(Arc::clone(&server.ofrep)))
        .merge(rest::router(server))
        .merge(otlp::router(server))
        .merge(dashboard::router(server));
    let gated = (server.store.clone(), DOORS);
    surround(server, doors.layer(from_fn_with_state(gated, stand_in::gate)))
}

/// Puts around `routes` what surrounds every request.
pub fn surround(server: &Server, routes: Router) -> Router {
    routes.layer(from_fn_with_state(Arc::clone(&server.edge), around::surround))
}
