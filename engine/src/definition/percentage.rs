//! A share of an audience in steps of 1/1000 of a per cent.

use std::fmt;

use serde::{Deserialize, Serialize};

/// 0 to 100 %, kept as an integer of 1/1000 % (0…100 000), which is also how it is serialised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Percentage(u32);

/// Why a text or number is not a percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPercentage {
    #[error("a percentage is a number from 0 to 100, for example 20 or 0.5")]
    NotANumber,
    #[error("a percentage lies between 0 and 100")]
    OutOfRange,
    #[error("a percentage has at most three decimals; the smallest step is 0.001 %")]
    TooFine,
}

impl Percentage {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self(100_000);

    /// From whole per cents; `None` above 100.
    pub const fn whole(per_cent: u32) -> Option<Self> {
        if per_cent > 100 { None } else { Some(Self(per_cent * 1000)) }
    }

    /// From 1/1000 %; `None` above 100 000.
    pub const fn from_thousandths(thousandths: u32) -> Option<Self> {
        if thousandths > 100_000 { None } else { Some(Self(thousandths)) }
    }

    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    pub const fn thousandths(self) -> u32 {
        self.0
    }

    /// Per cents as a float, for drawing only.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// Parses what a person types: `20`, `20 %`, `0.001`, also with a decimal comma.
    pub fn parse(text: &str) -> Result<Self, InvalidPercentage> {
        let text = text.trim();
        let text = text.strip_suffix('%').unwrap_or(text).trim_end();
        let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() {
            return Err(InvalidPercentage::NotANumber);
        }
        if whole.strip_prefix('-').is_some_and(|rest| digits(rest) && digits(fraction)) {
            return Err(InvalidPercentage::OutOfRange);
        }
        if !digits(whole) || !digits(fraction) {
            return Err(InvalidPercentage::NotANumber);
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 3 {
            return Err(InvalidPercentage::TooFine);
        }
        let whole = whole.trim_start_matches('0');
        if whole.len() > 3 {
            return Err(InvalidPercentage::OutOfRange);
        }
        let number = |s: &str| s.bytes().fold(0, |n, b| n * 10 + u32::from(b - b'0'));
        let scale = [1000, 100, 10, 1][fraction.len()];
        Self::from_thousandths(number(whole) * 1000 + number(fraction) * scale)
            .ok_or(InvalidPercentage::OutOfRange)
    }
}

impl TryFrom<u32> for Percentage {
    type Error = InvalidPercentage;
    fn try_from(thousandths: u32) -> Result<Self, InvalidPercentage> {
        Self::from_thousandths(thousandths).ok_or(InvalidPercentage::OutOfRange)
    }
}

impl From<Percentage> for u32 {
    fn from(percentage: Percentage) -> u32 {
        percentage.0
    }
}

/// The number without its sign: `20`, `0.001`, `33.3`.
impl fmt::Display for Percentage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let fraction = format!("{rest:03}");
        write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_types_becomes_thousandths() {
        let cases = [
            ("20", 20_000),
            ("20 %", 20_000),
            ("0.001", 1),
            ("33,3", 33_300),
            (".5", 500),
            ("100.000", 100_000),
        ];
        for (text, thousandths) in cases {
            assert_eq!(Percentage::parse(text).map(Percentage::thousandths), Ok(thousandths), "{text}");
        }
    }

    #[test]
    fn absurd_percentages_are_named_for_what_they_are() {
        for (text, error) in [
            ("", InvalidPercentage::NotANumber),
            ("%", InvalidPercentage::NotANumber),
            ("abc", InvalidPercentage::NotANumber),
            ("1e2", InvalidPercentage::NotANumber),
            ("20%%", InvalidPercentage::NotANumber),
            ("-5", InvalidPercentage::OutOfRange),
            ("100.001", InvalidPercentage::OutOfRange),
            ("99999999999", InvalidPercentage::OutOfRange),
            ("0.0001", InvalidPercentage::TooFine),
        ] {
            assert_eq!(Percentage::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn display_drops_zeros_that_say_nothing() {
        assert_eq!(Percentage(33_300).to_string(), "33.3");
        assert_eq!(Percentage(1).to_string(), "0.001");
        assert_eq!(Percentage::ALL.to_string(), "100");
    }
}
