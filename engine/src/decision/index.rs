//! The flags of a snapshot: in the order of their keys, and found by key without touching more than one of them.

use std::{hash::BuildHasher as _, sync::Arc};

use rustc_hash::FxBuildHasher;

use super::compiled::CompiledFlag;
use crate::text::same;

/// A place of the table that leads nowhere.
const EMPTY: u32 = u32::MAX;

/// Flags sorted by key, and a table of their numbers, at most half full, probed one by one.
#[derive(Debug)]
pub(crate) struct Flags {
    sorted: Vec<Arc<CompiledFlag>>,
    /// The upper half of a key's hash, and where the flag stands in `sorted`. As long as a power of two.
    table: Vec<(u32, u32)>,
}

impl Flags {
    /// Of two flags with one key the later one counts.
    pub(crate) fn new(mut flags: Vec<Arc<CompiledFlag>>) -> Self {
        // Stable, so that the later of two stays behind the earlier.
        flags.sort_by(|a, b| a.key().cmp(b.key()));
        flags.reverse();
        flags.dedup_by(|earlier, later| earlier.key() == later.key());
        flags.reverse();
        let places = (flags.len() * 2).next_power_of_two();
        let mut index = Self { sorted: Vec::new(), table: vec![(0, EMPTY); places] };
        for (at, flag) in flags.iter().enumerate() {
            let (mut place, mark) = index.place(flag.key().as_str());
            while index.table[place].1 != EMPTY {
                place = index.after(place);
            }
            index.table[place] = (mark, u32::try_from(at).unwrap_or(EMPTY));
        }
        index.sorted = flags;
        index
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Arc<CompiledFlag>> {
        self.find(key).map(|(_, flag)| flag)
    }

    /// With where it stands among the sorted.
    pub(crate) fn find(&self, key: &str) -> Option<(usize, &Arc<CompiledFlag>)> {
        let (mut place, mark) = self.place(key);
        loop {
            let (found, at) = self.table[place];
            if at == EMPTY {
                return None;
            }
            if found == mark
                && let Some(flag) = self.sorted.get(at as usize)
                && same(flag.key().as_str(), key)
            {
                return Some((at as usize, flag));
            }
            place = self.after(place);
        }
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Arc<CompiledFlag>> {
        self.sorted.iter()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two halves of a hash")]
    fn place(&self, key: &str) -> (usize, u32) {
        let hash = FxBuildHasher.hash_one(key);
        (hash as usize & (self.table.len() - 1), (hash >> 32) as u32)
    }

    fn after(&self, place: usize) -> usize {
        (place + 1) & (self.table.len() - 1)
    }
}
