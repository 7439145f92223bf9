//! Accepts connections until it is told to stop, then lets what is under way finish. HTTP/1.1 and HTTP/2 are spoken on the
//! same port: a client that begins with HTTP/2 knows that it may.

use std::{
    convert::Infallible, future::poll_fn, net::SocketAddr, pin::pin, sync::Arc, task::Poll, time::Duration,
};

use app::site::Site;
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
};
use http::{HeaderValue, Uri, Version, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

use crate::{
    Server,
    doors::{DOORS, ofrep},
    edge::{
        around::around,
        connections::{Answer, Connection, ConnectionPlace, Places, Socket},
        fault::Fault,
    },
    limits::{
        HEADER_BYTES_MAX, HTTP2_BODIES_WINDOW_BYTES, HTTP2_BODY_WINDOW_BYTES, HTTP2_REQUESTS_MAX,
        HTTP2_RESETS_MAX, SHUTDOWN_MAX,
    },
};

/// How long to leave the listener alone when the operating system has no more sockets for us.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Whoever is asked to leave while no request is under way has so long to be gone.
const LEAVE_MAX: Duration = Duration::from_millis(100);

/// Serves `app` until `stop` resolves, ends all streams, waits for other requests for a limited time, and writes down
/// what they brought.
pub async fn serve(listener: TcpListener, server: &Server, app: Router, stop: impl Future<Output = ()>) {
    let places = Places::new(&server.config);
    let looking = tokio::spawn(Arc::clone(&places).look_for_the_slow());
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

async fn accept(
    listener: &TcpListener,
    places: &Arc<Places>,
) -> Option<(TcpStream, SocketAddr, ConnectionPlace)> {
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, places.enter(peer).await?)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// What every request of a connection needs.
struct Asked {
    peer: SocketAddr,
    connection: Arc<Connection>,
    app: Router,
    server: Server,
}

impl Asked {
    async fn answer(&self, request: Request<Incoming>) -> Response<Answer> {
        let shared = request.version() == Version::HTTP_2;
        let mut request = request.map(Body::new);
        if shared {
            like_http1(&mut request);
        }
        inside(&self.server.site, &mut request);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let Some(under_way) = self.connection.works(shared) else {
            let refuse = async |request: Request| (DOORS.of(request.uri().path()).refuse)(Fault::Busy);
            return around(&self.server.edge, request, refuse).await.map(Answer::refusal);
        };
        // Evaluations do without the layers of the router.
        let response = if ofrep::is_direct(&self.server.ofrep, &request) {
            around(&self.server.edge, request, |request| ofrep::direct(&self.server.ofrep, request)).await
        } else {
            let Ok(response) = self.app.clone().oneshot(request).await;
            response
        };
        response.map(|body| Answer::new(body, under_way, shared))
    }
}

/// HTTP/2 says in the address what HTTP/1.1 says in `Host`; nobody behind this has to know which it was.
fn like_http1(request: &mut Request) {
    let Some(path) = request.uri().path_and_query().cloned() else { return };
    if let Some(host) = request.uri().authority().and_then(|it| HeaderValue::from_str(it.as_str()).ok()) {
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
    *request.uri_mut() = Uri::from(path);
}

/// Below a path of its own, a proxy may take that off before it asks, or leave it: nobody behind this has to know which.
fn inside(site: &Site, request: &mut Request) {
    if site.base().is_empty() {
        return;
    }
    let Some(address) = request.uri().path_and_query() else { return };
    // What comes without it is left as it is.
    let Some(path) = site.inside(address.path()) else { return };
    let query = address.query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(uri) = Uri::try_from(format!("{path}{query}")) {
        *request.uri_mut() = uri;
    }
}

/// TLS is the business of the proxy in front.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    place: ConnectionPlace,
    app: Router,
    server: Server,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection stays without TCP_NODELAY");
    }
    let connection = &place.connection;
    let socket = Socket::new(stream, Arc::clone(connection));
    let builder = builder(server.config.idle_max);
    let asked = Arc::new(Asked { peer, connection: Arc::clone(connection), app, server });
    let service = service_fn(move |request| {
        let asked = Arc::clone(&asked);
        async move { Ok::<_, Infallible>(asked.answer(request).await) }
    });
    let mut http = pin!(builder.serve_connection(TokioIo::new(socket), service));
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
        tracing::debug!(error = &*error, "a connection broke off");
    }
}

fn builder(idle_max: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // The time that hyper gives a head includes the time until it begins; see `places` for how long it may take then.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(idle_max).max_buf_size(HEADER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_REQUESTS_MAX)
        .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX))
        .initial_stream_window_size(HTTP2_BODY_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_BODIES_WINDOW_BYTES)
        .max_pending_accept_reset_streams(HTTP2_RESETS_MAX);
    builder
}
