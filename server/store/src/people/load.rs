//! Reads the people that changed since the state in memory was read: in pages, so that no more than some thousands stand
//! in memory in another form, and packs each page beside the threads that decide.

use std::{collections::HashSet, fmt, io, sync::Arc};

use engine::Attributes;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
};
use tokio::sync::mpsc;

use super::{People, shard::Change};
use crate::{
    StoreError,
    db::{Tx, args},
    secret::sha256_hex,
};

/// People in a page.
const PAGE_PEOPLE: usize = 20_000;

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
    let erased: Vec<(String,)> = if current.is_empty() {
        Vec::new()
    } else {
        tx.all("SELECT subject_hash FROM erased_people WHERE audit_seq > $1", args![since]).await?
    };
    let (pages, received) = mpsc::channel(1);
    let found = Found { people: Arc::clone(current), unreadable: Vec::new() };
    let packing = tokio::task::spawn_blocking(move || found.without(erased).packed(received));
    if since == 0 {
        // In whatever order they stand: looking them up in order takes much longer.
        tx.pages("SELECT subject, traits FROM people", args![], PAGE_PEOPLE, pages).await?;
    } else {
        let sql = "SELECT subject, traits FROM people WHERE audit_seq > $1";
        tx.pages(sql, args![since], PAGE_PEOPLE, pages).await?;
    }
    Ok(packing.await.map_err(|error| sqlx::Error::Io(io::Error::other(error)))?)
}

impl Found {
    /// With the people of all pages.
    fn packed(mut self, mut pages: mpsc::Receiver<Vec<Row>>) -> Self {
        if self.people.is_empty() {
            let mut runs = Vec::new();
            while let Some(page) = pages.blocking_recv() {
                runs.push(People::default().with(self.changes(page)));
            }
            self.people = Arc::new(People::merged(runs));
        } else {
            while let Some(page) = pages.blocking_recv() {
                let changes = self.changes(page);
                self.people = Arc::new(self.people.with(changes));
            }
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
        deserializer.deserialize_seq(Pairs)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
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
