//! The role table as an admin changed it: saved like any other change, and in force everywhere without a restart. The
//! table itself, its defaults and its floors stand in `permission`.

use engine::EnvironmentKey;

use crate::{
    Action, Conflict, Invalid, ObjectKind, ObjectRef, RecentAdministrator, RoleTable, Store, StoreError,
    Versioned, Viewer,
    change::{Entry, Work, lead},
    db::{Tx, args},
    load::DocumentRow,
    number, signed,
    text::reason,
    to_json,
    versioned::{VersionedRow, parse},
};

/// The key of the only row, and of its entries in the audit log.
const KEY: &str = "roles";
const NAME: &str = "the role table";
const SAVED: &str = "SELECT document, version, changed_ms, changed_by, audit_seq FROM role_table";

/// Who may do what.
#[derive(Debug, Clone, PartialEq)]
pub struct RolesInForce {
    pub table: RoleTable,
    /// `None`: nobody has changed the defaults yet.
    pub saved: Option<Versioned<RoleTable>>,
    /// What was saved cannot be read: nobody but admins may more than the floors until it is saved anew.
    pub unreadable: bool,
}

impl RolesInForce {
    /// Handed back when saving: the audit entry that wrote the table; 0 when nobody has changed it.
    pub fn version(&self) -> u64 {
        self.saved.as_ref().map_or(0, |saved| saved.version)
    }
}

/// What is written, and how it is told.
enum Write {
    Table(RoleTable),
    /// The table as it was before the last change.
    Before,
}

impl Store {
    /// Everybody signed in may see who may what.
    pub async fn find_roles(&self, _by: &Viewer) -> Result<RolesInForce, StoreError> {
        let row: Option<VersionedRow> = self.db().optional(SAVED, args![]).await?;
        Ok(self.in_force(row))
    }

    /// The table that was in force after the change `version`; 0 is the defaults.
    pub async fn find_roles_version(
        &self,
        _by: &Viewer,
        version: u64,
    ) -> Result<Option<RoleTable>, StoreError> {
        if version == 0 {
            return Ok(Some(RoleTable::default()));
        }
        let mut tx = self.db().begin_read().await?;
        let sides = sides(&mut tx, version).await?;
        tx.rollback().await?;
        Ok(sides.map(|(_, after)| after))
    }

    /// Changes who may do what; what no table may say was never in it. In force before this returns, and within a second
    /// or two in other copies of the server. Every environment that it names has to exist. Returns the new version, or the
    /// present one when nothing differs.
    pub async fn save_roles(
        &self,
        by: &RecentAdministrator,
        expected: u64,
        table: RoleTable,
        comment: &str,
    ) -> Result<u64, StoreError> {
        self.write_roles(by, expected, Write::Table(table), comment).await
    }

    /// Makes the table before its last change the next one; a conflict when `expected` is not the last.
    pub async fn undo_roles(
        &self,
        by: &RecentAdministrator,
        expected: u64,
        comment: &str,
    ) -> Result<u64, StoreError> {
        self.write_roles(by, expected, Write::Before, comment).await
    }

    fn in_force(&self, row: Option<VersionedRow>) -> RolesInForce {
        let Some(row) = row else {
            return RolesInForce { table: RoleTable::default(), saved: None, unreadable: false };
        };
        let read = parse("role_table", KEY, &row.document);
        let unreadable = read.is_err();
        let table = read.unwrap_or_else(|_| self.floors());
        RolesInForce { saved: Some(row.of(table.clone())), table, unreadable }
    }

    fn floors(&self) -> RoleTable {
        let keys: Vec<_> = self.live().environments().iter().map(|it| it.key.clone()).collect();
        RoleTable::floors(&keys)
    }

    async fn write_roles(
        &self,
        by: &RecentAdministrator,
        expected: u64,
        write: Write,
        comment: &str,
    ) -> Result<u64, StoreError> {
        let reason = reason(comment)?;
        let mut work = self.begin(by).await?;
        let row: Option<VersionedRow> = work.tx.optional(SAVED, args![]).await?;
        let stored = row.as_ref().map_or_else(|| "[]".to_owned(), |row| row.document.clone());
        let current = self.in_force(row);
        // The log keeps it all the same, as a text.
        let stored = if current.unreadable { to_json("role_table", &stored)? } else { stored };
        work.check_roles_version(expected, &current).await?;
        let (table, undone) = match write {
            Write::Table(table) => {
                work.require_environments_of(&table).await?;
                (table, None)
            }
            Write::Before => {
                let (before, _) = sides(&mut work.tx, expected).await?.ok_or(Invalid::NotRevertible)?;
                (before, Some(expected))
            }
        };
        if table == current.table && !current.unreadable {
            work.cancel().await?;
            return Ok(expected);
        }
        work.put_roles(&table, (stored, &current.table), undone, reason).await
    }
}

