//! People packed: what a search looks at, in lower case, in one text, and beside it the few bytes that say how to read
//! the values out of it. A text that is in lower case anyway, as most are, is stored once.
//!
//! The text of a person: their key, then their values, each behind a tab, then a line feed; a key or value that is not
//! in lower case follows once more as it is, and numbers and truth values come last, as they are read. The row: for the
//! key and each value, in the order of the names, a number and the lengths. All integers are LEB128.

use super::{names::Names, value::ValueRef};
use crate::number::Parts;

/// Stands before each value in the text; no key has one.
pub const VALUE_SEPARATOR: char = '\t';
/// Ends a person in the text.
const PERSON: char = '\n';

/// What follows the number of a name, in its lowest bits.
mod kind {
    pub const FALSE: u64 = 0;
    pub const TRUE: u64 = 1;
    /// A signed whole number, in the order 0, -1, 1, -2 …
    pub const WHOLE: u64 = 2;
    /// Eight bytes.
    pub const FLOAT: u64 = 3;
    /// The length.
    pub const TEXT: u64 = 4;
    /// The length in lower case, the length as it is.
    pub const CASED: u64 = 5;
    /// How many, and for each twice the length in lower case; plus one, and the length as it is, when that differs.
    pub const LIST: u64 = 6;
    /// A whole number beyond the signed ones: eight bytes.
    pub const LARGE: u64 = 7;
    pub const BITS: u32 = 3;
}

/// Collects packed people: their rows and their texts, one after the other.
#[derive(Debug, Default)]
pub struct Packer {
    pub names: Names,
    pub rows: Vec<u8>,
    pub text: String,
}

/// One packed person.
#[derive(Debug, Clone, Copy)]
pub struct Packed<'a> {
    names: &'a Names,
    subject: &'a str,
    values: Cursor<'a>,
}

/// How far a row and its text were read. What does not fit together reads as ended: it is written by [`Packer`] only.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor<'a> {
    row: &'a [u8],
    text: &'a str,
}

/// The elements of a list that are still to be read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PackedItems<'a> {
    pub(super) count: usize,
    pub(super) cursor: Cursor<'a>,
}

impl Packer {
    /// The values in the order of their names.
    pub fn push<'v>(&mut self, subject: &str, values: impl Iterator<Item = (&'v str, ValueRef<'v>)> + Clone) {
        let lower = push_lower(&mut self.text, subject);
        self.lengths(lower, subject);
        for (name, value) in values.clone() {
            let name = u64::from(self.names.number(name)) << kind::BITS;
            self.value(name, value);
        }
        for (_, value) in values {
            if let ValueRef::Boolean(_) | ValueRef::Number(_) = value {
                self.text.push(VALUE_SEPARATOR);
                value.with_text(|text| self.text.push_str(text.unwrap_or_default()));
            }
        }
        self.text.push(PERSON);
    }

    /// Adds somebody who is packed already, as they stand there. Where names have other numbers nothing is added, and they
    /// are to be pushed.
    #[must_use]
    pub fn copy(&mut self, names: &Names, row: &[u8], text: &str) -> bool {
        let is_same = self.names.begin_with(names);
        if is_same {
            self.rows.extend_from_slice(row);
            self.text.push_str(text);
        }
        is_same
    }

    fn value(&mut self, name: u64, value: ValueRef<'_>) {
        match value {
            ValueRef::Boolean(false) => self.integer(name | kind::FALSE),
            ValueRef::Boolean(true) => self.integer(name | kind::TRUE),
            ValueRef::Number(n) => match n.parts() {
                Parts::Whole(n) => {
                    self.integer(name | kind::WHOLE);
                    self.integer(((n << 1) ^ (n >> 63)).cast_unsigned());
                }
                Parts::Large(n) => self.eight_bytes(name | kind::LARGE, n),
                Parts::Float(bits) => self.eight_bytes(name | kind::FLOAT, bits),
            },
            ValueRef::Text(text) => {
                self.text.push(VALUE_SEPARATOR);
                let lower = push_lower(&mut self.text, text);
                if lower.is_same {
                    self.integer(name | kind::TEXT);
                    self.integer(lower.bytes as u64);
                } else {
                    self.integer(name | kind::CASED);
                    self.integer(lower.bytes as u64);
                    self.as_it_is(text);
                }
            }
            ValueRef::List(items) => {
                self.integer(name | kind::LIST);
                self.integer(items.len() as u64);
                for item in items.iter() {
                    self.text.push(VALUE_SEPARATOR);
                    let lower = push_lower(&mut self.text, item);
                    self.lengths(lower, item);
                }
            }
        }
    }

    fn lengths(&mut self, lower: Lower, text: &str) {
        self.integer((lower.bytes as u64) << 1 | u64::from(!lower.is_same));
        if !lower.is_same {
            self.as_it_is(text);
        }
    }

    fn as_it_is(&mut self, text: &str) {
        self.integer(text.len() as u64);
        self.text.push(VALUE_SEPARATOR);
        self.text.push_str(text);
    }

    fn eight_bytes(&mut self, head: u64, n: u64) {
        self.integer(head);
        self.rows.extend(n.to_le_bytes());
    }

    fn integer(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.rows.push(n.to_le_bytes()[0] | 0x80);
            n >>= 7;
        }
        self.rows.push(n.to_le_bytes()[0]);
    }
}

