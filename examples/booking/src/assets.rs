//! Style sheet, scripts and icon, all inside the binary.

use axum::{
    extract::Path,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

pub async fn serve(Path(name): Path<String>) -> Response {
    let (kind, body) = match name.as_str() {
        "booking.css" => ("text/css; charset=utf-8", include_str!("../assets/booking.css")),
        "booking.js" => (JAVASCRIPT, include_str!("../assets/booking.js")),
        "fader-exposures.js" => (JAVASCRIPT, include_str!("../../openfeature-hook/fader-exposures.js")),
        "openfeature.js" => (JAVASCRIPT, include_str!("../assets/openfeature.js")),
        "openfeature.LICENSES.txt" => {
            ("text/plain; charset=utf-8", include_str!("../assets/openfeature.LICENSES.txt"))
        }
        "icon.svg" => ("image/svg+xml", include_str!("../assets/icon.svg")),
        _ => return (StatusCode::NOT_FOUND, "no such file").into_response(),
    };
    // Short, because the names carry no hash: a new binary shows within a minute.
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=60")], body).into_response()
}
