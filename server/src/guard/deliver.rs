//! Sends what webhooks are due: signed, beside the guard's looks, and to each receiver by itself, so that a slow one keeps
//! neither the guard nor another receiver waiting. Addresses are checked where they are connected to: what a name resolves to is looked at
//! here, and nothing else is connected to, so a name cannot mean another address a moment later.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hmac::{Hmac, Mac};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use sha2::Sha256;
use store::{GuardLease, Reach, Store, StoreError, Task, WebhookDelivery, WebhookId, is_public};
use tokio::task::{JoinHandle, JoinSet};
use url::Host;

use app::site::Site;

use super::message;
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
    sender: Sender,
    task: Task,
    round: Option<JoinHandle<()>>,
    receivers: Receivers,
}

/// The receivers to which something is under way, and the tasks that send it.
#[derive(Clone, Default)]
struct Receivers(Arc<Mutex<UnderWay>>);

#[derive(Default)]
struct UnderWay {
    busy: BTreeSet<WebhookId>,
    sending: JoinSet<()>,
}

/// A receiver to which something is under way, as long as this lives.
struct Busy {
    receivers: Receivers,
    webhook: WebhookId,
}

/// What sends one message.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    http: reqwest::Client,
    reach: Reach,
    site: Site,
}

impl Deliverer {
    pub(super) fn new(sender: Sender, store: &Store) -> Self {
        Self {
            sender,
            task: store.tasks().task("the delivery of webhooks"),
            round: None,
            receivers: Receivers::default(),
        }
    }

    pub(super) fn client(reach: Reach, site: Site) -> Result<Sender, StartError> {
        // It trusts whom the machine trusts. Where that is nobody, http:// works all the same.
        let without_tls = |error| {
            tracing::warn!(%error, "webhooks to https:// do not arrive; are CA certificates installed?");
            client(reach).tls_certs_only([]).build()
        };
        let http = client(reach).build().or_else(without_tls).map_err(|_| StartError::HttpClient)?;
        Ok(Sender { http, reach, site })
    }

    /// Begins to send what is due to receivers to which nothing is under way.
    pub(super) fn send_due(&mut self, store: &Store, lease: &GuardLease) {
        if self.round.as_ref().is_some_and(|round| !round.is_finished()) {
            return;
        }
        let (sender, store, lease) = (self.sender.clone(), store.clone(), lease.clone());
        let (task, receivers) = (self.task.clone(), self.receivers.clone());
        self.round = Some(tokio::spawn(async move {
            let turn = task.clone();
            let beginning = async move {
                turn.turn();
                if let Err(error) = begin(&receivers, &turn, &sender, (&store, &lease)).await {
                    tracing::warn!(%error, "webhooks are not sent at the moment; trying again");
                }
            };
            // A round that fails is noted, and the next one begins with the guard's next look.
            task.run(beginning).await;
        }));
    }

    /// Breaks everything off: what did not arrive is due again.
    pub(super) async fn stop(&mut self) {
        if let Some(round) = self.round.take() {
            round.abort();
            // Aborting is no failure.
            let _ = round.await;
        }
        let mut sending = std::mem::take(&mut self.receivers.under_way().sending);
        sending.shutdown().await;
    }
}

fn client(reach: Reach) -> reqwest::ClientBuilder {
    // A redirect could lead where nobody who added the webhook pointed.
    let client = crate::https::client().redirect(reqwest::redirect::Policy::none());
    let client = client.timeout(ANSWER_MAX).user_agent("fader-webhook");
    match reach {
        // A proxy would resolve names by itself, unseen.
        Reach::Public => client.no_proxy().dns_resolver(Arc::new(PublicOnly)),
        Reach::Private => client,
    }
}

/// Where nothing may be sent.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the address leads to this machine or into a private network; --webhooks-private allows that")]
struct PrivatePlace;

/// Names as the machine resolves them, without the addresses that are not of the internet. What it answers is what is
/// connected to.
#[derive(Debug)]
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> =
                found.into_iter().filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(PrivatePlace.into());
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

/// Addresses that need no resolving never meet the resolver.
fn check(url: &reqwest::Url) -> Result<(), PrivatePlace> {
    let public = match url.host() {
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        Some(Host::Domain(_)) | None => true,
    };
    if public { Ok(()) } else { Err(PrivatePlace) }
}

impl Receivers {
    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `sending` beside the others; the receiver is busy until it ends.
    fn send(&self, webhook: WebhookId, sending: impl Future<Output = ()> + Send + 'static) {
        let mut under_way = self.under_way();
        under_way.busy.insert(webhook);
        let busy = Busy { receivers: self.clone(), webhook };
        under_way.sending.spawn(async move {
            sending.await;
            drop(busy);
        });
        while under_way.sending.try_join_next().is_some() {}
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.receivers.under_way().busy.remove(&self.webhook);
    }
}