impl<'a> Packed<'a> {
    /// Of the row and the text that one push added. `None` when they do not belong together.
    pub fn new(names: &'a Names, row: &'a [u8], text: &'a str) -> Option<Self> {
        let mut values = Cursor { row, text };
        let subject = values.either()?;
        Some(Self { names, subject, values })
    }

    pub fn subject(&self) -> &'a str {
        self.subject
    }

    pub(super) fn get(&self, name: &str) -> Option<ValueRef<'a>> {
        let wanted = self.names.find(name)?;
        let mut values = self.values;
        while let Some((number, value)) = values.value() {
            if number == wanted {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn entries(self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> + Clone + use<'a> {
        let (names, mut values) = (self.names, self.values);
        std::iter::from_fn(move || {
            let (number, value) = values.value()?;
            Some((names.get(number)?, value))
        })
    }
}

impl<'a> Cursor<'a> {
    fn value(&mut self) -> Option<(u32, ValueRef<'a>)> {
        let head = self.integer()?;
        let value = match head & ((1 << kind::BITS) - 1) {
            kind::FALSE => ValueRef::Boolean(false),
            kind::TRUE => ValueRef::Boolean(true),
            kind::WHOLE => ValueRef::Number(self.whole()?.into()),
            kind::LARGE => ValueRef::Number(self.eight_bytes()?.into()),
            kind::FLOAT => ValueRef::Number(Parts::Float(self.eight_bytes()?).into()),
            kind::TEXT => {
                let bytes = self.integer()?;
                ValueRef::Text(self.after_tab(bytes)?)
            }
            kind::CASED => {
                let lower = self.integer()?;
                self.after_tab(lower)?;
                let bytes = self.integer()?;
                ValueRef::Text(self.after_tab(bytes)?)
            }
            kind::LIST => {
                let count = usize::try_from(self.integer()?).ok()?;
                let list = ValueRef::packed_list(count, *self);
                for _ in 0..count {
                    self.item()?;
                }
                list
            }
            _ => return None,
        };
        Some((u32::try_from(head >> kind::BITS).ok()?, value))
    }

    fn whole(&mut self) -> Option<i64> {
        let coded = self.integer()?;
        Some((coded >> 1).cast_signed() ^ -(coded & 1).cast_signed())
    }

    fn eight_bytes(&mut self) -> Option<u64> {
        let (bytes, rest) = self.row.split_first_chunk()?;
        self.row = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    fn item(&mut self) -> Option<&'a str> {
        self.text = self.text.strip_prefix(VALUE_SEPARATOR)?;
        self.either()
    }

    /// A text in lower case, or behind it the same as it is.
    fn either(&mut self) -> Option<&'a str> {
        let coded = self.integer()?;
        let lower = self.take(coded >> 1)?;
        if coded & 1 == 0 {
            return Some(lower);
        }
        let bytes = self.integer()?;
        self.after_tab(bytes)
    }

    fn after_tab(&mut self, bytes: u64) -> Option<&'a str> {
        self.text = self.text.strip_prefix(VALUE_SEPARATOR)?;
        self.take(bytes)
    }

    fn take(&mut self, bytes: u64) -> Option<&'a str> {
        let (taken, rest) = self.text.split_at_checked(usize::try_from(bytes).ok()?)?;
        self.text = rest;
        Some(taken)
    }

    fn integer(&mut self) -> Option<u64> {
        let (mut n, mut shift) = (0, 0);
        loop {
            let (byte, rest) = self.row.split_first()?;
            self.row = rest;
            n |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(n);
            }
            shift += 7;
        }
    }
}

#[expect(
    clippy::copy_iterator,
    reason = "a value is a view that is passed on by copying; each walk over it has its own"
)]
impl<'a> Iterator for PackedItems<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.count = self.count.checked_sub(1)?;
        self.cursor.item()
    }
}

/// What was written of a text in lower case.
#[derive(Clone, Copy)]
struct Lower {
    bytes: usize,
    /// The text itself.
    is_same: bool,
}

fn push_lower(into: &mut String, text: &str) -> Lower {
    let from = into.len();
    if text.is_ascii() {
        into.push_str(text);
        into[from..].make_ascii_lowercase();
    } else {
        into.push_str(&text.to_lowercase());
    }
    Lower { bytes: into.len() - from, is_same: into[from..] == *text }
}
