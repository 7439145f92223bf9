//! The file of an SQLite database as the file system sees it. A file that is put in its place is another one, and what
//! is written into the old one is lost: so the server looks, and opens the new one.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER_BYTES: usize = 100;
/// Between the name of a log that was set aside and its number.
const REPLACED: &str = ".replaced-";
/// Logs that are set aside are kept up to so many.
pub(crate) const SET_ASIDE_MAX: usize = 5;

/// Which file it is, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId(u64, u64);

#[cfg(unix)]
fn id_of(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).ok().map(|it| FileId(it.dev(), it.ino()))
}

/// Elsewhere an open file cannot be replaced.
#[cfg(not(unix))]
fn id_of(path: &Path) -> Option<FileId> {
    path.exists().then_some(FileId(0, 0))
}

/// What became of the file that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Same,
    /// Nothing stands in its place.
    Gone,
    Another,
}

#[derive(Debug, Clone, Copy)]
struct Ids {
    database: Option<FileId>,
    log: Option<FileId>,
}

/// The file of one database.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    path: PathBuf,
    opened: Mutex<Ids>,
}

impl DatabaseFile {
    /// The file that stands there now is the one that was opened.
    pub(crate) fn opened(path: PathBuf) -> Self {
        let ids = Ids { database: id_of(&path), log: id_of(&beside(&path, "-wal")) };
        Self { path, opened: Mutex::new(ids) }
    }

    pub(crate) fn look(&self) -> Seen {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        match id_of(&self.path) {
            None => Seen::Gone,
            id if id == opened.database => {
                opened.log = id_of(&beside(&self.path, "-wal")).or(opened.log);
                Seen::Same
            }
            Some(_) => Seen::Another,
        }
    }

    /// Makes the new file ready to be opened. It has to be there as a whole, or a copy that is under way would be taken for
    /// an empty database. The log that the old file left behind is set aside under a name of its own: applied to the new
    /// one, it would mix the two, and what was committed last may stand in it alone. The latest [`SET_ASIDE_MAX`] are kept.
    /// The answer is where it is now.
    pub(crate) fn prepare(&self) -> io::Result<Option<PathBuf>> {
        if !is_whole(&self.path)? {
            return Err(io::Error::other(
                "the file that was put in the database's place is no whole database",
            ));
        }
        let log = beside(&self.path, "-wal");
        let left_behind = {
            let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
            id_of(&log).is_some_and(|id| Some(id) == opened.log)
        };
        if !left_behind {
            return Ok(None);
        }
        let kept = self.logs_set_aside()?;
        let number = kept.last().map_or(1, |(number, _)| number + 1);
        let aside = beside(&self.path, &format!("-wal{REPLACED}{number}"));
        fs::rename(&log, &aside)?;
        // The index of a log is made anew from it.
        match fs::remove_file(beside(&self.path, "-shm")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        for (_, old) in kept.iter().take((kept.len() + 1).saturating_sub(SET_ASIDE_MAX)) {
            fs::remove_file(old)?;
        }
        Ok(Some(aside))
    }

    /// Logs that were set aside, by their numbers.
    fn logs_set_aside(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let folder = self.path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let prefix = beside(&self.path, &format!("-wal{REPLACED}"));
        let prefix = prefix.file_name().unwrap_or_default().as_encoded_bytes();
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.as_encoded_bytes().strip_prefix(prefix);
            let number = number.and_then(|it| str::from_utf8(it).ok()?.parse().ok());
            found.extend(number.map(|number| (number, entry.path())));
        }
        found.sort();
        Ok(found)
    }

    /// The file that stands there now was opened.
    pub(crate) fn reopened(&self) {
        let ids = Ids { database: id_of(&self.path), log: id_of(&beside(&self.path, "-wal")) };
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = ids;
    }
}

/// `fader.db-wal` beside `fader.db`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether the file is as long as its header says. <https://www.sqlite.org/fileformat2.html#the_database_header>
fn is_whole(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut header = [0; HEADER_BYTES];
    if bytes < HEADER_BYTES as u64 {
        return Ok(false);
    }
    file.read_exact(&mut header)?;
    let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    let pages = u32::from_be_bytes([header[28], header[29], header[30], header[31]]);
    Ok(header.starts_with(MAGIC) && bytes >= page_bytes * u64::from(pages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_put_in_its_place_is_another_one() {
        let folder = std::env::temp_dir().join(format!("fader-file-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("fader.db");
        fs::write(&path, "one").expect("written");
        fs::write(beside(&path, "-wal"), "of one").expect("written");
        let file = DatabaseFile::opened(path.clone());
        assert_eq!(file.look(), Seen::Same);
        fs::rename(&path, folder.join("old.db")).expect("moved");
        assert_eq!(file.look(), Seen::Gone);
        let mut whole = vec![0; 4096];
        whole[..16].copy_from_slice(MAGIC);
        whole[16..18].copy_from_slice(&4096u16.to_be_bytes());
        whole[28..32].copy_from_slice(&1u32.to_be_bytes());
        fs::write(&path, &whole[..2000]).expect("written");
        assert_eq!(file.look(), Seen::Another);
        assert!(file.prepare().is_err(), "a copy that is under way");
        assert!(beside(&path, "-wal").exists());
        fs::write(&path, &whole).expect("written");
        let aside = file.prepare().expect("ready").expect("the old log is set aside");
        assert!(!beside(&path, "-wal").exists());
        assert_eq!(fs::read_to_string(aside).expect("read"), "of one");
        file.reopened();
        assert_eq!(file.look(), Seen::Same);
        assert_eq!(file.prepare().expect("ready"), None, "there is none");
        fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn no_log_takes_the_place_of_another_until_there_are_too_many() {
        let folder = std::env::temp_dir().join(format!("fader-logs-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("fader.db");
        let mut whole = vec![0; 4096];
        whole[..16].copy_from_slice(MAGIC);
        whole[16..18].copy_from_slice(&4096u16.to_be_bytes());
        whole[28..32].copy_from_slice(&1u32.to_be_bytes());
        fs::write(&path, &whole).expect("written");
        fs::write(folder.join("fader.db-wal.replaced"), "of an older version").expect("written");
        let mut kept = Vec::new();
        for n in 1..=SET_ASIDE_MAX + 6 {
            fs::write(beside(&path, "-wal"), format!("log {n}")).expect("written");
            fs::write(beside(&path, "-shm"), "index").expect("written");
            let file = DatabaseFile::opened(path.clone());
            kept.push(file.prepare().expect("ready").expect("set aside"));
            assert!(!beside(&path, "-shm").exists());
        }
        let (gone, there) = kept.split_at(6);
        assert!(gone.iter().all(|it| !it.exists()));
        for (at, path) in there.iter().enumerate() {
            assert_eq!(fs::read_to_string(path).expect("kept"), format!("log {}", at + 7));
        }
        assert!(folder.join("fader.db-wal.replaced").exists(), "is nobody's to delete");
        fs::remove_dir_all(&folder).expect("removed");
    }
}
