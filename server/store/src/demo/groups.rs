//! Attributes, pilot groups and personas of the demo.

use engine::{
    AttributeDefinition, AttributeName, AttributeType, AttributeValue, Attributes, Condition, Group,
    Operator, Test,
};

use super::{Stage, group_key, subject_key, unless_there};
use crate::{EnrolmentChoice, EnrolmentLine, EnrolmentList, StoreError, clock::DAY_MS};

/// Name, type, trusted, description.
const ATTRIBUTES: [(&str, AttributeType, bool, &str); 10] = [
    ("tenant", AttributeType::Text, true, "The agency somebody books for"),
    ("tier", AttributeType::Text, true, "What the agency has agreed with us: basic, standard or vip"),
    ("role", AttributeType::Text, true, "agent, manager or staff (our own people)"),
    ("transactions_30d", AttributeType::Number, false, "Bookings paid in the last 30 days"),
    ("country", AttributeType::Text, false, "Two letters, such as NO"),
    ("app_version", AttributeType::Semver, false, "The booking app's version"),
    ("signed_up", AttributeType::Date, true, "When the account was made"),
    ("beta_features", AttributeType::List, false, "What somebody has asked to try early"),
    ("email", AttributeType::Text, false, "Where we write to"),
    ("name", AttributeType::Text, false, "How somebody is called"),
];

/// What says who somebody is.
const PERSONAL: [&str; 2] = ["email", "name"];

fn test(attribute: &str, operator: Operator) -> Condition {
    let attribute = AttributeName::parse(attribute).unwrap_or_else(|_| unreachable!("a literal name"));
    Condition::Test(Test { attribute, operator, negated: false, ignore_case: false })
}

fn group(key: &str, name: &str, description: &str, condition: Option<Condition>) -> Group {
    Group {
        key: group_key(key),
        name: name.to_owned(),
        description: description.to_owned(),
        condition,
        enrolments: Vec::new(),
    }
}

fn groups() -> [Group; 7] {
    let is = |attribute, value: &str| Some(test(attribute, Operator::Equals(value.to_owned())));
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    [
        group("internal", "Internal users", "Our own people: they see everything first", is("role", "staff")),
        group(
            "vip-agencies",
            "VIP agencies",
            "Agencies with a VIP agreement and a contact of their own",
            is("tier", "vip"),
        ),
        group(
            "beta-testers",
            "Beta testers",
            "Asked to try things early, or were asked by QA",
            Some(test("beta_features", Operator::ContainsAny(words(&["early-access"])))),
        ),
        group(
            "nordic-agencies",
            "Nordic agencies",
            "Book from Denmark, Finland, Iceland, Norway or Sweden",
            Some(test("country", Operator::OneOf(words(&["DK", "FI", "IS", "NO", "SE"])))),
        ),
        group(
            "high-volume",
            "High-volume agencies",
            "At least 100 bookings in 30 days, not counting VIP agencies",
            Some(Condition::All(vec![
                test("transactions_30d", Operator::AtLeast(100.into())),
                Condition::Not(Box::new(test("tier", Operator::Equals("vip".to_owned())))),
            ])),
        ),
        group(
            "new-agencies",
            "New agencies",
            "Signed up this season and still few bookings",
            Some(Condition::All(vec![
                test("signed_up", Operator::After("2025-06-30".to_owned())),
                test("transactions_30d", Operator::LessThan(10.into())),
            ])),
        ),
        group(
            "current-app",
            "Current app",
            "On version 2.10 or later of the booking app",
            Some(test("app_version", Operator::VersionAbove("2.9.99".to_owned()))),
        ),
    ]
}

impl Stage {
    pub(super) async fn put_attributes(&self) -> Result<(), StoreError> {
        for (name, value_type, trusted, description) in ATTRIBUTES {
            let personal = PERSONAL.contains(&name);
            let name = AttributeName::parse(name).unwrap_or_else(|_| unreachable!("a literal name"));
            let description = description.to_owned();
            let definition = AttributeDefinition { name, value_type, description, trusted, personal };
            self.store.put_attribute(&self.admin, definition).await?;
        }
        Ok(())
    }

    pub(super) async fn create_groups(&self) -> Result<(), StoreError> {
        let by = self.product.flag_editor()?;
        for (minute, group) in (0..).zip(groups()) {
            self.set_time(0, 10, 4 * minute);
            unless_there(self.store.create_group(&by, group, "").await)?;
        }
        Ok(())
    }

    /// QA's testers, until some days after the present.
    pub(super) async fn enrol(&self, subjects: &[&str], days: i64, purpose: &str) -> Result<(), StoreError> {
        let key = group_key("beta-testers");
        let line = |(at, subject): (usize, &&str)| EnrolmentLine {
            purpose: purpose.to_owned(),
            until_ms: Some(self.now_ms + days * DAY_MS),
            ..EnrolmentLine::new(at + 1, subject_key(subject))
        };
        let lines = subjects.iter().enumerate().map(line).collect();
        let list = EnrolmentList::of(lines);
        let by = self.qa.enroller()?;
        match self.store.enrol(&by, &key, &list, EnrolmentChoice::default(), None, purpose).await {
            Ok(_) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn save_personas(&self) -> Result<(), StoreError> {
        self.set_time(5, 15, 50);
        let by = self.support.people_reader()?;
        let known = |subject: &str| Some(subject_key(subject));
        let attributes = |pairs: &[(&str, &str)]| -> Attributes {
            let text = |(name, value): &(&str, &str)| {
                ((*name).to_owned(), AttributeValue::Text((*value).to_owned()))
            };
            pairs.iter().map(text).collect()
        };
        let newcomer = attributes(&[("tier", "standard"), ("country", "DE"), ("app_version", "2.11.0")]);
        for (name, subject, attributes) in [
            ("VIP agent (Ada Moreau)", known("ada.moreau"), Attributes::default()),
            ("Ordinary agent (Lena Fischer)", known("lena.fischer"), Attributes::default()),
            ("Our own people (Sam Rivers)", known("sam.staff"), Attributes::default()),
            ("A new agency in Germany", known("newcomer"), newcomer),
        ] {
            self.store.save_persona(&by, name, subject, attributes).await?;
        }
        Ok(())
    }
}
