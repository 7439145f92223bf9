//! What a change does to the people we know, computed by deciding for them before and after.

use super::{Count, Sample, grouped};
use crate::counted;

/// Counts of the people who were looked at, before and after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Impact {
    pub sample: Sample,
    /// Served something else than the off variant (of a group: members).
    pub before: usize,
    pub after: usize,
    pub gained: usize,
    pub lost: usize,
    /// On before and after, with another variant.
    pub switched: usize,
}

impl Impact {
    pub(crate) fn count<K: PartialEq>(&mut self, before: Option<K>, after: Option<K>) {
        self.count_all(1, before, after);
    }

    pub(crate) fn count_all<K: PartialEq>(&mut self, people: usize, before: Option<K>, after: Option<K>) {
        self.sample.seen += people;
        self.before += if before.is_some() { people } else { 0 };
        self.after += if after.is_some() { people } else { 0 };
        match (before, after) {
            (None, Some(_)) => self.gained += people,
            (Some(_), None) => self.lost += people,
            (Some(b), Some(a)) if a != b => self.switched += people,
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    /// Nobody gains, loses or switches, as far as was looked.
    pub fn is_none(&self) -> bool {
        self.gained + self.lost + self.switched == 0
    }

    /// `Adds 310 of 1,560 known people; nobody loses it.` Of a sample: `Adds about 124,000 ± 900 of 1,000,000 known people;
    /// nobody loses it among the 50,000 looked at so far.`
    pub fn sentence(&self) -> String {
        let known = match self.sample.known {
            0 => return "No people are known yet, so there is nobody to count.".to_owned(),
            n => counted(n, "known person"),
        };
        let told = |hits: usize| self.sample.count(hits).phrase();
        let (gained, lost) = (told(self.gained), told(self.lost));
        let switched = match self.sample.count(self.switched) {
            _ if self.switched == 0 => String::new(),
            Count::Exact(1) => "; 1 gets another variant".to_owned(),
            count => format!("; {} get another variant", count.phrase()),
        };
        // What was not seen in a sample may still be.
        let so_far = if self.sample.is_whole() {
            String::new()
        } else {
            format!(" among the {} looked at so far", grouped(self.sample.seen))
        };
        match (self.gained, self.lost, self.switched) {
            (0, 0, 0) if self.sample.is_whole() => {
                format!("Changes nothing for {known}; {}.", self.holders())
            }
            (0, 0, 0) => format!("Changes nothing{so_far}; of {known} {}.", self.holders()),
            (0, 0, _) => format!("None of {known} gains or loses it{so_far}{switched}."),
            (_, 0, _) => format!("Adds {gained} of {known}; nobody loses it{so_far}{switched}."),
            (0, _, _) => format!("Takes it from {lost} of {known}; nobody gains it{so_far}{switched}."),
            (_, _, _) => format!("Adds {gained} and takes it from {lost} of {known}{switched}."),
        }
    }

    fn holders(&self) -> String {
        match self.sample.count(self.after) {
            Count::Exact(0) => "nobody has it".to_owned(),
            Count::Exact(1) => "1 has it".to_owned(),
            count => format!("{} have it", count.phrase()),
        }
    }
}
