//! A list of testers as somebody pasted or sent it: one targeting key per line, or CSV with a header. Every line that
//! cannot be read is kept with its number and why.

use engine::{DayEdge, ENROLMENTS_MAX, SubjectKey, is_dots, parse_moment_ms};

use crate::{
    Invalid,
    limits::{MALFORMED_TEXT_CHARS_MAX, PURPOSE_CHARS_MAX},
    table,
};

/// The header that makes a list CSV; columns may stand in any order, `subject` is needed.
pub const CSV_HEADER: &str = "subject,purpose,from,until";

/// A line that can be enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentLine {
    /// 1 for the first line.
    pub number: usize,
    pub subject: SubjectKey,
    pub purpose: String,
    /// Epoch ms, inclusive.
    pub from_ms: Option<i64>,
    /// Epoch ms, exclusive.
    pub until_ms: Option<i64>,
}

/// A line that cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedLine {
    pub number: usize,
    pub text: String,
    /// `the targeting key must not be empty`
    pub why: String,
}

/// What a line says, as texts; an empty one says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawLine<'a> {
    pub subject: &'a str,
    pub purpose: &'a str,
    /// A day or a moment, see [`parse_moment_ms`]; a day counts from its start.
    pub from: &'a str,
    /// A day counts to its end.
    pub until: &'a str,
}

/// The lines of a list, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnrolmentList {
    pub lines: Vec<EnrolmentLine>,
    pub malformed: Vec<MalformedLine>,
}

impl EnrolmentList {
    /// Reads a text. What a line leaves out comes from `otherwise`, whose subject does not count.
    pub fn parse(text: &str, otherwise: RawLine<'_>, now_ms: i64) -> Self {
        let mut list = Self::default();
        if let Some(columns) = Columns::of_header(text) {
            list.read_csv(text, &columns, otherwise, now_ms);
            return list;
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let raw = RawLine { subject: line, ..RawLine::default() };
            if !list.push(at + 1, line, raw, otherwise, now_ms) {
                break;
            }
        }
        list
    }

    /// Whether there was anything in it.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.malformed.is_empty()
    }

    /// Adds what one line says; `text` is how it was written. False when the list is full.
    pub fn push(
        &mut self,
        number: usize,
        text: &str,
        raw: RawLine<'_>,
        otherwise: RawLine<'_>,
        now_ms: i64,
    ) -> bool {
        if self.lines.len() + self.malformed.len() >= ENROLMENTS_MAX {
            let max = engine::grouped(ENROLMENTS_MAX);
            self.refuse(
                number,
                "",
                format!("a list has at most {max} lines; this one and the rest were not read"),
            );
            return false;
        }
        match read(number, raw, otherwise, now_ms) {
            Ok(line) => self.lines.push(line),
            Err(why) => self.refuse(number, text, why),
        }
        true
    }

    fn refuse(&mut self, number: usize, text: &str, why: String) {
        let text = crate::text::shorten(text.trim(), MALFORMED_TEXT_CHARS_MAX);
        self.malformed.push(MalformedLine { number, text, why });
    }

    fn read_csv(&mut self, text: &str, columns: &Columns, otherwise: RawLine<'_>, now_ms: i64) {
        for row in table::rows(text).skip(1).filter(|row| !row.is_blank()) {
            let field = |at: Option<usize>| at.and_then(|at| row.cells.get(at)).map_or("", String::as_str);
            let raw = RawLine {
                subject: field(Some(columns.subject)),
                purpose: field(columns.purpose),
                from: field(columns.from),
                until: field(columns.until),
            };
            let why = match () {
                () if row.open => Some("a quotation mark is never closed"),
                () if row.cells.len() > columns.count => Some("has more fields than the header has columns"),
                () => None,
            };
            if let Some(why) = why {
                self.refuse(row.number, row.text, why.to_owned());
            } else if !self.push(row.number, row.text, raw, otherwise, now_ms) {
                break;
            }
        }
    }
}

fn read(
    number: usize,
    raw: RawLine<'_>,
    otherwise: RawLine<'_>,
    now_ms: i64,
) -> Result<EnrolmentLine, String> {
    let subject =
        SubjectKey::parse(raw.subject.trim()).map_err(|error| format!("the targeting key {error}"))?;
    if is_dots(subject.as_str()) {
        return Err(Invalid::SubjectIsDots(subject.to_string()).to_string());
    }
    let said =
        |own: &str, other: &str| if own.trim().is_empty() { other.trim() } else { own.trim() }.to_owned();
    let purpose = said(raw.purpose, otherwise.purpose);
    if purpose.chars().count() > PURPOSE_CHARS_MAX {
        return Err(format!("the purpose is longer than {PURPOSE_CHARS_MAX} characters"));
    }
    let moment = |text: String, edge| match &*text {
        "" => Ok(None),
        text => parse_moment_ms(text, edge).map(Some).map_err(|error| error.to_string()),
    };
    let from_ms = moment(said(raw.from, otherwise.from), DayEdge::Start)?;
    let until_ms = moment(said(raw.until, otherwise.until), DayEdge::End)?;
    match (from_ms, until_ms) {
        (_, Some(until)) if until <= now_ms => Err("the end has passed already".to_owned()),
        (Some(from), Some(until)) if until <= from => Err("the end is before the beginning".to_owned()),
        (from_ms, until_ms) => Ok(EnrolmentLine { number, subject, purpose, from_ms, until_ms }),
    }
}

