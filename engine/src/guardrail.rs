//! The guard's arithmetic: is the treatment worse than its control, or beyond a limit, certain enough to act at any
//! moment? One e-process per rollout and metric, so that looking often never costs a false alarm.

pub mod accepts;
mod act;
pub mod baseline;
pub mod block;
pub mod ceiling;
pub mod comparison;
pub mod decision;
pub mod definition;
pub mod dispersion;
pub mod durations;
pub mod evidence;
pub mod guard;
pub mod interval;
pub mod judgement;
pub mod kernel;
pub mod latency;
pub mod mixture;
mod numeric;
pub mod recent;
pub mod replay;
pub mod sequence;
pub mod srm;
pub mod tally;
mod together;
pub mod trial;
pub mod verdict;
pub mod watch;
mod words;

pub use accepts::{Accepts, Basis};
pub use act::{Act, act, had_less};
pub use block::{Cell, Closing, Sample};
pub use definition::{CustomKind, GuardAction, Guardrail, Limit, Metric, Quantile, guardrail_problems};
pub use evidence::{Evidence, Exposed, Missing};
pub use guard::{Cells, Guard, Post, judge};
pub use interval::{DifferenceInterval, Interval, difference_over};
pub use judgement::{Health, Judgement, Proof, Surroundings, Warning};
pub use latency::LatencyHistogram;
pub use replay::would_have_fired;
pub use tally::Tally;
pub use together::together;
pub use verdict::{Thresholds, Verdict};
