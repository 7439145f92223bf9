//! Sends what webhooks are due: signed, one round at a time beside the guard's looks, so that a slow receiver never
//! keeps the guard from looking.

use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use store::{GuardLease, Store, StoreError, Task, WebhookDelivery};
use tokio::task::JoinHandle;

use crate::StartError;

/// How long a receiver may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Finished deliveries are forgotten after a week.
const FORGET_MS: i64 = 7 * 24 * 3_600_000;
/// `sha256=` and the HMAC-SHA256 of `timestamp.body` under the webhook's secret, in hexadecimal digits.
const SIGNATURE: &str = "x-fader-signature";
/// Seconds since 1970, part of what is signed: receivers refuse old ones.
const TIMESTAMP: &str = "x-fader-timestamp";
/// The same for every try of one message.
const DELIVERY: &str = "x-fader-delivery";

pub(super) struct Deliverer {
    http: reqwest::Client,
    task: Task,
    round: Option<JoinHandle<()>>,
}

impl Deliverer {
    pub(super) fn new(http: reqwest::Client, store: &Store) -> Self {
        Self { http, task: store.tasks().task("the delivery of webhooks"), round: None }
    }

    pub(super) fn client() -> Result<reqwest::Client, StartError> {
        // It trusts whom the machine trusts. Where that is nobody, http:// works all the same.
        let without_tls = |error| {
            tracing::warn!(%error, "webhooks to https:// do not arrive; are CA certificates installed?");
            client().tls_certs_only([]).build()
        };
        client().build().or_else(without_tls).map_err(|_| StartError::HttpClient)
    }

    /// Sends what is due, unless the round before is still under way.
    pub(super) fn send_due(&mut self, store: &Store, lease: &GuardLease) {
        if self.round.as_ref().is_some_and(|round| !round.is_finished()) {
            return;
        }
        let (http, store, lease) = (self.http.clone(), store.clone(), lease.clone());
        let task = self.task.clone();
        self.round = Some(tokio::spawn(async move {
            let turn = task.clone();
            let sending = async move {
                turn.turn();
                if let Err(error) = round(&http, &store, &lease).await {
                    tracing::warn!(%error, "webhooks are not sent at the moment; trying again");
                }
            };
            // A round that fails is noted, and the next one begins with the guard's next look.
            task.run(sending).await;
        }));
    }

    /// Breaks the round off: what did not arrive is due again.
    pub(super) async fn stop(&mut self) {
        if let Some(round) = self.round.take() {
            round.abort();
            // Aborting is no failure.
            let _ = round.await;
        }
    }
}

fn client() -> reqwest::ClientBuilder {
    // A redirect could lead where nobody who added the webhook pointed.
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    client.timeout(ANSWER_MAX).user_agent("fader-webhook")
}

async fn round(http: &reqwest::Client, store: &Store, lease: &GuardLease) -> Result<(), StoreError> {
    let due = store.list_due_deliveries(lease).await?;
    let sent = due.iter().map(|delivery| async move {
        let now_s = store.clock().now_ms().div_euclid(1000);
        let problem = send(http, delivery, now_s).await.err();
        store.note_delivery(lease, delivery, problem.as_deref()).await
    });
    for noted in futures::future::join_all(sent).await {
        noted?;
    }
    if !due.is_empty() {
        store.forget_deliveries(lease, store.clock().now_ms().saturating_sub(FORGET_MS)).await?;
    }
    Ok(())
}

/// Why a delivery did not arrive, for the admin to read.
async fn send(http: &reqwest::Client, delivery: &WebhookDelivery, now_s: i64) -> Result<(), String> {
    let signature = sign(&delivery.secret, now_s, &delivery.body);
    let answer = http
        .post(&delivery.url)
        .header(http::header::CONTENT_TYPE, "application/json")
        .header(SIGNATURE, format!("sha256={signature}"))
        .header(TIMESTAMP, now_s)
        .header(DELIVERY, delivery.id)
        .body(delivery.body.clone())
        .send()
        .await
        .map_err(|error| why(&error))?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("the receiver answered {status}")) }
}

fn why(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "the receiver did not answer in time"
    } else if error.is_connect() {
        "the receiver could not be reached, or its certificate is not trusted"
    } else {
        "the message could not be sent"
    };
    what.to_owned()
}

/// HMAC-SHA256 of `timestamp.body`.
fn sign(secret: &str, now_s: i64, body: &str) -> String {
    // A key of any length makes an HMAC.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("{now_s}.{body}").as_bytes());
    store::hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '1700000000.{}' | openssl dgst -sha256 -hmac secret`
    #[test]
    fn the_signature_is_what_openssl_computes() {
        let signature = sign("secret", 1_700_000_000, "{}");
        assert_eq!(signature.len(), 64);
        assert_ne!(signature, sign("secret", 1_700_000_001, "{}"), "the time is signed");
        assert_eq!(signature, EXPECTED);
    }

    #[tokio::test]
    async fn https_begins_with_a_handshake_whatever_certificates_there_are() {
        let without = client().tls_certs_only([]).build().expect("a client");
        for http in [Deliverer::client().expect("a client"), without] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listens");
            let port = listener.local_addr().expect("an address").port();
            let first_bytes = async {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut bytes = [0; 2];
                tokio::io::AsyncReadExt::read_exact(&mut stream, &mut bytes).await.expect("sent");
                bytes
            };
            let request = http.get(format!("https://127.0.0.1:{port}/")).send();
            let (error, bytes) = tokio::join!(request, first_bytes);
            assert_eq!(bytes, [22, 3], "a TLS handshake record");
            assert!(why(&error.expect_err("no TLS there")).contains("certificate"));
        }
    }

    const EXPECTED: &str = "b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163";
}
