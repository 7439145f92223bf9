//! The one way to read a body, whichever door it comes through: by somebody known, up to a size, in bounded time, and
//! within what all bodies together may take. What was compressed is decompressed; the size holds before and after.
//!
//! A body that nobody reads is left alone: the answer goes out at once, and the connection ends after it.

pub mod answered;
mod decoded;
pub mod numbers;

use std::{ops::Deref, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use bytes::{Bytes, BytesMut};
use http::{header::CONTENT_LENGTH, request::Parts};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::{decoded::Decoding, numbers::whole_numbers};
use super::{coding::BodyCoding, fault::Fault, nul};
use crate::{
    Config, lanes,
    limits::{JSON_WEIGHT_MAX, STRANGER_BODY_BYTES_MAX, STRANGERS_BODIES_BYTES_MAX},
};

/// A document of less weight is not counted.
const LIGHT_JSON: usize = 64 * 1024;

/// What is only made from a token or a session that was checked. Bodies of others are read by
/// [`Bodies::read_of_stranger`].
pub trait Authenticated {}

impl Authenticated for store::Principal {}
impl Authenticated for store::PeopleWriter {}
/// While its session cannot be looked at.
impl Authenticated for store::SeenSession {}
/// Whose session has ended: what they typed meanwhile is theirs all the same.
impl Authenticated for store::FamiliarDevice {}

/// The bodies of all requests.
pub struct Bodies {
    known: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    read_max: Duration,
}

/// What a body takes of the memory for all of them; given back when it is dropped.
#[derive(Default)]
pub struct Held(Option<OwnedSemaphorePermit>);

/// A whole body. What it takes is given back when it is dropped: after the request was handled.
pub struct Whole {
    bytes: Bytes,
    held: Held,
    of: Arc<Semaphore>,
}

/// A JSON body, read; its memory counts for as long as this lives.
pub struct Sent<T> {
    pub value: T,
    _whole: Whole,
}

/// The body of a request for a handler that looks at its token first.
pub struct Unread {
    parts: Parts,
    body: Body,
}

impl Bodies {
    pub fn new(config: &Config) -> Self {
        let semaphore = |bytes: usize| Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS)));
        Self {
            known: semaphore(config.bodies_bytes_max),
            strangers: semaphore(STRANGERS_BODIES_BYTES_MAX),
            read_max: config.body_read_max,
        }
    }

    /// The whole body as it was before it was compressed, or why there is none.
    pub async fn read(
        &self,
        _by: &impl Authenticated,
        body: Body,
        parts: &Parts,
        bytes_max: usize,
    ) -> Result<Whole, Fault> {
        self.collect(&self.known, body, parts, bytes_max).await?.plain(parts, bytes_max).await
    }

    /// The whole body as it was sent: [`Whole::decoded`] makes of it what it was, where that may take long.
    pub async fn read_as_sent(
        &self,
        _by: &impl Authenticated,
        body: Body,
        parts: &Parts,
        bytes_max: usize,
    ) -> Result<Whole, Fault> {
        self.collect(&self.known, body, parts, bytes_max).await
    }

    /// A small body of somebody who has shown neither token nor session.
    pub async fn read_of_stranger(&self, body: Body, parts: &Parts) -> Result<Whole, Fault> {
        let bytes_max = STRANGER_BODY_BYTES_MAX;
        self.collect(&self.strangers, body, parts, bytes_max).await?.plain(parts, bytes_max).await
    }

    async fn collect(
        &self,
        of: &Arc<Semaphore>,
        body: Body,
        parts: &Parts,
        bytes_max: usize,
    ) -> Result<Whole, Fault> {
        let announced =
            parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|bytes| bytes > bytes_max) {
            return Err(Fault::TooLarge { bytes_max });
        }
        let mut held = Held::default();
        let reading = collect(body, bytes_max, of, &mut held);
        let reading = lanes::aside(tokio::time::timeout(self.read_max, reading));
        let bytes = reading.await.unwrap_or(Err(Fault::TimedOut))?;
        Ok(Whole { bytes, held, of: Arc::clone(of) })
    }
}

