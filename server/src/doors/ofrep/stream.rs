//! Event streams: a client that holds one hears of a change at once and evaluates again.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use store::{Token, TokenHash};
use tokio::{
    sync::watch,
    time::{Instant, Interval, interval_at},
};

use super::{
    error::OfrepError,
    hub::Published,
    revision::ConfigRevision,
    seats::{NoSeat, Seat},
    state::Ofrep,
};
use crate::{
    edge::{
        access::{self, Refused, cors},
        client_address::ClientAddress,
    },
    limits::{HEARTBEAT, RECONNECT_MS_MAX, RECONNECT_MS_MIN, STREAM_RETRY_AFTER_S},
    stopping::Stopping,
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const HEARTBEAT_COMMENT: Bytes = Bytes::from_static(b": still here\n\n");

/// `GET /ofrep/v1/stream/{ticket}`
pub async fn open(
    State(ofrep): State<Arc<Ofrep>>,
    ticket: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let headers = request.headers();
    let address = request.extensions().get::<ClientAddress>().copied();
    let ticket = ticket.map(|Path(text)| text).unwrap_or_default();
    let (token, opened) = match Subscription::open(&ofrep, &ticket, address, headers) {
        Ok((token, subscription)) => (Some(token), Ok(subscription)),
        Err((token, error)) => (token, Err(error)),
    };
    let mut response = opened.map_or_else(IntoResponse::into_response, Subscription::into_response);
    cors::open(headers, token.as_deref(), &mut response);
    response
}

/// One client's stream.
struct Subscription {
    ofrep: Arc<Ofrep>,
    token: TokenHash,
    environment: engine::EnvironmentKey,
    /// The state that the client knows of.
    known: ConfigRevision,
    greeted: bool,
    published: watch::Receiver<Arc<Published>>,
    stopping: Stopping,
    heartbeat: Interval,
    _seat: Seat,
}

impl Subscription {
    fn open(
        ofrep: &Arc<Ofrep>,
        ticket: &str,
        address: Option<ClientAddress>,
        headers: &HeaderMap,
    ) -> Result<(Arc<Token>, Self), Refused<OfrepError>> {
        let now_ms = ofrep.store().clock().now_ms();
        let ticket = ofrep.keys().tickets.verify(ticket, now_ms);
        let ticket = ticket.ok_or((None, OfrepError::StaleTicket))?;
        let live = ofrep.store().live();
        let token = live.token(&ticket.token, now_ms).map_err(|_| (None, OfrepError::StaleTicket))?;
        let environment = token.environment().cloned().ok_or((None, OfrepError::StaleTicket))?;
        if let Err(error) = access::check_origin(&token, headers) {
            return Err((Some(token), error.into()));
        }
        token.note_use(now_ms);
        let address = address.map(ClientAddress::counted);
        let seat = match ofrep.streams.take(token.id, address, ticket.subject) {
            Ok(seat) => seat,
            Err(why) => {
                let retry_after_s = STREAM_RETRY_AFTER_S;
                let error = match why {
                    NoSeat::Full => OfrepError::StreamsFull { retry_after_s },
                    NoSeat::Share => OfrepError::TooManyStreams { retry_after_s },
                };
                return Err((Some(token), error));
            }
        };
        // A client that comes back says what it heard last; a new one has what came with its ticket.
        let heard = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()?.parse().ok());
        let subscription = Self {
            ofrep: Arc::clone(ofrep),
            token: ticket.token,
            environment,
            known: heard.unwrap_or(ticket.revision),
            greeted: false,
            published: ofrep.hub.subscribe(),
            stopping: ofrep.parts.stopping.clone(),
            heartbeat: interval_at(Instant::now() + HEARTBEAT, HEARTBEAT),
            _seat: seat,
        };
        Ok((token, subscription))
    }

    fn into_response(self) -> Response {
        let chunks = stream::unfold(self, |mut subscription| async {
            let chunk = subscription.next().await?;
            Some((Ok::<_, Infallible>(chunk), subscription))
        });
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
        ];
        (headers, Body::from_stream(chunks)).into_response()
    }

    /// What is to be sent next; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.greeted {
            self.greeted = true;
            return Some(self.greeting());
        }
        loop {
            // A token that was revoked or has expired ends its streams.
            let until_its_end = self.until_token_ends()?;
            let woken = tokio::select! {
                changed = self.published.changed() => {
                    changed.ok()?;
                    None
                }
                _ = self.heartbeat.tick() => Some(HEARTBEAT_COMMENT),
                // Looked at once more above.
                () = tokio::time::sleep(until_its_end) => continue,
                () = self.stopping.clone().comes() => return None,
            };
            self.until_token_ends()?;
            if let Some(chunk) = woken.or_else(|| self.news()) {
                return Some(chunk);
            }
        }
    }

    /// `None` when its token does not work any more, otherwise for how long it may.
    fn until_token_ends(&self) -> Option<Duration> {
        let store = self.ofrep.store();
        let now_ms = store.clock().now_ms();
        let token = store.live().token(&self.token, now_ms).ok()?;
        let left_ms = token.works_until_ms().map_or(i64::MAX, |until_ms| until_ms - now_ms);
        // A clock that a test moves is looked at with the heartbeat.
        Some(Duration::from_millis(left_ms.try_into().unwrap_or_default()).min(HEARTBEAT))
    }

    /// When to come back and with which id, and what was missed.
    fn greeting(&mut self) -> Bytes {
        let retry_ms = self.reconnect_ms();
        let news = self.news();
        let id = format!("retry: {retry_ms}\nid: {}\n\n", self.known);
        [id.as_bytes(), news.as_deref().unwrap_or_default()].concat().into()
    }

    fn reconnect_ms(&self) -> u64 {
        let spread = RECONNECT_MS_MAX - RECONNECT_MS_MIN;
        RECONNECT_MS_MIN + self.ofrep.parts.request_ids.draw() % (spread + 1)
    }

    /// The newest event when the client does not know of it yet. Any difference counts: after a backup was put
    /// back the revision is a lower one.
    fn news(&mut self) -> Option<Bytes> {
        let published = self.published.borrow_and_update();
        let event = published.event(self.environment.as_str())?;
        let before = std::mem::replace(&mut self.known, event.revision);
        (before != event.revision).then(|| event.bytes.clone())
    }
}
