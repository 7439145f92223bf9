//! Durations by group of people: what the guard needs to tell one slow customer from many. Packed, because a busy cell
//! has thousands of them and is written every second.

use std::collections::BTreeMap;

use engine::guardrail::latency::{BUCKETS, LatencyHistogram};

const GROUPS: u16 = 64;

/// How many durations of each group fell into each bucket of [`LatencyHistogram`]; at most one entry per duration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupDurations(Vec<(u16, u32)>);

impl GroupDurations {
    /// `group` is one of 64, `bucket` one of 1024; anything else is nobody's.
    pub fn add(&mut self, group: u8, bucket: u16, count: u32) {
        if u16::from(group) < GROUPS && bucket < BUCKETS {
            self.add_at(u16::from(group) * BUCKETS + bucket, count);
        }
    }

    fn add_at(&mut self, place: u16, count: u32) {
        match self.0.binary_search_by_key(&place, |(place, _)| *place) {
            Ok(at) => self.0[at].1 = self.0[at].1.saturating_add(count),
            Err(at) => self.0.insert(at, (place, count)),
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for (place, count) in &other.0 {
            self.add_at(*place, *count);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As the guard's arithmetic takes them.
    pub fn to_histograms(&self) -> BTreeMap<u8, LatencyHistogram> {
        let mut groups: BTreeMap<u8, LatencyHistogram> = BTreeMap::new();
        for (place, count) in &self.0 {
            let group = u8::try_from(place / BUCKETS).unwrap_or_default();
            groups.entry(group).or_default().add(place % BUCKETS, u64::from(*count));
        }
        groups
    }

    /// Each entry: where, as two bytes, little end first, and how many, seven bits a byte, the last without its top bit.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 3);
        for (place, count) in &self.0 {
            bytes.extend(place.to_le_bytes());
            let mut rest = *count;
            while rest >= 0x80 {
                bytes.push(rest.to_le_bytes()[0] | 0x80);
                rest >>= 7;
            }
            bytes.push(rest.to_le_bytes()[0]);
        }
        bytes
    }

    /// `None` for anything that [`GroupDurations::to_bytes`] does not write.
    pub(super) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut entries: Vec<(u16, u32)> = Vec::with_capacity(bytes.len() / 3);
        while let Some((place, rest)) = bytes.split_first_chunk::<2>() {
            let place = u16::from_le_bytes(*place);
            let length = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
            let (digits, rest) = rest.split_at(length);
            let count = digits.iter().rev().fold(0_u64, |sum, byte| (sum << 7) | u64::from(byte & 0x7f));
            let in_order = entries.last().is_none_or(|(last, _)| *last < place);
            if length > 5 || !in_order {
                return None;
            }
            entries.push((place, u32::try_from(count).ok()?));
            bytes = rest;
        }
        bytes.is_empty().then_some(Self(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let mut durations = GroupDurations::default();
        for (group, bucket, count) in
            [(63, 1023, 1), (0, 0, 127), (5, 300, 128), (5, 299, u32::MAX), (63, 1023, 2)]
        {
            durations.add(group, bucket, count);
        }
        durations.add(64, 0, 1);
        durations.add(0, 1024, 1);
        assert_eq!(GroupDurations::from_bytes(&durations.to_bytes()), Some(durations.clone()));
        let histograms = durations.to_histograms();
        assert_eq!(histograms.keys().copied().collect::<Vec<_>>(), [0, 5, 63]);
        assert_eq!(histograms[&63].total(), 3);
        let mut twice = durations.clone();
        twice.merge(&durations);
        assert_eq!(twice.to_histograms()[&0].total(), 254);
    }

    #[test]
    fn what_was_not_packed_is_refused() {
        let odd: [&[u8]; 6] = [
            &[1],
            &[1, 0],
            &[1, 0, 0x80],
            &[2, 0, 1, 1, 0, 1],
            &[1, 0, 1, 1, 0, 1],
            &[1, 0, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ];
        for bytes in odd {
            assert_eq!(GroupDurations::from_bytes(bytes), None, "{bytes:?}");
        }
        assert_eq!(GroupDurations::from_bytes(&[]), Some(GroupDurations::default()));
    }
}
