//! Backups of an SQLite database: made while a server serves it, put back when none does. A file is written under another
//! name, checked from end to end and only then put in its place, so that whoever is interrupted leaves the old one or the new.

mod part;
mod restore;

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    AuditHead, AuditSecret, AuditVerdict, BrokenChain, LiveRow, StoreError,
    audit::report_of,
    db::{Db, Schema, args, copy_into, look_into},
    file::beside,
    number,
};

pub use restore::Restored;

use part::Part;

/// Why there is no backup, or none was put back. Nothing was changed; only a [`Doubtful`](Self::Doubtful) one was written.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(
        "this is about SQLite files. On PostgreSQL use its own tools, pg_dump and pg_restore: docs/operations.md has the \
         command lines"
    )]
    Postgres,
    #[error("there is no database at {}", .0.display())]
    NoDatabase(PathBuf),
    #[error("{} is there already; --force puts the backup in its place", .0.display())]
    Exists(PathBuf),
    #[error("{} is the database itself; name another file", .0.display())]
    Itself(PathBuf),
    #[error("{} is a database in use: there is a log beside it. Name another file", .0.display())]
    HasLog(PathBuf),
    #[error("{} is written by another program at the moment", .0.display())]
    Busy(PathBuf),
    #[error("{} is no whole database of Fader", .0.display())]
    Foreign(PathBuf),
    #[error("{} was made by a newer release of Fader; use that one", .0.display())]
    Newer(PathBuf),
    #[error("a program (process {process}) has the database open; stop the server, then restore", process = process(*.0))]
    InUse(Option<u32>),
    #[error("its audit log is broken at entry {seq}: {why}")]
    Audit { seq: u64, why: BrokenChain },
    #[error("in it, {row} is not what the audit log says it is")]
    Differs { row: LiveRow },
    #[error("{} is written, but {why}; fader restore refuses it", .file.display())]
    Doubtful { file: PathBuf, why: Box<BackupError> },
    #[error("the name {} cannot be used: it is not written in UTF-8", .0.display())]
    Name(PathBuf),
    #[error("{}: {error}", .file.display())]
    File { file: PathBuf, error: io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn process(id: Option<u32>) -> String {
    id.map_or_else(|| "of another machine or container".to_owned(), |id| id.to_string())
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub bytes: u64,
    pub flags: u64,
    pub groups: u64,
    pub people: u64,
    /// The last entry of its audit log.
    pub head: AuditHead,
    /// Its schema is this release's, and the audit log was verified.
    pub is_current: bool,
}

/// The database of an address, as a file.
#[derive(Debug)]
pub struct Backups {
    database: PathBuf,
    secret: Option<AuditSecret>,
}

impl Backups {
    /// `secret` keys the audit log where it is not the one in the database.
    pub fn of(database_url: &str, secret: Option<AuditSecret>) -> Result<Self, BackupError> {
        let database = Db::path(database_url).ok_or(BackupError::Postgres)?;
        Ok(Self { database: absolute(&database)?, secret })
    }

    /// Writes everything that is committed into `file`, while others go on writing.
    pub async fn back_up(&self, file: &Path, force: bool) -> Result<Contents, BackupError> {
        let file = absolute(file)?;
        if !self.database.exists() {
            return Err(BackupError::NoDatabase(self.database.clone()));
        }
        if part::are_same(&self.database, &file) {
            return Err(BackupError::Itself(file));
        }
        if file.exists() && !force {
            return Err(BackupError::Exists(file));
        }
        if part::has_log(&file) {
            return Err(BackupError::HasLog(file));
        }
        let part = Part::begin(&file, ".part")?;
        let name = part.path().to_str().ok_or_else(|| BackupError::Name(file.clone()))?;
        copy_into(&self.database, name).await?;
        let schema = look_into(part.path()).await?;
        let contents = match self.contents((part.path(), &file), schema).await {
            // What it says of the past is doubtful; without a backup all of it can be lost besides.
            Err(why @ (BackupError::Audit { .. } | BackupError::Differs { .. })) => {
                Err(BackupError::Doubtful { file, why: Box::new(why) })
            }
            contents => Ok(contents?),
        };
        part.sync()?;
        part.place(force)?;
        contents
    }

    /// What the file at `path`, which people know as `file`, holds; an error where that cannot be vouched for.
    async fn contents(&self, (path, file): (&Path, &Path), schema: Schema) -> Result<Contents, BackupError> {
        let is_current = match schema {
            Schema::UpToDate => true,
            Schema::Older => false,
            Schema::Newer => return Err(BackupError::Newer(file.to_owned())),
            Schema::Foreign => return Err(BackupError::Foreign(file.to_owned())),
        };
        let db = Db::in_file(path);
        let sql = "SELECT (SELECT COUNT(*) FROM flags), (SELECT COUNT(*) FROM groups WHERE NOT deleted), \
                   (SELECT COUNT(*) FROM people), audit_seq, audit_hash FROM workspace WHERE id = 1";
        let (flags, groups, people, seq, hash): (i64, i64, i64, i64, String) = db.one(sql, args![]).await?;
        let verdict = if is_current {
            report_of(&db, self.secret.as_ref(), &[]).await?.verdict
        } else {
            AuditVerdict::Intact { entries: number(seq) }
        };
        db.close().await;
        match verdict {
            AuditVerdict::Intact { .. } => {}
            AuditVerdict::Broken { seq, why } => return Err(BackupError::Audit { seq, why }),
            AuditVerdict::Differs { row } => return Err(BackupError::Differs { row }),
        }
        Ok(Contents {
            bytes: std::fs::metadata(path).map_or(0, |it| it.len()),
            flags: number(flags),
            groups: number(groups),
            people: number(people),
            head: AuditHead { seq: number(seq), hash },
            is_current,
        })
    }
}

fn absolute(path: &Path) -> Result<PathBuf, BackupError> {
    std::path::absolute(path).map_err(|error| BackupError::File { file: path.to_owned(), error })
}

/// Every name that SQLite gives to what it puts beside a file.
fn companions(path: &Path) -> [PathBuf; 3] {
    ["-journal", "-wal", "-shm"].map(|suffix| beside(path, suffix))
}
