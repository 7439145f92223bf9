//! What a submit button asks for. Every button of the rollout form is one, so that it works without scripts.

use engine::Percentage;

use crate::moved::Look;

/// Asked for by the button named `intent`. Only `Save` writes anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    Save,
    Preview,
    AddAudience,
    AddPin,
    AddPrerequisite,
    Remove {
        rule: String,
    },
    Up {
        rule: String,
    },
    Down {
        rule: String,
    },
    Set {
        rule: String,
        percentage: Percentage,
    },
    /// Begins a group for a rule, gives it up, or saves it.
    NewGroup {
        rule: String,
    },
    DropGroup {
        rule: String,
    },
    MakeGroup {
        rule: String,
    },
    /// Whom the change moves, by name.
    Who(Look),
    /// A button of one of the condition builders, which know their own.
    Builder(String),
}

impl Intent {
    pub fn parse(text: &str) -> Self {
        if let Some(look) = Look::parse(text) {
            return Self::Who(look);
        }
        let mut parts = text.splitn(3, ':');
        let (verb, rule, rest) = (parts.next().unwrap_or(""), parts.next(), parts.next());
        match (verb, rule.map(str::to_owned)) {
            ("save", None) => Self::Save,
            ("preview", None) => Self::Preview,
            ("add-audience", None) => Self::AddAudience,
            ("add-pin", None) => Self::AddPin,
            ("add-prerequisite", None) => Self::AddPrerequisite,
            ("remove", Some(rule)) => Self::Remove { rule },
            ("up", Some(rule)) => Self::Up { rule },
            ("down", Some(rule)) => Self::Down { rule },
            ("new-group", Some(rule)) => Self::NewGroup { rule },
            ("drop-group", Some(rule)) => Self::DropGroup { rule },
            ("make-group", Some(rule)) => Self::MakeGroup { rule },
            ("set", Some(rule)) => match rest.and_then(|text| Percentage::parse(text).ok()) {
                Some(percentage) => Self::Set { rule, percentage },
                None => Self::Preview,
            },
            _ => Self::Builder(text.to_owned()),
        }
    }

    /// The rule that the button belongs to: the page comes back with it in sight.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::Remove { rule }
            | Self::Up { rule }
            | Self::Down { rule }
            | Self::NewGroup { rule }
            | Self::DropGroup { rule }
            | Self::MakeGroup { rule }
            | Self::Set { rule, .. } => Some(rule),
            Self::Save
            | Self::Preview
            | Self::AddAudience
            | Self::AddPin
            | Self::AddPrerequisite
            | Self::Who(_)
            | Self::Builder(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_button_names_its_rule_and_its_percentage() {
        let half = Percentage::whole(50).expect("percentage");
        assert_eq!(Intent::parse("set:vip:50"), Intent::Set { rule: "vip".into(), percentage: half });
        assert_eq!(Intent::parse("set:vip:500"), Intent::Preview);
    }

    #[test]
    fn only_the_exact_word_saves() {
        for text in ["", "drop", "remove", "SAVE", "save:x", "save "] {
            assert_eq!(Intent::parse(text), Intent::Builder(text.to_owned()), "{text}");
        }
        assert_eq!(Intent::parse("save"), Intent::Save);
    }
}
