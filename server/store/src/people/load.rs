//! Reads the people that changed since the state in memory was read: in pages, so that no more than some thousands stand
//! in memory in another form, and packs them beside the threads that decide.

use std::{
    collections::HashSet,
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use engine::{Attributes, Written};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    People,
    shard::{Change, Growing},
};
use crate::{
    Lane, StoreError,
    db::{Pairs, PairsSql, Tx, args},
    secret::sha256_hex,
};

/// People in a page.
const PAGE_PEOPLE: usize = 20_000;
/// Of everybody, in whatever order they stand: looking them up in order takes much longer.
const EVERYBODY: PairsSql = PairsSql {
    last: "SELECT coalesce(max(rowid), 0) FROM people",
    range: "SELECT group_concat(octet_length(subject) || ' ' || octet_length(traits) || ' ' || subject || traits, '') \
            FROM people WHERE rowid > $1 AND rowid <= $2",
    copy: "COPY people (subject, traits) TO STDOUT (FORMAT binary)",
};
/// Threads that pack everybody, at most.
const PACKING_MAX: usize = 4;

#[derive(Debug, sqlx_macros::FromRow)]
struct Row {
    subject: String,
    traits: String,
}

/// The next people in force.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) people: Arc<People>,
    /// Whose row cannot be read: they are left out.
    pub(crate) unreadable: Vec<String>,
}

/// What the rows after `since` make of `current`; all rows when it is 0. They are packed while the next ones are read.
pub(crate) async fn read(tx: &mut Tx, current: &Arc<People>, since: i64) -> Result<Found, StoreError> {
    if since == 0 {
        return everybody(tx).await;
    }
    let erased: Vec<(String,)> = if current.is_empty() {
        Vec::new()
    } else {
        tx.all("SELECT subject_hash FROM erased_people WHERE audit_seq > $1", args![since]).await?
    };
    let (pages, received) = mpsc::channel(1);
    let found = Found { people: Arc::clone(current), unreadable: Vec::new() };
    let pack = move || found.without(erased).changed(received);
    let sql = "SELECT subject, traits FROM people WHERE audit_seq > $1";
    let since = args![since];
    let reading = tx.pages(sql, since, PAGE_PEOPLE, pages);
    // What another copy of the server changed is followed where decisions are made.
    let (read, packed) = if Lane::current() == Lane::First {
        tokio::join!(reading, Lane::Background.run(pack))
    } else {
        let packing = tokio::task::spawn_blocking(pack);
        (reading.await, packing.await.map_err(io::Error::other))
    };
    read?;
    Ok(packed.map_err(sqlx::Error::Io)?)
}

/// Packed by as many threads as there are processors, while they are read.
async fn everybody(tx: &mut Tx) -> Result<Found, StoreError> {
    let (pages, received) = mpsc::channel(1);
    let received = Arc::new(Mutex::new(received));
    let threads = thread::available_parallelism().map_or(1, usize::from).min(PACKING_MAX);
    let packing: Vec<JoinHandle<_>> = (0..threads)
        .map(|_| {
            let received = Arc::clone(&received);
            tokio::task::spawn_blocking(move || runs(&received))
        })
        .collect();
    drop(received);
    tx.pairs(&EVERYBODY, PAGE_PEOPLE, pages).await?;
    let (mut all, mut unreadable) = (Vec::new(), Vec::new());
    for packed in packing {
        let (runs, left_out) = packed.await.map_err(|error| sqlx::Error::Io(io::Error::other(error)))?;
        all.extend(runs);
        unreadable.extend(left_out);
    }
    let merging = tokio::task::spawn_blocking(move || Arc::new(People::merged(all)));
    let people = merging.await.map_err(|error| sqlx::Error::Io(io::Error::other(error)))?;
    Ok(Found { people, unreadable })
}

/// Each page packed by itself, and who is left out.
fn runs(pages: &Mutex<mpsc::Receiver<Pairs>>) -> (Vec<People>, Vec<String>) {
    let (mut runs, mut unreadable) = (Vec::new(), Vec::new());
    loop {
        let page = pages.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(page) = page else { return (runs, unreadable) };
        runs.push(run(&page, &mut unreadable));
    }
}

fn run(page: &Pairs, unreadable: &mut Vec<String>) -> People {
    let mut rows: Vec<_> = page.iter().collect();
    rows.sort_unstable();
    let mut growing = Growing::for_people(rows.len());
    for (subject, traits) in rows {
        let read = (std::str::from_utf8(subject).ok())
            .zip(std::str::from_utf8(traits).ok().and_then(|traits| Written::read(traits).ok()));
        match read {
            Some((subject, traits)) => growing.push(subject, traits.iter()),
            None => unreadable.push(String::from_utf8_lossy(subject).into_owned()),
        }
    }
    growing.finish().into()
}

impl Found {
    /// With the people of all pages.
    fn changed(mut self, mut pages: mpsc::Receiver<Vec<Row>>) -> Self {
        while let Some(page) = pages.blocking_recv() {
            let changes = self.changes(page);
            self.people = Arc::new(self.people.with(changes));
        }
        self
    }

    fn changes(&mut self, page: Vec<Row>) -> Vec<Change> {
        let change = |Row { subject, traits }: Row| {
            let read = serde_json::from_str(&traits).ok();
            if read.is_none() {
                self.unreadable.push(subject.clone());
            }
            (subject.into(), read)
        };
        page.into_iter().map(change).collect()
    }

    /// Who was erased is known by hash only, so everybody in memory is compared. That takes a fraction of a second for a
    /// million people, and erasing is rare.
    fn without(mut self, erased: Vec<(String,)>) -> Self {
        let hashes: HashSet<_> = erased.into_iter().map(|(hash,)| hash).collect();
        if !hashes.is_empty() {
            let gone = self.people.iter().filter(|(subject, _)| hashes.contains(&sha256_hex(subject)));
            let changes = gone.map(|(subject, _)| (subject.into(), None)).collect();
            self.people = Arc::new(self.people.with(changes));
        }
        self
    }
}

/// A list of pairs: the key and the traits.
impl Serialize for People {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Everybody as they are serialized.
impl<'de> Deserialize<'de> for People {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Everybody)
    }
}

struct Everybody;

impl<'de> Visitor<'de> for Everybody {
    type Value = People;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of keys with traits")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<People, A::Error> {
        let mut people = People::default();
        loop {
            let mut page = Vec::new();
            while page.len() < PAGE_PEOPLE
                && let Some((subject, traits)) = seq.next_element::<(Box<str>, Attributes)>()?
            {
                page.push((subject, Some(traits)));
            }
            if page.is_empty() {
                return Ok(people);
            }
            people = people.with(page);
        }
    }
}
