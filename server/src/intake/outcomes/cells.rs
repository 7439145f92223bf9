//! The cells that still grow. Each is written whole, again and again, until nothing more can come for it.

use std::collections::HashMap;

use engine::Arm;
use store::{CELL_MS, Cell, Entry, Told};

use super::places::{MetricId, Part, PlaceId};
use crate::limits::{CELLS_MAX, OUTCOME_LATE_MS_MAX};

/// An exposure's outcome is waited for this long where the trial is the exposure (conversions).
pub(super) const EXPOSED_WINDOW_MS: i64 = 30 * 60_000;
/// A cell younger than this is written every second, an older one now and then. Until then exposures without an outcome
/// are given up.
const BUSY_MS: i64 = 75_000;
const KEPT_AFTER_MS: i64 = EXPOSED_WINDOW_MS + OUTCOME_LATE_MS_MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CellId {
    pub(super) place: PlaceId,
    pub(super) metric: MetricId,
    pub(super) treatment: bool,
    pub(super) allocation: i64,
    pub(super) from_ms: i64,
}

impl CellId {
    /// Where the rollout was changed within the ten seconds, what was before and what came after are two cells.
    pub(super) fn new(place: PlaceId, metric: MetricId, arm: Arm, part: Part, at_ms: i64) -> Self {
        let first_ms = at_ms.div_euclid(CELL_MS) * CELL_MS;
        let from_ms = if part.began_ms <= at_ms { first_ms.max(part.began_ms) } else { first_ms };
        Self { place, metric, treatment: arm == Arm::Treatment, allocation: part.allocation, from_ms }
    }

    pub(super) fn end_ms(&self) -> i64 {
        self.from_ms.div_euclid(CELL_MS) * CELL_MS + CELL_MS
    }
}

struct Open {
    told: Told,
    dirty: bool,
    /// See [`OpenCells::generation`].
    generation: u32,
}

#[derive(Default)]
pub(super) struct OpenCells {
    cells: HashMap<CellId, Open>,
    /// Counts how often room had to be made. A cell that was dropped early and comes back is written as somebody else's:
    /// what was written of it before stays.
    generation: u32,
}

/// Cells in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellCount {
    pub open: usize,
    /// Of them, those that are not in the database as they are here.
    pub unwritten: usize,
}

impl OpenCells {
    /// Adds to the cell, in the books that the entry belongs in.
    pub(super) fn enter(&mut self, id: CellId, entry: Entry, change: impl FnMut(&mut Cell)) {
        let generation = self.generation;
        let fresh = || Open { told: Told::default(), dirty: true, generation };
        let open = self.cells.entry(id).or_insert_with(fresh);
        open.dirty = true;
        open.told.enter(entry, change);
    }

    /// Whether some thousand more cells may be opened; makes room when there is not.
    pub(super) fn has_room(&mut self, cells: usize) -> bool {
        if self.cells.len() + cells <= CELLS_MAX {
            return true;
        }
        // The older half of what is written already. It may come back under another generation.
        let mut clean: Vec<_> =
            self.cells.iter().filter(|(_, open)| !open.dirty).map(|(id, _)| (id.from_ms, *id)).collect();
        clean.sort_unstable();
        if clean.len() < cells {
            return false;
        }
        self.generation += 1;
        for (_, id) in clean.iter().take((clean.len() / 2).max(cells)) {
            self.cells.remove(id);
        }
        true
    }

    /// Copies of what changed since it was last written, by generation; drops what nothing more can come for.
    pub(super) fn take_changed(&mut self, now_ms: i64, everything: bool) -> Vec<(u32, CellId, Told)> {
        self.cells.retain(|id, open| open.dirty || id.end_ms() + KEPT_AFTER_MS > now_ms);
        let mut changed = Vec::new();
        for (id, open) in &mut self.cells {
            if open.dirty && (everything || id.end_ms() + BUSY_MS > now_ms) {
                open.dirty = false;
                changed.push((open.generation, *id, open.told.clone()));
            }
        }
        changed.sort_unstable_by_key(|(generation, id, _)| (*generation, *id));
        changed
    }

    /// They could not be written: once more. One that had to make room meanwhile comes back as it was.
    pub(super) fn put_back(&mut self, cells: impl Iterator<Item = (u32, CellId, Told)>) {
        for (generation, id, told) in cells {
            let fresh = || Open { told, dirty: true, generation };
            self.cells.entry(id).or_insert_with(fresh).dirty = true;
        }
    }

    pub(super) fn count(&self) -> CellCount {
        let unwritten = self.cells.values().filter(|open| open.dirty).count();
        CellCount { open: self.cells.len(), unwritten }
    }
}
