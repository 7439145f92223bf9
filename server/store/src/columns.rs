//! What the columns of a table are for, by the names that people give them: `Targeting key`, `targeting_key` and
//! `targetingKey` are one.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// Targeting keys.
    Key,
    Email,
    /// What people are called.
    Name,
    Purpose,
    From,
    Until,
    Other,
}

const KEYS: [&str; 10] =
    ["id", "key", "subject", "targetingkey", "userid", "user", "uid", "username", "login", "tester"];
const EMAILS: [&str; 3] = ["email", "emailaddress", "mail"];
const NAMES: [&str; 3] = ["name", "fullname", "displayname"];

impl Column {
    /// By its name in the first line of a table, or that of an attribute.
    pub fn called(name: &str) -> Self {
        match &*plain(name) {
            "purpose" => Self::Purpose,
            "from" => Self::From,
            "until" => Self::Until,
            key if KEYS.contains(&key) => Self::Key,
            email if EMAILS.contains(&email) => Self::Email,
            name if NAMES.contains(&name) => Self::Name,
            _ => Self::Other,
        }
    }

    /// What is in it says who is meant.
    pub fn names_somebody(self) -> bool {
        matches!(self, Self::Key | Self::Email | Self::Name)
    }
}

/// The first name that stands twice among those of columns that count, as it is written the second time. Two columns of one
/// name would leave it open which of them is meant.
pub fn twice<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let mut seen = std::collections::HashSet::new();
    names.into_iter().find(|name| !seen.insert(plain(name)))
}

/// What is told of two columns of one name.
pub fn told_twice(name: &str) -> String {
    format!("two columns are called “{name}”: rename or remove one of them")
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_known_however_its_name_is_written() {
        for name in ["ID", " id ", "targeting_key", "targetingKey", "Targeting key", "User-ID"] {
            assert_eq!(Column::called(name), Column::Key, "{name}");
        }
        for name in ["E-Mail", "email", "E-mail address", "mail"] {
            assert_eq!(Column::called(name), Column::Email, "{name}");
        }
        assert_eq!(Column::called("Full name"), Column::Name);
        assert_eq!(Column::called("Purpose"), Column::Purpose);
        for name in ["", "tier", "first name", "ada"] {
            assert_eq!(Column::called(name), Column::Other, "{name}");
        }
    }

    #[test]
    fn two_columns_of_one_name_are_told() {
        assert_eq!(twice(["id", "name", "ID"]), Some("ID"));
        assert_eq!(twice(["id", "key"]), None);
    }
}
