//! A list of testers as somebody pasted or sent it: a table whose first line names the columns, or testers alone, as many to
//! a line as somebody liked. Every line that cannot be read is kept with its number and why.

use std::collections::BTreeMap;

use engine::{DayEdge, ENROLMENTS_MAX, SubjectKey, is_dots, parse_moment_ms};

use crate::{
    Invalid,
    columns::{Column, told_twice, twice},
    limits::{MALFORMED_TEXT_CHARS_MAX, PURPOSE_CHARS_MAX},
    table::{self, Row},
};

/// A line that can be enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentLine {
    /// 1 for the first line.
    pub number: usize,
    pub subject: SubjectKey,
    /// How the list says it, when that is not the key: an e-mail address, a name.
    pub written: Option<String>,
    /// What else the line says of who is meant, looked at when nobody is known by the first.
    pub also: Vec<String>,
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
    /// Why nothing of it was read: its first line leaves open what is meant.
    pub refused: Option<String>,
    /// What the first line names; `None` when every cell is a tester.
    pub columns: Option<ReadColumns>,
    /// Lines of several cells as they were written: a name may have a comma in it.
    pub(super) whole: BTreeMap<usize, String>,
}

/// The columns of a table, by the names in its first line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadColumns {
    /// They say who is meant, the first one first.
    pub testers: Vec<String>,
    /// Purpose and times.
    pub others: Vec<String>,
    /// Nothing of an enrolment stands in them.
    pub left_out: Vec<String>,
}

impl EnrolmentLine {
    /// Without an end, and without a purpose.
    pub fn new(number: usize, subject: SubjectKey) -> Self {
        Self {
            number,
            subject,
            written: None,
            also: Vec::new(),
            purpose: String::new(),
            from_ms: None,
            until_ms: None,
        }
    }
}

impl EnrolmentList {
    /// These lines.
    pub fn of(lines: Vec<EnrolmentLine>) -> Self {
        Self { lines, ..Self::default() }
    }

    /// Reads a text. What a line leaves out comes from `otherwise`, whose subject does not count. Everybody is taken by key:
    /// [`crate::Store::find_listed`] looks for those who are named otherwise.
    pub fn parse(text: &str, otherwise: RawLine<'_>, now_ms: i64) -> Self {
        let mut list = Self::default();
        let first = table::rows(text).find(|row| !row.is_blank());
        match first.as_ref().and_then(Columns::of_header) {
            None => list.read_cells(text, otherwise, now_ms),
            Some(Err(why)) => list.refused = Some(why),
            Some(Ok(columns)) => {
                list.read_table(text, &columns, otherwise, now_ms);
                list.columns = Some(columns.read);
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
        if !self.has_room(number) {
            return false;
        }
        match read(number, raw, otherwise, now_ms) {
            Ok(line) => self.lines.push(line),
            Err(why) => self.refuse(number, text, why),
        }
        true
    }

    /// Whether one more line fits; says so when none does.
    fn has_room(&mut self, number: usize) -> bool {
        if self.lines.len() + self.malformed.len() < ENROLMENTS_MAX {
            return true;
        }
        let max = engine::grouped(ENROLMENTS_MAX);
        self.refuse(
            number,
            "",
            format!("a list has at most {max} testers; this one and the rest were not read"),
        );
        false
    }

    pub(super) fn refuse(&mut self, number: usize, text: &str, why: String) {
        let text = crate::text::shorten(text.trim(), MALFORMED_TEXT_CHARS_MAX);
        self.malformed.push(MalformedLine { number, text, why });
    }

    fn read_table(&mut self, text: &str, columns: &Columns, otherwise: RawLine<'_>, now_ms: i64) {
        for row in table::rows(text).filter(|row| !row.is_blank()).skip(1) {
            let field = |at: Option<usize>| at.and_then(|at| row.cells.get(at)).map_or("", |it| it.trim());
            let mut names = columns.subjects.iter().map(|at| field(Some(*at))).filter(|it| !it.is_empty());
            let raw = RawLine {
                subject: names.next().unwrap_or_default(),
                purpose: field(columns.purpose),
                from: field(columns.from),
                until: field(columns.until),
            };
            let more = row.cells.get(columns.count..).unwrap_or_default();
            let why = match () {
                () if row.open => Some(NEVER_CLOSED),
                () if more.iter().any(|it| !it.trim().is_empty()) => {
                    Some("has more fields than the header has columns")
                }
                () => None,
            };
            if let Some(why) = why {
                if !self.has_room(row.number) {
                    break;
                }
                self.refuse(row.number, row.text, why.to_owned());
                continue;
            }
            let also: Vec<_> = names.map(str::to_owned).collect();
            let before = self.lines.len();
            if !self.push(row.number, row.text, raw, otherwise, now_ms) {
                break;
            }
            if let Some(line) = self.lines.get_mut(before) {
                line.also.extend(also);
            }
        }
    }

    /// Every cell is a tester.
    fn read_cells(&mut self, text: &str, otherwise: RawLine<'_>, now_ms: i64) {
        for row in table::rows_of_list(text).filter(|row| !row.is_blank()) {
            if row.open {
                self.refuse(row.number, row.text, NEVER_CLOSED.to_owned());
                continue;
            }
            let cells = || row.cells.iter().map(|it| it.trim()).filter(|it| !it.is_empty());
            let may_be_one = cells().nth(1).is_some() && row.text.chars().count() <= ONE_NAME_CHARS_MAX;
            if may_be_one {
                self.whole.insert(row.number, row.text.trim().to_owned());
            }
            for cell in cells() {
                let raw = RawLine { subject: cell, ..RawLine::default() };
                if !self.push(row.number, cell, raw, otherwise, now_ms) {
                    return;
                }
            }
        }
    }
}

const NEVER_CLOSED: &str = "a quotation mark is never closed";
/// A longer line is nobody's name.
const ONE_NAME_CHARS_MAX: usize = 100;

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
        (from_ms, until_ms) => {
            let also = in_angles(raw.subject).into_iter().collect();
            Ok(EnrolmentLine { also, purpose, from_ms, until_ms, ..EnrolmentLine::new(number, subject) })
        }
    }
}

