//! One guardrail over time: its state takes in cells as they come and says what is known. The state is the whole
//! memory: it is stored, and goes on after a restart; or it is rebuilt from stored cells.

use serde::{Deserialize, Serialize};

use super::baseline::log_e_few;
use super::block::{BLOCK_MS_MAX, Cell, Closing, Sample};
use super::ceiling::Ceiling;
use super::comparison::{Comparison, Terms};
use super::definition::{Counting, Guardrail, Limit, Metric, Quantile};
use super::dispersion::{Groups, dispersion};
use super::durations::Durations;
use super::latency::{LatencyHistogram, bucket};
use super::recent::{Recent, Stretch};
use super::tally::{Block, BlockError, Kernel, Tally};
use super::verdict::{Thresholds, Verdict};

mod arrived;
mod report;

use arrived::ArrivedLatency;
use report::Numbers;

/// How often "it became bad only now" gets its share of the evidence.
pub const RESTART_MS: i64 = 15 * 60_000;
/// No data for longer than this is missing data.
pub const SILENCE_MS_MAX: i64 = 5 * 60_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Method {
    Comparison(Box<Comparison>),
    Durations(Box<Durations>),
    Ceiling(Box<Ceiling>),
}

impl Method {
    fn of(guardrail: &Guardrail, began_ms: i64) -> Self {
        let metric = &guardrail.metric;
        let (worse, safe_margin) = (metric.worse(), metric.safe_margin());
        match (guardrail.limit, metric.counting()) {
            (Limit::Comparison { margin }, Counting::Tally(kernel)) => {
                Self::Comparison(Box::new(Comparison::new(Terms { kernel, worse, margin, safe_margin })))
            }
            (Limit::Comparison { margin }, Counting::Durations(quantile)) => {
                Self::Durations(Box::new(Durations::new(quantile, worse, margin, safe_margin)))
            }
            (Limit::Ceiling { limit }, Counting::Tally(kernel)) => {
                Self::Ceiling(Box::new(Ceiling::new(kernel, worse, limit, began_ms)))
            }
            // A quantile above the limit means that more than its share of the durations is.
            (Limit::Ceiling { .. }, Counting::Durations(quantile)) => {
                let share = 1.0 - quantile.shown();
                Self::Ceiling(Box::new(Ceiling::new(Kernel::Bernoulli, worse, share, began_ms)))
            }
        }
    }
}

/// The state of one guardrail of one rollout. A new version of the rollout starts a new one; a new step does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    guardrail: Guardrail,
    thresholds: Thresholds,
    closing: Closing,
    method: Method,
    began_ms: i64,
    /// Everything that ends here or earlier is folded.
    folded_until_ms: i64,
    primed: bool,
    restart_due_ms: i64,
    /// When the latest step began, and the latest that evidence was restarted for.
    step_ms: i64,
    restarted_step_ms: i64,
    groups: [Groups; 2],
    recent: Recent,
    recent_latency: Vec<(i64, LatencyHistogram, LatencyHistogram)>,
    /// For limits on durations.
    #[serde(default)]
    arrived_latency: ArrivedLatency,
    data_until_ms: i64,
    since_ms: Option<i64>,
    /// What it was broken by, as it was then: a breach is told with one number wherever and whenever it is told.
    #[serde(default)]
    broken_by: Option<Numbers>,
    rejected: Option<BlockError>,
}

impl Watch {
    pub fn new(guardrail: &Guardrail, thresholds: Thresholds, closing: Closing, began_ms: i64) -> Self {
        Self {
            guardrail: guardrail.clone(),
            thresholds,
            closing,
            method: Method::of(guardrail, began_ms),
            began_ms,
            folded_until_ms: began_ms,
            primed: false,
            restart_due_ms: began_ms.saturating_add(RESTART_MS),
            step_ms: began_ms,
            restarted_step_ms: began_ms,
            groups: [Groups::default(), Groups::default()],
            recent: Recent::default(),
            recent_latency: Vec::new(),
            arrived_latency: ArrivedLatency::default(),
            data_until_ms: began_ms,
            since_ms: None,
            broken_by: None,
            rejected: None,
        }
    }

    pub const fn guardrail(&self) -> &Guardrail {
        &self.guardrail
    }

    pub const fn began_ms(&self) -> i64 {
        self.began_ms
    }

    /// Everything that ends here or earlier is folded; older cells need not be given any more, except control's
    /// latencies of the hour before the rollout, once.
    pub const fn folded_until_ms(&self) -> i64 {
        self.folded_until_ms
    }

