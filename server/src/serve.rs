//! Accepts connections until it is told to stop, then lets what is under way finish.

use std::{
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

use crate::{
    Server,
    doors::ofrep,
    edge::{
        around::around,
        connections::{Connection, Place, Places, Socket},
    },
    limits::{HEADER_BYTES_MAX, SHUTDOWN_MAX},
};

/// How long to leave the listener alone when the operating system has no more sockets for us.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Whoever is asked to leave while no request is under way has so long to be gone.
const LEAVE_MAX: Duration = Duration::from_millis(100);

/// Serves `app` until `stop` resolves, ends all streams, waits for other requests for a limited time, and writes down
/// what they brought.
pub async fn serve(listener: TcpListener, server: &Server, app: Router, stop: impl Future<Output = ()>) {
    let places = Places::new(&server.config);
    let looking = tokio::spawn(Arc::clone(&places).look_for_slow_heads());
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut stop => break,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        tokio::spawn(connection(stream, peer, place, app.clone(), server.clone()));
    }
    drop(listener);
    looking.abort();
    server.stop();
    if tokio::time::timeout(SHUTDOWN_MAX, places.empty()).await.is_err() {
        tracing::warn!("some requests did not finish in time and were broken off");
    }
    if tokio::time::timeout(SHUTDOWN_MAX, server.finish()).await.is_err() {
        let (exposures, cells) = server.intake.unwritten();
        tracing::error!(exposures, cells, "the database did not take the last events in time; they are lost");
    }
    if tokio::time::timeout(SHUTDOWN_MAX, server.guard.finished()).await.is_err() {
        tracing::warn!("the guard did not end in time; its lease runs out by itself");
    }
    if tokio::time::timeout(SHUTDOWN_MAX, server.anchor.finished()).await.is_err() {
        tracing::warn!("the last checkpoint of the audit log was not written in time");
    }
}

async fn accept(listener: &TcpListener, places: &Arc<Places>) -> Option<(TcpStream, SocketAddr, Place)> {
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, places.enter(peer).await?)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// HTTP/1.1: TLS and HTTP/2 are the business of the proxy in front.
async fn connection(stream: TcpStream, peer: SocketAddr, place: Place, app: Router, server: Server) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection stays without TCP_NODELAY");
    }
    let connection = &place.connection;
    let (app, server) = (&app, &server);
    let service = service_fn(|request: Request<Incoming>| {
        connection.works();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        async move {
            // Evaluations do without the layers of the router.
            let response = if ofrep::is_direct(&server.ofrep, &request) {
                around(&server.edge, request, |request| ofrep::direct(&server.ofrep, request)).await
            } else {
                app.clone().oneshot(request).await?
            };
            let tracked = |body| Tracked { body, connection: Arc::clone(connection) };
            Ok::<_, Infallible>(response.map(tracked))
        }
    });
    // The time that hyper gives a head includes the time until it begins; see `places` for how long it may take then.
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(server.config.idle_max)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(Socket::new(stream, Arc::clone(connection))), service);
    let mut http = pin!(http);
    let done = poll_fn(|cx| match http.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => connection.poll_leaving(cx).map(|()| None),
    });
    let done = if let Some(done) = done.await {
        done
    } else {
        http.as_mut().graceful_shutdown();
        loop {
            match tokio::time::timeout(LEAVE_MAX, http.as_mut()).await {
                Ok(done) => break done,
                Err(_) if connection.is_busy() => {}
                Err(_) => break Ok(()),
            }
        }
    };
    if let Err(error) = done {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// The body of an answer. Its end is the end of the request.
struct Tracked {
    body: Body,
    connection: Arc<Connection>,
}

impl http_body::Body for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.connection.rests();
    }
}
