//! People from a table that somebody pasted: CSV with a first line of column names, checked line by line against the
//! attribute schema.

use std::collections::{BTreeMap, BTreeSet};

use engine::{
    AttributeSchema, AttributeType, AttributeValue, Attributes, SubjectKey, counted, grouped, is_dots,
};
use store::{
    Invalid, People, Standing, TokenHash,
    columns::{Column, told_twice, twice},
    limits::PEOPLE_BATCH_MAX,
    table::{self, Row},
};

use crate::form::{fields::Fields, file::SentFile, value};

/// Elements of a list within one cell.
const LIST_SEPARATOR: char = '|';

/// The form as typed.
#[derive(Debug, Clone, Default)]
pub struct ImportForm {
    pub table: String,
    /// What the file was that the table came from.
    pub file: Option<SentFile>,
    /// Whether the table came from a file: it was not shown yet. After a sign-in in between only the text of it is left.
    pub is_from_file: bool,
}

impl ImportForm {
    /// A file counts before what was pasted.
    pub fn from_fields(fields: &Fields) -> Self {
        let file = fields.text("file");
        let has_text = !file.trim().is_empty();
        let table = if has_text { file } else { fields.text("table") };
        let file = fields.file("file").cloned();
        Self { table: table.to_owned(), is_from_file: has_text || file.is_some(), file }
    }
}

/// What importing a table would do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    pub new: Vec<SubjectKey>,
    pub changed: Vec<SubjectKey>,
    pub unchanged: usize,
    pub wrong: Vec<WrongLine>,
    /// Not in the attribute schema: left out.
    pub unknown_columns: Vec<String>,
    /// New and changed people as they would be stored.
    pub people: Vec<(SubjectKey, Attributes)>,
}

impl Report {
    /// Differs when what would be done does: whoever confirms it says with this what they have seen. The numbers stand before
    /// the rest, so that both can be told.
    pub fn fingerprint(&self) -> String {
        let numbers = format!("{}.{}.{}.", self.new.len(), self.changed.len(), self.wrong.len());
        let whole = format!("{:?}\0{:?}\0{:?}", self.people, self.wrong, self.unknown_columns);
        numbers + &store::hex(&TokenHash::of(&whole).into_bytes())
    }

    /// What became of the report that was confirmed, as a sentence; `None` when it is this one.
    pub fn changed_since(&self, seen: &str) -> Option<String> {
        if self.fingerprint() == seen {
            return None;
        }
        let now = told([self.new.len(), self.changed.len(), self.wrong.len()]);
        let numbers = seen.split('.').map(|number| number.parse::<usize>().ok());
        let numbers: Vec<_> = numbers.take(3).flatten().collect();
        let before = <[usize; 3]>::try_from(numbers).ok().map(told);
        Some(match before {
            Some(before) if before != now => {
                format!("nothing was imported: what was checked was {before}, and now it is {now}")
            }
            Some(_) => format!(
                "nothing was imported: it is still {now}, but the table or what is stored is not what was checked"
            ),
            None => format!("nothing was imported: what this would do was not looked at yet; it is {now}"),
        })
    }
}

fn told([new, changed, wrong]: [usize; 3]) -> String {
    format!("{} new, {} changed and {} malformed", grouped(new), grouped(changed), grouped(wrong))
}

/// A line that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongLine {
    /// Counted from 1, the line of names included.
    pub number: usize,
    pub why: String,
}

