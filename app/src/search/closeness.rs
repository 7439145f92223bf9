//! How well a text fits what somebody typed: whole words, beginnings, parts, initials, and one slip of the finger.

/// Of a description that is searched.
const PROSE_CHARS_MAX: usize = 400;

/// Points from 1 (barely) to 100 (exactly), or `None`. Every word that was typed has to fit somewhere.
pub fn closeness(query: &str, text: &str) -> Option<u32> {
    let (query, text) = (query.to_lowercase(), text.to_lowercase());
    if text.trim().is_empty() {
        return None;
    }
    if query == text {
        return Some(100);
    }
    if text.starts_with(&query) {
        return Some(90);
    }
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if is_initials(&query, &words) {
        return Some(70);
    }
    let typed = query.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut worst = None;
    for word in typed {
        let best = words.iter().filter_map(|candidate| word_closeness(word, candidate)).max()?;
        worst = Some(worst.map_or(best, |known: u32| known.min(best)));
    }
    worst
}

/// A few points when every word that was typed begins one of a text that tells at length. No slip is forgiven there, and
/// only its beginning is read: of many texts each is looked at for every key.
pub fn prose_closeness(query: &str, text: &str) -> Option<u32> {
    let end = text.char_indices().nth(PROSE_CHARS_MAX).map_or(text.len(), |(end, _)| end);
    let (query, text) = (query.to_lowercase(), text[..end].to_lowercase());
    let words = || text.split(|c: char| !c.is_alphanumeric());
    let mut typed = query.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    typed.peek()?;
    let found = |word: &str| word.chars().count() >= 3 && words().any(|it| it.starts_with(word));
    typed.all(found).then_some(30)
}

/// Whether a word is meant by what was typed: it, three letters of its beginning, or with one slip.
pub fn is_meant(typed: &str, word: &str) -> bool {
    let chars = typed.chars().count();
    typed == word
        || (chars >= 3 && word.starts_with(typed))
        || (chars >= 4 && strsim::osa_distance(typed, word) == 1)
}

fn word_closeness(typed: &str, word: &str) -> Option<u32> {
    if word == typed {
        return Some(85);
    }
    if word.starts_with(typed) {
        return Some(80);
    }
    let typed_chars = typed.chars().count();
    if typed_chars >= 2 && word.contains(typed) {
        return Some(60);
    }
    let slips = match typed_chars {
        0..=3 => return None,
        4..=5 => 1,
        _ => 2,
    };
    // More letters too many than slips are forgiven.
    if typed_chars > word.chars().count() + slips {
        return None;
    }
    // The word may not be typed to its end yet, so its beginnings of about that length count as well.
    let beginning = |chars: usize| word.char_indices().nth(chars).map(|(end, _)| &word[..end]);
    let beginnings = (typed_chars - 1..=typed_chars + 1).filter_map(beginning);
    // Insertions, deletions, replacements and swaps of neighbours.
    let nearest = beginnings.chain([word]).map(|part| strsim::osa_distance(typed, part)).min()?;
    match nearest {
        0 | 1 if slips >= 1 => Some(40),
        2 if slips >= 2 => Some(20),
        _ => None,
    }
}

/// `fp` for `Fast payment`.
fn is_initials(query: &str, words: &[&str]) -> bool {
    query.chars().count() >= 2
        && query.chars().count() <= words.len()
        && query.chars().zip(words).all(|(c, word)| word.starts_with(c))
}

#[cfg(test)]
mod tests {
    use super::{closeness, is_meant, prose_closeness};

    #[test]
    fn slips_of_the_finger_are_forgiven() {
        for query in
            ["fast payment", "payment", "pay", "fsat", "paymnet", "fats pay", "fp", "pyament", "aymen"]
        {
            assert!(closeness(query, "Fast payment").is_some(), "{query}");
        }
        for query in ["booking", "xy", "fast booking", "paxxxnt"] {
            assert_eq!(closeness(query, "Fast payment"), None, "{query}");
        }
    }

    #[test]
    fn the_better_fit_comes_first() {
        let points = |query| closeness(query, "Fast payment");
        assert!(points("fast payment") > points("fast"));
        assert!(points("payment") > points("ment"));
        assert!(points("ment") > points("paymnet"));
    }

    #[test]
    fn a_description_is_found_by_its_words_and_below_every_name() {
        let told = "Pays with one press, for agencies that book a lot.";
        assert!(
            prose_closeness("agency", told).is_none() && prose_closeness("agencies press", told).is_some()
        );
        assert_eq!(prose_closeness("", told), None);
        assert!(prose_closeness("pays", told) < closeness("paymnet", "Fast payment"));
        let long = format!("{}needle", "hay ".repeat(200));
        assert_eq!(prose_closeness("needle", &long), None);
    }

    #[test]
    fn a_command_is_meant_by_its_beginning_and_with_a_slip() {
        for typed in ["stop", "sto", "stpo", "stopp"] {
            assert!(is_meant(typed, "stop"), "{typed}");
        }
        for typed in ["st", "top", "steps", "shop floor"] {
            assert!(!is_meant(typed, "stop"), "{typed}");
        }
    }
}