impl Work<'_> {
    /// Refuses a table made on another version than the current one, with what the others changed.
    async fn check_roles_version(&mut self, expected: u64, current: &RolesInForce) -> Result<(), StoreError> {
        let Some(saved) = current.saved.as_ref().filter(|saved| saved.version != expected) else {
            return Ok(());
        };
        let read = match expected {
            0 => Some(RoleTable::default()),
            seq => sides(&mut self.tx, seq).await?.map(|(_, after)| after),
        };
        let changes = read.map(|read| read.changes(&current.table)).unwrap_or_default();
        let (by, at_ms) = (saved.changed_by.clone(), saved.changed_ms);
        Err(Conflict { expected, current: saved.version, by, at_ms, changes }.into())
    }

    /// Refuses places of environments that do not exist: no page would ever show them.
    async fn require_environments_of(&self, table: &RoleTable) -> Result<(), StoreError> {
        let state = self.state().await?;
        match table.environments().find(|key| state.environment(key.as_str()).is_none()) {
            Some(key) => {
                Err(StoreError::NotFound { kind: ObjectKind::Environment, key: key.as_str().to_owned() })
            }
            None => Ok(()),
        }
    }

    async fn put_roles(
        mut self,
        table: &RoleTable,
        (stored, before): (String, &RoleTable),
        undone: Option<u64>,
        reason: String,
    ) -> Result<u64, StoreError> {
        let document = to_json("role_table", table)?;
        let (now_ms, seq, author) = (self.now_ms(), self.seq(), self.by().to_owned());
        self.tx
            .execute(
                "INSERT INTO role_table (key, document, version, changed_ms, changed_by, audit_seq) \
                 VALUES ($1, $2, $3, $4, $5, $3) \
                 ON CONFLICT (key) DO UPDATE SET document = excluded.document, version = excluded.version, \
                 changed_ms = excluded.changed_ms, changed_by = excluded.changed_by, audit_seq = excluded.audit_seq",
                args![KEY, &document, seq, now_ms, &author],
            )
            .await?;
        let changes = before.changes(table);
        let sentence = match undone {
            Some(undone) => format!("took back change {undone} of the role table"),
            None if table.is_default() => "took the role table back to the defaults".to_owned(),
            None => lead(&changes, |phrase| format!("set that {phrase}"))
                .unwrap_or_else(|| "saved the role table anew".to_owned()),
        };
        let entry = Entry {
            changes,
            reason,
            before: Some(stored),
            after: Some(document),
            ..Entry::new(Action::RolesChanged, ObjectRef::new(ObjectKind::Roles, KEY), NAME, sentence)
        };
        self.finish(entry).await?;
        Ok(number(seq))
    }
}

/// The tables before and after the change of this entry, where there is one.
async fn sides(tx: &mut Tx, seq: u64) -> Result<Option<(RoleTable, RoleTable)>, StoreError> {
    let row: Option<(Option<String>, Option<String>)> = tx
        .optional(
            "SELECT document_before, document_after FROM audit WHERE seq = $1 AND object_kind = $2",
            args![signed(seq), ObjectKind::Roles.as_str()],
        )
        .await?;
    let Some((Some(before), Some(after))) = row else { return Ok(None) };
    // One that could not be read is nothing to go back to.
    let read = |document: &str| serde_json::from_str(document).ok();
    Ok(read(&before).zip(read(&after)))
}

/// The table of these rows; one that cannot be read lets nobody but admins do more than the floors.
pub(crate) fn read(
    rows: &[DocumentRow],
    environments: &[EnvironmentKey],
    report: &mut dyn FnMut(&str, &str),
) -> RoleTable {
    let Some(row) = rows.first() else { return RoleTable::default() };
    serde_json::from_str(&row.document).unwrap_or_else(|_| {
        report("role_table", &row.key);
        RoleTable::floors(environments)
    })
}
