//! Putting a backup back. What was there is kept beside it under another name.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{
    BackupError, Backups, Contents, absolute, companions,
    part::{self, Part},
};
use crate::{
    db::{Db, Schema, TakenOver, look_into, take_over},
    file::beside,
};

/// Between the name of the database and the number of one that was set aside.
const REPLACED: &str = ".replaced-";

/// What was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    pub contents: Contents,
    /// An older release made it, and it was brought up to date.
    pub was_older: bool,
    /// Where the database is that was there before.
    pub kept: Option<PathBuf>,
}

impl Backups {
    /// Puts `file` in the place of the database, which no program may have open.
    pub async fn restore(&self, file: &Path) -> Result<Restored, BackupError> {
        let file = absolute(file)?;
        if part::are_same(&self.database, &file) {
            return Err(BackupError::Itself(file));
        }
        if part::has_log(&file) {
            return Err(BackupError::HasLog(file));
        }
        self.refuse_when_open()?;
        let mut part = Part::begin(&self.database, ".restoring")?;
        let failed = |error| BackupError::File { file: file.clone(), error };
        io::copy(&mut File::open(&file).map_err(failed)?, part.file()).map_err(failed)?;
        part.belong_to_owner_of(&self.database)?;
        let schema = look_into(part.path()).await?;
        // What cannot be vouched for is not brought up to date either.
        let mut contents = self.contents((part.path(), &file), schema).await?;
        let was_older = schema == Schema::Older;
        if was_older {
            let db = Db::in_file(part.path());
            db.migrate().await?;
            db.close().await;
            let schema = look_into(part.path()).await?;
            contents = self.contents((part.path(), &file), schema).await?;
        }
        let kept = self.swap(part).await?;
        Ok(Restored { contents, was_older, kept })
    }

    async fn swap(&self, part: Part) -> Result<Option<PathBuf>, BackupError> {
        let failed = |error| BackupError::File { file: self.database.clone(), error };
        self.refuse_when_open()?;
        // Nobody opens the old one before the new one stands in its place.
        let taken = if self.database.exists() { Some(take_over(&self.database).await?) } else { None };
        let kept = match &taken {
            Some(TakenOver::InUse) => return Err(BackupError::InUse(None)),
            Some(TakenOver::Alone(_) | TakenOver::Broken) => Some(self.free_name().map_err(failed)?),
            None if companions(&self.database).iter().any(|it| it.exists()) => {
                Some(self.free_name().map_err(failed)?)
            }
            None => None,
        };
        if let Some(kept) = &kept {
            let has_logs = !matches!(taken, Some(TakenOver::Alone(_)));
            self.set_aside(kept, has_logs).map_err(failed)?;
        }
        part.place(true)?;
        if let Some(TakenOver::Alone(connection)) = taken {
            // The old file goes on to exist under its other name; whatever is said about closing it changes nothing.
            drop(sqlx::Connection::close(connection).await);
        }
        Ok(kept)
    }

    /// Gives the database another name as well, and the logs of one that could not be opened only that: applied to the new
    /// file they would mix the two.
    fn set_aside(&self, kept: &Path, has_logs: bool) -> io::Result<()> {
        if self.database.exists() && fs::hard_link(&self.database, kept).is_err() {
            fs::copy(&self.database, kept)?;
            File::open(kept)?.sync_all()?;
        }
        for (log, aside) in companions(&self.database).iter().zip(companions(kept)).filter(|_| has_logs) {
            match fs::rename(log, aside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        part::sync_folder(kept)
    }

    /// A name that nothing has. One that is only another name of the database, because restoring was broken off there, is
    /// taken away from it.
    fn free_name(&self) -> io::Result<PathBuf> {
        for number in 1_u32.. {
            let name = beside(&self.database, &format!("{REPLACED}{number}"));
            if part::are_same(&name, &self.database) {
                part::remove(&name)?;
            }
            if !name.exists() && companions(&name).iter().all(|it| !it.exists()) {
                return Ok(name);
            }
        }
        Err(io::Error::other("there are too many databases that were set aside"))
    }

    /// As long as a program has a database open in this way of writing, it holds a lock on it, whatever is in the file.
    fn refuse_when_open(&self) -> Result<(), BackupError> {
        match holder(&self.database) {
            Some(Holder { process }) => Err(BackupError::InUse(process)),
            None => Ok(()),
        }
    }
}

/// Who has a file open.
struct Holder {
    /// `None` where another machine or container runs it.
    process: Option<u32>,
}

#[cfg(unix)]
fn holder(database: &Path) -> Option<Holder> {
    use rustix::process::{Flock, FlockType, fcntl_getlk};
    /// <https://www.sqlite.org/src/doc/trunk/src/os.h>: pending, reserved and shared.
    const LOCKS: (u64, u64) = (0x4000_0000, 2 + 510);
    let file = File::open(database).ok()?;
    let (start, length) = LOCKS;
    let asked = Flock { start, length, ..Flock::from(FlockType::WriteLock) };
    let held = fcntl_getlk(&file, &asked).ok()??;
    Some(Holder { process: held.pid.and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok()) })
}

/// Elsewhere SQLite itself says it, a moment later.
#[cfg(not(unix))]
fn holder(_: &Path) -> Option<Holder> {
    None
}
