//! Comparing short texts where a decision is made: keys, names and values of a few bytes, for which calling into the C
//! library costs more than the comparison.

mod form;

pub use form::without_marks;
pub(crate) use form::{Form, composed};

/// Whether the two texts are the same bytes. Without a loop for up to sixteen of them: the first and the last few are
/// compared as whole numbers, and overlap where there are fewer than both together.
#[inline]
pub(crate) fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    if let (Some(first), Some(last)) = (a.first_chunk::<8>(), a.last_chunk::<8>()) {
        // The other is as long.
        let ends = b.first_chunk::<8>().zip(b.last_chunk::<8>());
        return ends.is_some_and(|(f, l)| word(*first) == word(*f) && word(*last) == word(*l))
            && (a.len() <= 16 || a[8..a.len() - 8] == b[8..b.len() - 8]);
    }
    if let (Some(first), Some(last)) = (a.first_chunk::<4>(), a.last_chunk::<4>()) {
        let ends = b.first_chunk::<4>().zip(b.last_chunk::<4>());
        return ends.is_some_and(|(f, l)| half(*first) == half(*f) && half(*last) == half(*l));
    }
    a.iter().zip(b).all(|(a, b)| a == b)
}

#[inline]
fn word(bytes: [u8; 8]) -> u64 {
    u64::from_ne_bytes(bytes)
}

#[inline]
fn half(bytes: [u8; 4]) -> u32 {
    u32::from_ne_bytes(bytes)
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
