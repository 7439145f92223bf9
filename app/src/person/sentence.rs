//! The answer in one sentence that support can send to the customer.

use store::FlagAnswer;

use crate::ui::time;

/// About one flag, now or at an instant.
pub fn for_customer(answer: &FlagAnswer, as_of_ms: Option<i64>) -> String {
    let name = &answer.flag.name;
    let decided = answer.decided().map(|variant| format!("“{variant}”"));
    let decided = decided.unwrap_or_else(|| "nothing of ours".to_owned());
    match (as_of_ms, answer.saw.first()) {
        (Some(at_ms), Some(seen)) if (seen.first_ms..=seen.last_ms).contains(&at_ms) => format!(
            "At {} you had {name} as “{}”: you were shown it between {} and {}.",
            time::minute(at_ms),
            seen.variant,
            time::minute(seen.first_ms),
            time::minute(seen.last_ms)
        ),
        (Some(at_ms), Some(seen)) => format!(
            "At {} the last you had been shown of {name} was “{}”, on {}.",
            time::minute(at_ms),
            seen.variant,
            time::minute(seen.last_ms)
        ),
        (Some(at_ms), None) => format!(
            "We have no record that you were shown {name} by {}; our settings of that moment gave you {decided}.",
            time::minute(at_ms)
        ),
        (None, Some(seen)) if answer.differs() => format!(
            "You last saw {name} as “{}”, on {}; now you would see {decided}.",
            seen.variant,
            time::minute(seen.last_ms)
        ),
        (None, Some(seen)) if seen.first_ms == seen.last_ms => {
            format!(
                "You saw {name} as “{}” on {}, and still would.",
                seen.variant,
                time::minute(seen.last_ms)
            )
        }
        (None, Some(seen)) => format!(
            "You have seen {name} as “{}” since {}, most recently on {}, and still would.",
            seen.variant,
            time::minute(seen.first_ms),
            time::minute(seen.last_ms)
        ),
        (None, None) => format!("We have no record that you were shown {name}; now you would see {decided}."),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::{Explanation, Flag, FlagKey, Reason, Served, SubjectKey, VariantKey};
    use store::Seen;

    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn variant(key: &str) -> VariantKey {
        VariantKey::parse(key).expect("a key")
    }

    fn answer(saw: Option<(&str, i64, i64)>, decided: &str) -> FlagAnswer {
        let flag = FlagKey::parse("fast-payment").expect("a key");
        let seen = |(key, first_ms, last_ms)| Seen {
            subject: SubjectKey::parse("ada").expect("a key"),
            flag: flag.clone(),
            variant: variant(key),
            revision: 7,
            rule: None,
            arm: None,
            first_ms,
            last_ms,
            count: 3,
        };
        let served = Served {
            variant: variant(decided),
            value: true.into(),
            reason: Reason::TargetingMatch,
            rule: None,
            arm: None,
        };
        FlagAnswer {
            saw: saw.map(seen).into_iter().collect(),
            would: Explanation {
                flag: flag.to_string(),
                revision: 8,
                decision: Ok(served),
                steps: Vec::new(),
            },
            hints: Vec::new(),
            on: decided == "on",
            flag: Arc::new(Flag::boolean(flag, "Fast payment")),
        }
    }

    #[test]
    fn a_customer_reads_what_happened() {
        let at = |minutes: i64| minutes * MINUTE_MS;
        let sentence = |saw, decided, as_of| for_customer(&answer(saw, decided), as_of);
        assert_eq!(
            sentence(Some(("on", at(1), at(5))), "on", None),
            "You have seen Fast payment as “on” since 1 Jan 1970, 00:01 UTC, most recently on 1 Jan 1970, 00:05 UTC, \
             and still would."
        );
        assert_eq!(
            sentence(Some(("on", at(1), at(5))), "off", None),
            "You last saw Fast payment as “on”, on 1 Jan 1970, 00:05 UTC; now you would see “off”."
        );
        assert_eq!(
            sentence(None, "off", None),
            "We have no record that you were shown Fast payment; now you would see “off”."
        );
        assert_eq!(
            sentence(Some(("on", at(1), at(5))), "off", Some(at(3))),
            "At 1 Jan 1970, 00:03 UTC you had Fast payment as “on”: you were shown it between 1 Jan 1970, 00:01 UTC and \
             1 Jan 1970, 00:05 UTC."
        );
        assert_eq!(
            sentence(Some(("on", at(1), at(5))), "off", Some(at(9))),
            "At 1 Jan 1970, 00:09 UTC the last you had been shown of Fast payment was “on”, on 1 Jan 1970, 00:05 UTC."
        );
        assert_eq!(
            sentence(None, "off", Some(at(9))),
            "We have no record that you were shown Fast payment by 1 Jan 1970, 00:09 UTC; our settings of that moment gave \
             you “off”."
        );
    }
}
