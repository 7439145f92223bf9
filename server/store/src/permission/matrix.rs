//! The role table: who may do what, and where. The defaults of the product, and what an admin changed of them. Whatever
//! is stored, no table leaves the floors.

use engine::{Change, EnvironmentKey};
use serde::{Deserialize, Serialize};

use super::{Operation, Role};

/// One place of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleCell {
    pub operation: Operation,
    pub role: Role,
    /// Set for, and only for, what each environment answers for itself.
    pub environment: Option<EnvironmentKey>,
}

/// Why a place of the table stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Floor {
    Everybody,
    AdminsMayAll,
    OnlyAdmins,
    StopStays,
}

impl Floor {
    /// What everybody finds in such a place.
    pub fn may(self) -> bool {
        match self {
            Self::Everybody | Self::AdminsMayAll | Self::StopStays => true,
            Self::OnlyAdmins => false,
        }
    }

    /// A sentence.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Everybody => "Everybody who is signed in may look at flags and groups.",
            Self::AdminsMayAll => {
                "Admins change this table, so they may everything; but nobody approves their own."
            }
            Self::OnlyAdmins => {
                "Who manages decides who may what, so only admins do: make somebody an admin instead."
            }
            Self::StopStays => {
                "Product managers, QA and support always stop: nothing may stand between them and Stop."
            }
        }
    }
}

/// A place that differs from the defaults, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Exception {
    #[serde(flatten)]
    cell: RoleCell,
    may: bool,
}

/// Who may do what, and where: each table is the defaults with exceptions, in the order of [`RoleTable::cells`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Exception>", into = "Vec<Exception>")]
pub struct RoleTable(Vec<Exception>);

impl From<RoleTable> for Vec<Exception> {
    fn from(table: RoleTable) -> Self {
        table.0
    }
}

/// What no table may say is left out.
impl From<Vec<Exception>> for RoleTable {
    fn from(exceptions: Vec<Exception>) -> Self {
        let mut table = Self::default();
        for Exception { cell, may } in exceptions {
            table.set(cell, may);
        }
        table
    }
}

impl RoleCell {
    pub fn new(operation: Operation, role: Role, environment: Option<&EnvironmentKey>) -> Self {
        let environment = environment.filter(|_| operation.is_per_environment()).cloned();
        Self { operation, role, environment }
    }

    /// Why it stays as it is, if it does.
    pub fn floor(&self) -> Option<Floor> {
        match (self.operation, self.role) {
            (Operation::View, _) => Some(Floor::Everybody),
            (_, Role::Admin) => Some(Floor::AdminsMayAll),
            (Operation::Administer, _) => Some(Floor::OnlyAdmins),
            (Operation::Stop, Role::Product | Role::Qa | Role::Support) => Some(Floor::StopStays),
            _ => None,
        }
    }

    /// `QA may not stop a flag in production`, with `may not`.
    fn sentence(&self, verb: &str) -> String {
        let (role, what) = (self.role, self.operation.phrase());
        match &self.environment {
            Some(environment) => format!("{role} {verb} {what} in {environment}"),
            None => format!("{role} {verb} {what}"),
        }
    }
}

/// `roll_out.qa.production`: as forms send it. Keys of environments may hold dots, so they come last.
impl std::fmt::Display for RoleCell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.operation.as_str(), self.role.as_str())?;
        self.environment.as_ref().map_or(Ok(()), |environment| write!(f, ".{environment}"))
    }
}

impl std::str::FromStr for RoleCell {
    type Err = engine::UnknownWord;

    fn from_str(text: &str) -> Result<Self, engine::UnknownWord> {
        let mut parts = text.splitn(3, '.');
        let operation = Operation::parse(parts.next().unwrap_or_default())?;
        let role = Role::parse(parts.next().unwrap_or_default()).map_err(|_| engine::UnknownWord)?;
        let environment =
            parts.next().map(EnvironmentKey::parse).transpose().map_err(|_| engine::UnknownWord)?;
        if operation.is_per_environment() == environment.is_some() {
            Ok(Self { operation, role, environment })
        } else {
            Err(engine::UnknownWord)
        }
    }
}

impl RoleTable {
    /// What is in force where the stored table cannot be read: less than any table may say, and never less than its floors.
    pub(crate) fn floors(environments: &[EnvironmentKey]) -> Self {
        let mut table = Self::default();
        for cell in Self::cells(environments) {
            table.set(cell, false);
        }
        table
    }

