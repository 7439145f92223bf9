//! The exposure ledger: who was served what, when. Written in batches without an audit entry (an exposure changes
//! nothing), read by whoever may look people up; counts may be read by everybody.

mod counts;
mod cursor;
mod erase;
mod export;
mod ids;
mod line;
mod of_flag;
mod of_subject;
mod recall;
mod retention;
mod write;

use engine::{Arm, EnvironmentKey, FlagKey, RuleId, Sender, SubjectKey, VariantKey};

pub use counts::ExposureCount;
pub use cursor::{ExposureCursor, InvalidCursor};
pub use erase::Erased;
pub use export::ExposureExport;
pub(crate) use ids::insert as insert_ids;
pub(crate) use of_flag::Looked;
pub use of_flag::{ExposureFilter, ExposurePage};
pub use recall::{Elsewhere, Stood};

use crate::clock::DAY_MS;

/// A subject was served a decision, within one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    pub subject: SubjectKey,
    pub flag: FlagKey,
    pub variant: VariantKey,
    /// The environment's revision that the answer carried.
    pub revision: u64,
    pub rule: Option<RuleId>,
    pub arm: Option<Arm>,
    /// Epoch ms.
    pub at_ms: i64,
}

/// What one caller sent at once, for the writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub environment: EnvironmentKey,
    /// Whose word it is.
    pub sender: Sender,
    pub exposures: Vec<Exposure>,
    /// Hashes of the ids of these events, so that sending them again after a restart is noticed.
    pub ids: Vec<u64>,
}

/// What a subject was served, how often, and between which times (epoch ms, both included).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub subject: SubjectKey,
    pub flag: FlagKey,
    pub variant: VariantKey,
    pub revision: u64,
    pub rule: Option<RuleId>,
    pub arm: Option<Arm>,
    pub first_ms: i64,
    pub last_ms: i64,
    pub count: u64,
}

/// Midnight UTC before or at `at_ms`.
pub(crate) fn day_of(at_ms: i64) -> i64 {
    at_ms - at_ms.rem_euclid(DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_utc_before_1970_as_well() {
        assert_eq!(day_of(0), 0);
        assert_eq!(day_of(DAY_MS - 1), 0);
        assert_eq!(day_of(DAY_MS), DAY_MS);
        assert_eq!(day_of(-1), -DAY_MS);
    }
}
