//! All doors in one router.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
};

use crate::{
    Server,
    doors::{DOORS, dashboard, metrics, ofrep, otlp, probes, rest, widget},
    edge::{around, fault::Fault, stand_in},
};

/// The whole server, as tests, benches and `fader serve` start it. Expects `ConnectInfo<SocketAddr>`.
pub fn app(server: &Server) -> Router {
    let doors = probes::router(Arc::clone(&server.probes))
        .merge(metrics::router(Arc::clone(&server.metrics)))
        .merge(widget::router())
        .merge(ofrep::router(Arc::clone(&server.ofrep)))
        .merge(rest::router(server))
        .merge(otlp::router(server))
        .merge(dashboard::router(server).layer(from_fn(by_its_door)));
    let gated = (server.store.clone(), DOORS);
    surround(server, doors.layer(from_fn_with_state(gated, stand_in::gate)))
}

/// What no door has a handler for comes to the last one. Below the paths of another, that one answers, in its own shape.
async fn by_its_door(request: Request, next: Next) -> Response {
    let door = DOORS.of(request.uri().path());
    if std::ptr::eq(door, DOORS.last) { next.run(request).await } else { (door.refuse)(Fault::NotFound) }
}

/// Puts around `routes` what surrounds every request.
pub fn surround(server: &Server, routes: Router) -> Router {
    routes.layer(from_fn_with_state(Arc::clone(&server.edge), around::surround))
}
