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

    /// What takes long is done before the database is taken over: as long as it is, a server that starts waits for the old file.
    async fn swap(&self, part: Part) -> Result<Option<PathBuf>, BackupError> {
        let failed = |error| BackupError::File { file: self.database.clone(), error };
        self.refuse_when_open()?;
        part.sync()?;
        let aside = self.set_aside()?;
        // Nobody opens the old one before the new one stands in its place.
        let taken = if self.database.exists() { Some(take_over(&self.database).await?) } else { None };
        if matches!(taken, Some(TakenOver::InUse)) {
            return Err(BackupError::InUse(None));
        }
        let kept = aside.map(Aside::keep);
        if let (Some(kept), Some(TakenOver::Broken) | None) = (&kept, &taken) {
            self.set_logs_aside(kept).map_err(failed)?;
        }
        part.place(true)?;
        if let Some(TakenOver::Alone(connection)) = taken {
            // The old file goes on to exist under its other name; whatever is said about closing it changes nothing.
            drop(sqlx::Connection::close(connection).await);
        }
        Ok(kept)
    }

    /// Gives what is there another name as well; `None` where there is nothing.
    fn set_aside(&self) -> Result<Option<Aside>, BackupError> {
        let failed = |error| BackupError::File { file: self.database.clone(), error };
        let has_database = self.database.exists();
        if !has_database && companions(&self.database).iter().all(|it| !it.exists()) {
            return Ok(None);
        }
        let aside = Aside { path: self.free_name().map_err(failed)?, is_kept: false };
        if has_database && fs::hard_link(&self.database, &aside.path).is_err() {
            copy(&self.database, &aside.path)?;
        }
        part::sync_folder(&aside.path).map_err(failed)?;
        Ok(Some(aside))
    }

    /// The logs of a database that could not be opened get the other name only: applied to the new file they would mix the two.
    fn set_logs_aside(&self, kept: &Path) -> io::Result<()> {
        for (log, aside) in companions(&self.database).iter().zip(companions(kept)) {
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

/// The other name of what is there, taken away again unless it is kept.
struct Aside {
    path: PathBuf,
    is_kept: bool,
}

impl Aside {
    fn keep(mut self) -> PathBuf {
        self.is_kept = true;
        self.path.clone()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.is_kept {
            for name in companions(&self.path).iter().chain([&self.path]) {
                drop(part::remove(name));
            }
        }
    }
}

/// Where a file system knows no file by two names: the database with what its log says besides. Refused when somebody wrote
/// meanwhile.
fn copy(database: &Path, kept: &Path) -> Result<(), BackupError> {
    let failed = |error| BackupError::File { file: kept.to_owned(), error };
    let [journal, log, _] = companions(database);
    let [kept_journal, kept_log, _] = companions(kept);
    let files = [(database, kept), (&*journal, &*kept_journal), (&*log, &*kept_log)];
    let written = || files.map(|(from, _)| fs::metadata(from).ok().map(|it| (it.len(), it.modified().ok())));
    let before = written();
    for (from, to) in files.into_iter().filter(|(from, _)| from.exists()) {
        fs::copy(from, to).and_then(|_| File::open(to)?.sync_all()).map_err(failed)?;
    }
    if written() == before { Ok(()) } else { Err(BackupError::InUse(None)) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_the_database_with_its_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        fs::write(file("fader.db"), "pages").expect("written");
        fs::write(file("fader.db-wal"), "last commits").expect("written");
        fs::write(file("fader.db-shm"), "of this run").expect("written");
        let aside = Aside { path: file("kept"), is_kept: false };
        copy(&file("fader.db"), &aside.path).expect("copied");
        let read = |name: &str| fs::read_to_string(file(name)).ok();
        assert_eq!(read("kept").as_deref(), Some("pages"));
        assert_eq!(read("kept-wal").as_deref(), Some("last commits"));
        assert_eq!((read("kept-shm"), read("kept-journal")), (None, None));
        drop(aside);
        assert_eq!((read("kept"), read("kept-wal")), (None, None), "not put back after all");
        assert_eq!(read("fader.db").as_deref(), Some("pages"));
    }
}
