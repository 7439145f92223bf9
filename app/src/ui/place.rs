//! Where something stands between 0 and 100 %, as classes: `at at-t3 at-o7 at-d5` is 37.5 %. A `style` attribute would
//! say it in fewer letters, but pages allow none: then nobody who smuggles markup in can dress it up either.
//! `style/components/place.css` adds the digits up to `--at` and `--saved`.

use std::fmt::Write as _;

use engine::Percentage;

/// Tens, ones, tenths, hundredths and thousandths, each in 1/1000 %.
const DIGITS: [(char, u32); 5] = [('t', 10_000), ('o', 1_000), ('d', 100), ('c', 10), ('m', 1)];

/// For `--at`.
pub fn at(place: Percentage) -> String {
    classes("at", place)
}

/// For `--saved`.
pub fn saved(place: Percentage) -> String {
    classes("saved", place)
}

fn classes(name: &str, place: Percentage) -> String {
    let mut classes = name.to_owned();
    let mut rest = place.thousandths();
    for (digit, unit) in DIGITS {
        if rest >= unit {
            // Writing to a text cannot fail.
            let _ = write!(classes, " {name}-{digit}{}", rest / unit);
            rest %= unit;
        }
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHEET: &str = include_str!("../../../style/components/place.css");

    fn of(thousandths: u32) -> String {
        at(Percentage::from_thousandths(thousandths).expect("a percentage"))
    }

    #[test]
    fn every_digit_has_its_class() {
        assert_eq!(of(0), "at");
        assert_eq!(of(100_000), "at at-t10");
        assert_eq!(of(37_501), "at at-t3 at-o7 at-d5 at-m1");
        assert_eq!(saved(Percentage::whole(7).expect("a percentage")), "saved saved-o7");
    }

    #[test]
    fn the_sheet_adds_the_digits_up() {
        for (name, property) in [("at", "--at"), ("saved", "--saved")] {
            for (digit, unit) in DIGITS {
                for n in 1..=if digit == 't' { 10 } else { 9 } {
                    let value = Percentage::from_thousandths(n * unit).expect("a percentage");
                    let rule = format!(".{name}-{digit}{n} {{ {property}-{digit}: {value}; }}\n");
                    assert!(SHEET.contains(&rule), "{rule}");
                }
            }
        }
    }
}
