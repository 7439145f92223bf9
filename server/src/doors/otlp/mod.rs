//! OTLP over HTTP, protobuf and JSON: spans and log records that carry the `feature_flag.*` attributes of OpenTelemetry's
//! semantic conventions become exposures and outcomes, so that an instrumented service needs no Fader code.

pub mod door;
mod error;
mod extracted;
mod json;
mod protobuf;
mod read;
mod thin;
mod wire;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::post,
};
use engine::{EnvironmentKey, Sender, Snapshot};
use http::{StatusCode, request::Parts};
use opentelemetry_proto::tonic::collector::{
    logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse},
    trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse},
};
use prost::Message;
use serde::Serialize;
use store::{Environment, Store, TokenId, TokenKind};

use crate::{
    Server,
    edge::{
        access::{Access, Caller},
        body::{Bodies, Whole},
        fault::Fault,
    },
    intake::{
        Intake,
        backlog::Full,
        exposures::Counters,
        ids::{EventId, Maker},
    },
    lanes::Lanes,
    limits::{OTLP_BODY_BYTES_MAX, OTLP_TAKEN_AT_ONCE},
};
use error::OtlpError;
use extracted::Extracted;
use read::Reader;
use wire::Encoding;

pub fn router(server: &Server) -> Router {
    let not_allowed = || async { OtlpError::fault(Fault::MethodNotAllowed).answer(Encoding::Json) };
    Router::new()
        .route("/v1/traces", post(export::<Traces>))
        .route("/v1/logs", post(export::<Logs>))
        .method_not_allowed_fallback(not_allowed)
        .with_state(server.clone())
}

/// What an export holds.
trait Export: Send + 'static {
    type Answer: Message + Serialize;

    /// Reads every item of an export in this encoding, as long as there is room.
    fn read(encoding: Encoding, bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), OtlpError>;

    /// How many items were left out, and why.
    fn answer(left_out: Option<(i64, String)>) -> Self::Answer;
}

/// `POST /v1/traces`: a span is a request, with its status and how long it took.
struct Traces;

/// `POST /v1/logs`: evaluation events are exposures, errors with features in force are outcomes.
struct Logs;

impl Export for Traces {
    type Answer = ExportTraceServiceResponse;

    fn read(encoding: Encoding, bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), OtlpError> {
        encoding.spans(bytes, |span| {
            reader.take_span(span);
            reader.taken.has_room()
        })
    }

    fn answer(left_out: Option<(i64, String)>) -> Self::Answer {
        let partial =
            |(rejected_spans, error_message)| ExportTracePartialSuccess { rejected_spans, error_message };
        ExportTraceServiceResponse { partial_success: left_out.map(partial) }
    }
}

impl Export for Logs {
    type Answer = ExportLogsServiceResponse;

    fn read(encoding: Encoding, bytes: &[u8], reader: &mut Reader<'_>) -> Result<(), OtlpError> {
        encoding.records(bytes, |record| {
            reader.take_record(record);
            reader.taken.has_room()
        })
    }

    fn answer(left_out: Option<(i64, String)>) -> Self::Answer {
        let partial = |(rejected_log_records, error_message)| ExportLogsPartialSuccess {
            rejected_log_records,
            error_message,
        };
        ExportLogsServiceResponse { partial_success: left_out.map(partial) }
    }
}

async fn export<E: Export>(
    State(access): State<Access>,
    State(bodies): State<Arc<Bodies>>,
    State(intake): State<Arc<Intake>>,
    State(lanes): State<Arc<Lanes>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let known = Encoding::of(&parts.headers);
    // Refusals are answered in some encoding too.
    let encoding = known.unwrap_or(Encoding::Json);
    let answer = async {
        let (client, sent) = admit(&access, &bodies, &parts, body).await?;
        let known = known.ok_or_else(OtlpError::unknown_encoding)?;
        let headers = parts.headers;
        let read = move |reader: &mut Reader<'_>| E::read(known, &wire::decoded(&headers, sent)?, reader);
        let taken = take((&access.store, &intake, &lanes), &client, read).await?;
        encoding.answer(&E::answer(taken.partly()))
    };
    answer.await.unwrap_or_else(|error: OtlpError| error.answer(encoding))
}

/// Whose telemetry it is.
struct Client {
    token: TokenId,
    environment: Environment,
}

/// A server token; browsers send events instead.
async fn admit(
    access: &Access,
    bodies: &Bodies,
    parts: &Parts,
    body: Body,
) -> Result<(Client, Whole), OtlpError> {
    let caller = match Caller::admit(access, parts) {
        Ok(caller) => caller,
        Err((_, error)) => return Err(OtlpError::access(&error)),
    };
    match caller.token.kind {
        TokenKind::Server => {}
        TokenKind::Client | TokenKind::Admin(_) => {
            return Err(OtlpError::new(StatusCode::FORBIDDEN, "telemetry is sent with a server token"));
        }
    }
    let environment = access.store.live().environment(caller.token.environment_key());
    let environment = environment.ok_or(OtlpError::fault(Fault::Internal))?;
    let whole = bodies.read_as_sent(&caller, body, parts, OTLP_BODY_BYTES_MAX).await;
    let whole = whole.map_err(OtlpError::fault)?;
    let client = Client { token: caller.token.id, environment };
    Ok((client, whole))
}

