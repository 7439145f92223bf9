//! The character NUL. PostgreSQL keeps no text that holds it and no person types it, so it is refused at the edge, at every
//! door and on both databases: in an address, in a form, and in JSON. Bodies are looked at while they are read, whoever
//! reads them; what comes after a NUL is not handed on, and the body ends with an error.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::{body::Body, extract::Request};
use bytes::Bytes;
use http::{HeaderMap, Uri, header};
use http_body::{Frame, SizeHint};

use super::{coding::BodyCoding, door::Door};

/// Whether the path or the query holds a NUL.
pub fn in_address(uri: &Uri) -> bool {
    let found = |text: &str| Scanner::form().finds(text.as_bytes());
    found(uri.path()) || uri.query().is_some_and(found)
}

/// Set while the body of a request is read.
#[derive(Clone, Default)]
pub struct Found(Arc<AtomicBool>);

impl Found {
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The request with a body that is looked at; `None` when nothing in it is text of ours.
pub fn watch(door: &Door, request: Request) -> (Request, Option<Found>) {
    let empty = http_body::Body::is_end_stream(request.body());
    let kind = media_type(request.headers());
    if empty || (door.tells_items)(request.uri().path()) || is_upload(door, kind) {
        return (request, None);
    }
    let scanner = Scanner::of(door, kind);
    if matches!(BodyCoding::of(request.headers()), Ok(Some(_))) {
        let mut request = request;
        request.extensions_mut().insert(Unseen(scanner));
        return (request, None);
    }
    let found = Found::default();
    let watched = found.clone();
    let request = request.map(|inner| Body::new(Watched { inner, scanner, found: watched, ended: false }));
    (request, Some(found))
}

/// With a request whose body is compressed: whoever decompresses it looks at what comes out.
#[derive(Clone)]
pub struct Unseen(Scanner);

impl Unseen {
    pub fn is_in(&self, decompressed: &[u8]) -> bool {
        self.0.clone().finds(decompressed)
    }
}

/// A form with a file: in some encodings of text a zero byte is part of a letter, so whoever decodes the parts looks for a
/// NUL.
fn is_upload(door: &Door, kind: &str) -> bool {
    door.takes_forms && kind == "multipart/form-data"
}

fn media_type(headers: &HeaderMap) -> &str {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim()
}

/// Looks for one sequence of bytes that may be spread over several pieces.
#[derive(Clone)]
struct Scanner {
    /// What a NUL is written as: `%00` in forms, `\u0000` in JSON.
    written: &'static [u8],
    /// How much of that was seen.
    seen: usize,
    /// A backslash before the next byte takes its meaning away.
    escaped: bool,
    /// A plain zero byte is one as well; in JSON it is an error of its own.
    plain: bool,
}

impl Scanner {
    const fn form() -> Self {
        Self { written: b"%00", seen: 0, escaped: false, plain: true }
    }

    const fn json() -> Self {
        Self { written: b"\\u0000", seen: 0, escaped: false, plain: false }
    }

    /// APIs read JSON, whatever it is called: `curl -d` says that it is a form.
    fn of(door: &Door, kind: &str) -> Self {
        if door.takes_forms && kind == "application/x-www-form-urlencoded" {
            Self::form()
        } else {
            Self::json()
        }
    }

    fn finds(&mut self, bytes: &[u8]) -> bool {
        // Most bodies hold nothing that could begin one.
        if self.seen == 0 && !self.escaped && !self.plain && memchr::memchr(self.written[0], bytes).is_none()
        {
            return false;
        }
        bytes.iter().any(|byte| self.ends_with(*byte))
    }

    /// Whether the sequence is complete with this byte.
    fn ends_with(&mut self, byte: u8) -> bool {
        if self.plain && byte == 0 {
            return true;
        }
        if std::mem::take(&mut self.escaped) && byte == b'\\' {
            self.seen = 0;
            return false;
        }
        if self.written.get(self.seen) != Some(&byte) {
            self.seen = 0;
        }
        if self.written.get(self.seen) == Some(&byte) {
            self.seen += 1;
            self.escaped = byte == b'\\';
        }
        self.seen == self.written.len()
    }
}

/// A body that is looked at on its way.
struct Watched {
    inner: Body,
    scanner: Scanner,
    found: Found,
    ended: bool,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        let Some(Ok(frame)) = frame else {
            self.ended = true;
            let refused = self.found.is_set().then(|| Err(axum::Error::new(NulInside)));
            return Poll::Ready(refused.or(frame));
        };
        if !self.found.is_set() && frame.data_ref().is_some_and(|data| self.scanner.finds(data)) {
            self.found.0.store(true, Ordering::Relaxed);
        }
        // The rest is read, so that its sender gets to read the answer, but nobody works with it.
        let frame = if self.found.is_set() { Frame::data(Bytes::new()) } else { frame };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && !self.found.is_set()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Why such a body ends early.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the body holds the character NUL")]
struct NulInside;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_found_however_the_body_is_cut() {
        let json = |text: &'static [u8]| (Scanner::json as fn() -> Scanner, text);
        let form = |text: &'static [u8]| (Scanner::form as fn() -> Scanner, text);
        for ((scanner, text), expected) in [
            (json(br#"{"a":"\u0000"}"#), true),
            (json(br#"{"a":"x\\\u0000"}"#), true),
            (json(br#"{"a":"\\u0000"}"#), false),
            (json(br#"{"a":"\\\\u0000"}"#), false),
            (json(br#"{"a":"\u0001\u000"}"#), false),
            (json(br#"{"a":"\u00\u0000"}"#), true),
            (json(b"{\"a\":\"%00\"}"), false),
            (form(b"a=x%00"), true),
            (form(b"a=x%0%00"), true),
            (form(b"a=%2500&b=%0A0"), false),
            (form(b"a=\0"), true),
            (form(br"a=\u0000"), false),
        ] {
            assert_eq!(scanner().finds(text), expected, "{}", text.escape_ascii());
            let mut split = scanner();
            assert_eq!(text.iter().any(|byte| split.finds(&[*byte])), expected);
        }
    }

    #[test]
    fn addresses_are_looked_at_decoded_once() {
        for (uri, expected) in
            [("/a%00b", true), ("/a?q=%00", true), ("/a%2500?q=%2500", false), ("/?q=100%25", false)]
        {
            assert_eq!(in_address(&uri.parse().expect("an address")), expected, "{uri}");
        }
    }
}
