//! How long each part of what somebody sends may be. It is looked at before anything else, so that no search, filter or
//! list works on more than it is made for. What a text means has limits of its own, which stand where it is kept.

use crate::error::AppError;

/// A name, a comment, a description: the longest that is kept is a comment on feedback.
pub const FIELD_CHARS_MAX: usize = 5_000;
/// What is looked for.
pub const SEARCH_CHARS_MAX: usize = 200;
/// Anything else in an address.
pub const QUERY_CHARS_MAX: usize = 4_000;

/// Before the names of the fields of a form that the sign-in page holds.
pub const KEPT: &str = "kept.";

/// Fields of lists, files and documents, by their name or its end.
const LONG_FIELDS: [(&str, usize); 9] = [
    // Ten thousand testers, or a table of people: as much as a whole form can hold.
    ("list", usize::MAX),
    ("file", usize::MAX),
    ("table", usize::MAX),
    // A thousand people, one per line.
    ("excluded", 300_000),
    // A thousand values of one test.
    (".value", 200_000),
    ("variant.value", 70_000),
    ("json", 20_000),
    // Where to go afterwards: an address with its query.
    ("next", 20_000),
    ("back", 20_000),
];
const LONG_QUERIES: [(&str, usize); 3] = [("json", 20_000), ("next", 20_000), ("cursor", 8_000)];
const SEARCHES: [&str; 2] = ["q", "query"];

/// How long a field of a form may be.
pub fn chars_max(name: &str) -> usize {
    // On its way through the sign-in page a field is what it was.
    let name = name.strip_prefix(KEPT).unwrap_or(name);
    let long = LONG_FIELDS
        .iter()
        .filter(|(known, _)| name == *known || (known.starts_with('.') && name.ends_with(known)));
    long.map(|(_, max)| *max).max().unwrap_or(FIELD_CHARS_MAX)
}

/// Refuses a field of a form that is too long.
pub fn check_field(name: &str, value: &str) -> Result<(), AppError> {
    let chars_max = chars_max(name);
    // Names are ours; a longer one is no field of any form.
    if is_longer(name, FIELD_CHARS_MAX) || is_longer(value, chars_max) {
        return Err(AppError::FieldTooLong { chars_max });
    }
    Ok(())
}

/// Refuses a text to look for that is too long.
pub fn check_search(text: &str) -> Result<(), AppError> {
    if is_longer(text, SEARCH_CHARS_MAX) {
        return Err(AppError::FieldTooLong { chars_max: SEARCH_CHARS_MAX });
    }
    Ok(())
}

/// How long the first part of a query may be that is longer; `None` when all of them are short enough.
pub fn too_long_in_query(query: &str) -> Option<usize> {
    form_urlencoded::parse(query.as_bytes()).find_map(|(name, value)| {
        let long = LONG_QUERIES.iter().find(|(known, _)| name == *known).map(|(_, max)| *max);
        let search = SEARCHES.contains(&&*name).then_some(SEARCH_CHARS_MAX);
        let chars_max = long.or(search).unwrap_or(QUERY_CHARS_MAX);
        (is_longer(&value, chars_max) || is_longer(&name, QUERY_CHARS_MAX)).then_some(chars_max)
    })
}

fn is_longer(text: &str, chars_max: usize) -> bool {
    text.len() > chars_max && text.chars().nth(chars_max).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_room_that_they_need() {
        let text = |chars| "å".repeat(chars);
        for (name, chars_max) in [
            ("name", 5_000),
            ("excluded", 300_000),
            ("r.vip.if.0.value", 200_000),
            ("variant.value", 200_000),
        ] {
            assert_eq!(check_field(name, &text(chars_max)), Ok(()), "{name}");
            assert_eq!(check_field(name, &text(chars_max + 1)), Err(AppError::FieldTooLong { chars_max }));
        }
        assert_eq!(check_field("list", &text(1_000_000)), Ok(()));
        assert_eq!(check_field("kept.list", &text(1_000_000)), Ok(()));
        assert!(check_field("kept.name", &text(5_001)).is_err());
        assert!(check_field(&text(5_001), "").is_err());
    }

    #[test]
    fn a_query_is_looked_at_part_by_part() {
        let query = |name: &str, chars: usize| format!("a=b&{name}={}", "%C3%A5".repeat(chars));
        assert_eq!(too_long_in_query(&query("q", 200)), None);
        assert_eq!(too_long_in_query(&query("q", 201)), Some(200));
        assert_eq!(too_long_in_query(&query("tag", 4_000)), None);
        assert_eq!(too_long_in_query(&query("tag", 4_001)), Some(4_000));
        assert_eq!(too_long_in_query(&query("json", 20_000)), None);
        assert_eq!(check_search(&"x".repeat(201)), Err(AppError::FieldTooLong { chars_max: 200 }));
    }
}
