//! People packed in memory are the people that were stored: every value, every decision.

use engine::{
    AttributeSchema, AttributeValue, Attributes, CompiledGroup, Condition, Context, Group, Operator, Packed,
    Packer, Test, Traits,
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::json;

const NAMES: [&str; 6] = ["tier", "tenant", "visits", "since", "é-mail", "Teams"];

/// Any text, and those at which reading goes wrong first: empty, with separators, growing or shrinking in lower case.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => any::<String>(),
        2 => "[a-z0-9@.]{0,40}",
        1 => "[A-Za-z \t\n]{0,200}",
        1 => select(&["", "\t", "\n", "İstanbul", "ẞ", "ΑΣ", "Ⱥ", "NO", "9007199254740993"][..]).prop_map(String::from),
    ]
}

fn value() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        any::<bool>().prop_map(AttributeValue::Boolean),
        any::<f64>()
            .prop_filter("stored numbers are finite", |n| n.is_finite())
            .prop_map(|n| AttributeValue::Number(n.into())),
        (-1000_i32..1000).prop_map(|n| AttributeValue::Number(n.into())),
        select(&[0.0, -0.0, 0.5, 9_007_199_254_740_992.0, -9_007_199_254_740_992.0, 1e300, 63.0, 64.0][..])
            .prop_map(|n| AttributeValue::Number(n.into())),
        any::<i64>().prop_map(|n| AttributeValue::Number(n.into())),
        any::<u64>().prop_map(|n| AttributeValue::Number(n.into())),
        select(&[i64::MIN, i64::MAX, 9_007_199_254_740_993][..])
            .prop_map(|n| AttributeValue::Number(n.into())),
        text().prop_map(AttributeValue::Text),
        vec(text(), 0..5).prop_map(AttributeValue::List),
    ]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let name = prop_oneof![4 => select(&NAMES[..]).prop_map(String::from), 1 => "[a-z]{1,3}"];
    vec((name, value()), 0..30).prop_map(|members| members.into_iter().collect())
}

fn people() -> impl Strategy<Value = Vec<(String, Attributes)>> {
    vec((prop_oneof!["[a-z0-9-]{1,12}", "\\PC{1,20}"], attributes()), 1..8)
}

/// To the last bit, minus zero too.
fn exact(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Number(n) => format!("{:?}", n.parts()),
        AttributeValue::Boolean(_) | AttributeValue::Text(_) | AttributeValue::List(_) => {
            format!("{value:?}")
        }
    }
}

struct Pack {
    packer: Packer,
    ends: Vec<(usize, usize)>,
}

impl Pack {
    fn of<'a>(people: impl IntoIterator<Item = (&'a str, Traits<'a>)>) -> Self {
        let (mut packer, mut ends) = (Packer::default(), vec![(0, 0)]);
        for (subject, traits) in people {
            packer.push(subject, traits.iter());
            ends.push((packer.rows.len(), packer.text.len()));
        }
        Self { packer, ends }
    }

    fn people(&self) -> impl Iterator<Item = Packed<'_>> {
        self.ends.windows(2).map(|ends| {
            let (from, to) = (ends[0], ends[1]);
            let (row, text) = (&self.packer.rows[from.0..to.0], &self.packer.text[from.1..to.1]);
            Packed::new(&self.packer.names, row, text).expect("they belong together")
        })
    }
}

fn borrowed(people: &[(String, Attributes)]) -> impl Iterator<Item = (&str, Traits<'_>)> {
    people.iter().map(|(subject, traits)| (subject.as_str(), traits.into()))
}

fn group(operator: Operator, attribute: &str, ignore_case: bool) -> Option<CompiledGroup> {
    let attribute = attribute.parse().ok()?;
    let test = Test { attribute, operator, negated: false, ignore_case };
    let mut group = Group {
        key: "group".parse().expect("a key"),
        name: String::new(),
        description: String::new(),
        condition: None,
        enrolments: Vec::new(),
    };
    group.condition = Some(Condition::Test(test));
    CompiledGroup::new(group.into(), &AttributeSchema::default()).ok()
}

