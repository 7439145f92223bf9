//! Reads bodies up to a limit and in bounded time, whichever door they come through.

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body_util::BodyExt as _;

use crate::{
    door::{Door, Fault},
    limits::{BODY_READ_MAX, DRAIN_BYTES_MAX},
};

/// The whole body, or why there is none.
pub async fn read(body: Body, headers: &HeaderMap, bytes_max: usize) -> Result<Bytes, Fault> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > DRAIN_BYTES_MAX) {
        return Err(Fault::TooLarge { bytes_max });
    }
    let reading = collect(body, bytes_max);
    tokio::time::timeout(BODY_READ_MAX, reading).await.unwrap_or(Err(Fault::TimedOut))
}

/// Most bodies arrive in one piece, which is then passed on without a copy.
async fn collect(mut body: Body, bytes_max: usize) -> Result<Bytes, Fault> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Fault::BrokenBody)?.into_data() else { continue };
        length += data.len();
        if length > DRAIN_BYTES_MAX {
            return Err(Fault::TooLarge { bytes_max });
        }
        if length > bytes_max {
            rest = BytesMut::new();
        } else if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    if length > bytes_max {
        return Err(Fault::TooLarge { bytes_max });
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// Reads and drops a body that nobody wants, so that its sender gets to read the answer.
pub async fn drain(body: Body, headers: &HeaderMap) {
    drop(read(body, headers, 0).await);
}

/// For doors whose handlers read bodies with extractors: they get a body that is there already.
pub async fn buffer(State(bytes_max): State<usize>, request: Request, next: Next) -> Response {
    if http_body::Body::is_end_stream(request.body()) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match read(body, &parts.headers, bytes_max).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(fault) => Door::of(parts.uri.path()).refuse(fault),
    }
}
