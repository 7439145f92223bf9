//! The answer that goes to the customer as it is: flags by the name and sentence that their settings give for customers, and
//! only those that the person has or had. No key, variant, rule, group or revision stands in it.

use engine::{Explanation, FlagKind, Reason, RuleId, Step, VariantKey};
use store::{FlagAnswer, Seen};

use crate::ui::time;

/// About one flag; nothing where it has no name for customers, or they neither have nor had it.
pub fn about(answer: &FlagAnswer, as_of_ms: Option<i64>) -> Option<String> {
    let flag = &answer.flag;
    if flag.public_name.is_empty() {
        return None;
    }
    let seen = Shown::of(&answer.saw, &flag.off_variant);
    let said = match as_of_ms {
        Some(at_ms) => then(&flag.public_name, answer.on, seen, at_ms)?,
        None => now(&flag.public_name, answer, seen)?,
    };
    // It speaks of the present: of what is over it would not be true.
    let sentence = if as_of_ms.is_none() && answer.on { flag.public_sentence.as_str() } else { "" };
    Some([said.as_str(), sentence].join(" ").trim_end().to_owned())
}

/// The whole answer, greeting and all; nothing where there is nothing to tell.
pub fn letter(name: Option<&str>, answers: &[FlagAnswer], as_of_ms: Option<i64>) -> Option<String> {
    let told: Vec<_> = answers.iter().filter_map(|answer| about(answer, as_of_ms)).collect();
    if told.is_empty() {
        return None;
    }
    let greeting = name.map_or_else(|| "Hello,".to_owned(), |name| format!("Hello {name},"));
    let told = told.join("\n\n");
    Some(format!(
        "{greeting}\n\n{told}\n\nIf you see anything else, please tell us what, and when you saw it."
    ))
}

/// Between which times they were shown more than the off variant.
#[derive(Clone, Copy)]
struct Shown {
    first_ms: i64,
    last_ms: i64,
    /// The latest line is of it.
    lately: bool,
}

impl Shown {
    /// `saw` newest first.
    fn of(saw: &[Seen], off: &VariantKey) -> Option<Self> {
        let with = || saw.iter().filter(|seen| seen.variant != *off);
        Some(Self {
            first_ms: with().map(|seen| seen.first_ms).min()?,
            last_ms: with().map(|seen| seen.last_ms).max()?,
            lately: saw.first().is_some_and(|seen| seen.variant != *off),
        })
    }
}

fn now(name: &str, answer: &FlagAnswer, seen: Option<Shown>) -> Option<String> {
    let reason = reason(answer);
    Some(match (answer.on, seen) {
        (true, Some(Shown { first_ms, last_ms, .. })) => {
            format!("You have {name}; {}. {reason}", shown(first_ms, last_ms))
        }
        (true, None) => {
            format!("{name} is on for you, and we have no record that you have come across it yet. {reason}")
        }
        (false, Some(Shown { first_ms, last_ms, .. })) => {
            format!("You had {name}; {}. {reason}", shown(first_ms, last_ms))
        }
        (false, None) => return None,
    })
}

/// `you were first shown it on … and last on …`
fn shown(first_ms: i64, last_ms: i64) -> String {
    let (first, last) = (time::minute(first_ms), time::minute(last_ms));
    if first == last {
        format!("you were shown it on {last}")
    } else {
        format!("you were first shown it on {first}, and last on {last}")
    }
}

/// `you were shown it between … and …`
fn shown_between(first_ms: i64, last_ms: i64) -> String {
    let (first, last) = (time::minute(first_ms), time::minute(last_ms));
    if first == last {
        format!("you were shown it on {last}")
    } else {
        format!("you were shown it between {first} and {last}")
    }
}

fn then(name: &str, on: bool, seen: Option<Shown>, at_ms: i64) -> Option<String> {
    let at = time::minute(at_ms);
    Some(match (seen, on) {
        // Of that day: when they were shown it first of all is not known here.
        (Some(Shown { first_ms, last_ms, lately: true }), _) if (first_ms..=last_ms).contains(&at_ms) => {
            format!("On {at} you had {name}: {}.", shown_between(first_ms, last_ms))
        }
        (Some(Shown { last_ms, lately: true, .. }), true) => {
            format!("On {at} you had {name}: you were shown it last on {}.", time::minute(last_ms))
        }
        (Some(Shown { last_ms, lately: true, .. }), false) => {
            format!("The last time before {at} that you were shown {name} was {}.", time::minute(last_ms))
        }
        (_, true) => format!("On {at} {name} was on for you, and we have no record that you came across it."),
        (_, false) => return None,
    })
}

/// Why, in words that name nobody's group and no percentage.
fn reason(answer: &FlagAnswer) -> &'static str {
    let would = &answer.would;
    let Ok(served) = &would.decision else { return "It cannot be shown to you at the moment." };
    let lasts = answer.flag.kind == FlagKind::Permission;
    match (served.reason, &served.rule) {
        (Reason::Disabled, _) => "We have paused it for everybody.",
        _ if !answer.on => "It is not open to you at the moment.",
        (Reason::TargetingMatch, Some(rule)) if is_for_everyone(would, rule) => {
            "It is open to all our customers."
        }
        (Reason::TargetingMatch | Reason::Split, _) if lasts => "It is part of what you have with us.",
        (Reason::Split, _) => {
            "We bring it to our customers step by step, and you are among those who have it."
        }
        (Reason::TargetingMatch, _) => "It was opened to you early.",
        (Reason::Default | Reason::Static, _) => "It is what everybody has at the moment.",
    }
}

