//! Asks Fader, on the server and for the signed-in customer, whether a feature is on: one OFREP evaluation
//! with the server token. It never guesses: what is not a plain `true` within the time limit is not a yes.

use std::time::Duration;

use reqwest::{
    Client, StatusCode,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
    redirect::Policy,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{config::Config, preview, reporter::Reporter};

/// The feature this site is about.
pub const FAST_PAYMENT: &str = "fast-payment";

/// How a preview that the customer opened is passed on.
const X_FADER_PREVIEW: &str = "x-fader-preview";

/// How long a payment waits for Fader before fast payment is refused.
pub const ANSWER_MS_MAX: u64 = 500;

/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Whom Fader is asked about, with what this server itself knows about them.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Subject<'a> {
    #[serde(rename = "targetingKey")]
    pub id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'a str>,
}

/// A connection to one Fader server.
pub struct Fader {
    client: Client,
    evaluate_url: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("Fader did not answer: {0}")]
    Unreachable(#[from] reqwest::Error),
    #[error("Fader answered {0}")]
    Refused(StatusCode),
    #[error("Fader answered something that is no decision about a boolean flag")]
    Nonsense,
}

#[derive(Deserialize)]
struct Answer {
    /// Left out: the caller's own default applies, and ours is "off".
    value: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    error_code: String,
}

impl Fader {
    pub fn new(config: &Config) -> Result<Self, reqwest::Error> {
        let mut headers = HeaderMap::new();
        if let Ok(mut bearer) = HeaderValue::from_str(&format!("Bearer {}", config.server_token.as_str())) {
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        // Once per process; a second time says that it is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .default_headers(headers)
            .redirect(Policy::none())
            .timeout(Duration::from_millis(ANSWER_MS_MAX))
            .build()?;
        Ok(Self { client, evaluate_url: format!("{}/ofrep/v1/evaluate/flags", config.fader_url) })
    }

    /// Tells the same Fader what came of payments.
    pub fn reporter(&self, config: &Config) -> Reporter {
        Reporter::start(self.client.clone(), format!("{}/api/v1/events", config.fader_url))
    }

    /// Is this boolean flag on for this customer, now?
    pub async fn is_on(&self, flag: &'static str, subject: Subject<'_>) -> Result<bool, AskError> {
        let url = format!("{}/{flag}", self.evaluate_url);
        let mut request = self.client.post(url).json(&json!({ "context": subject }));
        if let Some(preview) = preview::current() {
            request = request.header(X_FADER_PREVIEW, preview.token);
        }
        let mut response = request.send().await?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(AskError::Nonsense);
            }
            body.extend_from_slice(&chunk);
        }
        read_answer(status, &body)
    }
}

/// A flag that Fader does not know (any more) is off; every other failure is no answer.
fn read_answer(status: StatusCode, body: &[u8]) -> Result<bool, AskError> {
    match status {
        StatusCode::OK => {
            let answer: Answer = serde_json::from_slice(body).map_err(|_| AskError::Nonsense)?;
            answer.value.map_or(Ok(false), |value| value.as_bool().ok_or(AskError::Nonsense))
        }
        StatusCode::NOT_FOUND => match serde_json::from_slice::<Failure>(body) {
            Ok(failure) if failure.error_code == "FLAG_NOT_FOUND" => Ok(false),
            _ => Err(AskError::Refused(status)),
        },
        _ => Err(AskError::Refused(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_true_is_a_yes() {
        assert!(read_answer(StatusCode::OK, br#"{"value":true,"reason":"SPLIT"}"#).expect("an answer"));
        assert!(!read_answer(StatusCode::OK, br#"{"value":false}"#).expect("an answer"));
        assert!(!read_answer(StatusCode::OK, br#"{"reason":"DEFAULT"}"#).expect("an answer"));
        for body in [&br#"{"value":"true"}"#[..], br#"{"value":1}"#, b"[]", b"", b"<html>", b"\xff"] {
            assert!(matches!(read_answer(StatusCode::OK, body), Err(AskError::Nonsense)), "{body:?}");
        }
    }

    #[test]
    fn an_unknown_flag_is_off_but_a_wrong_address_is_no_answer() {
        let unknown = br#"{"key":"fast-payment","errorCode":"FLAG_NOT_FOUND"}"#;
        assert!(!read_answer(StatusCode::NOT_FOUND, unknown).expect("an answer"));
        assert!(matches!(read_answer(StatusCode::NOT_FOUND, b"<html>"), Err(AskError::Refused(_))));
        assert!(matches!(read_answer(StatusCode::UNAUTHORIZED, b"{}"), Err(AskError::Refused(_))));
    }
}
