//! What no sentence may have, whatever it is about.

const ENDS: [&str; 12] = ["of", "on", "in", "for", "with", "by", "to", "and", "or", "the", "a", "from"];
/// `go on`, `from now on`, `signed in`, `nothing to compare with`.
const GO_WITH_IT: [&str; 4] = ["go", "now", "signed", "compare"];
/// What an attribute is called stays as it is, also where a sentence begins.
const NAMES: [&str; 3] = ["tier", "visits", "tenant"];
/// Words that go with one thing and end like many.
const ONE: [&str; 10] = ["gets", "has", "is", "was", "s", "ms", "loses", "rows", "expires", "holds"];

/// Everything that is wrong with a text; `alone` is a sentence, everything else a part of one.
pub fn of(text: &str, alone: bool) -> Vec<&'static str> {
    let mut faults = Vec::new();
    let words: Vec<&str> = text.split(' ').collect();
    let bare = |word: &str| word.trim_matches(|it: char| !it.is_alphanumeric()).to_lowercase();
    let mut fault = |is: bool, what| {
        if is {
            faults.push(what);
        }
    };
    fault(text.trim() != text || text.is_empty(), "begins or ends with nothing");
    fault(words.iter().any(|word| word.is_empty()), "has two spaces");
    fault(
        [" .", " ,", " ;", "..", ",,", "()", "“”", "Some(", "{", "}"].iter().any(|it| text.contains(it)),
        "has a hole",
    );
    fault(
        words.windows(2).any(|two| two[0] == two[1] && two[0].chars().all(char::is_alphabetic)),
        "says a word twice",
    );
    let heard: Vec<_> = words.iter().map(|word| bare(word)).filter(|word| !word.is_empty()).collect();
    let twice = |at: usize, of: usize| heard[at..at + of] == heard[at + of..at + 2 * of];
    let lengths = 2..=heard.len() / 2;
    fault(
        lengths.into_iter().any(|of| (0..=heard.len() - 2 * of).any(|at| twice(at, of))),
        "says the same twice",
    );
    fault(words.windows(2).any(|two| is_one_of_many(two, &bare)), "counts one as many");
    fault(words.windows(2).any(|two| !article_fits(two[0], two[1])), "has the wrong article");
    let last = words.last().map_or("", |word| word.trim_end_matches('.'));
    let goes_on = words.iter().rev().nth(1).is_some_and(|before| GO_WITH_IT.contains(before));
    fault(ENDS.contains(&last) && !goes_on, "ends too early");
    let first = text.chars().next().unwrap_or(' ');
    if alone {
        fault(first.is_lowercase() && !NAMES.contains(&words[0]), "begins without a capital");
        fault(!text.ends_with(['.', '!', '?', '…']), "ends without a full stop");
    } else {
        fault(text.ends_with('.') && !text.ends_with("e.g."), "ends with a full stop");
    }
    faults
}

/// `1 outcomes`; not `step 1 holds`, `1 s` or `0.1 points`.
fn is_one_of_many(two: &[&str], bare: &dyn Fn(&str) -> String) -> bool {
    let noun = bare(two[1]);
    two[0] == "1" && noun.ends_with('s') && !noun.ends_with("ss") && !ONE.contains(&noun.as_str())
}

/// `a flag`, `an attribute`; of `a 2` and `a “x”` nothing is known.
fn article_fits(article: &str, word: &str) -> bool {
    let Some(first) = word.chars().next().filter(|first| first.is_alphabetic()) else { return true };
    let vowel = matches!(first.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u');
    let sounds_otherwise = ["us", "uni", "one", "hour", "hone"].iter().any(|it| word.starts_with(it));
    match article {
        "a" | "A" => !vowel || sounds_otherwise,
        "an" | "An" => vowel || sounds_otherwise,
        _ => true,
    }
}

#[test]
fn a_sentence_with_a_fault_is_found() {
    for (text, alone, fault) in [
        ("Reverted change 94 of", false, "ends too early"),
        ("made a preview of on on Fast payment", false, "says a word twice"),
        ("Not started Not started.", true, "says the same twice"),
        ("1 outcomes, 1 trial", false, "counts one as many"),
        ("a attribute \"tier\" exists already", false, "has the wrong article"),
        ("it is stopped", true, "begins without a capital"),
        ("It is stopped", true, "ends without a full stop"),
        ("It is  stopped.", true, "has two spaces"),
        ("In , which is excluded.", true, "has a hole"),
    ] {
        assert!(of(text, alone).contains(&fault), "{text}: {:?}", of(text, alone));
    }
    for (text, alone) in [
        ("Step 1 holds for less than a second or more than a year.", true),
        ("Gets “on”: in an hour, 1 user.", true),
        ("1 gets another variant", false),
    ] {
        assert_eq!(of(text, alone), Vec::<&str>::new(), "{text}");
    }
}
