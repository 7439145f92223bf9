//! Accepts connections until it is told to stop, then lets what is under way finish.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tower::ServiceExt as _;

use crate::{
    Server,
    limits::{CONNECTIONS_MAX, HEADER_BYTES_MAX, HEADER_READ_MAX, SHUTDOWN_MAX},
};

/// How long to leave the listener alone when the operating system has no more sockets for us.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves `app` until `stop` resolves, ends all streams, waits for other requests for a limited time, and writes down
/// what they brought.
pub async fn serve(listener: TcpListener, server: &Server, app: Router, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut stop => break,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let connection = connection(stream, peer, app.clone(), graceful.watcher());
        tokio::spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop(listener);
    server.stop();
    if tokio::time::timeout(SHUTDOWN_MAX, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time and were broken off");
    }
    if tokio::time::timeout(SHUTDOWN_MAX, server.finish()).await.is_err() {
        let (exposures, cells) = server.ingest.unwritten();
        tracing::error!(exposures, cells, "the database did not take the last events in time; they are lost");
    }
    if tokio::time::timeout(SHUTDOWN_MAX, server.guard.finished()).await.is_err() {
        tracing::warn!("the guard did not end in time; its lease runs out by itself");
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<Accepted> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// HTTP/1.1: TLS and HTTP/2 are the business of the proxy in front.
async fn connection(stream: TcpStream, peer: SocketAddr, app: Router, watcher: Watcher) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection stays without TCP_NODELAY");
    }
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let app = app.clone();
        async move { answer(app, request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection broke off");
    }
}

async fn answer(app: Router, request: hyper::Request<Body>) -> Result<Response, Infallible> {
    app.oneshot(request).await
}
