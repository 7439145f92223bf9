//! The form of a pilot group: texts ↔ `engine::Group`.

use engine::{Enrolment, Group, GroupKey};
use store::Versioned;

use crate::{
    condition::form::ConditionForm,
    form::{error::FormErrors, fields::Fields},
    moved::Look,
};

/// Prefix of the group's condition in the form.
pub const CONDITION: &str = "cond";
const KEY_CHARS_MAX: usize = 60;

/// A group as typed.
#[derive(Debug, Clone, Default)]
pub struct GroupForm {
    /// Only asked for when the group is new; derived from the name when left empty.
    pub key: String,
    pub name: String,
    pub description: String,
    pub condition: ConditionForm,
    pub comment: String,
    /// The version that the form was filled from.
    pub version: u64,
    /// What the list of matching people is searched for.
    pub people: String,
    /// Whom saving moves is looked at by name.
    pub look: Option<Look>,
}

impl GroupForm {
    pub fn starting() -> Self {
        Self { condition: ConditionForm::starting(), ..Self::default() }
    }

    pub fn from_group(saved: &Versioned<Group>) -> Self {
        let group = &saved.value;
        Self {
            key: group.key.to_string(),
            name: group.name.clone(),
            description: group.description.clone(),
            condition: ConditionForm::from_condition(group.condition.as_ref()),
            version: saved.version,
            ..Self::default()
        }
    }

    pub fn from_fields(fields: &Fields) -> Self {
        let text = |name: &str| fields.trimmed(name).to_owned();
        let pairs: Vec<_> = fields.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self {
            key: text("key"),
            name: text("name"),
            description: text("description"),
            condition: ConditionForm::from_pairs(&pairs, CONDITION),
            comment: text("comment"),
            version: fields.number("version").unwrap_or_default(),
            people: text("people"),
            look: Look::parse(fields.text("intent")),
        }
    }

    /// The key of a new group.
    pub fn parse_key(&self) -> Result<GroupKey, FormErrors> {
        let key = if self.key.is_empty() { key_of(&self.name) } else { self.key.clone() };
        GroupKey::parse(&key).map_err(|invalid| match self.key.is_empty() {
            true if self.name.is_empty() => FormErrors::field("name", "Give it a name."),
            true => FormErrors::field("key", "No key can be made from this name; write one."),
            false => FormErrors::field("key", format!("a key {invalid}")),
        })
    }

    /// The group with the testers it has, or everything that is wrong. What is wrong with the condition stands
    /// in the builder; the errors then only say that something is.
    pub fn parse(&self, key: GroupKey, enrolments: Vec<Enrolment>) -> Result<Group, FormErrors> {
        let condition = self.condition.parse().map_err(|_| {
            FormErrors::form("The condition is not complete. Nothing was saved; see the marked rows.")
        })?;
        let group = Group {
            key,
            name: self.name.clone(),
            description: self.description.clone(),
            condition,
            enrolments,
        };
        let errors = group.problems().into_iter().map(|problem| {
            let field = match problem {
                engine::Problem::Name { .. } => Some("name"),
                engine::Problem::DescriptionTooLong { .. } => Some("description"),
                _ => None,
            };
            field.map_or_else(|| FormErrors::form(&problem), |field| FormErrors::field(field, &problem))
        });
        errors.reduce(FormErrors::and).map_or(Ok(group), Err)
    }

    /// Whether saving would change anything.
    pub fn differs_from(&self, group: &Group) -> bool {
        self.name != group.name
            || self.description != group.description
            || self.condition.parse().as_ref() != Ok(&group.condition)
    }
}

/// `VIP agencies (Nordics)` → `vip-agencies-nordics`.
fn key_of(name: &str) -> String {
    let mut key = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            c if c.is_ascii_alphanumeric() => key.push(c),
            'å' | 'ä' | 'á' | 'à' | 'â' => key.push('a'),
            'é' | 'è' | 'ê' | 'ë' => key.push('e'),
            'ö' | 'ø' | 'ó' | 'ô' => key.push('o'),
            'ü' | 'ú' => key.push('u'),
            _ if key.ends_with('-') || key.is_empty() => {}
            _ => key.push('-'),
        }
    }
    key.truncate(KEY_CHARS_MAX);
    key.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(body: &str) -> Fields {
        Fields::parse(body.as_bytes()).expect("fields")
    }

    #[test]
    fn a_key_is_made_from_the_name() {
        assert_eq!(key_of("VIP agencies (Nordics)"), "vip-agencies-nordics");
        assert_eq!(key_of("  Früh & spät! "), "fruh-spat");
        assert_eq!(key_of("旅行社"), "");
    }

    #[test]
    fn a_group_is_read_with_its_condition_and_keeps_its_testers() {
        let form = GroupForm::from_fields(&fields(
            "name=VIP+agencies&cond.mode=all&cond.0.attribute=tier&cond.0.operator=equals&cond.0.value=vip&version=3",
        ));
        let key = form.parse_key().expect("a key");
        let tester = Enrolment::new(engine::SubjectKey::parse("ada").expect("a subject"));
        let group = form.parse(key, vec![tester]).expect("a group");
        assert_eq!(group.key.as_str(), "vip-agencies");
        assert_eq!(group.enrolments.len(), 1);
        assert_eq!(engine::condition_phrase(group.condition.as_ref().expect("a condition")), "tier is “vip”");
        assert!(!form.differs_from(&group));
    }

    #[test]
    fn what_is_wrong_stands_beside_its_field() {
        let form = GroupForm::from_fields(&fields("key=a+b"));
        assert_eq!(form.parse_key().expect_err("refused").fields[0].field, "key");
        let key = GroupKey::parse("x").expect("a key");
        assert_eq!(form.parse(key, Vec::new()).expect_err("refused").fields[0].field, "name");
    }
}
