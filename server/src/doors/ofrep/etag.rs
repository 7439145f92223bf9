//! The ETag of a bulk answer: made from everything the answer depends on, before anything is evaluated.
//!
//! That is the state of the environment (revision and enrolment times that have passed), the token (its kind decides
//! what is believed), the context, the subject's stored traits, and the window of the stream ticket: a client that
//! is answered 304 keeps the stream address it has, so the tag must not hold longer than that address does.

use engine::{Parts, Preview, Traits, ValueRef};
use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use store::Token;

use super::{context::CallerContext, prepared::Prepared};

const TAG_BYTES: usize = 16;

/// What a bulk answer depends on.
pub struct Inputs<'a> {
    pub prepared: &'a Prepared,
    pub now_ms: i64,
    pub token: &'a Token,
    pub context: &'a CallerContext,
    pub traits: Traits<'a>,
    pub ticket_window: i64,
    /// The receipts of an answer hold for some days: one that is kept must be renewed before they end.
    pub receipt_day: i64,
    /// One that still holds: when it ends, the answer is another one.
    pub preview: Option<&'a Preview>,
    /// Decided without the database; the answer says so.
    pub is_stale: bool,
}

impl Inputs<'_> {
    /// A strong tag with its quotes.
    pub fn etag(&self) -> HeaderValue {
        let revision = self.prepared.revision(self.now_ms);
        let mut hash = Canonical(Sha256::new());
        hash.text(self.token.environment_key());
        hash.number(revision.revision);
        hash.number(revision.passed.into());
        hash.text(&self.token.id.to_string());
        hash.number(self.ticket_window.cast_unsigned());
        hash.number(self.receipt_day.cast_unsigned());
        hash.text(self.context.targeting_key.as_ref().map_or("", |key| key.as_str()));
        hash.attributes((&self.context.attributes).into());
        hash.attributes(self.traits);
        if self.is_stale {
            hash.text("stale");
        }
        if let Some(Preview { flag, subject, variant }) = self.preview {
            hash.text(flag.as_str());
            hash.text(subject.as_str());
            hash.text(variant.as_str());
        }
        let digest = hash.0.finalize();
        let hex: String = digest.iter().take(TAG_BYTES).flat_map(|byte| hex_digits(*byte)).collect();
        HeaderValue::try_from(format!("\"{hex}\"")).unwrap_or(HeaderValue::from_static("\"\""))
    }
}

fn hex_digits(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'))
}

/// Every part with its length or kind in front, so that no two inputs are written alike.
struct Canonical(Sha256);

impl Canonical {
    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text);
    }

    /// Sorted by name already.
    fn attributes(&mut self, attributes: Traits<'_>) {
        self.number(attributes.len() as u64);
        for (name, value) in attributes.iter() {
            self.text(name);
            match value {
                ValueRef::Boolean(value) => self.0.update([0, u8::from(value)]),
                ValueRef::Number(value) => {
                    let (kind, bits) = match value.parts() {
                        Parts::Whole(n) => (1, n.cast_unsigned()),
                        Parts::Large(n) => (4, n),
                        Parts::Float(bits) => (5, bits),
                    };
                    self.0.update([kind]);
                    self.number(bits);
                }
                ValueRef::Text(value) => {
                    self.0.update([2]);
                    self.text(value);
                }
                ValueRef::List(values) => {
                    self.0.update([3]);
                    self.number(values.len() as u64);
                    for value in values.iter() {
                        self.text(value);
                    }
                }
            }
        }
    }
}
