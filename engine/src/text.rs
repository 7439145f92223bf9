//! Comparing short texts where a decision is made: keys, names and values of a few bytes, for which calling into the C
//! library costs more than the comparison.

mod form;

pub(crate) use form::{Form, composed};

/// Whether the two texts are the same bytes.
#[inline]
pub(crate) fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let ((words_a, rest_a), (words_b, rest_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    if words_a.iter().zip(words_b).any(|(a, b)| u64::from_ne_bytes(*a) != u64::from_ne_bytes(*b)) {
        return false;
    }
    // The last eight bytes once more, overlapping: one comparison for whatever is left.
    match (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        (Some(a), Some(b)) => u64::from_ne_bytes(*a) == u64::from_ne_bytes(*b),
        (None, _) | (_, None) => rest_a.iter().zip(rest_b).all(|(a, b)| a == b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_all_lengths_differ_by_each_of_their_bytes() {
        for length in 0..40 {
            let text = "x".repeat(length);
            assert!(same(&text, &text.clone()));
            assert!(!same(&text, &format!("{text}x")));
            for at in 0..length {
                let mut other = text.clone().into_bytes();
                other[at] = b'y';
                assert!(!same(&text, &String::from_utf8(other).expect("ASCII")), "{at} of {length}");
            }
        }
    }
}
