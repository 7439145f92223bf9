//! OTLP over HTTP, protobuf and JSON: spans and log records that carry the `feature_flag.*` attributes of OpenTelemetry's
//! semantic conventions become exposures and outcomes, so that an instrumented service needs no Fader code.

mod read;
mod wire;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::post,
};
use engine::Snapshot;
use http::{StatusCode, request::Parts};
use opentelemetry_proto::tonic::collector::{
    logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse},
    trace::v1::{ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse},
};
use store::{Environment, TokenKind};

use crate::{
    Server,
    access::Caller,
    body,
    door::Fault,
    ingest::EventId,
    limits::{OTLP_BODY_BYTES_MAX, OTLP_ITEMS_MAX},
};
use read::{Reader, Taken};
use wire::{Encoding, OtlpError};

pub fn router(server: &Arc<Server>) -> Router {
    let not_allowed = || async { OtlpError::fault(Fault::MethodNotAllowed).answer(Encoding::Json) };
    Router::new()
        .route("/v1/traces", post(traces))
        .route("/v1/logs", post(logs))
        .method_not_allowed_fallback(not_allowed)
        .with_state(Arc::clone(server))
}

/// `POST /v1/traces`: a span is a request, with its status and how long it took.
async fn traces(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let known = Encoding::of(&parts.headers);
    // Refusals are answered in some encoding too.
    let encoding = known.unwrap_or(Encoding::Json);
    let answer = async {
        let (environment, bytes) = admit(&server, &parts, body).await?;
        let request: ExportTraceServiceRequest =
            known.ok_or_else(OtlpError::unknown_encoding)?.decode(&bytes)?;
        let taken = take(&server, &environment, |reader| reader.spans(request))?;
        let partial = taken.rejected().map(|(rejected_spans, error_message)| ExportTracePartialSuccess {
            rejected_spans,
            error_message,
        });
        encoding.answer(&ExportTraceServiceResponse { partial_success: partial })
    };
    answer.await.unwrap_or_else(|error: OtlpError| error.answer(encoding))
}

/// `POST /v1/logs`: evaluation events are exposures, errors with features in force are outcomes.
async fn logs(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let known = Encoding::of(&parts.headers);
    // Refusals are answered in some encoding too.
    let encoding = known.unwrap_or(Encoding::Json);
    let answer = async {
        let (environment, bytes) = admit(&server, &parts, body).await?;
        let request: ExportLogsServiceRequest =
            known.ok_or_else(OtlpError::unknown_encoding)?.decode(&bytes)?;
        let taken = take(&server, &environment, |reader| reader.logs(request))?;
        let partial = taken.rejected().map(|(rejected_log_records, error_message)| {
            ExportLogsPartialSuccess { rejected_log_records, error_message }
        });
        encoding.answer(&ExportLogsServiceResponse { partial_success: partial })
    };
    answer.await.unwrap_or_else(|error: OtlpError| error.answer(encoding))
}

/// A server token; browsers send events instead.
async fn admit(server: &Server, parts: &Parts, body: Body) -> Result<(Environment, Vec<u8>), OtlpError> {
    let caller = match Caller::admit(server, parts) {
        Ok(caller) => caller,
        Err((_, error)) => {
            body::drain(body, &parts.headers).await;
            return Err(OtlpError::access(&error));
        }
    };
    match caller.token.kind {
        TokenKind::Server => {}
        TokenKind::Client | TokenKind::Admin(_) => {
            body::drain(body, &parts.headers).await;
            return Err(OtlpError::new(StatusCode::FORBIDDEN, "telemetry is sent with a server token"));
        }
    }
    let environment = server.store.live().environment(caller.token.environment.as_str());
    let environment = environment.ok_or(OtlpError::fault(Fault::Internal))?;
    let bytes = body::read(body, &parts.headers, OTLP_BODY_BYTES_MAX).await.map_err(OtlpError::fault)?;
    Ok((environment, wire::inflate(&parts.headers, &bytes)?))
}

/// Reads the items, and takes in what they say.
fn take(
    server: &Server,
    environment: &Environment,
    read: impl FnOnce(&mut Reader<'_>),
) -> Result<Taken, OtlpError> {
    let snapshot: Arc<Snapshot> =
        server.store.live().snapshot(environment.key.as_str()).ok_or(OtlpError::fault(Fault::Internal))?;
    let (people, metrics) = (server.store.live().people(), server.store.live().metrics());
    let now_ms = server.store.clock().now_ms();
    let mut reader = Reader::new(&snapshot, &people, &metrics, now_ms);
    read(&mut reader);
    let mut taken = reader.taken;
    let items = taken.exposures.len() + taken.outcomes.len();
    if items > OTLP_ITEMS_MAX {
        let message = format!("send at most {OTLP_ITEMS_MAX} evaluations and spans with features at once");
        return Err(OtlpError::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    let ingest = &server.ingest;
    if items > 0 {
        ingest.accepts().map_err(OtlpError::behind)?;
    }
    ingest.outcomes.has_room(taken.outcomes.len()).map_err(OtlpError::full)?;
    let id = |text: String| EventId::new(&environment.key, &text);
    let exposures = std::mem::take(&mut taken.exposures).into_iter();
    let exposures = exposures.map(|(text, exposure)| (Some(id(text)), exposure)).collect();
    ingest.exposures.offer_events(&environment.key, exposures, now_ms).map_err(OtlpError::full)?;
    let (mut outcomes, mut ids) = (Vec::new(), Vec::new());
    for (text, outcome) in std::mem::take(&mut taken.outcomes) {
        let id = id(text);
        if ingest.ids.remember(id, now_ms) {
            outcomes.push(outcome);
            ids.push(id.0);
        }
    }
    ingest.outcomes.record(&snapshot, &metrics, &outcomes, ids, now_ms);
    Ok(taken)
}
