//! Some hundreds of people with neighbouring keys, packed: self-contained, so that whatever nobody has any more goes
//! with the shard that is replaced.

use std::sync::Arc;

use engine::{Attributes, Names, Packed, Packer, Traits, ValueRef};

/// A larger shard is cut in pieces: a change copies this many at most.
pub(super) const SHARD_PEOPLE_MAX: usize = 512;
/// However much is stored with few people, a change copies little more than this.
const SHARD_BYTES_MAX: usize = 512 * 1024;

const MARKS_AT_ONCE: usize = 64;

/// What becomes of somebody; `None` forgets them.
pub(super) type Change = (Box<str>, Option<Attributes>);

#[derive(Debug, Default)]
pub(super) struct Shard {
    names: Names,
    /// One after the other, in the order of the keys.
    rows: Box<[u8]>,
    /// For each person their key and the values of their traits, in lower case.
    text: Box<str>,
    ends: Box<[End]>,
    /// Sixteen bits of each key: among some hundreds of people they tell nearly always who is meant.
    marks: Box<[u16]>,
}

/// Where the row and the text of somebody end, and so those of the next one begin.
#[derive(Debug, Clone, Copy, Default)]
struct End {
    row: u32,
    text: u32,
}

impl Shard {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<Packed<'_>> {
        let (row, text) = self.as_packed(at)?;
        Packed::new(&self.names, row, text)
    }

    fn as_packed(&self, at: usize) -> Option<(&[u8], &str)> {
        let begin = match at.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => End::default(),
        };
        let end = *self.ends.get(at)?;
        let row = self.rows.get(begin.row as usize..end.row as usize)?;
        Some((row, self.text.get(begin.text as usize..end.text as usize)?))
    }

    /// In the order of the keys, without the first few.
    pub(super) fn people_from(&self, skipped: usize) -> impl Iterator<Item = Packed<'_>> {
        (skipped..self.len()).filter_map(|at| self.get(at))
    }

    /// How many have a smaller key.
    pub(super) fn place(&self, subject: &str) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle).is_some_and(|person| person.subject() < subject) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Reads the marks of all, which stand close together, rather than the keys of nine, which do not.
    pub(super) fn find(&self, subject: &str) -> Option<Packed<'_>> {
        let wanted = mark(subject);
        // Without a branch inside, so that many are compared at once.
        let is_near = move |marks: &[u16]| {
            marks.iter().fold(0_u16, |near, mark| near | u16::from(*mark == wanted)) != 0
        };
        let chunks = self.marks.chunks(MARKS_AT_ONCE).enumerate();
        let near = chunks.filter(|(_, marks)| is_near(marks)).flat_map(move |(n, marks)| {
            (n * MARKS_AT_ONCE..).zip(marks).filter(move |(_, mark)| **mark == wanted)
        });
        near.filter_map(|(at, _)| self.get(at)).find(|person| person.subject() == subject)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Who stands at a place of the text, their part of it, and where the next one begins.
    pub(super) fn person_at(&self, place: usize) -> Option<(Packed<'_>, &str, usize)> {
        let at = self.ends.partition_point(|end| end.text as usize <= place);
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before].text as usize);
        let end = self.ends.get(at)?.text as usize;
        Some((self.get(at)?, self.text.get(begin..end)?, end))
    }

    /// These people with `changes` in the order of the keys, as one shard or several, each with the first of its keys.
    pub(super) fn with(&self, changes: Vec<Change>) -> Vec<(Arc<str>, Arc<Self>)> {
        let mut growing = Growing::for_people(self.len() + changes.len());
        let mut old = 0;
        let mut changes = changes.into_iter().peekable();
        while let Some((subject, traits)) = changes.next() {
            while self.get(old).is_some_and(|person| person.subject() < &*subject) {
                growing.take(self, old);
                old += 1;
            }
            old += usize::from(self.get(old).is_some_and(|person| person.subject() == &*subject));
            let is_last = changes.peek().is_none_or(|(next, _)| *next != subject);
            if let (Some(traits), true) = (traits, is_last) {
                growing.push(&subject, Traits::from(&traits).iter());
            }
        }
        (old..self.len()).for_each(|at| growing.take(self, at));
        growing.finish()
    }
}

/// FNV-1a, folded: spread well enough, and at worst everybody of one shard is looked at.
fn mark(subject: &str) -> u16 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let hash = subject.bytes().fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    let [low, high, ..] = (hash ^ (hash >> 32)).to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// Shards that are being filled, in the order of the keys.
pub(super) struct Growing {
    packer: Packer,
    first: Option<Arc<str>>,
    ends: Vec<End>,
    marks: Vec<u16>,
    /// People in each shard.
    size: usize,
    full: Vec<(Arc<str>, Arc<Shard>)>,
}

