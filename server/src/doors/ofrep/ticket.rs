//! Stream tickets: what a browser's `EventSource`, which sends no headers, opens an event stream with.
//!
//! A ticket names a token by its hash and says until when it holds, signed with a secret that all copies of the
//! server share. It also carries the state that the answer it came with was made from: if that has changed by the
//! time the stream opens, the client is told at once, and no change falls between answer and stream.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use engine::SubjectKey;
use hmac::{Hmac, Mac, digest::InvalidLength};
use sha2::Sha256;
use store::TokenHash;

use super::revision::ConfigRevision;
use crate::limits::TICKET_WINDOW_MS;

/// Where event streams are; a ticket follows.
pub const STREAM_PATH: &str = "/ofrep/v1/stream/";

const MAC_BYTES: usize = 16;
/// Keeps this use of the workspace's secret apart from any other.
const PURPOSE: &[u8] = b"fader ofrep stream ticket 2\0";
const SUBJECT_PURPOSE: &[u8] = b"fader ofrep stream subject 1\0";
/// Of a ticket without a subject.
const NOBODY: &str = "-";

/// The key that tickets are signed with.
pub struct TicketKey {
    tickets: Hmac<Sha256>,
    subjects: Hmac<Sha256>,
}

/// Tells subjects apart without naming them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubjectMark(u64);

impl fmt::Display for SubjectMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What a valid ticket says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Epoch ms, exclusive.
    pub until_ms: i64,
    pub token: TokenHash,
    /// Whose streams it opens.
    pub subject: Option<SubjectMark>,
    pub revision: ConfigRevision,
}

/// The window of the tickets that are issued at `now_ms`.
pub fn window(now_ms: i64) -> i64 {
    now_ms.div_euclid(TICKET_WINDOW_MS)
}

impl Ticket {
    /// A ticket as it is issued at `now_ms`: it holds until the end of the next window.
    pub fn new(
        token: TokenHash,
        subject: Option<SubjectMark>,
        revision: ConfigRevision,
        now_ms: i64,
    ) -> Self {
        Self { until_ms: (window(now_ms) + 2) * TICKET_WINDOW_MS, token, subject, revision }
    }

    fn to_payload(&self) -> String {
        let subject = self.subject.map_or_else(|| NOBODY.to_owned(), |subject| subject.to_string());
        format!("{}.{}.{subject}.{}", self.until_ms, self.token, self.revision)
    }

    fn from_payload(payload: &str) -> Option<Self> {
        let mut parts = payload.splitn(4, '.');
        let mut part = || parts.next();
        let (until_ms, token, subject, revision) = (part()?, part()?, part()?, part()?);
        let mark = |subject| u64::from_str_radix(subject, 16).map(SubjectMark).ok();
        Some(Self {
            until_ms: until_ms.parse().ok()?,
            token: token.parse().ok()?,
            subject: if subject == NOBODY { None } else { Some(mark(subject)?) },
            revision: revision.parse().ok()?,
        })
    }
}

impl TicketKey {
    pub fn new(workspace_secret: &str) -> Result<Self, InvalidLength> {
        let key = |purpose| {
            let mut key = Hmac::<Sha256>::new_from_slice(workspace_secret.as_bytes())?;
            key.update(purpose);
            Ok(key)
        };
        Ok(Self { tickets: key(PURPOSE)?, subjects: key(SUBJECT_PURPOSE)? })
    }

    pub fn mark(&self, subject: &SubjectKey) -> SubjectMark {
        let mac = self.subjects.clone().chain_update(subject.as_str()).finalize().into_bytes();
        SubjectMark(mac.iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte)))
    }

    /// The last part of the stream's path: letters, digits, `.`, `-` and `_`.
    pub fn sign(&self, ticket: &Ticket) -> String {
        let payload = ticket.to_payload();
        let mac = self.tickets.clone().chain_update(&payload).finalize().into_bytes();
        format!("{payload}.{}", URL_SAFE_NO_PAD.encode(&mac[..MAC_BYTES]))
    }

    /// The ticket, when we signed it and it still holds.
    pub fn verify(&self, text: &str, now_ms: i64) -> Option<Ticket> {
        let (payload, mac) = text.rsplit_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok().filter(|mac| mac.len() == MAC_BYTES)?;
        self.tickets.clone().chain_update(payload).verify_truncated_left(&mac).ok()?;
        Ticket::from_payload(payload).filter(|ticket| now_ms < ticket.until_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(now_ms: i64) -> Ticket {
        let subject = Some(SubjectMark(0xfeed));
        Ticket::new(TokenHash::of("a token"), subject, ConfigRevision { revision: 9, passed: 2 }, now_ms)
    }

    #[test]
    fn a_ticket_holds_until_the_end_of_the_next_window() {
        let key = TicketKey::new("a secret").expect("a key");
        let text = key.sign(&ticket(TICKET_WINDOW_MS + 5));
        assert_eq!(key.verify(&text, 3 * TICKET_WINDOW_MS - 1), Some(ticket(TICKET_WINDOW_MS + 5)));
        assert_eq!(key.verify(&text, 3 * TICKET_WINDOW_MS), None);
    }

    #[test]
    fn a_ticket_tells_subjects_apart_and_may_have_none() {
        let key = TicketKey::new("a secret").expect("a key");
        let mark = |subject: &str| key.mark(&SubjectKey::parse(subject).expect("a key"));
        assert!(mark("u-1") == mark("u-1") && mark("u-1") != mark("u-2"));
        let nobody = Ticket { subject: None, ..ticket(0) };
        assert_eq!(key.verify(&key.sign(&nobody), 0), Some(nobody));
        assert!(!key.sign(&ticket(0)).contains("u-1"));
    }

    #[test]
    fn only_what_we_signed_is_a_ticket() {
        let key = TicketKey::new("a secret").expect("a key");
        let text = key.sign(&ticket(0));
        assert_eq!(TicketKey::new("another").expect("a key").verify(&text, 0), None);
        for at in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.verify(&String::from_utf8(forged).expect("ASCII"), 0), None, "character {at}");
        }
        for bad in ["", "x", "====", &text[1..], &format!("{text}AAAA")] {
            assert_eq!(key.verify(bad, 0), None, "{bad}");
        }
    }
}