/// Looks what is due, and leaves the sending to a task of each receiver.
async fn begin(
    receivers: &Receivers,
    task: &Task,
    sender: &Sender,
    (store, lease): (&Store, &GuardLease),
) -> Result<(), StoreError> {
    // Looked at first: what ends while the list is read was due when the list began.
    let busy = receivers.under_way().busy.clone();
    let mut by_receiver: BTreeMap<WebhookId, Vec<WebhookDelivery>> = BTreeMap::new();
    for delivery in store.list_due_deliveries(lease).await? {
        by_receiver.entry(delivery.webhook).or_default().push(delivery);
    }
    by_receiver.retain(|webhook, _| !busy.contains(webhook));
    for (webhook, due) in by_receiver {
        let (task, sender, store, lease) = (task.clone(), sender.clone(), store.clone(), lease.clone());
        receivers.send(webhook, async move {
            let sending = async move {
                if let Err(error) = send_all(&sender, &store, &lease, &due).await {
                    tracing::warn!(%error, "what became of a webhook cannot be noted; it is sent again");
                }
            };
            task.run(sending).await;
        });
    }
    Ok(())
}

/// Sends these to their receiver at once, and notes what became of each.
async fn send_all(
    sender: &Sender,
    store: &Store,
    lease: &GuardLease,
    due: &[WebhookDelivery],
) -> Result<(), StoreError> {
    let sent = due.iter().map(|delivery| async move {
        let now_s = store.clock().now_ms().div_euclid(1000);
        let problem = sender.send(delivery, now_s).await.err();
        store.note_delivery(lease, delivery, problem.as_deref()).await
    });
    for noted in futures::future::join_all(sent).await {
        noted?;
    }
    store.forget_deliveries(lease, FORGET_MS).await?;
    Ok(())
}

impl Sender {
    /// Why a delivery did not arrive, for the admin to read. Of the answer it tells the status and nothing else.
    async fn send(&self, delivery: &WebhookDelivery, now_s: i64) -> Result<(), String> {
        let url: reqwest::Url = delivery.url.parse().map_err(|_| "the address cannot be read".to_owned())?;
        if self.reach == Reach::Public {
            check(&url).map_err(|private| private.to_string())?;
        }
        let body = message::whole(&delivery.body, &self.site);
        let signature = sign(&delivery.secret, now_s, &body);
        let answer = self
            .http
            .post(url)
            .header(http::header::CONTENT_TYPE, "application/json")
            .header(SIGNATURE, format!("sha256={signature}"))
            .header(TIMESTAMP, now_s)
            .header(DELIVERY, delivery.id)
            .body(body)
            .send()
            .await
            .map_err(|error| why(&error))?;
        let status = answer.status().as_u16();
        if answer.status().is_success() { Ok(()) } else { Err(format!("the receiver answered {status}")) }
    }
}

fn is_private(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .any(<dyn std::error::Error>::is::<PrivatePlace>)
}

fn why(error: &reqwest::Error) -> String {
    if is_private(error) {
        return PrivatePlace.to_string();
    }
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

    fn client_to(reach: Reach) -> Result<Sender, StartError> {
        Deliverer::client(reach, Site::new("https://tools.example", "/fader", true))
    }

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
        let without = client(Reach::Private).tls_certs_only([]).build().expect("a client");
        for http in [client_to(Reach::Private).expect("a client").http, without] {
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

    fn delivery(url: String) -> WebhookDelivery {
        let webhook = "1".parse().expect("a number");
        WebhookDelivery { id: 1, webhook, url, secret: "secret".into(), body: "{}".into(), attempts: 0 }
    }

    /// A listener that must not be reached; its port.
    async fn untouched() -> (tokio::net::TcpListener, u16) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let port = listener.local_addr().expect("an address").port();
        (listener, port)
    }

    #[tokio::test]
    async fn nothing_is_sent_to_private_places_whatever_they_are_called() {
        let (listener, port) = untouched().await;
        let sender = client_to(Reach::Public).expect("a client");
        let own_name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
        let mut hosts: Vec<String> =
            ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.1", "[::ffff:127.0.0.1]", "[::1]", "0"]
                .map(str::to_owned)
                .into();
        // Names are looked at after resolving.
        hosts.push("localhost".to_owned());
        hosts.extend(Some(own_name.trim().to_owned()).filter(|name| !name.is_empty()));
        for host in hosts {
            let sent = sender.send(&delivery(format!("http://{host}:{port}/secret")), 0).await;
            let problem = sent.expect_err(&host);
            assert!(!problem.contains("secret") && !problem.contains(&host), "{problem}");
            if host != own_name.trim() {
                assert!(problem.contains("--webhooks-private"), "{host}: {problem}");
            }
        }
        let accepted = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(accepted.is_err(), "something was sent");
    }

    #[tokio::test]
    async fn a_name_resolves_only_to_addresses_of_the_internet() {
        let resolved = PublicOnly.resolve("localhost".parse().expect("a name")).await;
        let error = resolved.err().expect("localhost is this machine");
        assert!(error.is::<PrivatePlace>(), "{error}");
    }

    #[tokio::test]
    async fn with_leave_private_places_are_reached_and_only_the_status_is_told() {
        let (listener, port) = untouched().await;
        let sender = client_to(Reach::Private).expect("a client");
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut bytes = [0; 1024];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut bytes).await.expect("sent");
            let answer =
                "HTTP/1.1 302 Secret words\r\nlocation: /elsewhere\r\ncontent-length: 6\r\n\r\nsecret";
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await.expect("answered");
        });
        let sent = sender.send(&delivery(format!("http://127.0.0.1:{port}/x")), 0).await;
        assert_eq!(sent.expect_err("a redirect"), "the receiver answered 302");
        answering.await.expect("answers");
    }

    const EXPECTED: &str = "b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163";
}
