//! Counted nouns and articles, by rule: no sentence makes its own plural.

use std::borrow::Cow;

use crate::grouped;

/// `1 subject`, `1,560 known people`, `2 changes of the rollout`: a count with its noun, which is given for one. More than
/// can be counted is as many as can.
pub fn counted(count: impl TryInto<usize>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(usize::MAX);
    let noun = if count == 1 { Cow::Borrowed(noun) } else { Cow::Owned(plural(noun)) };
    format!("{} {noun}", grouped(count))
}

/// `people`, `entries`, `pieces of feedback`: what stands behind `of` stays as it is.
fn plural(noun: &str) -> String {
    let (head, rest) = noun.find(" of ").map_or((noun, ""), |at| noun.split_at(at));
    let (before, word) = head.rfind(' ').map_or(("", head), |at| head.split_at(at + 1));
    let letter = |from_end: usize| word.chars().rev().nth(from_end);
    let word = match word {
        "person" => "people".to_owned(),
        _ if letter(0) == Some('y') && !letter(1).is_some_and(is_vowel) => {
            format!("{}ies", word.trim_end_matches('y'))
        }
        _ if ["s", "x", "ch", "sh"].iter().any(|end| word.ends_with(end)) => format!("{word}es"),
        _ => format!("{word}s"),
    };
    format!("{before}{word}{rest}")
}

/// `a flag`, `an attribute`.
pub fn with_article(noun: &str) -> String {
    // By its sound, "u" of "user" and "unit" is none.
    let vowel =
        noun.chars().next().is_some_and(is_vowel) && !noun.starts_with("us") && !noun.starts_with("uni");
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

fn is_vowel(letter: char) -> bool {
    matches!(letter.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_everything_else_is_many() {
        for (count, noun, text) in [
            (1, "group", "1 group"),
            (0, "group", "0 groups"),
            (1_560, "known person", "1,560 known people"),
            (2, "entry", "2 entries"),
            (2, "day", "2 days"),
            (3, "piece of feedback", "3 pieces of feedback"),
            (1, "change of the rollout", "1 change of the rollout"),
            (2, "match", "2 matches"),
        ] {
            assert_eq!(counted(count, noun), text);
        }
        assert_eq!(counted(u64::MAX, "row").split(' ').nth(1), Some("rows"));
    }

    #[test]
    fn an_article_is_chosen_by_the_sound() {
        for (noun, text) in [
            ("flag", "a flag"),
            ("attribute", "an attribute"),
            ("environment", "an environment"),
            ("user", "a user"),
        ] {
            assert_eq!(with_article(noun), text);
        }
    }
}
