//! Durations as they arrived, look by look: what a limit was broken by is a quantile of just those.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::super::{
    block::Cell,
    latency::LatencyHistogram,
    recent::{RECENT_MS, Stretch},
};

/// Looks that are older are put together by cell: an outage shows at once, and a slow decay needs no looks.
const APART_MS: i64 = 60_000;

/// What arrived in the recent minutes, and the cells as they were last seen.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct ArrivedLatency {
    looks: VecDeque<Look>,
    seen: VecDeque<(i64, LatencyHistogram)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Look {
    from_ms: i64,
    until_ms: i64,
    arrived: LatencyHistogram,
}

impl ArrivedLatency {
    /// Takes the durations of a cell that were not there before.
    pub(super) fn push(&mut self, cell: &Cell, stretch: &Stretch) {
        let latency = &cell.treatment.latency;
        let known = self.seen.iter_mut().find(|(from_ms, _)| *from_ms == cell.from_ms);
        let arrived = if let Some((_, before)) = known {
            let arrived = latency.since(before);
            *before = latency.clone();
            arrived
        } else {
            self.seen.push_back((cell.from_ms, latency.clone()));
            latency.clone()
        };
        let Stretch { from_ms, until_ms, .. } = *stretch;
        let since_ms = until_ms.saturating_sub(RECENT_MS);
        self.seen.retain(|(begin_ms, _)| *begin_ms >= since_ms || *begin_ms == from_ms);
        let apart_ms = until_ms.saturating_sub(APART_MS);
        let mut kept: VecDeque<Look> = VecDeque::with_capacity(self.looks.len() + 1);
        for look in std::mem::take(&mut self.looks) {
            match kept.back_mut() {
                Some(last) if last.from_ms == look.from_ms && look.until_ms < apart_ms => {
                    last.until_ms = look.until_ms;
                    last.arrived.merge(&look.arrived);
                }
                Some(_) | None => kept.push_back(look),
            }
        }
        kept.retain(|look| look.from_ms >= since_ms);
        kept.push_back(Look { from_ms, until_ms, arrived });
        self.looks = kept;
    }

    /// All that arrived in the latest looks which together are this stretch.
    pub(super) fn of(&self, stretch: &Stretch) -> LatencyHistogram {
        let mut all = LatencyHistogram::default();
        for look in self.looks.iter().rev() {
            if all.total() >= stretch.treatment.trials {
                break;
            }
            all.merge(&look.arrived);
        }
        all
    }
}
