//! The file that stands in for the database when the server starts without it: the rows that decisions are made from, as
//! they were last seen. It is read by the loader that reads the database, and only ever written whole.
//!
//! It holds stored traits, hashes of tokens and the workspace's secret: nobody but its owner may read it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read as _, Write},
    path::{Path, PathBuf},
    sync::Weak,
    time::Duration,
};

use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::{
    Lane, People, Store, StoreError,
    file::beside,
    history::HistoryPoint,
    live::State,
    load::{Loader, Rows, all_rows},
    secret::hex,
    store::Inner,
};

/// Another format is not read: the server then starts with its database only.
const FORMAT: u32 = 1;
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Written again after this long, so that it says how old it is.
const WRITE_EVERY: Duration = Duration::from_mins(1);
/// Writing takes at most one part in so many of the time.
const PAUSE_FACTOR: u32 = 20;
const CHECKSUM_CHARS: usize = 64;

/// Where the file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandInFile(PathBuf);

/// Why a file cannot stand in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is damaged")]
    Checksum,
    #[error("it cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it is of another version of Fader")]
    Format,
    #[error("one of its environments cannot be read")]
    Environment,
}

#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    written_ms: i64,
    rows: &'a Rows,
    people: &'a People,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// `P`: everybody, or nobody where only the rest is of interest.
#[derive(Deserialize)]
struct Kept<P> {
    format: u32,
    written_ms: i64,
    rows: Rows,
    people: P,
}

/// What the file says is in force.
pub(crate) struct StandIn {
    pub(crate) written_ms: i64,
    pub(crate) loader: Loader,
    pub(crate) state: State,
}

impl StandInFile {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Beside the file of an SQLite database; for PostgreSQL in `state_folder`, under a name of the database's own.
    pub fn default_for(database_url: &str, state_folder: Option<&Path>) -> Option<Self> {
        if let Some(path) = crate::db::Db::path(database_url) {
            return Some(Self(beside(&path, ".snapshot")));
        }
        let name = hex(&Sha256::digest(database_url.as_bytes())[..8]);
        Some(Self(state_folder?.join(format!("fader-{name}.snapshot"))))
    }

    /// The state that the file holds; `None` when there is no file.
    pub(crate) fn read(&self) -> Result<Option<StandIn>, Unusable> {
        self.read_with(|people: People| people)
    }

    /// The same without the people, who are nearly all of it: enough to tell whether a database goes on from there.
    pub(crate) fn read_head(&self) -> Result<Option<StandIn>, Unusable> {
        self.read_with(|_: IgnoredAny| People::default())
    }

    fn read_with<P: DeserializeOwned>(
        &self,
        people: impl FnOnce(P) -> People,
    ) -> Result<Option<StandIn>, Unusable> {
        let mut text = Vec::new();
        match File::open(&self.0) {
            Ok(mut file) => file.read_to_end(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (body, checksum) = text.split_last_chunk::<CHECKSUM_CHARS>().ok_or(Unusable::Checksum)?;
        if hex(&Sha256::digest(body)).as_bytes() != checksum {
            return Err(Unusable::Checksum);
        }
        let kept: Kept<P> =
            serde_json::from_slice(body).map_err(|error| match serde_json::from_slice::<Format>(body) {
                Ok(Format { format }) if format != FORMAT => Unusable::Format,
                Ok(_) | Err(_) => error.into(),
            })?;
        if kept.format != FORMAT {
            return Err(Unusable::Format);
        }
        let mut loader = Loader::default();
        let (state, _) =
            loader.next(&State::default(), kept.rows, Vec::new()).map_err(|_| Unusable::Environment)?;
        let state = State { people: people(kept.people).into(), ..state };
        Ok(Some(StandIn { written_ms: kept.written_ms, loader, state }))
    }

    /// Puts a new file in the place of the old one, which stays until the new one is whole.
    fn write(&self, document: &Document<'_>) -> io::Result<()> {
        if let Some(folder) = self.0.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let growing = beside(&self.0, &format!(".{}", std::process::id()));
        match fs::remove_file(&growing) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&growing)?;
        let filled = fill(file, document).and_then(|()| fs::rename(&growing, &self.0));
        if filled.is_err() {
            drop(fs::remove_file(&growing));
        }
        filled
    }
}

fn fill(file: File, document: &Document<'_>) -> io::Result<()> {
    let mut hashing = Hashing { file: BufWriter::new(file), hash: Sha256::new() };
    serde_json::to_writer(&mut hashing, document)?;
    let Hashing { mut file, hash } = hashing;
    file.write_all(hex(&hash.finalize()).as_bytes())?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

struct Hashing {
    file: BufWriter<File>,
    hash: Sha256,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Keeps the file up to what is in force, a few seconds behind; does not keep the store alive.
pub(crate) async fn keep(store: Weak<Inner>, file: StandInFile) {
    let mut kept: Option<(HistoryPoint, Instant)> = None;
    let mut failing = false;
    let mut pause = LOOK_EVERY;
    loop {
        tokio::time::sleep(pause).await;
        pause = LOOK_EVERY;
        let Some(store) = store.upgrade().map(Store) else { return };
        let state = store.live().state();
        let is_due =
            kept.as_ref().is_none_or(|(place, at)| *place != state.place || at.elapsed() > WRITE_EVERY);
        if store.is_away() || !is_due {
            continue;
        }
        let began = Instant::now();
        match store.write_stand_in(&file).await {
            Ok(place) => {
                failing = false;
                kept = Some((place, Instant::now()));
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    let path = file.path().display();
                    tracing::warn!(%error, %path, "the snapshot file cannot be written; trying again");
                }
            }
        }
        pause = pause.max(began.elapsed() * PAUSE_FACTOR);
    }
}

impl Store {
    /// Returns where the state stands that was written.
    pub(crate) async fn write_stand_in(&self, file: &StandInFile) -> Result<HistoryPoint, StoreError> {
        // People from memory; the place is theirs, so that nobody who changed since is passed over later.
        let state = self.live().state();
        let mut rows = all_rows(&self.db(), self.clock()).await?;
        rows.place.clone_from(&state.place);
        let (file, written_ms) = (file.clone(), self.shared_now_ms());
        // Writing everybody takes a second of a processor, which decisions would miss.
        let writing = Lane::Background.run(move || {
            let document = Document { format: FORMAT, written_ms, rows: &rows, people: &state.people };
            file.write(&document).map(|()| rows.place)
        });
        let written = writing.await.flatten();
        Ok(written.map_err(sqlx::Error::Io)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_database_has_a_file_of_its_own() {
        let of = |url: &str| StandInFile::default_for(url, Some(Path::new("/state")));
        assert_eq!(of("sqlite:///data/fader.db"), Some(StandInFile::new("/data/fader.db.snapshot")));
        let one = of("postgres://fader@one/fader").expect("a place");
        assert!(one.path().starts_with("/state"));
        assert_ne!(Some(one), of("postgres://fader@two/fader"));
        assert_eq!(StandInFile::default_for("postgres://fader@one/fader", None), None);
    }
}