/// Which column holds what.
struct Columns {
    count: usize,
    subject: usize,
    purpose: Option<usize>,
    from: Option<usize>,
    until: Option<usize>,
}

impl Columns {
    /// Those of the first line, when one of them is called `subject`; others may have any name.
    fn of_header(text: &str) -> Option<Self> {
        let names = table::rows(text).next()?.cells;
        let names: Vec<_> = names.iter().map(|name| name.trim().to_lowercase()).collect();
        let place = |name: &str| names.iter().position(|it| it == name);
        Some(Self {
            count: names.len(),
            subject: place("subject")?,
            purpose: place("purpose"),
            from: place("from"),
            until: place("until"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 24 * 60 * 60 * 1000;

    fn list(text: &str) -> EnrolmentList {
        let otherwise = RawLine { purpose: "pilot", until: "1970-01-03", ..RawLine::default() };
        EnrolmentList::parse(text, otherwise, 0)
    }

    fn subjects(list: &EnrolmentList) -> Vec<&str> {
        list.lines.iter().map(|line| line.subject.as_str()).collect()
    }

    fn wrong(list: &EnrolmentList) -> Vec<(usize, &str)> {
        list.malformed.iter().map(|line| (line.number, &*line.why)).collect()
    }

    #[test]
    fn a_plain_list_has_one_key_per_line() {
        let read = list("ada\r\n\n Bob, of sales \n\u{1}x\n");
        assert_eq!(subjects(&read), ["ada", "Bob, of sales"]);
        assert_eq!(read.lines[1].number, 3);
        assert_eq!((read.lines[0].purpose.as_str(), read.lines[0].until_ms), ("pilot", Some(3 * DAY_MS)));
        assert_eq!(wrong(&read).iter().map(|it| it.0).collect::<Vec<_>>(), [4]);
        assert!(list(" \n\n").is_empty());
    }

    #[test]
    fn csv_has_its_own_purposes_and_times() {
        let read = list(
            "\u{feff}Subject,purpose,from,until\nada,\"calls, \"\"live\"\"\",1970-01-02,1970-01-02 14:10\nbob\n\n,x,,\n\
             cyd,,soon,\ndan,,1970-01-05,1970-01-04\neve,,,,more\n\"f\ng\",,,\nhal,\"open\n",
        );
        assert_eq!(subjects(&read), ["ada", "bob"]);
        let ada = &read.lines[0];
        assert_eq!(ada.purpose, "calls, \"live\"");
        assert_eq!((ada.from_ms, ada.until_ms), (Some(DAY_MS), Some(DAY_MS + 51_000_000)));
        assert_eq!(read.lines[1].purpose, "pilot");
        assert_eq!(
            wrong(&read),
            [
                (5, "the targeting key must not be empty"),
                (
                    6,
                    "a moment is written like 2026-03-01, 2026-03-01 14:10 (in UTC) or 2026-03-01T14:10:00+01:00"
                ),
                (7, "the end is before the beginning"),
                (8, "has more fields than the header has columns"),
                (9, "the targeting key must not contain control characters or begin or end with a space"),
                (11, "a quotation mark is never closed"),
            ]
        );
        assert_eq!(subjects(&list("until;subject\n1970-01-02;ada\n")), ["ada"]);
        assert_eq!(subjects(&list("sep=;\r\nsubject;purpose\r\nada;a,b\r\n")), ["ada"]);
    }

    #[test]
    fn an_end_that_has_passed_enrols_nobody() {
        let otherwise = RawLine { until: "1970-01-01 00:00:01", ..RawLine::default() };
        assert_eq!(wrong(&EnrolmentList::parse("ada", otherwise, 1000)), [(1, "the end has passed already")]);
    }

    #[test]
    fn a_list_has_an_end() {
        let read = list(&"x\n".repeat(ENROLMENTS_MAX + 5));
        assert_eq!((read.lines.len(), read.malformed.len()), (ENROLMENTS_MAX, 1));
    }
}