/// Most bodies arrive in one piece, which is passed on without a copy: it lies in the connection's buffer already and
/// takes nothing of what all share, so that decisions are answered however many large bodies are on their way.
async fn collect(
    mut body: Body,
    bytes_max: usize,
    of: &Arc<Semaphore>,
    held: &mut Held,
) -> Result<Bytes, Fault> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut length = 0;
    while !http_body::Body::is_end_stream(&body) {
        let Some(frame) = body.frame().await else { break };
        let Ok(data) = frame.map_err(|_| Fault::BrokenBody)?.into_data() else { continue };
        length += data.len();
        if length > bytes_max {
            return Err(Fault::TooLarge { bytes_max });
        }
        if first.is_empty() {
            first = data;
            if !http_body::Body::is_end_stream(&body) {
                held.grow(of, first.len())?;
            }
            continue;
        }
        held.grow(of, data.len())?;
        if rest.is_empty() {
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&data);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

impl Held {
    fn grow(&mut self, of: &Arc<Semaphore>, bytes: usize) -> Result<(), Fault> {
        let bytes = u32::try_from(bytes).map_err(|_| Fault::Busy)?;
        let more = Arc::clone(of).try_acquire_many_owned(bytes).map_err(|_| Fault::Busy)?;
        match &mut self.0 {
            Some(held) => held.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

impl Whole {
    /// Decompresses it if it is compressed, in pieces between which others have their turn.
    async fn plain(mut self, parts: &Parts, bytes_max: usize) -> Result<Self, Fault> {
        let Some(coding) = BodyCoding::of(&parts.headers)?.filter(|_| !self.bytes.is_empty()) else {
            return Ok(self);
        };
        let sent = std::mem::take(&mut self.bytes);
        let mut decoding = Decoding::new(coding, &sent, bytes_max)?;
        while let Some(more) = decoding.step()? {
            self.held.grow(&self.of, more)?;
            tokio::task::yield_now().await;
        }
        let bytes = decoding.into_bytes();
        if parts.extensions.get::<nul::Unseen>().is_some_and(|it| it.is_in(&bytes)) {
            return Err(Fault::Nul);
        }
        Ok(Self { bytes: bytes.into(), ..self })
    }

    /// As it was before it was compressed, at once: for threads on which nobody else waits.
    pub fn decoded(mut self, coding: BodyCoding, bytes_max: usize) -> Result<Self, Fault> {
        let sent = std::mem::take(&mut self.bytes);
        let mut decoding = Decoding::new(coding, &sent, bytes_max)?;
        while let Some(more) = decoding.step()? {
            self.held.grow(&self.of, more)?;
        }
        Ok(Self { bytes: decoding.into_bytes().into(), ..self })
    }

    /// The bytes, and what has to be kept while they are used.
    pub fn into_parts(self) -> (Bytes, Held) {
        (self.bytes, self.held)
    }

    /// Counts what the values of a JSON document will take, before they are made.
    pub fn weigh_json(&mut self) -> Result<(), Fault> {
        let weight = json_weight(&self.bytes);
        if weight > JSON_WEIGHT_MAX {
            return Err(Fault::TooDetailed);
        }
        if weight > LIGHT_JSON { self.held.grow(&self.of, weight) } else { Ok(()) }
    }

    fn json<T: DeserializeOwned, E: From<Fault>>(
        mut self,
        malformed: impl FnOnce(String) -> E,
    ) -> Result<Sent<T>, E> {
        self.weigh_json()?;
        let value =
            serde_json::from_slice(&whole_numbers(&self)).map_err(|error| malformed(error.to_string()))?;
        Ok(Sent { value, _whole: self })
    }
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Unread {
    /// Of a request that was taken apart.
    pub fn of(parts: Parts, body: Body) -> Self {
        Self { parts, body }
    }

    /// The body as JSON, whatever it says of its type; `malformed` makes the refusal of the sentence that says why not.
    pub async fn json<T: DeserializeOwned, E: From<Fault>>(
        self,
        bodies: &Bodies,
        by: &impl Authenticated,
        bytes_max: usize,
        malformed: impl FnOnce(String) -> E,
    ) -> Result<Sent<T>, E> {
        bodies.read(by, self.body, &self.parts, bytes_max).await?.json(malformed)
    }

    /// The same, where nothing needs to be sent.
    pub async fn json_or_default<T: DeserializeOwned + Default, E: From<Fault>>(
        self,
        bodies: &Bodies,
        by: &impl Authenticated,
        bytes_max: usize,
        malformed: impl FnOnce(String) -> E,
    ) -> Result<Sent<T>, E> {
        let whole = bodies.read(by, self.body, &self.parts, bytes_max).await?;
        if whole.is_empty() {
            return Ok(Sent { value: T::default(), _whole: whole });
        }
        let Sent { value, _whole: whole } = whole.json::<Option<T>, E>(malformed)?;
        Ok(Sent { value: value.unwrap_or_default(), _whole: whole })
    }
}

impl<S: Send + Sync> FromRequest<S> for Unread {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        Ok(Self::of(parts, body))
    }
}

/// About what the values of this document take in memory: a node of a map for each object, and for every element of a
/// list or member of an object what a value and a short text take.
fn json_weight(json: &[u8]) -> usize {
    const OBJECT: usize = 640;
    const VALUE: usize = 64;
    let (mut weight, mut in_text, mut escaped) = (json.len(), false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' if !in_text => weight += OBJECT,
            b'[' | b',' if !in_text => weight += VALUE,
            _ => {}
        }
    }
    weight
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;

    use super::*;

    struct Somebody;

    impl Authenticated for Somebody {}

    fn bodies(bytes_max: usize) -> Bodies {
        Bodies::new(&Config { bodies_bytes_max: bytes_max, ..Config::default() })
    }

    fn in_pieces(pieces: &[&'static str]) -> Body {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok::<_, Infallible>(Bytes::from(*piece))).collect();
        Body::from_stream(stream::iter(pieces))
    }

    async fn read(bodies: &Bodies, body: Body, bytes_max: usize) -> Result<Whole, Fault> {
        bodies.read(&Somebody, body, &parts(&[]), bytes_max).await
    }

    fn parts(headers: &[(http::HeaderName, &str)]) -> Parts {
        let request = headers.iter().fold(Request::builder(), |it, (name, value)| it.header(name, *value));
        request.body(()).expect("a request").into_parts().0
    }

    #[tokio::test]
    async fn all_bodies_together_have_a_limit_and_what_is_handled_counts() {
        let bodies = bodies(10);
        let held = read(&bodies, in_pieces(&["abc", "def"]), 100).await.expect("read");
        assert_eq!(&*held, b"abcdef");
        assert_eq!(read(&bodies, in_pieces(&["abc", "def"]), 100).await.err(), Some(Fault::Busy));
        assert!(read(&bodies, Body::from("in one piece, however long"), 100).await.is_ok());
        drop(held);
        assert!(read(&bodies, in_pieces(&["abc", "def"]), 100).await.is_ok(), "it was given back");
        assert_eq!(bodies.known.available_permits(), 10);
    }

    #[tokio::test]
    async fn a_body_has_a_size_and_a_time() {
        let read_max = Duration::from_millis(20);
        let bodies = Bodies { read_max, ..bodies(1000) };
        let too_large = Some(Fault::TooLarge { bytes_max: 5 });
        assert_eq!(read(&bodies, in_pieces(&["abc", "def"]), 5).await.err(), too_large);
        assert_eq!(read(&bodies, Body::from("abcdef"), 5).await.err(), too_large);
        let announced = parts(&[(CONTENT_LENGTH, "6")]);
        let never = || Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        assert_eq!(
            bodies.read(&Somebody, never(), &announced, 5).await.err(),
            too_large,
            "before it is read"
        );
        assert_eq!(read(&bodies, never(), 5).await.err(), Some(Fault::TimedOut));
        assert_eq!(bodies.known.available_permits(), 1000);
    }

    #[tokio::test]
    async fn many_small_values_are_counted_before_they_are_made() {
        let bodies = bodies(JSON_WEIGHT_MAX * 2);
        let objects: &'static str = String::leak(format!("[{}{{}}]", "{},".repeat(60_000)));
        let mut whole = read(&bodies, in_pieces(&[objects, " "]), 1_000_000).await.expect("read");
        assert_eq!(whole.weigh_json().err(), Some(Fault::TooDetailed));
        let mut text =
            read(&bodies, in_pieces(&[r#"["{,[{,["#, r#"\"{{"]"#]), 1_000_000).await.expect("read");
        text.weigh_json().expect("is light");
        assert_eq!(json_weight(br#"["{,[{,[\"{{"]"#), 14 + 64, "what stands in a text is no value");
    }
}
