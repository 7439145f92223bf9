//! The role table as a form: a box for each place that an admin may change.

use engine::EnvironmentKey;
use store::{RoleCell, RoleTable};

use crate::{error::AppError, form::fields::Fields};

/// The boxes that are ticked: `roll_out.qa.production`.
pub const TICKED: &str = "may";
/// Each environment that the form shows: boxes of others were never there to be ticked.
pub const SHOWN: &str = "shown";

/// The table as it was typed.
#[derive(Debug, Clone)]
pub struct RolesForm {
    pub table: RoleTable,
    /// On which it was made.
    pub version: u64,
    pub comment: String,
}

impl RolesForm {
    /// Reads the boxes; what the form did not show stays as it is in `current`. A place that is fixed has no box: a
    /// ticked one is refused. Only environments that are `known` count, once each, however many a forged form names.
    pub fn read(fields: &Fields, current: &RoleTable, known: &[EnvironmentKey]) -> Result<Self, AppError> {
        let keys = |name| fields.all(name).map(str::parse::<EnvironmentKey>).collect::<Result<Vec<_>, _>>();
        let named = keys(SHOWN).map_err(|_| AppError::BadForm)?;
        let shown: Vec<_> = known.iter().filter(|key| named.contains(key)).cloned().collect();
        let ticked = fields.all(TICKED).map(str::parse).collect::<Result<Vec<RoleCell>, _>>();
        let ticked = ticked.map_err(|_| AppError::BadForm)?;
        let mut table = current.clone().only_of(known);
        for cell in RoleTable::cells(&shown).filter(|cell| cell.floor().is_none()) {
            let may = ticked.contains(&cell);
            table.set(cell, may);
        }
        if ticked.iter().any(|cell| !table.says(cell)) {
            return Err(AppError::BadForm);
        }
        let (version, comment) = (fields.number("version")?, fields.trimmed("comment").to_owned());
        Ok(Self { table, version, comment })
    }
}

#[cfg(test)]
mod tests {
    use store::{Operation, Role};

    use super::*;

    fn production() -> EnvironmentKey {
        "production".parse().expect("a key")
    }

    fn read(ticked: &[&str]) -> Result<RolesForm, AppError> {
        let pairs = [("version", "3"), (SHOWN, "production"), (SHOWN, "nowhere")].into_iter();
        let fields = Fields::of(pairs.chain(ticked.iter().map(|cell| (TICKED, *cell))));
        let mut before = RoleTable::default();
        let staging = "staging".parse().expect("a key");
        before.set(RoleCell::new(Operation::RollOut, Role::Qa, Some(&staging)), false);
        RolesForm::read(&fields, &before, &[production(), staging])
    }

    #[test]
    fn boxes_are_the_table_and_what_was_not_shown_stays() {
        let form = read(&["roll_out.qa.production", "approve.support.production"]).expect("read");
        let says = |operation, role| form.table.may(role, operation, Some(&production()));
        assert!(says(Operation::RollOut, Role::Qa) && says(Operation::Approve, Role::Support));
        assert!(!says(Operation::RollOut, Role::Product), "its box was not ticked");
        assert!(says(Operation::Stop, Role::Qa) && says(Operation::RollOut, Role::Admin), "fixed");
        let staging = "staging".parse().expect("a key");
        assert!(!form.table.may(Role::Qa, Operation::RollOut, Some(&staging)), "as it was");
        assert!(form.table.may(Role::Product, Operation::RollOut, Some(&staging)), "as it was");
        let nowhere = "nowhere".parse().expect("a key");
        assert!(form.table.may(Role::Product, Operation::RollOut, Some(&nowhere)), "nothing is said of it");
    }

    #[test]
    fn what_no_table_may_say_is_refused() {
        for cell in
            ["administer.qa", "roll_out.qa", "enrol.qa.production", "fly.qa", "stop.nobody.production", ""]
        {
            assert_eq!(read(&[cell]).map(drop), Err(AppError::BadForm), "{cell}");
        }
    }
}
