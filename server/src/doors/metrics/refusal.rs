//! What this door answers when it refuses: a problem document (RFC 9457).

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};

use super::access::Refused;
use crate::edge::fault::Fault;

pub fn of_fault(fault: Fault) -> Response {
    let mut response = problem(fault.status(), &fault.sentence());
    if let Some(seconds) = fault.retry_after_s() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

pub fn of_access(refused: Refused) -> Response {
    match refused {
        Refused::NoToken => {
            let detail = "send the token for metrics as \"Authorization: Bearer …\"";
            let mut response = problem(StatusCode::UNAUTHORIZED, detail);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        Refused::NotHere => problem(
            StatusCode::NOT_FOUND,
            "without a token, metrics are for programs on this machine that ask it by a name of its own, and for nobody where there \
             is a public URL; start the server with --metrics-token-file to ask for a token instead",
        ),
    }
}

fn problem(status: StatusCode, detail: &str) -> Response {
    let body = serde_json::json!({ "status": status.as_u16(), "detail": detail });
    let problem = HeaderValue::from_static("application/problem+json");
    (status, [(header::CONTENT_TYPE, problem)], Json(body)).into_response()
}
