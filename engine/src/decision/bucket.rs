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
    murmur3(seed, value, 0)
}

/// `(h mod 100) · 1000 + (h / 100) mod 1000`: the whole per cents are Unleash's `h mod 100`.
pub fn position(seed: &str, value: &str) -> Position {
    Position::of(bucket_hash(seed, value))
}

/// Where a subject falls for the holdback: the same scale, drawn independently of [`position`] and as stable.
pub fn holdback_position(seed: &str, value: &str) -> Position {
    Position::of(murmur3(seed, value, HOLDBACK_SEED))
}

/// 1…1000: the first variant whose running sum of weights reaches it is drawn.
pub fn variant_bucket(seed: &str, value: &str) -> u32 {
    murmur3(seed, value, VARIANT_SEED) % 1000 + 1
}

/// Hashes `"{seed}:{value}"` from its parts, so that a decision allocates nothing.
/// Algorithm: `MurmurHash3_x86_32` (Austin Appleby, public domain).
fn murmur3(seed: &str, value: &str, hash_seed: u32) -> u32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let scramble = |k: u32| k.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    #[expect(clippy::cast_possible_truncation, reason = "takes the low half")]
    let mix = |h: u32, pending: u64| {
        (h ^ scramble(pending as u32)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
    };

    // Bytes that do not fill a block yet stand in the low bits of `pending`; parts need not end on a block.
    let (mut h, mut pending, mut bits) = (hash_seed, 0u64, 0u32);
    for part in [seed.as_bytes(), b":", value.as_bytes()] {
        let (blocks, rest) = part.as_chunks::<4>();
        for block in blocks {
            pending |= u64::from(u32::from_le_bytes(*block)) << bits;
            h = mix(h, pending);
            pending >>= 32;
        }
        for byte in rest {
            pending |= u64::from(*byte) << bits;
            bits += 8;
            if bits == 32 {
                h = mix(h, pending);
                (pending, bits) = (0, 0);
            }
        }
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most three bytes are left")]
    if bits > 0 {
        h ^= scramble(pending as u32);
    }
    #[expect(clippy::cast_possible_truncation, reason = "murmur3 mixes in the length modulo 2^32")]
    let length = (seed.len() + 1 + value.len()) as u32;
    h ^= length;
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
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
}
