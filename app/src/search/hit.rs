//! One thing that a search finds.

/// One line of the palette and of the search page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub kind: HitKind,
    pub title: String,
    pub detail: String,
    /// An address; `#id` presses that button of the page; empty for what leads nowhere.
    pub href: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HitKind {
    Flag,
    Group,
    Page,
    Action,
    Person,
    /// What a key does: it leads nowhere.
    Key,
}

impl HitKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Flag => "Flag",
            Self::Group => "Group",
            Self::Page => "Page",
            Self::Action => "Action",
            Self::Person => "Person",
            Self::Key => "Key",
        }
    }
}