/// Reads the items, behind decisions, and takes in what they say.
async fn take(
    (store, intake, lanes): (&Store, &Intake, &Lanes),
    Client { token, environment }: &Client,
    read: impl FnOnce(&mut Reader<'_>) -> Result<(), OtlpError> + Send + 'static,
) -> Result<Extracted, OtlpError> {
    let snapshot: Arc<Snapshot> =
        store.live().snapshot(environment.key.as_str()).ok_or(OtlpError::fault(Fault::Internal))?;
    let (people, metrics) = (store.live().people(), store.live().metrics());
    let now_ms = store.clock().now_ms();
    let oldest_ms = intake.retention.oldest_ms(&environment.key, now_ms);
    let known = (Arc::clone(&snapshot), Arc::clone(&metrics));
    let reading = lanes.read_telemetry(move || {
        let mut reader = Reader::new(&known.0, &people, &known.1, (now_ms, oldest_ms));
        read(&mut reader).map(|()| reader.taken)
    });
    let mut taken = reading.await.map_err(OtlpError::fault)??;
    if taken.items() > 0 {
        intake.accepts().map_err(OtlpError::behind)?;
    }
    intake.outcomes.has_room(taken.outcomes.len()).map_err(OtlpError::full)?;
    let by = (&environment.key, Sender::Server);
    let placed = std::mem::take(&mut taken.exposures);
    in_pieces(&environment.key, placed, |some| intake.exposures.offer_events(by, some, now_ms).map(drop))
        .await?;
    let unplaced = std::mem::take(&mut taken.unplaced);
    in_pieces(&environment.key, unplaced, |some| intake.exposures.offer_unplaced(by, some, now_ms).map(drop))
        .await?;
    let outcomes = std::mem::take(&mut taken.outcomes);
    in_pieces(&environment.key, outcomes, |some| {
        let (mut outcomes, mut ids) = (Vec::new(), Vec::new());
        for (id, outcome) in some {
            if id.is_none_or(|id| intake.ids.remember(id, now_ms)) {
                outcomes.push(outcome);
                ids.extend(id.map(|id| id.0));
            }
        }
        intake.outcomes.record(&snapshot, &metrics, &outcomes, ids, now_ms);
        Ok(())
    })
    .await?;
    for (omission, times, why) in taken.omitted() {
        Counters::add(&intake.exposures.counters().rejected, usize::try_from(times).unwrap_or(usize::MAX));
        intake.omitted.add(*token, omission, times, why);
    }
    Ok(taken)
}

/// Hands on what was read with its ids, so much at once, so that decisions are made in between.
async fn in_pieces<T>(
    environment: &EnvironmentKey,
    items: Vec<(String, T)>,
    mut hand_on: impl FnMut(Vec<(Option<EventId>, T)>) -> Result<(), Full>,
) -> Result<(), OtlpError> {
    let mut items = items.into_iter();
    while items.len() > 0 {
        let some = items.by_ref().take(OTLP_TAKEN_AT_ONCE);
        let some = some.map(|(text, item)| (Some(EventId::new(environment, Maker::Telemetry, &text)), item));
        hand_on(some.collect()).map_err(OtlpError::full)?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{OTLP_FIELDS_MAX, OTLP_INFLATED_BYTES_MAX, OTLP_ITEMS_MAX};
    use allocation_counter::measure;

    /// A message that holds these bytes as field `tag`.
    fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
        let mut message = vec![tag << 3 | 2];
        let mut length = bytes.len();
        while length >= 0x80 {
            message.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
            length >>= 7;
        }
        message.push(u8::try_from(length).expect("seven bits"));
        message.extend_from_slice(bytes);
        message
    }

    /// An export with these spans.
    fn spans(spans: &[u8]) -> Vec<u8> {
        field(1, &field(2, spans))
    }

    fn times(bytes: &[u8], count: usize) -> Vec<u8> {
        bytes.repeat(count)
    }

    /// What reading takes at most, beside the bytes that are read; and what became of it.
    fn reading(encoding: Encoding, bytes: &[u8]) -> (u64, Result<(), OtlpError>) {
        let mut result = Ok(());
        let taken = measure(|| result = encoding.spans(bytes, |_| Ok(())));
        (taken.bytes_max, result)
    }

    #[test]
    fn empty_messages_take_no_memory() {
        let count = 500_000;
        let bombs = [
            ("spans", spans(&times(&field(2, &[]), count))),
            ("attributes", spans(&field(2, &times(&field(9, &[]), count)))),
            ("events", spans(&field(2, &times(&field(11, &[]), count)))),
            ("links", spans(&field(2, &times(&field(13, &[]), count)))),
            ("scopes", field(1, &times(&field(2, &[]), count))),
            ("resources", times(&field(1, &[]), count)),
        ];
        for (name, bytes) in bombs {
            let (taken, result) = reading(Encoding::Protobuf, &bytes);
            assert!(result.is_ok() && taken < 64 * 1024, "{name}: {taken} {result:?}");
        }
        let list = format!("[{}{{}}]", "{},".repeat(count));
        for (name, spans) in [
            ("spans", list.clone()),
            ("attributes", format!("[{{\"attributes\":{list}}}]")),
            ("events", format!("[{{\"events\":{list}}}]")),
            ("unknown", format!("[{{\"later\":{list}}}]")),
        ] {
            let json = format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":{spans}}}]}}]}}");
            let (taken, result) = reading(Encoding::Json, json.as_bytes());
            assert!(result.is_ok() && taken < 64 * 1024, "{name} in JSON: {taken} {result:?}");
        }
    }

    #[test]
    fn fields_are_counted_while_they_are_read() {
        let count = OTLP_FIELDS_MAX + 1;
        for (name, bytes) in [
            ("spans", spans(&times(&field(2, &[]), count))),
            ("attributes", spans(&field(2, &times(&field(9, &[]), count)))),
            ("of attributes", spans(&field(2, &field(9, &times(&field(7, &[]), count))))),
            ("resources", times(&field(1, &[]), count)),
        ] {
            assert_eq!(reading(Encoding::Protobuf, &bytes).1, Err(thin::too_detailed()), "{name}");
        }
        let list = format!("{{\"resourceSpans\":[],\"later\":[{}0]}}", "0,".repeat(count));
        assert_eq!(reading(Encoding::Json, list.as_bytes()).1, Err(thin::too_detailed()));
        let text = format!("{{\"resourceSpans\":[],\"later\":\"\\\"{}\"}}", "{,[".repeat(count));
        assert_eq!(reading(Encoding::Json, text.as_bytes()).1, Ok(()), "a text is one value");
    }

    #[test]
    fn evaluations_are_counted_while_they_are_read() {
        let attribute = field(3, &field(1, thin::KEY.as_bytes()));
        let events = times(&field(11, &attribute), 10 * OTLP_ITEMS_MAX);
        let (taken, result) = reading(Encoding::Protobuf, &spans(&field(2, &events)));
        assert_eq!(result, Err(thin::too_many()));
        assert!(taken < OTLP_INFLATED_BYTES_MAX as u64, "{taken}");
        let event = format!("{{\"attributes\":[{{\"key\":\"{}\"}}]}},", thin::KEY);
        let events = format!("[{}{{}}]", event.repeat(10 * OTLP_ITEMS_MAX));
        let json =
            format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\"events\":{events}}}]}}]}}]}}");
        let (taken, result) = reading(Encoding::Json, json.as_bytes());
        assert_eq!(result, Err(thin::too_many()));
        assert!(taken < OTLP_INFLATED_BYTES_MAX as u64, "{taken}");
    }

    #[test]
    fn a_long_text_is_kept_in_part() {
        let text = "ø".repeat(1_000_000);
        let attribute = [field(1, b"user.id"), field(2, &field(1, text.as_bytes()))].concat();
        let bytes = spans(&field(2, &field(9, &attribute)));
        assert!(reading(Encoding::Protobuf, &bytes).0 < 64 * 1024);
    }

    #[test]
    fn what_is_kept_is_the_same_in_both_encodings_and_as_it_was_sent() {
        use opentelemetry_proto::tonic::{
            common::v1::{AnyValue, KeyValue, any_value::Value},
            trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData, span::Event},
        };
        let attribute = |key: &str, value: Value| KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        };
        let flag = attribute(thin::KEY, Value::StringValue("pay".to_owned()));
        let kept = Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            start_time_unix_nano: 1_700_000_000_000_000_000,
            end_time_unix_nano: 1_700_000_000_000_000_001,
            attributes: vec![attribute("user.id", Value::StringValue("ada".to_owned()))],
            events: vec![Event { attributes: vec![flag.clone()], ..Event::default() }],
            status: Some(Status { code: 2, ..Status::default() }),
            ..Span::default()
        };
        let mut sent = kept.clone();
        sent.name = "POST /bookings".to_owned();
        sent.attributes.insert(0, attribute("http.status", Value::IntValue(500)));
        sent.events[0].name = "feature_flag.evaluation".to_owned();
        sent.events.push(Event { name: "log".to_owned(), ..Event::default() });
        let scope_spans = vec![ScopeSpans { spans: vec![sent], ..ScopeSpans::default() }];
        let data =
            TracesData { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] };
        let json = serde_json::to_vec(&data).expect("JSON");
        for (encoding, bytes) in [(Encoding::Protobuf, data.encode_to_vec()), (Encoding::Json, json)] {
            let mut spans = Vec::new();
            let read = encoding.spans(&bytes, |span| {
                spans.push(span.clone());
                Ok(())
            });
            assert_eq!(read, Ok(()), "{encoding:?}");
            assert_eq!(spans, std::slice::from_ref(&kept), "{encoding:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_protobuf_are_refused() {
        for bytes in [&b"\xff\xff"[..], &[1 << 3], &[1 << 3 | 3], &[1 << 3 | 2, 200], &[0xff; 12]] {
            assert!(Encoding::Protobuf.spans(bytes, |_| Ok(())).is_err(), "{bytes:?}");
        }
    }
}