    /// Takes in this metric's cells, in any order and as often as one likes: each is folded once. `steps_ms` are
    /// the moments at which steps began.
    pub fn observe(&mut self, cells: &[Cell], steps_ms: &[i64], now_ms: i64) {
        let with_data = |cell: &&Cell| cell.treatment.trials() > 0 || cell.control.trials() > 0;
        let newest = cells.iter().filter(with_data).map(|cell| cell.until_ms.min(now_ms)).max();
        let step_ms = steps_ms.iter().copied().filter(|step_ms| *step_ms <= now_ms).max();
        // A clock that went back does not leave data in the future.
        self.step_ms = self.step_ms.min(now_ms).max(step_ms.unwrap_or(i64::MIN));
        self.data_until_ms = self.data_until_ms.min(now_ms);
        // Whoever got the feature with a step has a while to report.
        self.data_until_ms = self.data_until_ms.max(newest.unwrap_or(i64::MIN)).max(self.step_ms);
        match &mut self.method {
            Method::Ceiling(_) => self.look(cells, now_ms),
            Method::Comparison(_) | Method::Durations(_) => self.close(cells, steps_ms, now_ms),
        }
    }

    /// At once, before more is taken in: that may be fine again.
    fn note_breach(&mut self, now_ms: i64) {
        if self.since_ms.is_none() && self.verdict() == Verdict::Regressed {
            self.since_ms = Some(now_ms);
            self.broken_by = self.numbers_of(Verdict::Regressed);
        }
    }

    fn look(&mut self, cells: &[Cell], now_ms: i64) {
        // Whoever was exposed a moment ago has not converted yet: that is no evidence of anything.
        let settle_ms = match self.guardrail.metric {
            Metric::Conversion => self.closing.settle_ms,
            Metric::ErrorRate
            | Metric::Latency(_)
            | Metric::Crashes
            | Metric::Complaints
            | Metric::MissingOutcome
            | Metric::Custom { .. } => i64::MIN,
        };
        let settled = |cell: &&Cell| cell.until_ms.saturating_add(settle_ms) <= now_ms;
        for cell in whole_cells(cells).iter().filter(settled) {
            let Method::Ceiling(ceiling) = &mut self.method else { return };
            let tally = absolute_tally(&self.guardrail, &cell.treatment);
            if let Err(error) = ceiling.check(tally) {
                self.rejected = Some(error);
                continue;
            }
            let arrived = ceiling.arrived(cell, tally);
            if arrived.is_empty() || ceiling.look(arrived).is_err() {
                continue;
            }
            self.rejected = None;
            let until_ms = cell.until_ms.min(now_ms);
            let stretch =
                Stretch { from_ms: cell.from_ms, until_ms, treatment: arrived, control: Tally::default() };
            self.recent.push(stretch);
            if let Counting::Durations(_) = self.guardrail.metric.counting() {
                self.arrived_latency.push(cell, &stretch);
            }
            self.note_breach(now_ms);
        }
    }

    fn close(&mut self, cells: &[Cell], steps_ms: &[i64], now_ms: i64) {
        self.prime(cells);
        for block in self.closing.close(cells, self.folded_until_ms, now_ms) {
            self.restart_if_due(block.from_ms, steps_ms);
            self.folded_until_ms = block.until_ms;
            match self.fold(&block) {
                Ok(()) => self.rejected = None,
                Err(error) => self.rejected = Some(error),
            }
            self.note_breach(now_ms);
        }
    }

    fn prime(&mut self, cells: &[Cell]) {
        let Method::Durations(durations) = &mut self.method else { return };
        if !std::mem::replace(&mut self.primed, true) {
            let mut before: Vec<_> = cells.iter().filter(|cell| cell.until_ms <= self.began_ms).collect();
            before.sort_by_key(|cell| cell.from_ms);
            for cell in before {
                durations.prime(cell.from_ms, &cell.control.latency);
            }
        }
    }

    fn restart_if_due(&mut self, block_ms: i64, steps_ms: &[i64]) {
        let latest = steps_ms.iter().copied().filter(|step_ms| *step_ms <= block_ms).max();
        let stepped = latest.is_some_and(|step_ms| step_ms > self.restarted_step_ms);
        self.restarted_step_ms = self.restarted_step_ms.max(latest.unwrap_or(i64::MIN));
        let due = block_ms >= self.restart_due_ms;
        if due {
            self.restart_due_ms = block_ms.saturating_add(RESTART_MS);
        }
        if stepped || due {
            match &mut self.method {
                Method::Comparison(comparison) => comparison.restart(),
                Method::Durations(durations) => durations.restart(),
                Method::Ceiling(_) => {}
            }
        }
    }

