//! Reads spans and log records out of protobuf one by one, each as far as it is wanted.

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    logs::v1::LogRecord,
    trace::v1::{Span, Status, span::Event},
};

use super::{
    error::OtlpError,
    thin::{self, Export, Found},
};

/// Where the items are, in traces (resource, scope, span) as in logs.
const PATH: [u32; 3] = [1, 2, 2];

/// Calls `each` for every span.
pub fn spans(bytes: &[u8], mut each: impl FnMut(&Span) -> Result<(), OtlpError>) -> Result<(), OtlpError> {
    let export = Export::default();
    items((bytes, &export), &PATH, &mut |bytes| each(&span(bytes, &export)?))
}

/// Calls `each` for every log record.
pub fn records(
    bytes: &[u8],
    mut each: impl FnMut(&LogRecord) -> Result<(), OtlpError>,
) -> Result<(), OtlpError> {
    let export = Export::default();
    items((bytes, &export), &PATH, &mut |bytes| each(&record(bytes, &export)?))
}

fn items(
    (bytes, export): (&[u8], &Export),
    path: &[u32],
    each: &mut impl FnMut(&[u8]) -> Result<(), OtlpError>,
) -> Result<(), OtlpError> {
    let Some((step, rest)) = path.split_first() else { return each(bytes) };
    for field in Fields(bytes, export) {
        let (tag, content) = field?;
        if tag == *step {
            items((content.bytes()?, export), rest, each)?;
        }
    }
    Ok(())
}

fn span(bytes: &[u8], export: &Export) -> Result<Span, OtlpError> {
    let mut span = Span::default();
    for field in Fields(bytes, export) {
        let (tag, content) = field?;
        match tag {
            1 => span.trace_id = thin::id(content.bytes()?),
            2 => span.span_id = thin::id(content.bytes()?),
            7 => span.start_time_unix_nano = content.number()?,
            8 => span.end_time_unix_nano = content.number()?,
            9 => attribute((content.bytes()?, export), &mut span.attributes)?,
            11 => {
                let event = event(content.bytes()?, export)?;
                if export.count(&event.attributes)? {
                    span.events.push(event);
                }
            }
            15 => span.status = Some(status(content.bytes()?, export)?),
            _ => {}
        }
    }
    export.count(&span.attributes)?;
    Ok(span)
}

fn event(bytes: &[u8], export: &Export) -> Result<Event, OtlpError> {
    let mut event = Event::default();
    for field in Fields(bytes, export) {
        let (tag, content) = field?;
        match tag {
            1 => event.time_unix_nano = content.number()?,
            3 => attribute((content.bytes()?, export), &mut event.attributes)?,
            _ => {}
        }
    }
    Ok(event)
}

fn status(bytes: &[u8], export: &Export) -> Result<Status, OtlpError> {
    let mut status = Status::default();
    for field in Fields(bytes, export) {
        let (tag, content) = field?;
        if tag == 3 {
            status.code = i32::try_from(content.number()?).unwrap_or_default();
        }
    }
    Ok(status)
}

fn record(bytes: &[u8], export: &Export) -> Result<LogRecord, OtlpError> {
    let mut record = LogRecord::default();
    for field in Fields(bytes, export) {
        let (tag, content) = field?;
        match tag {
            1 => record.time_unix_nano = content.number()?,
            2 => record.severity_number = i32::try_from(content.number()?).unwrap_or_default(),
            6 => attribute((content.bytes()?, export), &mut record.attributes)?,
            9 => record.trace_id = thin::id(content.bytes()?),
            10 => record.span_id = thin::id(content.bytes()?),
            11 => record.observed_time_unix_nano = content.number()?,
            _ => {}
        }
    }
    export.count(&record.attributes)?;
    Ok(record)
}

fn attribute((bytes, export): (&[u8], &Export), attributes: &mut Vec<KeyValue>) -> Result<(), OtlpError> {
    let (mut name, mut value) = ("", None);
    for field in Fields(bytes, export) {
        let (tag, content) = field?;
        match tag {
            1 => name = text(content.bytes()?)?,
            2 => value = Some(content.bytes()?),
            _ => {}
        }
    }
    if !thin::is_wanted(name) {
        return Ok(());
    }
    let mut found = Found::Nothing;
    for field in Fields(value.unwrap_or_default(), export) {
        let (tag, content) = field?;
        found = match tag {
            1 => Found::of_text(text(content.bytes()?)?),
            2 => Found::of_truth(content.number()? != 0),
            3 => Found::of_whole(content.number()?.cast_signed()),
            4 => Found::of_number(f64::from_bits(content.number()?)),
            5..=7 => Found::Unreadable,
            _ => continue,
        };
    }
    thin::keep(attributes, name, &found);
    Ok(())
}

fn text(bytes: &[u8]) -> Result<&str, OtlpError> {
    std::str::from_utf8(bytes).map_err(|_| OtlpError::malformed("a text is not UTF-8"))
}

/// The fields of one message, in order, with their tags; counted for the whole export.
struct Fields<'b>(&'b [u8], &'b Export);

enum Content<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

impl<'b> Content<'b> {
    fn bytes(self) -> Result<&'b [u8], OtlpError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => Err(OtlpError::malformed("a number stands where a message belongs")),
        }
    }

    fn number(self) -> Result<u64, OtlpError> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Bytes(_) => Err(OtlpError::malformed("a message stands where a number belongs")),
        }
    }
}

impl<'b> Fields<'b> {
    fn take(&mut self, length: u64) -> Result<&'b [u8], OtlpError> {
        let taken = usize::try_from(length).ok().and_then(|length| self.0.split_at_checked(length));
        let (taken, rest) = taken.ok_or_else(|| OtlpError::malformed("the message breaks off"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// Little-endian, as fixed numbers are.
    fn fixed(&mut self, length: u64) -> Result<u64, OtlpError> {
        Ok(self.take(length)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn varint(&mut self) -> Result<u64, OtlpError> {
        let mut number = 0;
        for at in 0..10 {
            let byte = self.take(1)?.first().copied().unwrap_or_default();
            number |= u64::from(byte & 0x7f).checked_shl(at * 7).unwrap_or_default();
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(OtlpError::malformed("a number is too long"))
    }

    fn field(&mut self) -> Result<(u32, Content<'b>), OtlpError> {
        let key = self.varint()?;
        let tag = u32::try_from(key >> 3).map_err(|_| OtlpError::malformed("a field has no such number"))?;
        let content = match key & 7 {
            0 => Content::Number(self.varint()?),
            1 => Content::Number(self.fixed(8)?),
            2 => {
                let length = self.varint()?;
                Content::Bytes(self.take(length)?)
            }
            5 => Content::Number(self.fixed(4)?),
            _ => return Err(OtlpError::malformed("a field is of no kind that is used")),
        };
        Ok((tag, content))
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = Result<(u32, Content<'b>), OtlpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.1.field().and_then(|()| self.field());
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}
