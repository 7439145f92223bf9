//! A fixed order that looks random: the first n of it are a random sample, and a larger sample holds every smaller one.

/// Rounds of the Feistel network; four make it look random to whatever the people's keys have in common.
const ROUNDS: [u64; 4] =
    [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 0xd6e8_feb8_6659_fd93];

/// The numbers below `len`, each once, in an order that is the same for ever: a Feistel network over the next power of
/// four, walked until it comes by a number below `len`.
#[derive(Debug, Clone, Copy)]
pub struct Shuffled {
    len: usize,
    half_bits: u32,
}

impl Shuffled {
    pub fn new(len: usize) -> Self {
        let bits = usize::BITS - len.saturating_sub(1).leading_zeros();
        Self { len, half_bits: bits.div_ceil(2).max(1) }
    }

    /// What stands at a place of the order; `None` at its end.
    pub fn at(&self, place: usize) -> Option<usize> {
        if place >= self.len {
            return None;
        }
        let mut at = place;
        loop {
            at = self.permute(at);
            if at < self.len {
                return Some(at);
            }
        }
    }

    fn permute(&self, at: usize) -> usize {
        let mask = (1usize << self.half_bits) - 1;
        let (mut left, mut right) = (at >> self.half_bits, at & mask);
        for key in ROUNDS {
            (left, right) = (right, left ^ (mix(right as u64 ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

/// splitmix64, cut to a word.
#[expect(clippy::cast_possible_truncation, reason = "any bits of the mixture are as good as any other")]
const fn mix(z: u64) -> usize {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_comes_once() {
        for len in [0, 1, 2, 3, 5, 16, 17, 1000, 4097] {
            let order = Shuffled::new(len);
            let mut seen: Vec<_> = (0..len).filter_map(|place| order.at(place)).collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..len), "{len}");
            assert_eq!(order.at(len), None);
        }
    }

    /// Keys often end in a number, so a sample must not prefer any remainder or any part of the keys.
    #[test]
    fn a_sample_is_spread_evenly() {
        let order = Shuffled::new(1_000_000);
        for divisor in [2, 3, 10, 64] {
            let mut hits = vec![0u32; divisor];
            for at in (0..50_000).filter_map(|place| order.at(place)) {
                hits[at % divisor] += 1;
            }
            let expected = 50_000.0 / f64::from(u32::try_from(divisor).expect("small"));
            for hit in hits {
                assert!((f64::from(hit) - expected).abs() < 5.0 * expected.sqrt(), "{divisor}: {hit}");
            }
        }
        let early = (0..50_000).filter_map(|place| order.at(place)).filter(|at| *at < 100_000).count();
        assert!((4_650..5_350).contains(&early), "{early}");
    }
}