/// Columns that the table does not have keep what is stored; an empty cell takes a trait away. Without a usable first
/// line there is no report but a sentence.
pub fn check(text: &str, schema: &AttributeSchema, people: &People) -> Result<Report, String> {
    let mut rows = table::rows(text).filter(|row| !row.is_blank());
    let head = rows.next().ok_or("Paste a table whose first line names the columns.")?;
    let names: Vec<_> = head.cells.iter().map(|cell| cell.trim().to_owned()).collect();
    let is_key = |name: &String| Column::called(name) == Column::Key;
    // An attribute may be called `user` as well.
    let plainly = names.iter().position(|name| is_key(name) && schema.get(name).is_none());
    let key_at = plainly.or_else(|| names.iter().position(is_key));
    let key_at = key_at.ok_or("One column has to be called id: it holds the targeting keys.")?;
    let is_column = |(at, name): &(usize, &String)| *at != key_at && !name.is_empty();
    let (columns, unknown): (Vec<_>, Vec<_>) =
        names.iter().enumerate().filter(is_column).partition(|(_, name)| schema.get(name).is_some());
    let keys = names.iter().filter(|name| is_key(name) && schema.get(name).is_none());
    let attributes = columns.iter().map(|(_, name)| *name);
    if let Some(name) = twice(keys.chain(attributes).map(String::as_str)) {
        return Err(told_twice(name));
    }
    let mut report = Report {
        unknown_columns: unknown.into_iter().map(|(_, name)| name.clone()).collect(),
        ..Report::default()
    };
    let (mut known, mut seen) = (BTreeMap::new(), BTreeSet::new());
    for row in rows {
        match read(&row, names.len(), key_at, &columns, schema, people) {
            Ok((subject, _)) if !seen.insert(subject.clone()) => {
                let why = format!("{subject} stands in an earlier line already");
                report.wrong.push(WrongLine { number: row.number, why });
            }
            Ok((subject, traits)) => drop(known.insert(subject, traits)),
            Err(why) => report.wrong.push(WrongLine { number: row.number, why }),
        }
    }
    for (subject, traits) in known {
        match people.standing(subject.as_str(), &traits) {
            Standing::Unchanged => {
                report.unchanged += 1;
                continue;
            }
            Standing::New => report.new.push(subject.clone()),
            Standing::Changed => report.changed.push(subject.clone()),
        }
        report.people.push((subject, traits));
    }
    if report.people.len() > PEOPLE_BATCH_MAX {
        let (people, most) = (counted(report.people.len(), "person"), grouped(PEOPLE_BATCH_MAX));
        return Err(format!(
            "this would write {people}, and one import writes {most} at most: divide the table into several"
        ));
    }
    Ok(report)
}

fn read(
    row: &Row<'_>,
    width: usize,
    key_at: usize,
    columns: &[(usize, &String)],
    schema: &AttributeSchema,
    people: &People,
) -> Result<(SubjectKey, Attributes), String> {
    if row.open {
        return Err("a quotation mark is not closed".to_owned());
    }
    // A separator too many at the end says nothing.
    let said = row.cells.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
    if row.cells.len() < width || said > width {
        let cells = engine::counted(row.cells.len(), "cell");
        return Err(format!("it has {cells}, the first line has {width}"));
    }
    let key = row.cells.get(key_at).map(|cell| cell.trim()).unwrap_or_default();
    let subject = SubjectKey::parse(key).map_err(|error| format!("the key {error}"))?;
    if is_dots(subject.as_str()) && people.traits(subject.as_str()).is_none() {
        return Err(Invalid::SubjectIsDots(subject.to_string()).to_string());
    }
    let mut traits: BTreeMap<String, AttributeValue> =
        people.traits(subject.as_str()).unwrap_or_default().to_attributes().into();
    for (at, name) in columns {
        let cell = row.cells.get(*at).map(|cell| cell.trim()).unwrap_or_default();
        if cell.is_empty() {
            traits.remove(*name);
        } else {
            traits.insert((*name).clone(), typed(cell, name, schema)?);
        }
    }
    Ok((subject, traits.into()))
}

