//! People who are shown beside something else: in the preview of a group, among its testers, as suggestions. The audit log
//! is told once for each reader and group, or place, in ten minutes, however often the page is drawn while somebody types.

use engine::GroupKey;

use crate::{PeopleReader, Store, StoreError};

impl Store {
    /// Has to come before the people of a group, or of one that is being defined, are shown: an entry that cannot be
    /// written shows nobody.
    pub async fn audit_group_shown(
        &self,
        by: &PeopleReader,
        group: Option<&GroupKey>,
    ) -> Result<(), StoreError> {
        let (place, whom) = match group {
            Some(key) => (format!("group {key}"), format!("the people of group {key}")),
            None => ("new group".to_owned(), "the people of a group that is not saved yet".to_owned()),
        };
        self.audit_place(by, &place, &format!("looked at {whom}")).await
    }

    /// Known people whose key resembles what was typed: those that begin with it first, then those that contain it.
    /// Audited.
    pub async fn suggest_people(
        &self,
        by: &PeopleReader,
        typed: &str,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let people = self.live().people();
        if people.is_empty() {
            return Ok(Vec::new());
        }
        self.audit_place(by, "suggestions", "was suggested people while typing").await?;
        Ok(suggestions(people.iter().map(|(subject, _)| subject), typed, limit))
    }
}

fn suggestions<'p>(people: impl Iterator<Item = &'p str>, typed: &str, limit: usize) -> Vec<String> {
    let typed = typed.to_lowercase();
    let (mut first, mut then) = (Vec::new(), Vec::new());
    for subject in people {
        let lower = subject.to_lowercase();
        if lower.starts_with(&typed) {
            first.push(subject.to_owned());
        } else if then.len() < limit && lower.contains(&typed) {
            then.push(subject.to_owned());
        }
        if first.len() == limit {
            break;
        }
    }
    first.extend(then);
    first.truncate(limit);
    first
}

#[cfg(test)]
mod tests {
    use super::suggestions;

    #[test]
    fn people_whose_key_begins_so_come_first() {
        let people = ["big-ada", "ada-1", "bob", "Ada-2"];
        assert_eq!(suggestions(people.into_iter(), "ada", 20), ["ada-1", "Ada-2", "big-ada"]);
        assert_eq!(suggestions(people.into_iter(), "ada", 1), ["ada-1"]);
    }
}