fn is_for_everyone(would: &Explanation, served: &RuleId) -> bool {
    would.steps.iter().any(|step| {
        matches!(step, Step::Rule { rule, steps, .. }
            if rule == served && steps.iter().any(|it| matches!(it, Step::Everyone)))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::{Flag, FlagKey, Served, SubjectKey};

    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn variant(key: &str) -> VariantKey {
        VariantKey::parse(key).expect("a key")
    }

    fn answer(saw: &[(&str, i64, i64)], decided: &str, reason: Reason) -> FlagAnswer {
        let key = FlagKey::parse("secret-key").expect("a key");
        let seen = |(variant_key, first, last): &(&str, i64, i64)| Seen {
            subject: SubjectKey::parse("ada").expect("a key"),
            flag: key.clone(),
            variant: variant(variant_key),
            revision: 7,
            rule: None,
            arm: None,
            first_ms: first * MINUTE_MS,
            last_ms: last * MINUTE_MS,
            count: 3,
        };
        let rule = Some(RuleId::parse("vip-group").expect("an id"));
        let served = Served { variant: variant(decided), value: true.into(), reason, rule, arm: None };
        let would =
            Explanation { flag: key.to_string(), revision: 8, decision: Ok(served), steps: Vec::new() };
        let mut flag = Flag::boolean(key.clone(), "Internal name");
        flag.public_name = "One-press payment".to_owned();
        flag.public_sentence = "You pay with one press.".to_owned();
        FlagAnswer {
            saw: saw.iter().map(seen).collect(),
            would,
            hints: Vec::new(),
            on: decided == "on",
            flag: Arc::new(flag),
        }
    }

    fn told(saw: &[(&str, i64, i64)], decided: &str, reason: Reason, as_of: Option<i64>) -> Option<String> {
        about(&answer(saw, decided, reason), as_of.map(|minutes| minutes * MINUTE_MS))
    }

    #[test]
    fn what_they_have_is_told_with_its_reason_and_since_when() {
        assert_eq!(
            told(&[("on", 1, 5)], "on", Reason::Split, None).as_deref(),
            Some(
                "You have One-press payment; you were first shown it on 1 Jan 1970, 00:01 UTC, and last on \
                 1 Jan 1970, 00:05 UTC. We bring it to our customers step by step, and you are among those who have it. You pay \
                 with one press."
            )
        );
        let early = told(&[], "on", Reason::TargetingMatch, None).expect("told");
        assert!(
            early.contains("no record that you have come across it yet. It was opened to you early."),
            "{early}"
        );
        let had = told(&[("off", 7, 8), ("on", 1, 5)], "off", Reason::Disabled, None).expect("told");
        assert!(
            had.starts_with("You had One-press payment;") && had.ends_with("paused it for everybody."),
            "{had}"
        );
    }

    #[test]
    fn of_an_instant_it_is_told_what_they_had_then() {
        let then = told(&[("on", 1, 5)], "off", Reason::Default, Some(3)).expect("told");
        assert!(then.starts_with("On 1 Jan 1970, 00:03 UTC you had One-press payment:"), "{then}");
        let still = told(&[("on", 1, 5)], "on", Reason::Split, Some(9)).expect("told");
        assert!(
            still.ends_with("you had One-press payment: you were shown it last on 1 Jan 1970, 00:05 UTC."),
            "{still}"
        );
        let later = told(&[("on", 1, 5)], "off", Reason::Default, Some(9)).expect("told");
        assert!(later.starts_with("The last time before 1 Jan 1970, 00:09 UTC"), "{later}");
        let unseen = told(&[], "on", Reason::Split, Some(9)).expect("told");
        assert!(unseen.contains("was on for you, and we have no record"), "{unseen}");
        assert_eq!(told(&[("off", 1, 5)], "off", Reason::Default, Some(3)), None);
    }

    #[test]
    fn nothing_unreleased_and_nothing_internal_is_told() {
        assert_eq!(told(&[], "off", Reason::Default, None), None, "never had it");
        assert_eq!(told(&[("off", 1, 5)], "off", Reason::Default, None), None, "was shown the old way only");
        let mut unnamed = answer(&[("on", 1, 5)], "on", Reason::Split);
        let mut flag = Flag::clone(&unnamed.flag);
        flag.public_name.clear();
        unnamed.flag = Arc::new(flag);
        assert_eq!(about(&unnamed, None), None, "without a name for customers");
        assert_eq!(letter(Some("Ada"), &[unnamed], None), None);
        let all = [answer(&[("on", 1, 5)], "on", Reason::TargetingMatch)];
        let letter = letter(Some("Ada Moreau"), &all, None).expect("a letter");
        assert!(letter.starts_with("Hello Ada Moreau,\n\nYou have"), "{letter}");
        for word in ["secret-key", "Internal name", "vip", "“on”", "revision"] {
            assert!(!letter.contains(word), "{word}: {letter}");
        }
    }
}