fn typed(cell: &str, name: &str, schema: &AttributeSchema) -> Result<AttributeValue, String> {
    let Some(definition) = schema.get(name) else { return Ok(AttributeValue::Text(cell.to_owned())) };
    let value = match definition.value_type {
        AttributeType::List if !cell.starts_with('[') => {
            let items = cell.split(LIST_SEPARATOR).map(str::trim).filter(|item| !item.is_empty());
            Some(AttributeValue::List(items.map(str::to_owned).collect()))
        }
        // A table has quotes of its own: what they hold is the text.
        AttributeType::Text | AttributeType::Date | AttributeType::Semver => {
            Some(AttributeValue::Text(cell.to_owned()))
        }
        value_type => value::parse(cell, Some(value_type)).ok(),
    };
    let value = value.filter(|value| definition.value_type.accepts(value));
    value.ok_or_else(|| format!("{name} has to be {}, not “{cell}”", definition.value_type.expected()))
}

#[cfg(test)]
mod tests {
    use engine::{AttributeDefinition, AttributeName};

    use super::*;

    fn schema() -> AttributeSchema {
        let definition = |name: &str, value_type| AttributeDefinition {
            name: AttributeName::parse(name).expect("a name"),
            value_type,
            description: String::new(),
            trusted: false,
            personal: false,
        };
        AttributeSchema::new(vec![
            definition("name", AttributeType::Text),
            definition("visits", AttributeType::Number),
            definition("beta", AttributeType::List),
            definition("since", AttributeType::Date),
        ])
    }

    fn checked(text: &str) -> Report {
        check(text, &schema(), &People::default()).expect("a report")
    }

    fn traits(report: &Report, key: &str) -> Attributes {
        report.people.iter().find(|(it, _)| it.as_str() == key).expect("a person").1.clone()
    }

    #[test]
    fn cells_are_read_by_the_type_of_their_column() {
        let text = "id;name;visits;beta;since\r\nada;\"Ada \"\"A\"\"; Moreau\";12;x | y;2026-01-02\r\n";
        let report = checked(text);
        let traits = traits(&report, "ada");
        assert_eq!(traits.get("name"), Some(&AttributeValue::Text("Ada \"A\"; Moreau".into())));
        assert_eq!(traits.get("visits"), Some(&AttributeValue::Number(12.into())));
        assert_eq!(traits.get("beta"), Some(&AttributeValue::List(vec!["x".into(), "y".into()])));
        assert_eq!((report.new.len(), report.wrong.len()), (1, 0));
    }

    #[test]
    fn what_is_text_stays_text_and_whole_numbers_whole() {
        let report = checked(
            "id,name,visits\nada,00501,9007199254740993\nbob,\"\"\"Bob\"\"\",\ncyd,\"[\"\"x\"\"]\",\n",
        );
        let name = |key: &str| traits(&report, key).get("name").map(AttributeValue::display);
        assert_eq!(name("ada").as_deref(), Some("00501"));
        assert_eq!(name("bob").as_deref(), Some("\"Bob\""));
        assert_eq!(name("cyd").as_deref(), Some("[\"x\"]"));
        let visits = traits(&report, "ada").get("visits").cloned();
        assert_eq!(visits, Some(AttributeValue::Number(9_007_199_254_740_993_i64.into())));
    }

    #[test]
    fn each_wrong_line_says_what_is_wrong_and_the_others_count() {
        let text = "id,name,visits,since,mood\nada,Ada,many,,\nbob,Bob\n,Nobody,1,,\ncyd,Cyd,3,soon,\ndan,Dan,1,,sunny\n\
                    dan,Dan,2,,\n\neve,\"Eve,1,,\n";
        let report = checked(text);
        let wrong: Vec<_> = report.wrong.iter().map(|it| format!("{}: {}", it.number, it.why)).collect();
        assert_eq!(
            wrong,
            [
                "2: visits has to be a number, not “many”",
                "3: it has 2 cells, the first line has 5",
                "4: the key must not be empty",
                "5: since has to be a date like 2026-01-31, not “soon”",
                "7: dan stands in an earlier line already",
                "9: a quotation mark is not closed",
            ]
        );
        assert_eq!(report.new.iter().map(SubjectKey::as_str).collect::<Vec<_>>(), ["dan"]);
        assert_eq!(report.unknown_columns, ["mood"]);
        assert_eq!(traits(&report, "dan").get("mood"), None, "what the schema does not know is left out");
    }

