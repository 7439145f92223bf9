//! Reads spans and log records out of OTLP's JSON one by one, each as far as it is wanted.

mod value;

use std::{borrow::Cow, fmt, marker::PhantomData};

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    logs::v1::LogRecord,
    trace::v1::{Span, Status, span::Event},
};
use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use self::value::JsonValue;
use super::{
    error::OtlpError,
    thin::{self, Export, Found},
};
use crate::limits::OTLP_ITEMS_MAX;

/// Calls `each` for every span.
pub fn spans(json: &[u8], mut each: impl FnMut(&Span) -> Result<(), OtlpError>) -> Result<(), OtlpError> {
    Export::values(json)?;
    let export = Export::default();
    items(json, &["resourceSpans", "scopeSpans", "spans"], &mut |span: JsonSpan| {
        let mut kept = Span {
            trace_id: span.trace_id.0,
            span_id: span.span_id.0,
            start_time_unix_nano: span.start_time_unix_nano.0,
            end_time_unix_nano: span.end_time_unix_nano.0,
            attributes: span.attributes.0,
            status: span.status.map(|status| Status { code: status.code, ..Status::default() }),
            ..Span::default()
        };
        export.count(&kept.attributes)?;
        for event in span.events.0 {
            export.count(&event.attributes)?;
            kept.events.push(event);
        }
        each(&kept)
    })
}

/// Calls `each` for every log record.
pub fn records(
    json: &[u8],
    mut each: impl FnMut(&LogRecord) -> Result<(), OtlpError>,
) -> Result<(), OtlpError> {
    Export::values(json)?;
    let export = Export::default();
    items(json, &["resourceLogs", "scopeLogs", "logRecords"], &mut |record: JsonRecord| {
        export.count(&record.attributes.0)?;
        each(&LogRecord {
            trace_id: record.trace_id.0,
            span_id: record.span_id.0,
            time_unix_nano: record.time_unix_nano.0,
            observed_time_unix_nano: record.observed_time_unix_nano.0,
            severity_number: record.severity_number,
            attributes: record.attributes.0,
            ..LogRecord::default()
        })
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonSpan {
    trace_id: Hex,
    span_id: Hex,
    start_time_unix_nano: Number,
    end_time_unix_nano: Number,
    attributes: Attributes,
    events: Events,
    status: Option<JsonStatus>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonStatus {
    code: i32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonRecord {
    trace_id: Hex,
    span_id: Hex,
    time_unix_nano: Number,
    observed_time_unix_nano: Number,
    severity_number: i32,
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonEvent {
    time_unix_nano: Number,
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonAttribute<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    value: Option<JsonValue<'a>>,
}

/// What is wanted of a list of attributes.
#[derive(Default)]
struct Attributes(Vec<KeyValue>);

/// The events that are about a flag.
#[derive(Default)]
struct Events(Vec<Event>);

/// An id.
#[derive(Default)]
struct Hex(Vec<u8>);

/// Written as a text by the encoding, as a number by some senders.
#[derive(Default)]
struct Number(u64);

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Attributes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of attributes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Attributes, A::Error> {
                let mut kept = Vec::new();
                while let Some(JsonAttribute { key, value }) = list.next_element()? {
                    thin::keep(&mut kept, &key, &value.map_or(Found::Nothing, |it| it.0));
                }
                Ok(Attributes(kept))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

impl<'de> Deserialize<'de> for Events {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Events;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of events")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Events, A::Error> {
                let mut kept = Vec::new();
                while let Some(JsonEvent { time_unix_nano, attributes }) = list.next_element()? {
                    // One more than there may be: it is refused where all evaluations are counted.
                    if thin::is_about_flag(&attributes.0) && kept.len() <= OTLP_ITEMS_MAX {
                        let (time_unix_nano, attributes) = (time_unix_nano.0, attributes.0);
                        kept.push(Event { time_unix_nano, attributes, ..Event::default() });
                    }
                }
                Ok(Events(kept))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Hex;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id in hexadecimal digits")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Hex, E> {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
                let byte = |pair: &[u8]| match pair {
                    [high, low] => Some(digit(high)? << 4 | digit(low)?),
                    _ => None,
                };
                let bytes: Option<Vec<_>> = text.as_bytes().chunks(2).map(byte).collect();
                bytes.map(|bytes| Hex(thin::id(&bytes))).ok_or_else(|| E::custom("an id is not hexadecimal"))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("nanoseconds, as a text or a number")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                text.parse().map(Number).map_err(|_| E::custom("nanoseconds are not a number"))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Calls `each` for what stands at the end of `path`, a list on every step.
fn items<'de, T: Deserialize<'de>>(
    json: &'de [u8],
    path: &[&str],
    each: &mut impl FnMut(T) -> Result<(), OtlpError>,
) -> Result<(), OtlpError> {
    let mut stopped = None;
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let object = Step { path, each, stopped: &mut stopped, item: PhantomData };
    let read = object.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match (stopped, read) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(OtlpError::malformed(&error.to_string())),
        (None, Ok(())) => Ok(()),
    }
}

/// An object whose member `path[0]` is wanted, or, inside a list, what the list holds.
struct Step<'s, T, F> {
    path: &'s [&'s str],
    each: &'s mut F,
    /// Why `each` wants no more.
    stopped: &'s mut Option<OtlpError>,
    item: PhantomData<T>,
}

struct List<'s, T, F>(Step<'s, T, F>);

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), OtlpError>> DeserializeSeed<'de> for Step<'_, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), OtlpError>> Visitor<'de> for Step<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Some((name, rest)) = self.path.split_first() else { return Ok(()) };
        while let Some(member) = members.next_key::<String>()? {
            if member == *name {
                let (each, stopped) = (&mut *self.each, &mut *self.stopped);
                let inner = Step { path: rest, each, stopped, item: self.item };
                members.next_value_seed(List(inner))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), OtlpError>> DeserializeSeed<'de> for List<'_, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), OtlpError>> Visitor<'de> for List<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Step { path, each, stopped, item } = self.0;
        if path.is_empty() {
            while let Some(found) = list.next_element()? {
                if let Err(error) = each(found) {
                    *stopped = Some(error);
                    return Err(A::Error::custom("no more"));
                }
            }
            return Ok(());
        }
        while let Some(()) =
            list.next_element_seed(Step { path, each: &mut *each, stopped: &mut *stopped, item })?
        {}
        Ok(())
    }
}
