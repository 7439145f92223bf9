//! Text that goes into rows: without control characters (PostgreSQL refuses NUL), never longer than its limit.

use crate::{Invalid, limits::REASON_CHARS_MAX};

/// Control characters become spaces; longer text ends in an ellipsis.
pub(crate) fn shorten(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = chars.by_ref().take(chars_max).collect();
    if chars.next().is_some() {
        short.pop();
        short.push('…');
    }
    short
}

/// A comment or reason as it is kept: trimmed, with its line breaks.
pub(crate) fn reason(text: &str) -> Result<String, Invalid> {
    let text = text.trim();
    if text.chars().count() > REASON_CHARS_MAX {
        return Err(Invalid::ReasonTooLong);
    }
    Ok(text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect())
}

/// A name a person typed: trimmed, 1 to `chars_max` characters, one line.
pub(crate) fn name(text: &str, chars_max: usize, otherwise: Invalid) -> Result<String, Invalid> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= chars_max && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(otherwise) }
}

/// An e-mail address as accounts know it: lower case, one `@`, a dot in the domain, nothing that needs quoting.
pub(crate) fn email(text: &str) -> Result<String, Invalid> {
    let text = text.trim().to_lowercase();
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with('.');
    let allowed = |c: char| !c.is_whitespace() && !c.is_control() && !"\"(),:;<>[\\]".contains(c);
    match text.split_once('@') {
        Some((local, domain))
            if text.chars().count() <= crate::limits::EMAIL_CHARS_MAX
                && plain(local)
                && plain(domain)
                && domain.contains('.')
                && !domain.contains('@')
                && text.chars().all(allowed) =>
        {
            Ok(text)
        }
        _ => Err(Invalid::Email),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_and_cleaned() {
        assert_eq!(shorten("a\0b", 10), "a b");
        assert_eq!(shorten("abcdef", 4), "abc…");
        assert_eq!(shorten("abcd", 4), "abcd");
    }

    #[test]
    fn a_reason_has_a_limit_and_keeps_its_lines() {
        assert_eq!(reason(" errors\u{0}spike\nsee 42 "), Ok("errors spike\nsee 42".to_owned()));
        assert_eq!(reason(&"x".repeat(501)), Err(Invalid::ReasonTooLong));
    }

    #[test]
    fn addresses_are_lower_case_and_plausible() {
        assert_eq!(email(" Ann@Example.TEST "), Ok("ann@example.test".to_owned()));
        for bad in [
            "",
            "ann",
            "@example.test",
            "ann@",
            "ann@local",
            "a b@example.test",
            "a@b@c.d",
            "<a>@b.c",
            "a@.b.c",
        ] {
            assert_eq!(email(bad), Err(Invalid::Email), "{bad}");
        }
        assert_eq!(email(&format!("{}@example.test", "x".repeat(250))), Err(Invalid::Email));
    }
}
