//! The form in which texts are compared: composed as Unicode's NFC says and, where case does not count, folded by its
//! simple case folding. What is compared with is brought into it once, when it is compiled; what was sent each time,
//! which costs a look at the bytes where they are ASCII.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// What is folded on the stack; longer texts are copied to the heap.
const FOLDED_BYTES: usize = 128;

/// Which differences between two texts do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// How letters and their marks are put together.
    Composed,
    /// That, and the case of letters.
    Folded,
}

impl Form {
    pub(crate) fn new(ignore_case: bool) -> Self {
        if ignore_case { Self::Folded } else { Self::Composed }
    }

    /// The text in this form, to compare others with.
    pub(crate) fn of(self, text: &str) -> String {
        self.with(text, str::to_owned)
    }

    /// Whether a look at its bytes shows that the text is in this form already.
    #[inline]
    pub(crate) fn keeps(self, text: &str) -> bool {
        match self {
            Self::Composed => text.is_ascii(),
            Self::Folded => !text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()),
        }
    }

    /// Calls `f` with the text in this form.
    #[inline]
    pub(crate) fn with<R>(self, text: &str, f: impl FnOnce(&str) -> R) -> R {
        if self.keeps(text) {
            return f(text);
        }
        match (self, text.is_ascii()) {
            (Self::Composed, _) => f(&NFC.normalize(text)),
            (Self::Folded, true) => collected(text.chars().map(|c| c.to_ascii_lowercase()), f),
            // Composed before, because marks that stand apart are folded apart; and after, because a letter in lower
            // case may have a composed form that it does not have in upper case.
            (Self::Folded, false) => {
                let fold = CaseMapper::new();
                let folded = NFC.normalize_iter(text.chars()).map(|c| fold.simple_fold(c));
                collected(NFC.normalize_iter(folded), f)
            }
        }
    }
}

/// The text composed.
pub(crate) fn composed(text: &str) -> std::borrow::Cow<'_, str> {
    if text.is_ascii() { text.into() } else { NFC.normalize(text) }
}

/// The text without the marks on its letters: `Zoë` is `Zoe`.
pub fn without_marks(text: &str) -> std::borrow::Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    let is_mark = |c: char| ('\u{300}'..='\u{36f}').contains(&c);
    NFD.normalize_iter(text.chars()).filter(|c| !is_mark(*c)).collect::<String>().into()
}

const NFD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfd();
const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();

/// Calls `f` with the characters as one text, on the stack where they have room there.
fn collected<R>(mut chars: impl Iterator<Item = char>, f: impl FnOnce(&str) -> R) -> R {
    let (mut buffer, mut length) = ([0; FOLDED_BYTES], 0);
    while let Some(c) = chars.next() {
        let end = length + c.len_utf8();
        if let Some(room) = buffer.get_mut(length..end) {
            c.encode_utf8(room);
            length = end;
        } else {
            let mut text = str::from_utf8(&buffer[..length]).unwrap_or_default().to_owned();
            text.push(c);
            text.extend(chars);
            return f(&text);
        }
    }
    f(str::from_utf8(&buffer[..length]).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_same(form: Form, a: &str, b: &str) -> bool {
        form.of(a) == form.of(b)
    }

    #[test]
    fn case_is_ignored_in_every_script_by_simple_folding() {
        for (a, b) in [
            ("VIP", "vip"),
            ("ΔΗΜΟΣ", "δημος"),
            ("δημοσ", "δημος"),
            ("STRAẞE", "straße"),
            ("ÅRHUS", "århus"),
            ("A\u{30a}RHUS", "århus"),
            // Composed in lower case only.
            ("J\u{30c}", "\u{1f0}"),
            ("\u{212a}", "k"),
            ("Җ", "җ"),
        ] {
            assert!(is_same(Form::Folded, a, b), "{a} and {b}");
            assert!(!is_same(Form::Composed, a, b), "{a} and {b}");
        }
        // Full folding, which makes two letters of one, and languages are left out.
        for (a, b) in [("STRASSE", "straße"), ("ﬁ", "fi"), ("I", "ı"), ("İ", "i")] {
            assert!(!is_same(Form::Folded, a, b), "{a} and {b}");
        }
    }

    #[test]
    fn how_letters_are_put_together_does_not_count() {
        for (a, b) in [("é", "e\u{301}"), ("각", "\u{1100}\u{1161}\u{11a8}"), ("\u{212b}", "Å")] {
            assert!(is_same(Form::Composed, a, b), "{a} and {b}");
        }
        // That would be NFKC.
        assert!(!is_same(Form::Composed, "①", "1"));
    }

    #[test]
    fn long_texts_are_folded_whole() {
        for length in [FOLDED_BYTES - 2, FOLDED_BYTES - 1, FOLDED_BYTES, FOLDED_BYTES + 1, 1000] {
            for (upper, lower) in [("V", "v"), ("É", "é")] {
                let (upper, lower) =
                    (format!("x{}", upper.repeat(length)), format!("x{}", lower.repeat(length)));
                assert_eq!(Form::Folded.of(&upper), lower);
            }
        }
    }
}
