//! The rows of the condition builder as a tree: where each stands, how they are joined, what is not right with them.

use engine::Problem;

use super::row::{Field, TestError, TestForm};

/// Where a row stands: the index in each branch from the root down.
pub type Path = Vec<usize>;

/// How the rows of a branch are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    All,
    Any,
    /// Not any of them.
    None,
    /// Not all of them.
    NotAll,
    /// The opposite of its only row; with more rows it means `None`.
    Not,
}

impl Mode {
    pub const OFFERED: [Self; 4] = [Self::All, Self::Any, Self::None, Self::NotAll];

    pub fn code(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Any => "any",
            Self::None => "none",
            Self::NotAll => "not_all",
            Self::Not => "not",
        }
    }

    /// `All of these are true`.
    pub fn label(self) -> &'static str {
        match self {
            Self::All => "all of these",
            Self::Any => "any of these",
            Self::None => "none of these",
            Self::NotAll => "not all of these",
            Self::Not => "not this",
        }
    }

    /// The word between two rows of the branch.
    pub fn joint(self) -> &'static str {
        match self {
            Self::All | Self::NotAll => "and",
            Self::Any | Self::None | Self::Not => "or",
        }
    }

    pub(super) fn parse(code: &str) -> Option<Self> {
        Self::OFFERED.into_iter().chain([Self::Not]).find(|mode| mode.code() == code)
    }

    /// Levels of the condition tree that the branch itself takes.
    pub fn levels(self) -> usize {
        match self {
            Self::All | Self::Any => 1,
            Self::None | Self::NotAll | Self::Not => 2,
        }
    }
}

/// A row of the builder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Branch(Branch),
    Test(TestForm),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Branch {
    pub mode: Mode,
    pub nodes: Vec<Node>,
}

/// Where the cursor belongs after the form's last button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Focus {
    Row(Path),
    /// The "add" buttons of a branch.
    Add(Path),
}

/// Everything that keeps a form from being a condition, each with its place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConditionErrors(Vec<(Path, Field, TestError)>);

impl ConditionErrors {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What is wrong with one row or branch.
    pub fn at<'a>(&'a self, path: &'a [usize]) -> impl Iterator<Item = (Field, &'a TestError)> {
        self.0.iter().filter(move |(at, ..)| at == path).map(|(_, field, error)| (*field, error))
    }

    /// Places a problem that the engine or the store found with the condition as a whole.
    pub fn refuse(&mut self, problem: Problem) {
        self.push(&[], Field::Whole, TestError::Refused(problem));
    }

    pub(super) fn push(&mut self, path: &[usize], field: Field, error: TestError) {
        self.0.push((path.to_vec(), field, error));
    }
}

/// The name of a row or branch in the form: the prefix and its path.
pub fn name_at(prefix: &str, path: &[usize]) -> String {
    path.iter().fold(prefix.to_owned(), |name, at| format!("{name}.{at}"))
}

/// The text of a path in an intent: `1.0`, nothing for the root.
pub fn path_text(path: &[usize]) -> String {
    path.iter().map(usize::to_string).collect::<Vec<_>>().join(".")
}

pub(super) fn parse_path(text: &str) -> Option<Path> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split('.').map(|at| at.parse().ok()).collect()
}

/// `1.0.attribute` → (`[1, 0]`, `attribute`).
pub(super) fn split_name(rest: &str) -> Option<(Path, &str)> {
    let (path, field) = rest.rsplit_once('.').unwrap_or(("", rest));
    Some((parse_path(path)?, field))
}
