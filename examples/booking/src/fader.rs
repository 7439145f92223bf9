//! Asks Fader, on the server and for the signed-in customer, whether something is allowed now: one check with the server
//! token. It never guesses: what is not a plain `true` within the time limit is not a yes.

use std::time::Duration;

use reqwest::{
    Client, StatusCode,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
    redirect::Policy,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

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
    #[serde(skip)]
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
    check_url: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("Fader did not answer: {0}")]
    Unreachable(#[from] reqwest::Error),
    #[error("Fader answered {0}")]
    Refused(StatusCode),
    #[error("Fader answered something that is no answer to a check")]
    Nonsense,
}

#[derive(Deserialize)]
struct Answer {
    allowed: bool,
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
        Ok(Self { client, check_url: format!("{}/api/v1/check", config.fader_url) })
    }

    /// Tells the same Fader what came of payments.
    pub fn reporter(&self, config: &Config) -> Reporter {
        Reporter::start(self.client.clone(), format!("{}/api/v1/events", config.fader_url))
    }

    /// May this customer do now what the flag stands for?
    pub async fn allows(&self, flag: &'static str, subject: Subject<'_>) -> Result<bool, AskError> {
        let question = json!({ "subject": subject.id, "flag": flag, "attributes": subject });
        let mut request = self.client.post(&self.check_url).json(&question);
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

/// Whatever is no answer is no yes either; the caller decides what to say of it.
fn read_answer(status: StatusCode, body: &[u8]) -> Result<bool, AskError> {
    if status != StatusCode::OK {
        return Err(AskError::Refused(status));
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|_| AskError::Nonsense)?;
    Ok(answer.allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_true_is_a_yes() {
        let allowed = br#"{"allowed":true,"reason":"SPLIT","revision":7}"#;
        assert!(read_answer(StatusCode::OK, allowed).expect("an answer"));
        let unknown = br#"{"allowed":false,"reason":"FLAG_NOT_FOUND","revision":7}"#;
        assert!(!read_answer(StatusCode::OK, unknown).expect("an answer"));
        for body in
            [&br#"{"allowed":"true"}"#[..], br#"{"allowed":1}"#, b"{}", b"[]", b"", b"<html>", b"\xff"]
        {
            assert!(matches!(read_answer(StatusCode::OK, body), Err(AskError::Nonsense)), "{body:?}");
        }
        for status in [StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED, StatusCode::ACCEPTED] {
            assert!(matches!(read_answer(status, allowed), Err(AskError::Refused(_))), "{status}");
        }
    }
}
