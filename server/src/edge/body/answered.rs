//! The one way to look at a body that was answered: only one that is there already, in one piece.

use axum::response::Response;
use bytes::Bytes;
use http::response::Parts;
use http_body::Body as _;
use http_body_util::BodyExt as _;

/// The answer and its whole body, or the answer as it was: one that is still being made, or is larger than `bytes_max`.
pub async fn whole(response: Response, bytes_max: u64) -> Result<(Parts, Bytes), Response> {
    if response.body().size_hint().exact().is_none_or(|bytes| bytes > bytes_max) {
        return Err(response);
    }
    let (parts, body) = response.into_parts();
    // A body of a known size does not fail: it is in memory.
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Ok((parts, bytes))
}