impl Growing {
    /// All in one, or in pieces of a size that have room for others.
    pub(super) fn for_people(at_most: usize) -> Self {
        let size = if at_most > SHARD_PEOPLE_MAX {
            at_most.div_ceil(at_most.div_ceil(SHARD_PEOPLE_MAX * 3 / 4))
        } else {
            SHARD_PEOPLE_MAX
        };
        Self {
            packer: Packer::default(),
            first: None,
            ends: Vec::new(),
            marks: Vec::new(),
            size,
            full: Vec::new(),
        }
    }

    pub(super) fn push<'v>(
        &mut self,
        subject: &str,
        traits: impl Iterator<Item = (&'v str, ValueRef<'v>)> + Clone,
    ) {
        self.packer.push(subject, traits);
        self.pushed(subject, mark(subject));
    }

    /// Somebody of another shard, read and written anew only where names have other numbers.
    pub(super) fn take(&mut self, shard: &Shard, at: usize) {
        let (Some((row, text)), Some(person)) = (shard.as_packed(at), shard.get(at)) else { return };
        if !self.packer.copy(&shard.names, row, text) {
            self.packer.push(person.subject(), Traits::from(person).iter());
        }
        self.pushed(person.subject(), shard.marks.get(at).copied().unwrap_or_default());
    }

    fn pushed(&mut self, subject: &str, mark: u16) {
        self.first.get_or_insert_with(|| subject.into());
        let end = |bytes: usize| {
            #[expect(clippy::cast_possible_truncation, reason = "a shard is cut long before")]
            let end = bytes as u32;
            end
        };
        self.ends.push(End { row: end(self.packer.rows.len()), text: end(self.packer.text.len()) });
        self.marks.push(mark);
        let bytes = self.packer.rows.len() + self.packer.text.len();
        if self.ends.len() >= self.size || bytes >= SHARD_BYTES_MAX {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let Some(first) = self.first.take() else { return };
        let (rows, text) = (self.packer.rows.as_slice().into(), self.packer.text.as_str().into());
        let mut names = std::mem::take(&mut self.packer.names);
        names.shrink();
        let shard = Shard {
            names,
            rows,
            text,
            ends: self.ends.as_slice().into(),
            marks: self.marks.as_slice().into(),
        };
        // The room that was grown is used again for the next.
        self.packer.rows.clear();
        self.packer.text.clear();
        self.ends.clear();
        self.marks.clear();
        self.full.push((first, Arc::new(shard)));
    }

    pub(super) fn finish(mut self) -> Vec<(Arc<str>, Arc<Shard>)> {
        self.cut();
        self.full
    }
}

#[cfg(test)]
mod tests {
    use engine::AttributeValue;

    use super::*;

    #[test]
    fn much_about_few_is_cut_by_bytes() {
        let traits = |text: &str| {
            [("t".to_owned(), AttributeValue::Text(text.repeat(16 * 1024)))].into_iter().collect()
        };
        let changes = (0..100).map(|n| (format!("u-{n:03}").into(), Some(traits("x")))).collect();
        let shards = Shard::default().with(changes);
        assert!(shards.len() > 1, "{}", shards.len());
        assert!(shards.iter().all(|(_, shard)| shard.text().len() < SHARD_BYTES_MAX + 32 * 1024));
        assert_eq!(shards.iter().map(|(_, shard)| shard.len()).sum::<usize>(), 100);
    }

    #[test]
    fn a_name_that_nobody_has_any_more_is_forgotten() {
        let traits = |name: &str| [(name.to_owned(), AttributeValue::Boolean(true))].into_iter().collect();
        let mut shard = Arc::new(Shard::default());
        for n in 0..1000 {
            let change = vec![("ada".into(), Some(traits(&format!("name-{n}"))))];
            shard = shard.with(change).pop().expect("a shard").1;
        }
        assert_eq!((shard.len(), shard.names.len()), (1, 1));
    }

    #[test]
    fn whoever_shares_a_mark_is_told_apart_by_the_key() {
        let keys: Vec<_> =
            (0..40_000).map(|n| format!("u-{n}")).filter(|key| mark(key) % 1024 == 7).collect();
        let marks: std::collections::HashSet<_> = keys.iter().map(|key| mark(key)).collect();
        assert!(
            keys.len() <= SHARD_PEOPLE_MAX && marks.len() < keys.len(),
            "{} of {}",
            marks.len(),
            keys.len()
        );
        let (known, unknown) = keys.split_at(keys.len() / 2);
        let mut changes: Vec<Change> =
            known.iter().map(|key| (key.as_str().into(), Some(Attributes::default()))).collect();
        changes.sort_by(|(a, _), (b, _)| a.cmp(b));
        let shards = Shard::default().with(changes);
        let [(_, shard)] = &shards[..] else { panic!("one shard") };
        for key in known {
            assert_eq!(shard.find(key).map(|person| person.subject()), Some(key.as_str()));
        }
        for key in unknown.iter().map(String::as_str).chain(["", "u"]) {
            assert!(shard.find(key).is_none(), "{key}");
        }
    }
}
