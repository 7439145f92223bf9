//! Characters that nobody sees. Keys come from tables and chats, which add some, and with them `ada.moreau` would be a
//! second person that no page tells from the first.

use std::borrow::Cow;

use crate::text::composed;

/// The text composed (NFC) and without invisible characters. Those that Persian, Indic scripts and emoji are written with
/// stay between characters that are not ASCII.
pub(super) fn without(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    if !text.contains(|c| is_invisible(c) || is_joiner(c) || is_selector(c)) {
        return composed(text);
    }
    let mut seen = String::with_capacity(text.len());
    let mut rest = text.chars().filter(|c| !is_invisible(*c)).peekable();
    while let Some(c) = rest.next() {
        let follows = seen.chars().next_back().is_some_and(|before| !before.is_ascii());
        let stays = if is_joiner(c) {
            follows && rest.peek().is_some_and(|after| !after.is_ascii())
        } else {
            follows || !is_selector(c)
        };
        if stays {
            seen.push(c);
        }
    }
    Cow::Owned(composed(seen.trim()).into_owned())
}

/// Wherever they stand they only format: the soft hyphen, spaces without width, marks and overrides of direction,
/// operators that are not drawn.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
    )
}

/// They join or part the characters beside them.
fn is_joiner(c: char) -> bool {
    matches!(
        c,
        '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{200c}'
            | '\u{200d}'
            | '\u{3164}'
            | '\u{ffa0}'
    )
}

/// They choose how the character before them is drawn.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_taken_out_and_what_scripts_need_stays() {
        for (text, left) in [
            ("ada", "ada"),
            ("a\u{200d}da\u{fe0f}", "ada"),
            ("ユーザー\u{200d}", "ユーザー"),
            ("\u{200b} ada", "ada"),
            ("نمی\u{200c}خواهم", "نمی\u{200c}خواهم"),
            ("👩\u{200d}🚀", "👩\u{200d}🚀"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
            ("e\u{301}\u{200b}", "é"),
            ("\u{200b}", ""),
        ] {
            assert_eq!(without(text), left, "{text:?}");
            assert_eq!(without(left), left, "done once, it is done");
        }
    }
}
