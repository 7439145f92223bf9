//! What keeps a form from being saved, beside the control that it is about.

use super::state::as_sentence;

/// One sentence; `field` is the name of its control, empty when it is about the whole form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub field: String,
    pub sentence: String,
}

impl Wrong {
    pub fn at(field: impl Into<String>, error: impl std::fmt::Display) -> Self {
        Self { field: field.into(), sentence: as_sentence(&error.to_string()) }
    }

    pub fn whole(error: impl std::fmt::Display) -> Self {
        Self::at("", error)
    }
}

/// The sentences about one control, for its `role=alert`.
pub fn sentences_at(wrongs: &[Wrong], field: &str) -> Option<String> {
    let texts: Vec<_> = wrongs.iter().filter(|it| it.field == field).map(|it| &*it.sentence).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_stands_beside_its_control() {
        let wrongs = [Wrong::at("a", "too long"), Wrong::whole("nothing works"), Wrong::at("a", "too red")];
        assert_eq!(sentences_at(&wrongs, "a").as_deref(), Some("Too long. Too red."));
        assert_eq!(sentences_at(&wrongs, "").as_deref(), Some("Nothing works."));
        assert_eq!(sentences_at(&wrongs, "b"), None);
    }
}
