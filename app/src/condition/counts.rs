//! How many known people meet each row of a condition, and what no known person has. All rows of a page are counted in one
//! pass of the census.

use std::collections::BTreeMap;

use engine::{Condition, Operator, Sample, TARGETING_KEY, Test, counted, grouped};
use store::{Asker, ConditionCounts, Patience};

use super::{
    form::{ConditionForm, Node, Path},
    tree::Branch,
    vocabulary::Vocabulary,
};
use crate::page::Page;

/// Rows that are counted; those after them say nothing.
const ROWS_MAX: usize = 40;
/// Values of one row that are looked for one by one.
const VALUES_MAX: usize = 8;
/// Known values that a warning names.
const KNOWN_MAX: usize = 5;

/// What is said below each row of one condition.
#[derive(Debug, Clone, Default)]
pub struct RowCounts(BTreeMap<Path, RowCount>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowCount {
    pub(super) sentence: String,
    /// What occurs nowhere.
    pub(super) warning: Option<String>,
}

/// A row as it is asked about: its test, whether its attribute occurs, and each value that it names.
struct Row {
    path: Path,
    test: Test,
    values: Vec<String>,
}

impl RowCounts {
    /// Of each condition, in their order.
    pub(super) async fn of(page: &Page, drafts: &[&ConditionForm], vocabularies: &[Vocabulary]) -> Vec<Self> {
        let rows: Vec<Vec<Row>> = drafts.iter().map(|draft| rows(draft)).collect();
        let asked: Vec<Condition> =
            rows.iter().flatten().take(ROWS_MAX).flat_map(Row::questions).map(Condition::Test).collect();
        let none = || vec![Self::default(); drafts.len()];
        let snapshot = page.store().live().snapshot(page.environment.key.as_str());
        let (Some(snapshot), false) = (snapshot, asked.is_empty()) else { return none() };
        let viewer = page.viewer();
        let asker = Asker::new(&viewer, &format!("conditions {}", page.path()));
        let patience = (Some(asker), Patience::PREVIEW);
        let counts = page.store().census().conditions(&viewer, &snapshot, &asked, patience).await;
        let Some(ConditionCounts { sample, people }) = counts else { return none() };
        let mut answers = people.into_iter();
        let mut told = |row: Row, vocabulary: &Vocabulary| {
            let found: Vec<_> = answers.by_ref().take(row.questions().count()).collect();
            let told = row.told(sample, &found, vocabulary);
            told.map(|told| (row.path, told))
        };
        let of = |(rows, vocabulary): (Vec<Row>, &Vocabulary)| {
            Self(rows.into_iter().filter_map(|row| told(row, vocabulary)).collect())
        };
        rows.into_iter().zip(vocabularies).map(of).collect()
    }

    pub(super) fn at(&self, path: &[usize]) -> Option<&RowCount> {
        self.0.get(path)
    }
}

/// The rows that are complete.
fn rows(draft: &ConditionForm) -> Vec<Row> {
    let mut rows = Vec::new();
    collect(&draft.root, &mut Vec::new(), &mut rows);
    rows
}

fn collect(branch: &Branch, path: &mut Path, rows: &mut Vec<Row>) {
    for (at, node) in branch.nodes.iter().enumerate() {
        path.push(at);
        match node {
            Node::Branch(inner) => collect(inner, path, rows),
            Node::Test(test) => {
                if let Ok(test) = test.parse() {
                    rows.push(Row { path: path.clone(), values: values(&test.operator), test });
                }
            }
        }
        path.pop();
    }
}

/// The values that somebody can have or not. Of more than a few none is looked for.
fn values(operator: &Operator) -> Vec<String> {
    match operator {
        Operator::Equals(value) => vec![value.clone()],
        Operator::OneOf(values) | Operator::ContainsAny(values) | Operator::ContainsAll(values)
            if values.len() <= VALUES_MAX =>
        {
            values.clone()
        }
        _ => Vec::new(),
    }
}

impl Row {
    fn questions(&self) -> impl Iterator<Item = Test> + use<'_> {
        let ask = |operator: Operator| Test { operator, negated: false, ..self.test.clone() };
        let of_value = move |value: &String| match &self.test.operator {
            Operator::ContainsAny(_) | Operator::ContainsAll(_) => {
                ask(Operator::ContainsAny(vec![value.clone()]))
            }
            _ => ask(Operator::Equals(value.clone())),
        };
        let exists = Test { ignore_case: false, ..ask(Operator::Exists) };
        [self.test.clone(), exists].into_iter().chain(self.values.iter().map(of_value))
    }

    fn told(&self, sample: Sample, found: &[Option<usize>], vocabulary: &Vocabulary) -> Option<RowCount> {
        let [Some(matching), exists, values @ ..] = found else { return None };
        if sample.known == 0 {
            return None;
        }
        let known = counted(sample.known, "known person");
        let sentence = format!("Matches {} of {known}", sample.count(*matching).phrase());
        let missing = |values: &[Option<usize>]| {
            let of = self.values.iter().zip(values).filter(|(_, found)| **found == Some(0));
            of.map(|(value, _)| value.clone()).collect::<Vec<_>>()
        };
        let warning = match exists {
            Some(0) => Some(self.no_attribute(sample, vocabulary)),
            Some(_) | None => Some(missing(values))
                .filter(|it| !it.is_empty())
                .map(|it| self.no_value(sample, &it, vocabulary)),
        };
        Some(RowCount { sentence, warning })
    }

    fn name(&self) -> &str {
        self.test.attribute.as_str()
    }

    fn no_attribute(&self, sample: Sample, vocabulary: &Vocabulary) -> String {
        let name = self.name();
        let near = nearest(name, vocabulary.names().filter(|it| *it != name && is_near(name, it)));
        let meant = near.first().map(|near| format!(" Did you mean {near}?")).unwrap_or_default();
        format!("{} has {name}: only what an application sends can meet this.{meant}", nobody(sample))
    }

    fn no_value(&self, sample: Sample, missing: &[String], vocabulary: &Vocabulary) -> String {
        let name = if self.name() == TARGETING_KEY { "the key" } else { self.name() };
        let values: Vec<_> = missing.iter().map(|value| format!("“{value}”")).collect();
        let known = nearest(&missing[0], vocabulary.values_of(self.name()).iter().map(String::as_str));
        let more = if known.len() > KNOWN_MAX { ", …" } else { "." };
        let known = known.into_iter().take(KNOWN_MAX).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { ".".to_owned() } else { format!("; known: {known}{more}") };
        format!("{} has {name} {}{known}", nobody(sample), values.join(" or "))
    }
}

