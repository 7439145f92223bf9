//! Lists of which only so much is made as will be looked at, whatever is sent.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, SeqAccess, Visitor},
};

struct UpTo<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for UpTo<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut kept = Vec::new();
        while kept.len() <= MAX {
            let Some(item) = list.next_element()? else { return Ok(kept) };
            kept.push(item);
        }
        while let Some(IgnoredAny) = list.next_element()? {}
        Ok(kept)
    }
}

/// One item more than there may be is kept, so that whoever checks the length refuses it; the others are skipped.
pub(super) fn up_to<'de, D: Deserializer<'de>, T: Deserialize<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(UpTo::<T, MAX>(PhantomData))
}

#[cfg(test)]
mod tests {
    use allocation_counter::measure;

    use super::*;

    #[derive(Deserialize)]
    struct Sent {
        #[serde(deserialize_with = "up_to::<_, _, 3>")]
        list: Vec<[u8; 4]>,
    }

    fn sent(json: &str) -> usize {
        serde_json::from_str::<Sent>(json).map_or(0, |sent| sent.list.len())
    }

    #[test]
    fn no_more_is_made_than_is_looked_at() {
        let item = "[1,2,3,4]";
        assert_eq!(sent(&format!("{{\"list\": [{item},{item}]}}")), 2);
        let many = format!("{{\"list\": [{}{item}]}}", format!("{item},").repeat(50_000));
        let taken = measure(|| assert_eq!(sent(&many), 4));
        assert!(taken.bytes_max < 1024, "{}", taken.bytes_max);
        assert_eq!(
            sent(&format!("{{\"list\": [{item},{item},{item},{item},}}")),
            0,
            "the rest is JSON as well"
        );
    }
}