    #[test]
    fn a_table_needs_a_key_column() {
        let error = |text: &str| check(text, &schema(), &People::default()).expect_err("refused");
        assert!(error("").contains("first line"));
        assert!(error("name,visits\nAda,1").contains("called id"));
        assert!(check("Key\tname\nada\tAda", &schema(), &People::default()).is_ok());
    }

    #[test]
    fn separators_too_many_and_blank_lines_say_nothing() {
        let report = checked("\n;;\nid;name;;\nada;Ada;;\nbob;Bob;;;\n;;\ncyd;Cyd;;;x\n");
        assert_eq!(report.new.iter().map(SubjectKey::as_str).collect::<Vec<_>>(), ["ada", "bob"]);
        assert_eq!((report.wrong.len(), report.wrong[0].number), (1, 7));
        assert_eq!(traits(&report, "ada").get("name"), Some(&AttributeValue::Text("Ada".into())));
    }

    #[test]
    fn two_columns_of_one_name_are_refused() {
        let error = |text: &str| check(text, &schema(), &People::default()).expect_err("refused");
        assert_eq!(
            error("id,name,name\nada,A,B"),
            "two columns are called “name”: rename or remove one of them"
        );
        assert_eq!(error("id,ID,name\nada,x,A"), "two columns are called “ID”: rename or remove one of them");
        assert_eq!(checked("id,mood,mood\nada,x,y").unknown_columns, ["mood", "mood"]);
    }

    #[test]
    fn keys_that_no_address_can_name_are_left_out_unless_they_are_there_already() {
        let report = checked("id,name\n.,Dot\n..,Dots\n...,Three\n");
        assert_eq!(report.new.iter().map(SubjectKey::as_str).collect::<Vec<_>>(), ["..."]);
        let wrong: Vec<_> = report.wrong.iter().map(|it| format!("{}: {}", it.number, it.why)).collect();
        assert_eq!(
            wrong,
            [
                "2: nobody can be called \".\": addresses of such people do not arrive",
                "3: nobody can be called \"..\": addresses of such people do not arrive",
            ]
        );
    }

    #[test]
    fn more_people_than_one_import_writes_are_told_at_the_check() {
        let table =
            |people: usize| (0..people).fold("id\n".to_owned(), |table, n| table + &format!("p{n}\n"));
        assert_eq!(checked(&table(PEOPLE_BATCH_MAX)).people.len(), PEOPLE_BATCH_MAX);
        let error = check(&table(PEOPLE_BATCH_MAX + 1), &schema(), &People::default()).expect_err("refused");
        assert_eq!(
            error,
            "this would write 10,001 people, and one import writes 10,000 at most: divide the table into several"
        );
    }

    #[test]
    fn a_report_tells_what_became_of_the_one_that_was_seen() {
        let seen = checked("id,name\nada,Ada\n");
        assert_eq!(seen.changed_since(&seen.fingerprint()), None);
        let told = |text: &str| checked(text).changed_since(&seen.fingerprint()).expect("another");
        assert!(told("id,name\nada,Ada\nbob,Bob\n").ends_with(
            "what was checked was 1 new, 0 changed and 0 malformed, and now it is 2 new, 0 changed and 0 malformed"
        ));
        assert!(told("id,name\nada,Eve\n").contains("it is still 1 new"), "other values are another report");
        for made_up in ["", "1", "1.2.x.y", "99999999999999999999.1.1.a"] {
            assert!(
                seen.changed_since(made_up).expect("never seen").contains("not looked at yet"),
                "{made_up}"
            );
        }
    }
}
