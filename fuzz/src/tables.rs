//! Tables that somebody pasted: people and testers. Every line is either read or refused with its number and a sentence,
//! and what was read is read again from the table that says the same.

use std::fmt::Write as _;

use app::people::import::form::{Report, check};
use engine::{
    AttributeDefinition, AttributeName, AttributeSchema, AttributeType, AttributeValue, ENROLMENTS_MAX,
};
use store::{EnrolmentList, People, RawLine, limits::MALFORMED_TEXT_CHARS_MAX};

const NOW_MS: i64 = 1_800_000_000_000;
const BYTES_PER_BYTE_MAX: usize = 600;
const BYTES_MAX: usize = 64 * 1024;

pub fn run(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    // No door lets a NUL in, and what stands after the end of a table is one.
    if text.contains('\0') {
        return;
    }
    let budget = BYTES_MAX + BYTES_PER_BYTE_MAX * text.len();
    if first & 1 == 0 {
        crate::memory::within(budget, || people(text));
    } else {
        crate::memory::within(budget, || testers(text));
    }
}

fn schema() -> AttributeSchema {
    let of = |name: &str, value_type| AttributeDefinition {
        name: AttributeName::parse(name).expect("a name"),
        value_type,
        description: String::new(),
        trusted: false,
        personal: false,
    };
    AttributeSchema::new(vec![
        of("tier", AttributeType::Text),
        of("n", AttributeType::Number),
        of("on", AttributeType::Boolean),
        of("roles", AttributeType::List),
        of("since", AttributeType::Date),
        of("app", AttributeType::Semver),
    ])
}

fn people(text: &str) {
    let (schema, nobody) = (schema(), People::default());
    let report = match check(text, &schema, &nobody) {
        Ok(report) => report,
        Err(sentence) => return assert!(!sentence.is_empty()),
    };
    // A carriage return ends a line as well as a line feed does.
    let lines = text.split(['\n', '\r']).count();
    for wrong in &report.wrong {
        assert!((1..=lines).contains(&wrong.number) && !wrong.why.is_empty(), "{wrong:?}");
    }
    assert!(report.people.len() + report.wrong.len() <= lines);
    for (subject, traits) in &report.people {
        assert_eq!(schema.mistyped(traits).next(), None, "{subject}");
    }
    if let Some(table) = written(&report) {
        let again = check(&table, &schema, &nobody).expect("a table");
        assert_eq!((&again.people, &again.wrong), (&report.people, &Vec::new()), "{table}");
    }
}

/// The people as a table with every known column, unless one of their lists holds the separator of lists.
fn written(report: &Report) -> Option<String> {
    const COLUMNS: [&str; 6] = ["tier", "n", "on", "roles", "since", "app"];
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut table = format!("id,{}\n", COLUMNS.join(","));
    for (subject, traits) in &report.people {
        table.push_str(&quoted(subject.as_str()));
        for column in COLUMNS {
            let cell = match traits.get(column) {
                Some(AttributeValue::List(items)) => {
                    let plain = items.iter().all(|it| !it.is_empty() && it.trim() == it && !it.contains('|'));
                    if items.is_empty() || !plain || items.first().is_some_and(|it| it.starts_with('[')) {
                        return None;
                    }
                    items.join("|")
                }
                Some(value) => value.display(),
                None => String::new(),
            };
            write!(table, ",{}", quoted(&cell)).ok()?;
        }
        table.push('\n');
    }
    Some(table)
}

fn testers(text: &str) {
    let list = EnrolmentList::parse(text, RawLine::default(), NOW_MS);
    assert!(list.lines.len() + list.malformed.len() <= ENROLMENTS_MAX + 1);
    for line in &list.malformed {
        assert!(line.number > 0 && !line.why.is_empty());
        assert!(line.text.chars().count() <= MALFORMED_TEXT_CHARS_MAX + 1, "{line:?}");
    }
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut table = "subject,purpose\n".to_owned();
    for line in &list.lines {
        assert!(
            line.until_ms.is_none_or(|until| until > NOW_MS && line.from_ms.is_none_or(|from| from < until))
        );
        writeln!(table, "{},{}", quoted(line.subject.as_str()), quoted(&line.purpose))
            .expect("memory takes it");
    }
    let again = EnrolmentList::parse(&table, RawLine::default(), NOW_MS);
    assert_eq!(again.malformed, [], "{table}");
    let said = |list: &EnrolmentList| -> Vec<_> {
        list.lines.iter().map(|it| (it.subject.clone(), it.purpose.clone())).collect()
    };
    assert_eq!(said(&again), said(&list), "{table}");
}