fn nobody(sample: Sample) -> String {
    if sample.is_whole() {
        return "No known person".to_owned();
    }
    format!("None of the {} looked at so far", grouped(sample.seen))
}

/// The nearest spellings first.
fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut known: Vec<_> = known.map(|text| (strsim::damerau_levenshtein(wanted, text), text)).collect();
    known.sort_unstable();
    known.into_iter().map(|(_, text)| text).collect()
}

/// A slip or two apart.
fn is_near(wanted: &str, text: &str) -> bool {
    strsim::damerau_levenshtein(wanted, text) <= 1 + wanted.len() / 5
}

#[cfg(test)]
mod tests {
    use engine::AttributeSchema;

    use super::*;
    use crate::condition::form::{Choice, TestForm};

    fn told(operator: &str, value: &str, found: &[usize]) -> RowCount {
        let test = TestForm {
            attribute: "tier".to_owned(),
            operator: Choice::parse(operator),
            value: value.to_owned(),
            ..TestForm::default()
        };
        let mut draft = ConditionForm::default();
        draft.root.nodes.push(Node::Test(test));
        let values = ["basic", "gilded", "goal", "standard", "vip", "void"].map(str::to_owned);
        let vocabulary = Vocabulary::new(&AttributeSchema::default(), ["tier", "tiers"])
            .with_values(&draft, |_| values.to_vec());
        let row = rows(&draft).remove(0);
        assert_eq!(row.questions().count(), found.len());
        let found: Vec<_> = found.iter().copied().map(Some).collect();
        row.told(Sample::whole(1310), &found, &vocabulary).expect("counted")
    }

    #[test]
    fn a_row_says_how_many_it_matches() {
        let told = told("equals", "vip", &[42, 1200, 42]);
        assert_eq!((told.sentence.as_str(), told.warning), ("Matches 42 of 1,310 known people", None));
    }

    #[test]
    fn a_value_that_occurs_nowhere_is_warned_of_with_the_nearest_spellings_first() {
        let told = told("one_of", "gold, vip", &[42, 1200, 0, 42]);
        let warning = told.warning.expect("a warning");
        assert!(warning.starts_with("No known person has tier “gold”; known: goal, void, "), "{warning}");
        assert!(warning.ends_with(", …"), "not all of them: {warning}");
    }

    #[test]
    fn an_attribute_that_occurs_nowhere_is_warned_of() {
        let told = told("equals", "vip", &[0, 0, 0]);
        let warning = told.warning.expect("a warning");
        assert_eq!(
            warning,
            "No known person has tier: only what an application sends can meet this. Did you mean tiers?"
        );
    }
}