/// The address in `Ada Moreau <ada@belvedere.example>`, as programs for mail write it.
fn in_angles(text: &str) -> Option<String> {
    let (_, address) = text.trim().strip_suffix('>')?.rsplit_once('<')?;
    (!address.trim().is_empty()).then(|| address.trim().to_owned())
}

/// Which column holds what.
struct Columns {
    count: usize,
    /// Who is meant: a key before an e-mail address before a name.
    subjects: Vec<usize>,
    purpose: Option<usize>,
    from: Option<usize>,
    until: Option<usize>,
    read: ReadColumns,
}

impl Columns {
    /// Those of the first line, when it names columns at all; why not when it leaves open what is meant.
    fn of_header(row: &Row<'_>) -> Option<Result<Self, String>> {
        let names: Vec<_> = row.cells.iter().map(|name| name.trim()).collect();
        let kinds: Vec<_> = names.iter().map(|name| Column::called(name)).collect();
        if row.open || kinds.iter().all(|it| *it == Column::Other) {
            return None;
        }
        let of = |wanted: fn(Column) -> bool| {
            let places = kinds.iter().enumerate().filter(move |(_, it)| wanted(**it));
            places.map(|(at, _)| at).collect::<Vec<_>>()
        };
        let mut subjects = of(Column::names_somebody);
        if subjects.is_empty() {
            let why = "the first line names columns, but none that says who the testers are: call one id, e-mail or name";
            return Some(Err(why.to_owned()));
        }
        let counts = of(|it| it != Column::Other);
        if let Some(name) = twice(counts.iter().map(|at| names[*at])) {
            return Some(Err(told_twice(name)));
        }
        subjects.sort_by_key(|at| kinds[*at]);
        let called = |places: &[usize]| places.iter().map(|at| names[*at].to_owned()).collect::<Vec<_>>();
        let mut left_out = of(|it| it == Column::Other);
        left_out.retain(|at| !names[*at].is_empty());
        let place = |wanted: Column| kinds.iter().position(|it| *it == wanted);
        Some(Ok(Self {
            count: names.len(),
            purpose: place(Column::Purpose),
            from: place(Column::From),
            until: place(Column::Until),
            read: ReadColumns {
                testers: called(&subjects),
                others: called(&of(|it| !it.names_somebody() && it != Column::Other)),
                left_out: called(&left_out),
            },
            subjects,
        }))
    }
}

#[cfg(test)]
mod tests;
