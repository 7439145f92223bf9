//! Numbers as they were sent: whole ones to the last digit, which a float does not have room for.

use std::{cmp::Ordering, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

/// A number of an attribute or of a condition. Whole numbers of 64 bits are exact, signed or not; others are floats.
/// Two are equal when they are the same number, however they were written.
#[derive(Debug, Clone, Copy)]
pub struct Number(Kind);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Whole(i64),
    /// Beyond what is signed.
    Large(u64),
    /// None that [`Kind::Whole`] could hold, but for minus zero.
    Float(f64),
}

/// A number where it is written in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    Whole(i64),
    Large(u64),
    /// The bits of a float.
    Float(u64),
}

/// 2^63, the first float that no signed integer holds.
const SIGNED_END: f64 = 9_223_372_036_854_775_808.0;
/// 2^64.
const UNSIGNED_END: f64 = 2.0 * SIGNED_END;

impl Number {
    /// As people and programs write it: `12`, `-0.5`, `1e3`; `None` for what is no finite number.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(n) = text.parse::<i64>() {
            return Some(n.into());
        }
        if let Ok(n) = text.parse::<u64>() {
            return Some(n.into());
        }
        text.parse::<f64>().ok().filter(|n| n.is_finite()).map(Self::from)
    }

    pub fn is_finite(self) -> bool {
        match self.0 {
            Kind::Whole(_) | Kind::Large(_) => true,
            Kind::Float(n) => n.is_finite(),
        }
    }

    pub fn parts(self) -> Parts {
        match self.0 {
            Kind::Whole(n) => Parts::Whole(n),
            Kind::Large(n) => Parts::Large(n),
            Kind::Float(n) => Parts::Float(n.to_bits()),
        }
    }

    /// Calls `f` with the digits without allocating: whole numbers in full, others in the shortest form that reads back
    /// the same.
    pub fn with_text<R>(self, f: impl FnOnce(&str) -> R) -> R {
        match self.0 {
            Kind::Whole(n) => f(itoa::Buffer::new().format(n)),
            Kind::Large(n) => f(itoa::Buffer::new().format(n)),
            Kind::Float(0.0) => f("0"),
            Kind::Float(n) => f(ryu::Buffer::new().format(n)),
        }
    }
}

impl From<i64> for Number {
    #[inline]
    fn from(n: i64) -> Self {
        Self(Kind::Whole(n))
    }
}

impl From<i32> for Number {
    fn from(n: i32) -> Self {
        Self(Kind::Whole(n.into()))
    }
}

impl From<u32> for Number {
    fn from(n: u32) -> Self {
        Self(Kind::Whole(n.into()))
    }
}

impl From<u64> for Number {
    #[inline]
    fn from(n: u64) -> Self {
        i64::try_from(n).map_or(Self(Kind::Large(n)), Self::from)
    }
}

impl From<f64> for Number {
    fn from(n: f64) -> Self {
        let minus_zero = n == 0.0 && n.is_sign_negative();
        if (-SIGNED_END..SIGNED_END).contains(&n) && n.fract() == 0.0 && !minus_zero {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within 64 bits")]
            return Self(Kind::Whole(n as i64));
        }
        Self(Kind::Float(n))
    }
}

impl From<Parts> for Number {
    fn from(parts: Parts) -> Self {
        match parts {
            Parts::Whole(n) => n.into(),
            Parts::Large(n) => n.into(),
            Parts::Float(bits) => f64::from_bits(bits).into(),
        }
    }
}

impl PartialEq for Number {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

/// By value, to the last digit also between a whole number and a float.
impl PartialOrd for Number {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self.0, other.0) {
            (Kind::Whole(a), Kind::Whole(b)) => Some(a.cmp(&b)),
            (Kind::Large(a), Kind::Large(b)) => Some(a.cmp(&b)),
            (Kind::Whole(_), Kind::Large(_)) => Some(Ordering::Less),
            (Kind::Large(_), Kind::Whole(_)) => Some(Ordering::Greater),
            (Kind::Float(a), Kind::Float(b)) => a.partial_cmp(&b),
            (Kind::Whole(a), Kind::Float(b)) => compare(a.into(), b),
            (Kind::Large(a), Kind::Float(b)) => compare(a.into(), b),
            (Kind::Float(a), Kind::Whole(b)) => compare(b.into(), a).map(Ordering::reverse),
            (Kind::Float(a), Kind::Large(b)) => compare(b.into(), a).map(Ordering::reverse),
        }
    }
}