proptest! {
    #[test]
    fn who_is_packed_is_who_was_stored(people in people()) {
        let pack = Pack::of(borrowed(&people));
        // Packed from what is packed, as a shard is that somebody joins.
        let again = Pack::of(pack.people().map(|person| (person.subject(), person.into())));
        for pack in [&pack, &again] {
            prop_assert_eq!(pack.people().count(), people.len());
            for (packed, (subject, stored)) in pack.people().zip(&people) {
                prop_assert_eq!(packed.subject(), subject);
                let traits = Traits::from(packed);
                prop_assert!(traits == *stored && traits.len() == stored.len());
                prop_assert_eq!(traits.is_empty(), stored.is_empty());
                let (read, stored_exactly) = (traits.to_attributes(), stored.iter().map(|(_, it)| exact(it)));
                prop_assert!(read.iter().map(|(_, it)| exact(it)).eq(stored_exactly));
                prop_assert_eq!(serde_json::to_string(&traits).ok(), serde_json::to_string(stored).ok());
                for name in NAMES.iter().copied().chain(stored.iter().map(|(name, _)| name)) {
                    let one = traits.get(name).map(AttributeValue::from);
                    prop_assert_eq!(one.as_ref().map(exact), stored.get(name).map(exact));
                    let shown = traits.get(name).map(|value| value.display());
                    prop_assert_eq!(shown, stored.get(name).map(AttributeValue::display));
                }
            }
        }
    }

    #[test]
    fn a_condition_sees_no_difference(
        people in people(), name in select(&NAMES[..]), text in text(), n in any::<f64>(), ignore_case in any::<bool>()
    ) {
        let pack = Pack::of(borrowed(&people));
        let operators = [
            Operator::Equals(text.clone()), Operator::Contains(text.clone()), Operator::NumberEquals(n.into()),
            Operator::AtLeast(0.into()), Operator::Is(true), Operator::ContainsAny(vec![text]), Operator::Exists,
            Operator::After("2020-01-01".to_owned()), Operator::VersionAbove("1.0".to_owned()),
        ];
        for group in operators.into_iter().filter_map(|operator| group(operator, name, ignore_case)) {
            for (packed, (subject, stored)) in pack.people().zip(&people) {
                let (packed, stored) = (Context::from_traits(subject, packed), Context::from_traits(subject, stored));
                prop_assert_eq!(group.contains(&packed, 0), group.contains(&stored, 0));
            }
        }
    }

    /// A row is only ever read with its own text; with another one it ends, and never panics.
    #[test]
    fn what_does_not_belong_together_reads_as_ended(
        people in people(), row in vec(any::<u8>(), 0..60), other in text()
    ) {
        let pack = Pack::of(borrowed(&people));
        let rows = [&pack.packer.rows[..], &row];
        for (row, text) in rows.iter().flat_map(|row| [(row, pack.packer.text.as_str()), (row, &other)]) {
            let read = Packed::new(&pack.packer.names, row, text);
            prop_assert!(read.is_none_or(|read| Traits::from(read).iter().count() <= row.len()));
        }
    }
}

#[test]
fn a_text_in_lower_case_is_stored_once_and_everything_can_be_searched() {
    let json = json!({ "email": "ada@example.org", "name": "Ada", "vip": true, "visits": 7, "teams": ["Ops", "it"] });
    let traits = Attributes::from_json(json.as_object().expect("object"));
    let pack = Pack::of([("u-1", Traits::from(&traits))]);
    assert_eq!(pack.packer.text, "u-1\tada@example.org\tada\tAda\tops\tOps\tit\ttrue\t7\n");
    assert!(pack.packer.rows.len() < 24, "{}", pack.packer.rows.len());
    assert_eq!(pack.packer.names.len(), 5);
}

#[test]
fn looking_at_a_packed_value_allocates_nothing() {
    let json =
        json!({ "name": "Ada", "since": "2020-05-17", "visits": 42, "teams": ["Ops", "it"], "vip": true });
    let traits = Attributes::from_json(json.as_object().expect("object"));
    let pack = Pack::of([("u-1", Traits::from(&traits))]);
    let groups = [
        group(Operator::Equals("Ada".to_owned()), "name", false),
        group(Operator::After("2020-01-01".to_owned()), "since", false),
        group(Operator::AtLeast(42.into()), "visits", false),
        group(Operator::ContainsAll(vec!["Ops".to_owned(), "it".to_owned()]), "teams", false),
        group(Operator::Is(true), "vip", false),
        group(Operator::Contains("AD".to_owned()), "name", true),
        group(Operator::OneOf(vec!["ADA".to_owned()]), "name", true),
        group(Operator::ContainsAny(vec!["OPS".to_owned()]), "teams", true),
    ];
    let packed = pack.people().next().expect("somebody");
    for group in groups {
        let group = group.expect("compiles");
        let counted = allocation_counter::measure(|| {
            assert!(group.contains(&Context::from_traits(packed.subject(), packed), 0));
        });
        assert_eq!(counted.count_total, 0);
    }
}
