//! How a trip is paid. Cards are checked for form only and never kept: no money moves in this demo.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The most travellers in one booking.
pub const TRAVELLERS_MAX: u8 = 9;

/// The most characters of a name on a card.
const NAME_CHARS_MAX: usize = 80;

/// How many people travel: 1 to [`TRAVELLERS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Travellers(u8);

impl Travellers {
    pub const ONE: Self = Self(1);

    pub fn new(count: u8) -> Option<Self> {
        (1..=TRAVELLERS_MAX).contains(&count).then_some(Self(count))
    }

    pub fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().and_then(Self::new)
    }

    pub fn get(self) -> u8 {
        self.0
    }
}

/// What somebody typed into the card form.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardInput {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub number: String,
    #[serde(default)]
    pub expiry: String,
    #[serde(default)]
    pub cvc: String,
}

/// A card that may be charged: all that is left of it are its last digits.
#[derive(Debug, PartialEq, Eq)]
pub struct Card {
    pub last_digits: String,
}

/// What is wrong with a card, field by field.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct CardErrors {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cvc: Option<&'static str>,
}

impl CardInput {
    pub fn check(&self, today: Date) -> Result<Card, CardErrors> {
        let digits: String = self.number.chars().filter(|char| !matches!(char, ' ' | '-')).collect();
        let name_chars = self.name.trim().chars().count();
        let errors = CardErrors {
            name: (!(1..=NAME_CHARS_MAX).contains(&name_chars))
                .then_some("Write the name as it stands on the card."),
            number: (!is_card_number(&digits)).then_some("This is no card number: check its digits."),
            expiry: expiry_error(&self.expiry, today),
            cvc: (!is_cvc(self.cvc.trim())).then_some("The 3 or 4 digits on the back of the card."),
        };
        if errors == CardErrors::default() {
            Ok(Card { last_digits: digits[digits.len() - 4..].to_owned() })
        } else {
            Err(errors)
        }
    }
}

fn is_cvc(text: &str) -> bool {
    matches!(text.len(), 3 | 4) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// 12 to 19 digits with a right check digit (Luhn, ISO/IEC 7812-1).
fn is_card_number(digits: &str) -> bool {
    let luhn = |sum: u32, (place, byte): (usize, u8)| {
        let digit = u32::from(byte - b'0');
        let doubled = if place % 2 == 1 { digit * 2 } else { digit };
        sum + doubled / 10 + doubled % 10
    };
    (12..=19).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && digits.bytes().rev().enumerate().fold(0, luhn) % 10 == 0
}

/// A card is good until the end of the month that it names.
fn expiry_error(text: &str, today: Date) -> Option<&'static str> {
    let Some((month, year)) = parse_expiry(text) else {
        return Some("Month and year, such as 08/28.");
    };
    let this_month = (today.year(), today.month());
    ((year, month) < this_month).then_some("This card has expired.")
}

fn parse_expiry(text: &str) -> Option<(i8, i16)> {
    let (month, year) = text.trim().split_once('/')?;
    let (month, year) = (month.trim(), year.trim());
    let plain = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(month) || !plain(year) {
        return None;
    }
    let (month, year): (i8, i16) = (month.parse().ok()?, year.parse().ok()?);
    (1..=12).contains(&month).then_some((month, 2000 + year))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const TODAY: Date = date(2026, 5, 13);

    fn card() -> CardInput {
        CardInput {
            name: "Ada Moreau".into(),
            number: "4242 4242 4242 4242".into(),
            expiry: "05/26".into(),
            cvc: "123".into(),
        }
    }

    #[test]
    fn a_good_card_leaves_its_last_digits() {
        assert_eq!(card().check(TODAY), Ok(Card { last_digits: "4242".into() }));
    }

    #[test]
    fn every_field_says_what_is_wrong_with_it() {
        let errors = CardInput::default().check(TODAY).expect_err("nothing typed");
        assert!(
            errors.name.is_some()
                && errors.number.is_some()
                && errors.expiry.is_some()
                && errors.cvc.is_some()
        );
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for number in
            ["4242424242424241", "42", "٤٢٤٢٤٢٤٢٤٢٤٢", "4242424242424242424242", "4242-4242-4242-424x", "é"]
        {
            let errors = CardInput { number: number.into(), ..card() }.check(TODAY).expect_err(number);
            assert!(errors.number.is_some(), "{number}");
        }
    }

    #[test]
    fn a_card_is_good_to_the_end_of_its_month() {
        let expired = |expiry: &str| expiry_error(expiry, TODAY).is_some();
        assert!(!expired("05/26") && !expired(" 01 / 30 "));
        assert!(expired("04/26") && expired("12/25"));
        for text in ["", "0526", "5/26", "13/30", "00/30", "+1/30", "05/2026", "é/26", "/"] {
            assert!(expired(text), "{text}");
        }
    }

    #[test]
    fn travellers_are_one_to_nine() {
        assert_eq!(Travellers::parse(" 3 ").map(Travellers::get), Some(3));
        for text in ["0", "10", "-1", "", "many", "256", "1.5"] {
            assert!(Travellers::parse(text).is_none(), "{text}");
        }
    }
}
