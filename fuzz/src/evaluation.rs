//! OFREP: any body to the evaluation of all flags and of one. Both read it alike, refuse it with the same words, and
//! decide the same.

use http::{StatusCode, header};
use serde_json::Value;

use crate::world::{Answer, Sender, WORLD};

const ALL: &str = "/ofrep/v1/evaluate/flags";

pub fn run(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let sender = if first & 1 == 0 { Sender::Server } else { Sender::Client };
    let flag = &WORLD.flags[usize::from(first >> 1) % WORLD.flags.len()];
    let all = post(sender, ALL, body);
    // What is only looked at is not written into the ledger.
    let one = post(sender, &format!("{ALL}/{flag}?exposure=none"), body);
    if all.status != StatusCode::OK {
        refused(&all);
        assert_eq!(one.status, all.status, "{flag}");
        let (one, all) = (one.json(), all.json());
        assert_eq!((&one["errorCode"], &one["errorDetails"]), (&all["errorCode"], &all["errorDetails"]));
        return;
    }
    let flags = all.json();
    let flags = flags["flags"].as_array().expect("a list of flags");
    assert_eq!(flags.len(), WORLD.flags.len());
    let told = flags.iter().find(|it| it["key"] == flag.as_str()).expect("every flag is in the list");
    let own = one.json();
    if one.status == StatusCode::OK {
        for member in ["value", "variant", "reason"] {
            assert_eq!(own[member], told[member], "{flag}: {member}");
        }
    } else {
        refused(&one);
        assert_eq!((&own["errorCode"], &own["errorDetails"]), (&told["errorCode"], &told["errorDetails"]));
    }
    let is_read = serde_json::from_slice::<Value>(body).is_ok_and(|it| it["context"].is_object());
    assert!(is_read, "decided for a body that is no context");
}

fn post(sender: Sender, path: &str, body: &[u8]) -> Answer {
    WORLD.post(sender, path, &[(header::CONTENT_TYPE, "application/json")], body, body.len())
}

fn refused(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let failure = answer.json();
    assert!(failure["errorCode"].is_string(), "{failure}");
    assert!(failure["errorDetails"].as_str().is_some_and(|it| !it.is_empty()), "{failure}");
}
