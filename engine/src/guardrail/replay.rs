//! What a guardrail would have done: the same watch, run over stored cells.

use super::block::Cell;
use super::definition::Guardrail;
use super::verdict::{Thresholds, Verdict};
use super::watch::{Watch, default_closing};

/// When the guardrail would have fired, over cells of its metric in any order. After each time it begins anew, as
/// it would when somebody goes on. `guardrails` is among how many α is shared.
pub fn would_have_fired(guardrail: &Guardrail, guardrails: usize, cells: &[Cell]) -> Vec<i64> {
    let mut cells: Vec<&Cell> = cells.iter().collect();
    cells.sort_by_key(|cell| (cell.from_ms, cell.until_ms));
    let Some(first) = cells.first() else { return Vec::new() };
    let closing = default_closing(&guardrail.metric);
    let begin = |at_ms| Watch::new(guardrail, Thresholds::shared(guardrails), closing, at_ms);
    let (mut watch, mut waiting, mut fired) = (begin(first.from_ms), Vec::new(), Vec::new());
    for cell in cells {
        waiting.push(cell.clone());
        let now_ms = cell.until_ms.saturating_add(closing.settle_ms);
        watch.observe(&waiting, &[], now_ms);
        waiting.retain(|cell| watch.is_comparison() && cell.from_ms >= watch.folded_until_ms());
        if watch.verdict() == Verdict::Regressed {
            fired.push(now_ms);
            watch = begin(cell.until_ms);
            waiting.clear();
        }
    }
    fired
}
