//! Pairs of texts of a whole table, thousands in one answer: what a driver does for each row would cost more than all the
//! rest of reading them.

use futures::TryStreamExt as _;
use sqlx::PgConnection;
use tokio::sync::mpsc;

/// How either database tells all pairs.
#[derive(Debug)]
pub(crate) struct PairsSql {
    /// SQLite: the number of the last row.
    pub(crate) last: &'static str,
    /// SQLite: of the rows after `$1` up to `$2`, one after the other, the lengths of both texts, each before a space, and
    /// the texts; as one value.
    pub(crate) range: &'static str,
    /// PostgreSQL: a binary COPY of the two columns.
    pub(crate) copy: &'static str,
}

/// Some pairs, as they came.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    bytes: Vec<u8>,
    /// Where the first and the second text of each begin and end.
    places: Vec<[usize; 4]>,
}

/// What a binary COPY begins with.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

impl Pairs {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.places.iter().filter_map(|[a, b, c, d]| Some((self.bytes.get(*a..*b)?, self.bytes.get(*c..*d)?)))
    }

    /// Of lengths and texts.
    pub(super) fn of_lengths(bytes: Vec<u8>) -> Result<Self, sqlx::Error> {
        let (mut places, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let first = length(&bytes, &mut at).ok_or_else(damaged)?;
            let second = length(&bytes, &mut at).ok_or_else(damaged)?;
            let middle = at.checked_add(first).ok_or_else(damaged)?;
            let end = middle.checked_add(second).filter(|end| *end <= bytes.len()).ok_or_else(damaged)?;
            places.push([at, middle, middle, end]);
            at = end;
        }
        Ok(Self { bytes, places })
    }

    /// One message of a binary COPY: its head, a row, or the end, which has none.
    fn push_copied(&mut self, message: &[u8]) -> Result<(), sqlx::Error> {
        let base = self.bytes.len();
        let mut at = 0;
        if message.starts_with(SIGNATURE) {
            at = SIGNATURE.len() + 4;
            let more = number(message, &mut at).ok_or_else(damaged)?;
            at = at.checked_add(more).ok_or_else(damaged)?;
        }
        while let Some(fields) = message.get(at..at.saturating_add(2)) {
            match fields {
                [0, 2] => {}
                // Minus one ends it.
                [0xff, 0xff] => break,
                _ => return Err(damaged()),
            }
            at += 2;
            let mut text = || {
                let bytes = number(message, &mut at)?;
                let from = at;
                at = at.checked_add(bytes).filter(|end| *end <= message.len())?;
                Some((from, at))
            };
            let ((a, b), (c, d)) = text().zip(text()).ok_or_else(damaged)?;
            self.places.push([base + a, base + b, base + c, base + d]);
        }
        self.bytes.extend_from_slice(message);
        Ok(())
    }
}

/// Decimal, before a space.
fn length(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut length: usize = 0;
    loop {
        let byte = *bytes.get(*at)?;
        *at += 1;
        match byte {
            b' ' => return Some(length),
            b'0'..=b'9' => length = length.checked_mul(10)?.checked_add(usize::from(byte - b'0'))?,
            _ => return None,
        }
    }
}

/// Four bytes, none of which says that there is nothing.
fn number(message: &[u8], at: &mut usize) -> Option<usize> {
    let bytes = message.get(*at..*at + 4)?.try_into().ok()?;
    *at += 4;
    usize::try_from(i32::from_be_bytes(bytes)).ok()
}

fn damaged() -> sqlx::Error {
    sqlx::Error::Protocol("the answer does not have the form that was asked for".to_owned())
}

/// Everything, also when nobody receives it any more: the connection is of use again only after that.
pub(super) async fn copied(
    connection: &mut PgConnection,
    statement: &'static str,
    size: usize,
    pages: mpsc::Sender<Pairs>,
) -> Result<(), sqlx::Error> {
    let mut messages = connection.copy_out_raw(statement).await?;
    let mut page = Pairs::default();
    while let Some(message) = messages.try_next().await? {
        page.push_copied(&message)?;
        if page.places.len() >= size {
            drop(pages.send(std::mem::take(&mut page)).await);
        }
    }
    drop(pages.send(page).await);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &Pairs) -> Vec<(&[u8], &[u8])> {
        pairs.iter().collect()
    }

    #[test]
    fn lengths_say_where_texts_end() {
        let pairs = Pairs::of_lengths(b"3 2 ada{}0 4 1 2 12 0 no one at al".to_vec()).expect("pairs");
        assert_eq!(texts(&pairs), [(&b"ada"[..], &b"{}"[..]), (b"", b"1 2 "), (b"no one at al", b"")]);
        assert!(Pairs::of_lengths(Vec::new()).expect("none").iter().next().is_none());
        for damaged in
            ["3", "3 2", "3 2 ad", "x 2 ada{}", "-1 2 ada", "99999999999999999999 1 a", "3 2 ada{}1"]
        {
            assert!(Pairs::of_lengths(damaged.as_bytes().to_vec()).is_err(), "{damaged}");
        }
    }

    #[test]
    fn a_copy_is_read_message_by_message() {
        let row = b"\0\x02\0\0\0\x03ada\0\0\0\x02{}";
        let head = [SIGNATURE, &[0; 8]].concat();
        let end = b"\xff\xff";
        for messages in [
            vec![head.clone(), row.to_vec(), row.to_vec(), end.to_vec()],
            vec![[&head[..], row].concat(), [&row[..], end].concat()],
        ] {
            let mut pairs = Pairs::default();
            for message in &messages {
                pairs.push_copied(message).expect("a message");
            }
            assert_eq!(texts(&pairs), [(&b"ada"[..], &b"{}"[..]); 2]);
        }
        for damaged in [&b"\0\x03"[..], b"\0\x02\0\0\0\x03ad", b"\0\x02\xff\xff\xff\xff\0\0\0\0", SIGNATURE] {
            assert!(Pairs::default().push_copied(damaged).is_err(), "{damaged:?}");
        }
    }
}
