//! Enrolling testers from a list that somebody pasted: which lines are new, which are in already, which are wrong.

use std::collections::{HashMap, HashSet};

use engine::{Enrolment, SubjectKey, parse_date_ms};

use crate::{draft::Refusal, fields::Fields};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const PURPOSE_CHARS_MAX: usize = 200;
const LINES_MAX: usize = 10_000;

/// The form as typed.
#[derive(Debug, Clone, Default)]
pub struct TesterForm {
    /// Targeting keys, one per line.
    pub list: String,
    pub purpose: String,
    /// First and last day, in UTC; empty: from now, without end.
    pub from: String,
    pub until: String,
}

/// What enrolling the list would do, or did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub new: Vec<SubjectKey>,
    /// Were in the group, but their time was over.
    pub renewed: Vec<SubjectKey>,
    /// Left as they are.
    pub already: Vec<SubjectKey>,
    pub wrong: Vec<WrongLine>,
}

/// A line that is no targeting key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongLine {
    pub number: usize,
    pub text: String,
    pub error: engine::InvalidKey,
}

impl TesterForm {
    pub fn from_fields(fields: &Fields) -> Self {
        let text = |name: &str| fields.trimmed(name).to_owned();
        Self {
            list: fields.text("list").to_owned(),
            purpose: text("purpose"),
            from: text("from"),
            until: text("until"),
        }
    }

    /// The time that the enrolments count for.
    pub fn window(&self) -> Result<(Option<i64>, Option<i64>), Refusal> {
        let day = |text: &str, field: &'static str| match text {
            "" => Ok(None),
            text => parse_date_ms(text).map(Some).map_err(|error| Refusal::field(field, error)),
        };
        let from_ms = day(&self.from, "from")?;
        // The last day counts to its end.
        let until_ms = day(&self.until, "until")?.map(|ms| ms.saturating_add(DAY_MS));
        match (from_ms, until_ms) {
            (Some(from), Some(until)) if until <= from => {
                Err(Refusal::field("until", "The last day is before the first one."))
            }
            window => Ok(window),
        }
    }

    /// Checks the list against those who are enrolled.
    pub fn check(&self, enrolled: &[Enrolment], now_ms: i64) -> Result<Report, Refusal> {
        if self.purpose.chars().count() > PURPOSE_CHARS_MAX {
            return Err(Refusal::field("purpose", format!("Keep it to {PURPOSE_CHARS_MAX} characters.")));
        }
        self.window()?;
        let by_subject: HashMap<_, _> = enrolled.iter().map(|it| (it.subject.as_str(), it)).collect();
        let (mut report, mut seen) = (Report::default(), HashSet::new());
        let lines = self.list.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
        for (at, line) in lines.take(LINES_MAX) {
            let subject = match SubjectKey::parse(line) {
                Ok(subject) => subject,
                Err(error) => {
                    report.wrong.push(WrongLine { number: at + 1, text: line.to_owned(), error });
                    continue;
                }
            };
            if !seen.insert(line) {
                continue;
            }
            match by_subject.get(line) {
                None => report.new.push(subject),
                Some(enrolment) if is_over(enrolment, now_ms) => report.renewed.push(subject),
                Some(_) => report.already.push(subject),
            }
        }
        if report == Report::default() {
            return Err(Refusal::field("list", "Enter at least one targeting key."));
        }
        Ok(report)
    }

    /// Those enrolled after the list was added; nothing is added while a line is wrong.
    pub fn enrol(&self, enrolled: &[Enrolment], now_ms: i64) -> Result<Vec<Enrolment>, Refusal> {
        let report = self.check(enrolled, now_ms)?;
        if !report.wrong.is_empty() {
            return Err(Refusal::field("list", wrong_lines(&report.wrong)));
        }
        let (from_ms, until_ms) = self.window()?;
        let enrolment = |subject| Enrolment {
            purpose: self.purpose.clone(),
            from_ms,
            until_ms,
            ..Enrolment::new(subject)
        };
        let renewed: HashSet<_> = report.renewed.iter().collect();
        let kept = enrolled.iter().filter(|enrolment| !renewed.contains(&enrolment.subject)).cloned();
        Ok(kept.chain(report.new.iter().chain(&report.renewed).cloned().map(enrolment)).collect())
    }
}

fn is_over(enrolment: &Enrolment, now_ms: i64) -> bool {
    enrolment.until_ms.is_some_and(|until| until <= now_ms)
}

fn wrong_lines(wrong: &[WrongLine]) -> String {
    let shown = wrong.iter().take(3).map(|it| format!("line {} {}", it.number, it.error));
    let shown = shown.collect::<Vec<_>>().join("; ");
    let more = if wrong.len() > 3 { format!("; {} more", wrong.len() - 3) } else { String::new() };
    format!("Nobody was enrolled: {shown}{more}. Mend or remove these lines.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn enrolled(subject: &str, until_ms: Option<i64>) -> Enrolment {
        let subject = SubjectKey::parse(subject).expect("a subject");
        Enrolment { subject, purpose: String::new(), from_ms: None, until_ms }
    }

    fn form(list: &str) -> TesterForm {
        TesterForm { list: list.to_owned(), ..TesterForm::default() }
    }

    #[test]
    fn a_pasted_list_is_sorted_into_new_renewed_and_already_in() {
        let there = [enrolled("ada", None), enrolled("bob", Some(NOW - 1))];
        let list = form("ada\n bob \n\ncyd\ncyd\n");
        let report = list.check(&there, NOW).expect("a report");
        let names = |list: &[SubjectKey]| list.iter().map(SubjectKey::as_str).collect::<Vec<_>>().join(",");
        assert_eq!(
            (&*names(&report.new), &*names(&report.renewed), &*names(&report.already)),
            ("cyd", "bob", "ada")
        );
        let after = list.enrol(&there, NOW).expect("enrolled");
        assert_eq!(after.len(), 3);
        assert!(after.iter().all(|enrolment| enrolment.is_active(NOW)));
    }

    #[test]
    fn one_wrong_line_keeps_the_whole_list_out() {
        let list = form("ada\nb\u{1}b");
        assert_eq!(list.check(&[], NOW).expect("a report").wrong[0].number, 2);
        let refusal = list.enrol(&[], NOW).expect_err("refused");
        assert!(refusal.reasons[0].sentence.contains("line 2"), "{:?}", refusal.reasons);
        assert_eq!(form(" \n").enrol(&[], NOW).expect_err("refused").reasons[0].field, Some("list"));
    }

    #[test]
    fn the_last_day_counts_to_its_end() {
        let window = |from: &str, until: &str| {
            TesterForm { from: from.into(), until: until.into(), ..form("ada") }.window()
        };
        assert_eq!(window("1970-01-01", "1970-01-01").expect("a window"), (Some(0), Some(DAY_MS)));
        assert_eq!(window("1970-01-03", "1970-01-01").expect_err("refused").reasons[0].field, Some("until"));
        assert_eq!(window("soon", "").expect_err("refused").reasons[0].field, Some("from"));
    }
}
