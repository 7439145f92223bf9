//! A file that is not whole yet: under a name of its own, in the folder that it goes to, written by one program at a time.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::{BackupError, companions};
use crate::file::beside;

/// Removed when it is dropped before it was put in its place.
pub(super) struct Part {
    path: PathBuf,
    target: PathBuf,
    file: File,
    is_placed: bool,
}

impl Part {
    /// A new file for its owner's eyes only: password hashes will be in it. What a killed program leaves is taken away and
    /// never written to: it may be the finished file, of which that name is another one.
    pub(super) fn begin(target: &Path, suffix: &str) -> Result<Self, BackupError> {
        let path = beside(target, suffix);
        let failed = |error| BackupError::File { file: path.clone(), error };
        match File::open(&path) {
            Ok(leftover) => {
                lock(&leftover, &path)?;
                remove(&path).map_err(failed)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Busy(path.clone()),
            _ => failed(error),
        })?;
        lock(&file, &path)?;
        for leftover in companions(&path) {
            remove(&leftover).map_err(failed)?;
        }
        Ok(Self { path, target: target.to_owned(), file, is_placed: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Whoever restores as root leaves the file to whom the server runs as: the owner of what stands there, else of the folder.
    #[cfg(unix)]
    pub(super) fn belong_to_owner_of(&self, target: &Path) -> Result<(), BackupError> {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        let failed = |error| BackupError::File { file: self.path.clone(), error };
        let folder = || target.parent().and_then(|folder| fs::metadata(folder).ok());
        let Some(owner) = fs::metadata(target).ok().or_else(folder) else { return Ok(()) };
        let own = self.file.metadata().map_err(failed)?;
        if (own.uid(), own.gid()) == (owner.uid(), owner.gid()) {
            return Ok(());
        }
        fchown(&self.file, Some(owner.uid()), Some(owner.gid())).map_err(failed)
    }

    #[cfg(not(unix))]
    pub(super) fn belong_to_owner_of(&self, _: &Path) -> Result<(), BackupError> {
        Ok(())
    }

    /// Waits until it is on the disk.
    pub(super) fn sync(&self) -> Result<(), BackupError> {
        self.file.sync_all().map_err(|error| BackupError::File { file: self.path.clone(), error })
    }

    /// Puts it in its place, all at once; it is on the disk. `replaces` what stands there.
    pub(super) fn place(mut self, replaces: bool) -> Result<(), BackupError> {
        let failed = |error| BackupError::File { file: self.target.clone(), error };
        if replaces {
            fs::rename(&self.path, &self.target).map_err(failed)?;
        } else {
            self.place_anew()?;
        }
        self.is_placed = true;
        sync_folder(&self.target).map_err(failed)
    }

    /// Where nothing stands, also not since a moment ago.
    fn place_anew(&self) -> Result<(), BackupError> {
        let failed = |error| BackupError::File { file: self.target.clone(), error };
        match fs::hard_link(&self.path, &self.target) {
            Ok(()) => remove(&self.path).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(BackupError::Exists(self.target.clone()))
            }
            // Not every file system knows a file by two names.
            Err(_) if self.target.exists() => Err(BackupError::Exists(self.target.clone())),
            Err(_) => fs::rename(&self.path, &self.target).map_err(failed),
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_placed {
            drop(remove(&self.path));
            for leftover in companions(&self.path) {
                drop(remove(&leftover));
            }
        }
    }
}

/// Refused while another program writes it, and when it has put it in its place meanwhile.
fn lock(file: &File, path: &Path) -> Result<(), BackupError> {
    match file.try_lock() {
        Ok(()) if is_at(file, path) => Ok(()),
        Ok(()) | Err(TryLockError::WouldBlock) => Err(BackupError::Busy(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(BackupError::File { file: path.to_owned(), error }),
    }
}

/// Whether there is a log of SQLite beside it with something in it.
pub(super) fn has_log(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).is_ok_and(|it| it.len() > 0)
}

/// That names in this folder are what they are now, on the disk too.
pub(super) fn sync_folder(of: &Path) -> io::Result<()> {
    match of.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(unix)]
pub(super) fn are_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |path: &Path| fs::metadata(path).ok().map(|it| (it.dev(), it.ino()));
    id(one).is_some() && id(one) == id(other)
}

#[cfg(not(unix))]
pub(super) fn are_same(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |it: fs::Metadata| (it.dev(), it.ino());
    file.metadata().ok().map(id) == fs::metadata(path).ok().map(id)
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_finished_survives_another_one_that_is_broken_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let (target, leftover) = (folder.path().join("b.db"), folder.path().join("b.db.part"));
        fs::write(&target, "finished").expect("written");
        fs::hard_link(&target, &leftover).expect("linked");
        let mut part = Part::begin(&target, ".part").expect("begun");
        io::Write::write_all(part.file(), b"half").expect("written");
        assert!(matches!(Part::begin(&target, ".part"), Err(BackupError::Busy(_))));
        assert_eq!(fs::read_to_string(&leftover).expect("read"), "half");
        // A killed program takes nothing away.
        part.is_placed = true;
        drop(part);
        assert_eq!(fs::read_to_string(&target).expect("read"), "finished");
        let part = Part::begin(&target, ".part").expect("begun anew");
        assert_eq!(fs::metadata(&leftover).expect("there").len(), 0);
        drop(part);
        assert!(!leftover.exists());
        assert_eq!(fs::read_to_string(&target).expect("read"), "finished");
    }

    #[cfg(unix)]
    #[test]
    fn it_is_for_its_owner_only_whatever_was_left() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("b.db");
        fs::write(folder.path().join("b.db.part"), "left by somebody").expect("written");
        let part = Part::begin(&target, ".part").expect("begun");
        let found = part.file.metadata().expect("there");
        assert_eq!((found.permissions().mode() & 0o777, found.len()), (0o600, 0));
    }
}
