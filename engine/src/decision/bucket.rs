//! Where a subject falls on the 0…99 999 scale of a rollout: compatible with Unleash's gradual rollout,
//! monotone (raising a percentage only ever adds people) and fine to 0.001 %.

use crate::Percentage;

/// How many positions there are: one for each 1/1000 %.
pub const POSITIONS: u32 = 100_000;

/// The murmur seed of Unleash's variant selection.
pub const VARIANT_SEED: u32 = 86_028_157;

/// The murmur seed of the holdback (`hold` in ASCII): who is held back does not depend on where they fall otherwise.
pub const HOLDBACK_SEED: u32 = 0x686f_6c64;

/// 0…99 999; inside a percentage iff smaller than its thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(u32);

impl Position {
    const fn of(hash: u32) -> Self {
        Self((hash % 100) * 1000 + (hash / 100) % 1000)
    }

    pub const fn get(self) -> u32 {
        self.0
    }

    pub const fn is_inside(self, percentage: Percentage) -> bool {
        self.0 < percentage.thousandths()
    }
}

/// murmur3 (x86, 32 bit) of `"{seed}:{value}"`.
pub fn bucket_hash(seed: &str, value: &str) -> u32 {
    Seeded::of_position(seed).with(value.as_bytes()).finish()
}

/// `(h mod 100) · 1000 + (h / 100) mod 1000`: the whole per cents are Unleash's `h mod 100`.
pub fn position(seed: &str, value: &str) -> Position {
    Seeded::of_position(seed).position(value)
}

/// Where a subject falls for the holdback: the same scale, drawn independently of [`position`] and as stable.
pub fn holdback_position(seed: &str, value: &str) -> Position {
    Seeded::of_holdback(seed).position(value)
}

/// 1…1000: the first variant whose running sum of weights reaches it is drawn.
pub fn variant_bucket(seed: &str, value: &str) -> u32 {
    Seeded::of_variant(seed).variant_bucket(value)
}

const C1: u32 = 0xcc9e_2d51;
const C2: u32 = 0x1b87_3593;

/// A hash that has taken in `"{seed}:"` and waits for the value: what is the same for everybody is hashed once.
/// Algorithm: `MurmurHash3_x86_32` (Austin Appleby, public domain).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seeded {
    hash: u32,
    /// Bytes that do not fill a block yet, from the lowest on, and how many bits they are.
    pending: u32,
    bits: u32,
    length: u32,
}

impl Seeded {
    fn new(seed: &str, hash_seed: u32) -> Self {
        Self { hash: hash_seed, pending: 0, bits: 0, length: 0 }.with(seed.as_bytes()).with(b":")
    }

    /// For [`position`].
    pub(crate) fn of_position(seed: &str) -> Self {
        Self::new(seed, 0)
    }

    /// For [`holdback_position`].
    pub(crate) fn of_holdback(seed: &str) -> Self {
        Self::new(seed, HOLDBACK_SEED)
    }

    /// For [`variant_bucket`].
    pub(crate) fn of_variant(seed: &str) -> Self {
        Self::new(seed, VARIANT_SEED)
    }

    pub(crate) fn position(self, value: &str) -> Position {
        Position::of(self.with(value.as_bytes()).finish())
    }

    pub(crate) fn variant_bucket(self, value: &str) -> u32 {
        self.with(value.as_bytes()).finish() % 1000 + 1
    }

    /// Parts need not end on a block.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "takes the low half; murmur3 counts the length modulo 2^32"
    )]
    #[inline]
    fn with(mut self, part: &[u8]) -> Self {
        let (blocks, rest) = part.as_chunks::<4>();
        let mut pending = u64::from(self.pending);
        for block in blocks {
            pending |= u64::from(u32::from_le_bytes(*block)) << self.bits;
            self.hash = mix(self.hash, pending as u32);
            pending >>= 32;
        }
        for byte in rest {
            pending |= u64::from(*byte) << self.bits;
            self.bits += 8;
        }
        if self.bits >= 32 {
            self.hash = mix(self.hash, pending as u32);
            (pending, self.bits) = (pending >> 32, self.bits - 32);
        }
        self.pending = pending as u32;
        self.length = self.length.wrapping_add(part.len() as u32);
        self
    }

    #[inline]
    fn finish(self) -> u32 {
        let mut h = self.hash;
        if self.bits > 0 {
            h ^= scramble(self.pending);
        }
        h ^= self.length;
        h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
        h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
        h ^ (h >> 16)
    }
}

const fn scramble(k: u32) -> u32 {
    k.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2)
}

const fn mix(h: u32, k: u32) -> u32 {
    (h ^ scramble(k)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Anything else here re-randomises every rollout there is.
    #[test]
    fn hashes_are_pinned_for_ever() {
        for (seed, value, hash, at, variant) in [
            ("gr1", "123", 538_421_172, 72_211, 796),
            ("groupX", "999", 3_843_606_124, 24_061, 260),
            ("fast-payment", "user-0", 1_945_163_758, 58_637, 458),
            ("fast-payment", "agency-17", 3_833_517_419, 19_174, 673),
            ("søk", "blåbær", 2_407_476_307, 7763, 490),
            ("日本語", "ユーザー", 845_217_155, 55_171, 906),
            ("", "", 723_937_430, 30_374, 632),
            ("flag.with:colon", "id:with:colon", 2_245_237_154, 54_371, 503),
        ] {
            assert_eq!(bucket_hash(seed, value), hash, "{seed}:{value}");
            assert_eq!(position(seed, value), Position(at), "{seed}:{value}");
            assert_eq!(variant_bucket(seed, value), variant, "{seed}:{value}");
        }
    }

    #[test]
    fn a_percentage_includes_the_positions_below_it() {
        let percentage = Percentage::from_thousandths(20_000).expect("percentage");
        assert!(Position(19_999).is_inside(percentage));
        assert!(!Position(20_000).is_inside(percentage));
        assert!(Position(POSITIONS - 1).is_inside(Percentage::ALL));
        assert!(!Position(0).is_inside(Percentage::NONE));
    }

    /// How many of 100,000 ids fall below `thousandths`.
    fn inside(seed: &str, thousandths: u32) -> u32 {
        (0..100_000).map(|n| u32::from(position(seed, &format!("user-{n}")).get() < thousandths)).sum()
    }

    #[test]
    fn positions_are_uniform_within_one_per_cent() {
        for seed in ["fast-payment", "a", "0190f3c2-7a55"] {
            for per_cent in [1, 5, 20, 50, 80, 99] {
                let expected = per_cent * 1000;
                let found = inside(seed, expected);
                assert!(found.abs_diff(expected) < 1000, "{seed}: {found} of 100,000 at {per_cent} %");
            }
        }
        let fine = inside("fast-payment", 100);
        assert!((50..150).contains(&fine), "about 100 of 100,000 at 0.1 %: {fine}");
    }

    #[test]
    fn two_flags_are_uncorrelated() {
        for (one, other) in [("fast-payment", "new-checkout"), ("a", "b"), ("flag-1", "flag-2")] {
            for (per_cent, expected) in [(20_000, 4000), (50_000, 25_000)] {
                let both = (0..100_000).filter(|n| {
                    let subject = format!("user-{n}");
                    position(one, &subject).get() < per_cent && position(other, &subject).get() < per_cent
                });
                let found = both.count();
                assert!(
                    found.abs_diff(expected) < 1000,
                    "{one} and {other}: {found}, not {expected} of 100,000"
                );
            }
        }
    }
}
