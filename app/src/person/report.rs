//! What one person saw, as text for a bug report: variants, revisions, rules, times and where to look it up.

use std::fmt::Write as _;

use engine::{Arm, RuleId};
use store::{FlagAnswer, PersonAnswer, Seen};

use crate::ui::time;

/// Lines of the ledger of one flag.
const SEEN_MAX: usize = 5;

/// Flags that were served to them or are on for them; the rest is left out. `address` leads to this very instant.
pub fn report(subject: &str, answer: &PersonAnswer, now_ms: i64, address: &str) -> String {
    let at_ms = answer.as_of_ms.unwrap_or(now_ms);
    let mut text = format!(
        "What {subject} saw in {}, as of {}\n{address}\n",
        answer.environment.name,
        time::hover(at_ms)
    );
    let worth = answer.flags.iter().filter(|it| it.on || !it.saw.is_empty());
    let before = text.len();
    for flag in worth {
        let _ = write!(text, "\n{}", about(flag));
    }
    if text.len() == before {
        text.push_str("\nNothing: no flag was served to them, and none is on for them.\n");
    }
    text
}

fn about(answer: &FlagAnswer) -> String {
    let flag = &answer.flag;
    let mut text = format!("{} ({})\n", flag.name, flag.key);
    for seen in answer.saw.iter().take(SEEN_MAX) {
        let _ = writeln!(text, "  served  {}", line(seen));
    }
    if answer.saw.is_empty() {
        text.push_str("  served  never, as far as the ledger goes\n");
    }
    match answer.saw.len().saturating_sub(SEEN_MAX) {
        0 => {}
        1 => text.push_str("  served  1 line before these\n"),
        more => {
            let _ = writeln!(text, "  served  {more} lines before these");
        }
    }
    let decided = match &answer.would.decision {
        Ok(served) => {
            let arm = arm(served.arm);
            format!("{}, {}{}{arm}", served.variant, served.reason.as_str(), rule(served.rule.as_ref()))
        }
        Err(error) => error.to_string(),
    };
    let _ = writeln!(text, "  decided {decided}");
    text
}

fn line(seen: &Seen) -> String {
    let (first, last) = (time::hover(seen.first_ms), time::hover(seen.last_ms));
    let when = if first == last { last } else { format!("{first} to {last}") };
    let times = if seen.count == 1 { "once".to_owned() } else { format!("{} times", seen.count) };
    let (rule, arm) = (rule(seen.rule.as_ref()), arm(seen.arm));
    format!("{}, {when}, {times}, revision {}{rule}{arm}", seen.variant, seen.revision)
}

fn rule(rule: Option<&RuleId>) -> String {
    rule.map(|rule| format!(", rule {rule}")).unwrap_or_default()
}

fn arm(arm: Option<Arm>) -> String {
    arm.map(|arm| format!(", {}", arm.as_str())).unwrap_or_default()
}