    /// Every place of the table, line by line.
    pub fn cells(environments: &[EnvironmentKey]) -> impl Iterator<Item = RoleCell> {
        Operation::ALL.into_iter().flat_map(move |operation| {
            let places = if operation.is_per_environment() {
                environments.iter().map(Some).collect()
            } else {
                vec![None]
            };
            places
                .into_iter()
                .flat_map(move |place| Role::ALL.map(|role| RoleCell::new(operation, role, place)))
        })
    }

    /// Whether the role may do it, in this environment where each answers for itself. Without one, that is nowhere.
    pub fn may(&self, role: Role, operation: Operation, environment: Option<&EnvironmentKey>) -> bool {
        if operation.is_per_environment() && environment.is_none() {
            return false;
        }
        self.says(&RoleCell::new(operation, role, environment))
    }

    /// Whether the role may do it in one environment at least: for showing what leads there.
    pub fn may_somewhere(&self, role: Role, operation: Operation) -> bool {
        let opened = |it: &Exception| it.may && it.cell.operation == operation && it.cell.role == role;
        if operation.is_per_environment() {
            operation.defaults().contains(&role) || self.0.iter().any(opened)
        } else {
            self.may(role, operation, None)
        }
    }

    /// The roles that may.
    pub fn who(&self, operation: Operation, environment: Option<&EnvironmentKey>) -> Vec<Role> {
        Role::ALL.into_iter().filter(|role| self.may(*role, operation, environment)).collect()
    }

    /// What a place of the table says.
    pub fn says(&self, cell: &RoleCell) -> bool {
        if let Some(floor) = cell.floor() {
            return floor.may();
        }
        let exception = self.0.iter().find(|it| it.cell == *cell);
        exception.map_or_else(|| cell.operation.defaults().contains(&cell.role), |it| it.may)
    }

    /// What differs from the defaults, as sentences.
    pub fn differences(&self) -> Vec<String> {
        let sentence = |it: &Exception| it.cell.sentence(if it.may { "may" } else { "may not" });
        self.0.iter().map(sentence).collect()
    }

    /// What somebody made of `base`, laid on top of what others made of it meanwhile (`self`).
    #[must_use]
    pub fn with(&self, base: &Self, mine: &Self) -> Self {
        let mut merged = self.clone();
        let cells = base.0.iter().chain(&mine.0).map(|it| &it.cell);
        for cell in cells.filter(|cell| base.says(cell) != mine.says(cell)) {
            merged.set(cell.clone(), mine.says(cell));
        }
        merged
    }

    /// The environments of the places that differ from the defaults, one for each place.
    pub(crate) fn environments(&self) -> impl Iterator<Item = &EnvironmentKey> {
        self.0.iter().filter_map(|it| it.cell.environment.as_ref())
    }

    /// The same table without what it says of other environments than these.
    #[must_use]
    pub fn only_of(mut self, environments: &[EnvironmentKey]) -> Self {
        self.0.retain(|it| it.cell.environment.as_ref().is_none_or(|key| environments.contains(key)));
        self
    }

    /// Writes a place; one that is fixed stays as it is, which the answer says.
    pub fn set(&mut self, cell: RoleCell, may: bool) -> Option<Floor> {
        if let Some(floor) = cell.floor() {
            return (floor.may() != may).then_some(floor);
        }
        if cell.operation.is_per_environment() != cell.environment.is_some() {
            return None;
        }
        self.0.retain(|it| it.cell != cell);
        if cell.operation.defaults().contains(&cell.role) != may {
            let at = self.0.partition_point(|it| order(&it.cell) < order(&cell));
            self.0.insert(at, Exception { cell, may });
        }
        None
    }

    pub fn is_default(&self) -> bool {
        self.0.is_empty()
    }

    /// `QA may no longer change rollouts … in production`, place by place.
    pub(crate) fn changes(&self, after: &Self) -> Vec<Change> {
        let mut cells: Vec<_> = self.0.iter().chain(&after.0).map(|it| &it.cell).collect();
        cells.sort_by_key(|cell| order(cell));
        cells.dedup();
        let word = |table: &Self, cell| Some(if table.says(cell) { "may" } else { "may not" }.to_owned());
        let differs = |cell: &&RoleCell| self.says(cell) != after.says(cell);
        cells
            .into_iter()
            .filter(differs)
            .map(|cell| Change {
                phrase: cell.sentence(if after.says(cell) { "may" } else { "may no longer" }),
                before: word(self, cell),
                after: word(after, cell),
            })
            .collect()
    }
}

/// Line by line, then by environment, then by role.
fn order(cell: &RoleCell) -> (usize, Option<EnvironmentKey>, usize) {
    let line = Operation::ALL.iter().position(|it| *it == cell.operation);
    let column = Role::ALL.iter().position(|it| *it == cell.role);
    (line.unwrap_or_default(), cell.environment.clone(), column.unwrap_or_default())
}
