//! Whole numbers in JSON, however they are written: some languages send `20.0` or `2e1` where they mean 20, and a JSON
//! Schema takes that for an integer. The readers behind this do not.

use std::borrow::Cow;

/// Beyond it a double does not hold every whole number, so that none is what was meant for certain.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The text with every number that has no fraction written as a whole one. What is no JSON stays none.
pub fn whole_numbers(json: &[u8]) -> Cow<'_, [u8]> {
    let mut written: Vec<u8> = Vec::new();
    let (mut kept, mut at) = (0, 0);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at = end_of_text(json, at),
            b'-' | b'0'..=b'9' => {
                let end = end_of_number(json, at);
                if let Some(whole) = whole(&json[at..end]) {
                    written.extend_from_slice(&json[kept..at]);
                    written.extend_from_slice(whole.to_string().as_bytes());
                    kept = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if kept == 0 {
        return Cow::Borrowed(json);
    }
    written.extend_from_slice(&json[kept..]);
    Cow::Owned(written)
}

fn end_of_text(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

fn end_of_number(json: &[u8], start: usize) -> usize {
    let part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    json[start..].iter().position(|byte| !part(byte)).map_or(json.len(), |length| start + length)
}

/// What a number with a point or an exponent means, when that is a whole number for certain.
fn whole(number: &[u8]) -> Option<i64> {
    if !number.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        return None;
    }
    // Only JSON knows what is a number in it: `1.` is none.
    let value: f64 = serde_json::from_slice(number).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and an i64 holds it")]
    (value.fract() == 0.0 && value.abs() <= EXACT_MAX).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> String {
        String::from_utf8(whole_numbers(json.as_bytes()).into_owned()).expect("text")
    }

    #[test]
    fn a_number_without_a_fraction_is_whole() {
        assert_eq!(read(r#"{"a":20.0,"b":[-3.00,2e1,1.5E+2]}"#), r#"{"a":20,"b":[-3,20,150]}"#);
        assert_eq!(read("-0.0"), "0");
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for json in [
            r#"{"a":20,"b":0.5,"c":1e300,"d":9007199254740994.5e3,"e":"20.0","f\"1.0":true}"#,
            "1.",
            "01.0",
            "1.0.0",
            r#""1.0"#,
            r#""\"#,
            "--1.0",
            "2026-01-01",
        ] {
            assert_eq!(read(json), json);
        }
    }
}
