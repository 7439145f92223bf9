//! Passwords that are tried first: common ones and what people make of them, by the lists of the crate `zxcvbn`; and
//! those that are made of what everybody knows of their owner.

use zxcvbn::zxcvbn;

use super::passwords::Owner;
use crate::Invalid;

/// Guesses after which a password may be found. Strangers have some 400 guesses an hour at one account.
const GUESSES_MIN: u64 = 1_000_000;
/// What a password needs besides words that everybody knows.
const OTHER_CHARS_MIN: usize = 8;
/// Shorter parts of names and addresses stand in ordinary words too.
const WORD_CHARS_MIN: usize = 3;

pub(super) fn check(owner: Owner<'_>, password: &str) -> Result<(), Invalid> {
    let words = own_words(owner);
    if is_own(&words, password) {
        return Err(Invalid::PasswordIsOwn);
    }
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    if zxcvbn(password, &words).guesses() < GUESSES_MIN { Err(Invalid::PasswordCommon) } else { Ok(()) }
}

/// The longest first, so that one that contains another is seen whole.
fn own_words(owner: Owner<'_>) -> Vec<String> {
    let text = format!("{} {} fader", owner.email, owner.name).to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric());
    let mut words: Vec<_> =
        words.filter(|word| word.chars().count() >= WORD_CHARS_MIN).map(ToOwned::to_owned).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.dedup();
    words
}

/// Whether little is left of it without its owner's words, however they are written.
fn is_own(words: &[String], password: &str) -> bool {
    let folded: String = password.to_lowercase().chars().map(fold).collect();
    let mut rest = folded.clone();
    for word in words {
        let word: String = word.chars().map(fold).collect();
        rest = rest.replace(&word, " ");
    }
    rest != folded && rest.chars().filter(|c| c.is_alphanumeric()).count() < OTHER_CHARS_MIN
}

/// The letter that a digit or a sign stands for.
fn fold(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' | '|' | 'l' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Owner<'_> = Owner { email: "ann.moreau@belvedere.test", name: "Ann Moreau" };

    #[test]
    fn what_is_tried_first_is_refused() {
        for common in [
            "password12",
            "Password123!",
            "qwertyuiop",
            "1234567890",
            "aaaaaaaaaaaa",
            "iloveyou12",
            "P@ssw0rd2024",
            "0987654321",
            "abcdefghij",
            "letmein123",
        ] {
            assert_eq!(check(ANN, common), Err(Invalid::PasswordCommon), "{common}");
        }
    }

    #[test]
    fn what_everybody_knows_of_its_owner_is_refused() {
        for own in [
            "fader-fader",
            "Fader2026!!",
            "f4d3r-2026-01",
            "ann.moreau.1",
            "Belvedere2026",
            "M0reauM0reau",
            "ann@belvedere",
            "annmoreaufader",
        ] {
            assert_eq!(check(ANN, own), Err(Invalid::PasswordIsOwn), "{own}");
        }
    }

    #[test]
    fn a_few_words_are_enough() {
        for good in [
            "correct horse battery",
            "ölkännchen grün",
            "belvedere-parsnips-at-dawn",
            "fast-payment-demo",
            "a brand new password",
            "x7Kq-99vTr-aw2",
        ] {
            assert_eq!(check(ANN, good), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_long_one_is_looked_at_in_bounded_time() {
        assert_eq!(check(ANN, &"ab1!".repeat(50)), Err(Invalid::PasswordCommon));
    }
}