    fn fold(&mut self, cell: &Cell) -> Result<(), BlockError> {
        let mut stretch = Stretch {
            from_ms: cell.from_ms,
            until_ms: cell.until_ms,
            treatment: cell.treatment.tally,
            control: cell.control.tally,
        };
        match &mut self.method {
            Method::Comparison(comparison) => {
                let kernel = comparison.terms().kernel;
                let block = Block::of(kernel, cell.treatment.tally, cell.control.tally)?;
                self.groups[0].merge(&cell.treatment.groups);
                self.groups[1].merge(&cell.control.groups);
                let [treatment, control] = &self.groups;
                comparison.fold(&block, dispersion(treatment.tallies(), control.tallies()));
            }
            Method::Durations(durations) => {
                durations.fold(cell)?;
                stretch.treatment = Tally::new(cell.treatment.latency.total(), 0);
                stretch.control = Tally::new(cell.control.latency.total(), 0);
                remember(&mut self.recent_latency, cell);
            }
            Method::Ceiling(_) => {}
        }
        self.recent.push(stretch);
        Ok(())
    }

    pub fn verdict(&self) -> Verdict {
        match &self.method {
            Method::Comparison(comparison) => match comparison.verdict(&self.thresholds) {
                Verdict::Undecided if self.has_few_events(comparison) => Verdict::Safe,
                verdict => verdict,
            },
            Method::Durations(durations) => {
                let (max, now) = (durations.max_log_e(), durations.log_e());
                self.thresholds.verdict(max, now, durations.max_log_e_safe())
            }
            Method::Ceiling(ceiling) => self.thresholds.verdict(ceiling.max_log_e(), ceiling.log_e(), 0.0),
        }
    }

    fn has_few_events(&self, comparison: &Comparison) -> bool {
        let counted = comparison.terms().worse == super::kernel::Worse::Higher
            && comparison.terms().kernel == Kernel::Bernoulli;
        counted && log_e_few(comparison.treatment()) >= self.thresholds.log_e_safe()
    }

    pub const fn is_comparison(&self) -> bool {
        match self.method {
            Method::Comparison(_) | Method::Durations(_) => true,
            Method::Ceiling(_) => false,
        }
    }

    /// How long ago data ended that should be here by now.
    pub fn silence_ms(&self, now_ms: i64) -> i64 {
        let settle_ms = if self.is_comparison() { self.closing.settle_ms } else { 0 };
        now_ms.saturating_sub(self.data_until_ms).saturating_sub(settle_ms).max(0)
    }
}

/// What of a sample a ceiling counts.
fn absolute_tally(guardrail: &Guardrail, sample: &Sample) -> Tally {
    match (guardrail.metric.counting(), guardrail.limit) {
        (Counting::Durations(_), Limit::Ceiling { limit }) => {
            Tally::new(sample.latency.total(), sample.latency.above(bucket(limit)))
        }
        (Counting::Durations(_), Limit::Comparison { .. }) | (Counting::Tally(_), _) => sample.tally,
    }
}

/// Keeps the durations of the recent minutes; a cell that grew replaces its earlier copy.
fn remember(kept: &mut Vec<(i64, LatencyHistogram, LatencyHistogram)>, cell: &Cell) {
    if cell.treatment.latency.is_empty() && cell.control.latency.is_empty() {
        return;
    }
    kept.retain(|(from_ms, _, _)| {
        *from_ms != cell.from_ms && *from_ms >= cell.until_ms.saturating_sub(super::recent::RECENT_MS)
    });
    kept.push((cell.from_ms, cell.treatment.latency.clone(), cell.control.latency.clone()));
}

/// When a metric's cells are complete, by default.
pub fn default_closing(metric: &Metric) -> Closing {
    match metric {
        Metric::Conversion => Closing::conversions(),
        Metric::MissingOutcome => Closing::missing_outcomes(),
        Metric::ErrorRate
        | Metric::Latency(_)
        | Metric::Crashes
        | Metric::Complaints
        | Metric::Custom { .. } => Closing::requests(None),
    }
}

/// Cells in time order. Where the percentages changed within one, its two parts are one again: a limit does not depend
/// on them, and each cell is counted by its beginning.
fn whole_cells(cells: &[Cell]) -> Vec<Cell> {
    let mut cells: Vec<&Cell> = cells.iter().filter(|cell| cell.until_ms > cell.from_ms).collect();
    cells.sort_by_key(|cell| (cell.from_ms, cell.until_ms));
    let mut whole: Vec<Cell> = Vec::with_capacity(cells.len());
    for cell in cells {
        match whole.last_mut().filter(|last| last.from_ms == cell.from_ms && last.until_ms == cell.until_ms) {
            Some(last) => {
                last.treatment.merge(&cell.treatment);
                last.control.merge(&cell.control);
            }
            None => whole.push(cell.clone()),
        }
    }
    whole
}
