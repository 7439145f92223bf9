//! `GET /widget.js`: the feedback widget, one file inside the binary, for pages of other sites.

use std::{fmt::Write as _, sync::LazyLock};

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};
use tower_http::compression::{CompressionLayer, CompressionLevel};

use crate::edge::{door::Door, fault::Fault};

/// One file, for anybody.
pub static DOOR: Door = Door {
    name: "widget",
    below: &["/widget.js"],
    refuse: Fault::page,
    takes_forms: true,
    tells_items: |_| false,
    is_rush: |_| false,
    secret_below: &[],
    needs_no_database: |path, _| path == "/widget.js",
};

const WIDGET: &str = include_str!("../../../widget/widget.js");
/// A new version shows within the hour; a page that uses it never waits for it.
const CACHING: HeaderValue = HeaderValue::from_static("public, max-age=3600, stale-while-revalidate=86400");

/// Weak, because the plain text and its compressed copies share it.
static ETAG: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = Sha256::digest(WIDGET.as_bytes());
    let hex = hash.iter().take(16).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    HeaderValue::try_from(format!("W/\"{hex}\"")).unwrap_or(HeaderValue::from_static("W/\"widget\""))
});

pub fn router() -> Router {
    let compression = CompressionLayer::new().br(true).gzip(true).quality(CompressionLevel::Best);
    Router::new().route("/widget.js", get(serve)).layer(compression)
}

async fn serve(headers: HeaderMap) -> Response {
    let held = headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        let value = value.to_str().unwrap_or_default();
        let own = ETAG.to_str().unwrap_or_default();
        value.split(',').map(str::trim).any(|it| it == own || it == "*")
    });
    let mut response = if held {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"))], WIDGET)
            .into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, CACHING);
    headers.insert(header::ETAG, ETAG.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let policy = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(policy, HeaderValue::from_static("cross-origin"));
    response
}