/// A whole number of 64 bits with a float.
fn compare(whole: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float >= UNSIGNED_END {
        return Some(Ordering::Less);
    }
    if float < -SIGNED_END {
        return Some(Ordering::Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number, and within 65 bits")]
    let floor = float.floor() as i128;
    let beyond = if float.fract() == 0.0 { Ordering::Equal } else { Ordering::Less };
    Some(whole.cmp(&floor).then(beyond))
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

/// A whole number without a fraction: `12`, not `12.0`.
impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Kind::Whole(n) => serializer.serialize_i64(n),
            Kind::Large(n) => serializer.serialize_u64(n),
            Kind::Float(n) => serializer.serialize_f64(n),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNumber)
    }
}

struct AnyNumber;

impl Visitor<'_> for AnyNumber {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<Number, E> {
        Ok(n.into())
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Number, E> {
        Ok(n.into())
    }

    fn visit_f64<E: Error>(self, n: f64) -> Result<Number, E> {
        Ok(n.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        for (n, text) in [(17.0, "17"), (-3.0, "-3"), (0.5, "0.5"), (1e20, "1e20"), (-0.0, "0")] {
            assert_eq!(Number::from(n).to_string(), text);
        }
        for (text, read) in [(" 12 ", "12"), ("+5", "5"), ("2.50", "2.5"), ("1e3", "1000"), ("-7.0", "-7")] {
            assert_eq!(Number::parse(text).map(|n| n.to_string()).as_deref(), Some(read), "{text}");
        }
        for text in ["", "many", "inf", "NaN", "1e999", "0x1f", "1,000"] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn whole_numbers_keep_every_digit_and_come_back_as_they_were() {
        let whole = ["0", "12", "-12", "9007199254740993", "-9007199254740993", "9223372036854775807"];
        for text in whole.into_iter().chain(["-9223372036854775808", "18446744073709551615"]) {
            let n: Number = serde_json::from_str(text).expect("a number");
            assert_eq!(n.to_string(), text);
            assert_eq!(serde_json::to_string(&n).expect("JSON"), text);
            assert_eq!(Number::parse(text), Some(n));
            assert_eq!(Number::from(n.parts()).to_string(), text);
        }
        for (text, written) in
            [("12.0", "12"), ("1e3", "1000"), ("0.5", "0.5"), ("-0.0", "-0.0"), ("1e300", "1e+300")]
        {
            let n: Number = serde_json::from_str(text).expect("a number");
            assert_eq!(serde_json::to_string(&n).expect("JSON"), written);
        }
    }

    #[test]
    fn numbers_are_compared_to_the_last_digit() {
        let n = |text: &str| Number::parse(text).expect("a number");
        for (less, more) in [
            ("9007199254740992", "9007199254740993"),
            ("9007199254740993", "9007199254740994"),
            ("-9007199254740993", "-9007199254740992"),
            ("9223372036854775807", "9223372036854775808"),
            ("18446744073709551615", "1.8446744073709552e19"),
            ("-1e19", "-9223372036854775808"),
            ("2", "2.5"),
            ("-3", "-2.5"),
            ("-2.5", "-2"),
            ("0.5", "1"),
            ("9223372036854775807", "1e300"),
        ] {
            assert!(n(less) < n(more) && n(more) > n(less) && n(less) != n(more), "{less} < {more}");
        }
        assert_eq!(n("10000000000000000000"), n("1e19"));
        assert_eq!(n("0"), Number::from(-0.0));
        assert_eq!(Number::from(f64::NAN).partial_cmp(&n("1")), None);
        assert_ne!(Number::from(f64::NAN), Number::from(f64::NAN));
    }
}
