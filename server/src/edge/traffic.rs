//! How many requests came to which door, how they were answered, and how long it took until the answer began. A few atomic
//! additions each: there are as many numbers as there are doors, whatever is asked for.

use std::time::Duration;

use http::StatusCode;
use store::{Meter, Timed, Timings};

use super::door::{Door, Doors};

/// `1xx` to `5xx`.
pub const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

pub struct Traffic(Vec<OfDoor>);

struct OfDoor {
    door: &'static Door,
    answers: Meter<{ CLASSES.len() }>,
    took: Timings,
}

/// What came to one door.
pub struct DoorReport {
    pub door: &'static str,
    /// In the order of [`CLASSES`].
    pub answers: [u64; CLASSES.len()],
    pub took: Timed,
}

impl Traffic {
    pub fn through(doors: Doors) -> Self {
        let of = |door| OfDoor { door, answers: Meter::default(), took: Timings::default() };
        Self(doors.named.iter().copied().chain([doors.last]).map(of).collect())
    }

    pub fn note(&self, door: &'static Door, status: StatusCode, took: Duration) {
        let Some(of_door) = self.0.iter().find(|it| std::ptr::eq(it.door, door)) else { return };
        of_door.answers.add(usize::from(status.as_u16() / 100).saturating_sub(1), 1);
        of_door.took.note(took);
    }

    pub fn report(&self) -> impl Iterator<Item = DoorReport> {
        let report =
            |it: &OfDoor| DoorReport { door: it.door.name, answers: it.answers.sums(), took: it.took.look() };
        self.0.iter().map(report)
    }
}
