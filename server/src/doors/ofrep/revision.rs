//! Which state of an environment an answer or an event is about.

use std::{fmt, str::FromStr};

/// An environment's revision, and how many enrolments have begun or ended by themselves since: both can change
/// decisions. Ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ConfigRevision {
    pub revision: u64,
    /// How many of this revision's enrolment times have passed.
    pub passed: u32,
}

/// `42-3`: the id of a stream's event.
impl fmt::Display for ConfigRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.revision, self.passed)
    }
}

/// The ETag in an event: `"production-42-3"`. Unlike that of an answer, it is the same for all contexts.
pub fn config_etag(environment: &str, revision: ConfigRevision) -> String {
    format!("\"{environment}-{revision}\"")
}

/// The text is no id of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidRevision;

impl FromStr for ConfigRevision {
    type Err = InvalidRevision;

    fn from_str(text: &str) -> Result<Self, InvalidRevision> {
        let (revision, passed) = text.split_once('-').ok_or(InvalidRevision)?;
        let revision = revision.parse().map_err(|_| InvalidRevision)?;
        Ok(Self { revision, passed: passed.parse().map_err(|_| InvalidRevision)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_is_ordered_by_time() {
        let id = ConfigRevision { revision: 42, passed: 3 };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(ConfigRevision { revision: 43, passed: 0 } > id);
        for bad in ["", "42", "x-1", "1-x", "-1-1"] {
            assert_eq!(bad.parse::<ConfigRevision>(), Err(InvalidRevision), "{bad}");
        }
    }
}
