//! The `ETag` of what is read: whoever holds the answer already is told so, without its body.

use axum::{body::Body, extract::Request, middleware::Next, response::Response};
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};
use store::hex;

use crate::{
    edge::{body::answered, etag::is_held},
    limits::ETAG_BODY_BYTES_MAX,
};

const TAG_BYTES: usize = 16;

/// Around everything: a strong tag of the very bytes, whatever they were made from.
pub async fn unchanged(request: Request, next: Next) -> Response {
    if !request.method().is_safe() {
        return next.run(request).await;
    }
    let asked = request.headers().clone();
    let response = next.run(request).await;
    if response.status() != StatusCode::OK || response.headers().contains_key(header::ETAG) {
        return response;
    }
    let (mut parts, bytes) = match answered::whole(response, ETAG_BODY_BYTES_MAX).await {
        Ok(whole) => whole,
        Err(response) => return response,
    };
    let digest = Sha256::digest(&bytes);
    let Ok(etag) = HeaderValue::try_from(format!("\"{}\"", hex(&digest[..TAG_BYTES]))) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    let is_held = is_held(&asked, &etag);
    parts.headers.insert(header::ETAG, etag);
    if !is_held {
        return Response::from_parts(parts, Body::from(bytes));
    }
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::empty())
}
