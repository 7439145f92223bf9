//! OTLP, traces and logs: protobuf, JSON and gzip say the same; what the reference implementation reads is read; what
//! unpacks to too much is refused before it does.

use std::io::{Read as _, Write as _};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use http::{StatusCode, header};
use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use prost::Message;
use serde::de::DeserializeOwned;
use server::limits::{BODY_RATIO_MAX, OTLP_BODY_BYTES_MAX, OTLP_INFLATED_BYTES_MAX};

use crate::world::{Answer, Sender, WORLD};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
/// So small a body may have grown by any factor.
const SMALL_BYTES: usize = 64 * 1024;

pub fn run(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let path = if first & 1 == 0 { "/v1/traces" } else { "/v1/logs" };
    let kind = if first & 2 == 0 { PROTOBUF } else { JSON };
    if first & 4 != 0 {
        return packed(path, kind, body);
    }
    let plain = post(path, kind, None, body, body.len());
    let packed = gzip(body);
    assert!(packed.len() <= OTLP_BODY_BYTES_MAX);
    let unpacked = post(path, kind, Some("gzip"), &packed, body.len());
    if plain.is_later() || unpacked.is_later() {
        return;
    }
    assert_eq!((plain.status, &plain.body), (unpacked.status, &unpacked.body), "gzip says something else");
    if first & 1 == 0 {
        agrees::<ExportTraceServiceRequest>(path, kind, body, &plain);
    } else {
        agrees::<ExportLogsServiceRequest>(path, kind, body, &plain);
    }
}

/// What the reference reads is read here too, and means the same in protobuf as in JSON.
fn agrees<T: Message + Default + DeserializeOwned>(path: &str, kind: &str, body: &[u8], answer: &Answer) {
    if kind == PROTOBUF {
        let known = T::decode(body).is_ok();
        assert!(!known || answer.status == StatusCode::OK, "the reference reads it");
    } else if let Ok(export) = serde_json::from_slice::<T>(body)
        && answer.status == StatusCode::OK
    {
        let same = export.encode_to_vec();
        let other = post(path, PROTOBUF, None, &same, same.len());
        assert!(
            other.is_later() || other.status == StatusCode::OK,
            "JSON that does not mean the same in protobuf"
        );
    }
}

/// Bytes that only claim to be gzip, or that unpack to anything.
fn packed(path: &str, kind: &str, body: &[u8]) {
    let mut decoded = Vec::new();
    let limit = OTLP_INFLATED_BYTES_MAX as u64 + 1;
    let is_gzip = GzDecoder::new(body).take(limit).read_to_end(&mut decoded).is_ok();
    let answer = post(path, kind, Some("gzip"), body, decoded.len());
    if answer.is_later() {
        return;
    }
    let swollen = decoded.len() > SMALL_BYTES && decoded.len() / BODY_RATIO_MAX > body.len();
    if decoded.len() > OTLP_INFLATED_BYTES_MAX {
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    } else if swollen {
        // Whether it is broken as well may show before or after it has grown too much.
        assert_ne!(answer.status, StatusCode::OK);
    } else if !is_gzip {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
}

fn post(path: &str, kind: &str, encoding: Option<&str>, body: &[u8], decoded_bytes: usize) -> Answer {
    let mut headers = vec![(header::CONTENT_TYPE, kind)];
    headers.extend(encoding.map(|it| (header::CONTENT_ENCODING, it)));
    let answer = WORLD.post(Sender::Server, path, &headers, body, decoded_bytes);
    assert_eq!(answer.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()), Some(kind));
    if answer.status != StatusCode::OK && !answer.is_later() {
        let known = [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE];
        assert!(known.contains(&answer.status), "{}", answer.status);
        assert!(answer.body.len() > 10, "a refusal without a message");
    }
    answer
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}
