//! Events: every item of a body is accounted for, with a sentence where it was refused, and none of a browser counts
//! without the receipt of a decision.

use http::StatusCode;
use serde_json::Value;

use crate::world::{Sender, WORLD};

pub fn run(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let sender = if first & 1 == 0 { Sender::Server } else { Sender::Client };
    let answer = WORLD.post(sender, "/api/v1/events", &[], body, body.len());
    if answer.is_later() {
        return;
    }
    let said = answer.json();
    if answer.status != StatusCode::ACCEPTED {
        let known =
            [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNPROCESSABLE_ENTITY];
        assert!(known.contains(&answer.status), "{}", answer.status);
        assert_eq!(said["status"], answer.status.as_u16());
        assert!(said["detail"].as_str().is_some_and(|it| !it.is_empty()), "{said}");
        return;
    }
    let sent: Value = serde_json::from_slice(body).expect("what was taken is JSON");
    let sent = sent["events"].as_array().expect("a list of events").len();
    let rejected = said["rejected"].as_array().expect("a list");
    for item in rejected {
        assert!(item["index"].as_u64().is_some_and(|at| at < sent as u64), "{item}");
        assert!(item["detail"].as_str().is_some_and(|it| !it.is_empty()), "{item}");
    }
    let number = |name: &str| said[name].as_u64().unwrap_or_default();
    let told = number("accepted") + number("duplicates") + number("unverified") + rejected.len() as u64;
    assert_eq!(told, sent as u64, "{said}");
    if sender == Sender::Client {
        assert_eq!(number("accepted"), 0, "a browser's event counts without a receipt");
    }
}
