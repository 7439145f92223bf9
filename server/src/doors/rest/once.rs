//! `Idempotency-Key`: what is sent again with the same key is not done again, and answered as it was. The key is taken before
//! the request is handled; each change notes itself beside it in its own transaction; the answer is kept after it.

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use sha2::{Digest as _, Sha256};
use store::{KeptAnswer, OnceClaim, OnceTaken, Store, TokenKind, hex};

use super::{
    error::{PROBLEM_TYPE, RestError},
    frame::HoldsSecret,
    needs::takes_key,
};
use crate::{
    Server,
    edge::{
        access::Caller,
        body::{Held, answered},
        fault::Fault,
    },
    limits::{ONCE_ANSWER_BYTES_MAX, ONCE_KEY_CHARS_MAX, ONCE_RETRY_AFTER_S, PEOPLE_BODY_BYTES_MAX},
};

pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const SECRET_WAS_TOLD: &str = "this was done, and its secret was told in the first answer only: revoke it and make another one if that was lost";
/// On an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Around every operation that changes something.
pub async fn once(State(server): State<Server>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if !request.headers().contains_key(HEADER) || !takes_key(request.method().as_str(), path) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    // Whoever has no token, or one that changes nothing here, is told so by the operation.
    let caller =
        Caller::identify(&server.access, &parts).ok().filter(|it| it.token.kind != TokenKind::Client);
    let Some(caller) = caller else { return next.run(Request::from_parts(parts, body)).await };
    let (claim, request, held) = match take(&server, &caller, parts, body).await {
        Ok(taken) => taken,
        Err(response) => return response,
    };
    // To its end, also when whoever asked has hung up: they will ask what became of it.
    let store = server.store.clone();
    let done = tokio::spawn(async move {
        let response = keep(&store, &claim, next.run(request).await).await;
        drop(held);
        response
    });
    match done.await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(response) => response,
        // Whoever surrounds every request logs it.
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => RestError::Fault(Fault::Internal).into_response(),
    }
}

/// Takes the key, or says why the request is not to be handled: it was already, for example.
async fn take(
    server: &Server,
    caller: &Caller,
    mut parts: Parts,
    body: Body,
) -> Result<(OnceClaim, Request, Held), Response> {
    let refused = |error: RestError| error.into_response();
    let key = key(&parts).map_err(refused)?;
    let whole = server.bodies.read_as_sent(caller, body, &parts, PEOPLE_BODY_BYTES_MAX).await;
    let (bytes, held) = whole.map_err(|fault| refused(fault.into()))?.into_parts();
    let asked = fingerprint(&parts, &bytes);
    let taken = server.store.take_once(&caller.token, &key, &asked).await;
    match taken.map_err(|error| refused(error.into()))? {
        OnceTaken::Yours(claim) => {
            parts.extensions.insert(claim.clone());
            Ok((claim, Request::from_parts(parts, Body::from(bytes)), held))
        }
        OnceTaken::Answered(answer) => Err(replayed(answer)),
        OnceTaken::Done { seq } => Err(refused(RestError::Conflict(format!(
            "this was done (audit entry {seq}), but what was answered is lost: read what is in force"
        )))),
        OnceTaken::UnderWay => Err(refused(RestError::Conflict(
            "the first request with this Idempotency-Key is under way: wait, then send it again".to_owned(),
        ))),
        OnceTaken::OfAnother => Err(refused(RestError::Refused(
            "this Idempotency-Key came with another request: use a new key for every change".to_owned(),
        ))),
        OnceTaken::TooMany => Err(refused(RestError::Later {
            detail:
                "this token has sent more Idempotency-Keys within a day than are kept: send this without one"
                    .to_owned(),
            retry_after_s: ONCE_RETRY_AFTER_S,
        })),
    }
}

fn key(parts: &Parts) -> Result<String, RestError> {
    let mut sent = parts.headers.get_all(HEADER).iter();
    let (first, second) = (sent.next().and_then(|it| it.to_str().ok()), sent.next());
    let fits = |key: &&str| {
        (1..=ONCE_KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(|it| it.is_ascii_graphic())
    };
    let key = first.filter(fits).filter(|_| second.is_none()).ok_or_else(|| {
        let sentence = "an Idempotency-Key is sent once, and has 1 to 255 visible ASCII characters";
        RestError::Malformed(sentence.to_owned())
    })?;
    Ok(key.to_owned())
}

/// Two requests are the same when everything that they ask is.
fn fingerprint(parts: &Parts, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    let coding = parts.headers.get(header::CONTENT_ENCODING).map_or(&b""[..], HeaderValue::as_bytes);
    let address = parts.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    for part in [parts.method.as_str().as_bytes(), address.as_bytes(), coding, body] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

fn replayed(KeptAnswer { status, kind, body }: KeptAnswer) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::try_from(kind) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// Whether a request that was answered so would be answered so again. Otherwise sending it again is meant to try again.
fn is_final(status: StatusCode) -> bool {
    let passes = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    status.is_success() || (status.is_client_error() && !passes.contains(&status))
}

/// Keeps an answer, or gives the key back. What fails here was done all the same: the key says so when it comes again.
async fn keep(store: &Store, claim: &OnceClaim, response: Response) -> Response {
    let (kept, response) = if is_final(response.status()) {
        match answered::whole(response, ONCE_ANSWER_BYTES_MAX).await {
            Ok((parts, bytes)) => {
                let kept = if parts.extensions.get::<HoldsSecret>().is_some() {
                    instead_of_secret()
                } else {
                    kept(&parts, &bytes)
                };
                let done = store.keep_once(claim, &kept).await;
                (done, Response::from_parts(parts, Body::from(bytes)))
            }
            Err(response) => (store.release_once(claim).await, response),
        }
    } else {
        (store.release_once(claim).await, response)
    };
    if let Err(error) = kept {
        tracing::warn!(error = &error as &dyn std::error::Error, "the answer to a key was not kept");
    }
    response
}

/// What whoever asks again is told: of a secret only its hash is stored, and no answer that holds it.
fn instead_of_secret() -> KeptAnswer {
    let problem = RestError::Conflict(SECRET_WAS_TOLD.to_owned()).problem();
    KeptAnswer {
        status: StatusCode::CONFLICT.as_u16(),
        kind: PROBLEM_TYPE.to_owned(),
        body: serde_json::to_string(&problem).unwrap_or_default(),
    }
}

fn kept(parts: &http::response::Parts, bytes: &Bytes) -> KeptAnswer {
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    KeptAnswer {
        status: parts.status.as_u16(),
        kind: kind.unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(bytes).into_owned(),
    }
}
