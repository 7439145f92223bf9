//! Lists in parts: so many at a time, in an order that stays, from where the part before ended.

use serde::Deserialize;
use utoipa::IntoParams;

use super::error::RestError;

/// Without a `limit`.
const PART_DEFAULT: usize = 50;
const PART_MAX: usize = 200;

/// Which part of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// `next` of the part before.
    pub cursor: Option<String>,
    /// 1 to 200; 50 without it.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
}

/// How many are asked for.
pub(super) fn limit(asked: Option<usize>) -> Result<usize, RestError> {
    let limit = asked.unwrap_or(PART_DEFAULT);
    if (1..=PART_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(RestError::Refused(format!("limit lies between 1 and {PART_MAX}")))
    }
}

/// A cursor that is a number.
pub(super) fn number<T: std::str::FromStr>(cursor: Option<&str>) -> Result<Option<T>, RestError> {
    let wrong = |_| RestError::Refused("cursor: send `next` of the part before, as it was".to_owned());
    cursor.map(str::parse).transpose().map_err(wrong)
}

/// The part after `cursor` of what is sorted by `key`, and where the next one begins.
pub(super) fn part<T, K: Ord + ToString>(
    all: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
    is_after: impl Fn(&K) -> bool,
    limit: usize,
) -> (Vec<T>, Option<String>) {
    let mut rest = all.into_iter().skip_while(|it| !is_after(&key(it)));
    let part: Vec<_> = rest.by_ref().take(limit).collect();
    let next = rest.next().and(part.last()).map(|last| key(last).to_string());
    (part, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(limit: usize) -> Vec<Vec<u32>> {
        let (mut parts, mut cursor) = (Vec::new(), None);
        loop {
            let after: Option<u32> = number(cursor.as_deref()).expect("a number");
            let is_after = |it: &u32| after.is_none_or(|after| *it > after);
            let (part, next) = part([1, 2, 3, 5, 8], |it| *it, is_after, limit);
            parts.push(part);
            match next {
                Some(next) => cursor = Some(next),
                None => return parts,
            }
        }
    }

    #[test]
    fn all_parts_together_are_the_list() {
        assert_eq!(parts(2), [vec![1, 2], vec![3, 5], vec![8]]);
        assert_eq!(parts(5), [vec![1, 2, 3, 5, 8]]);
        assert_eq!(parts(1).concat(), [1, 2, 3, 5, 8]);
    }

    #[test]
    fn a_part_has_bounds() {
        assert_eq!(limit(None).expect("a default"), PART_DEFAULT);
        for wrong in [0, PART_MAX + 1] {
            assert!(limit(Some(wrong)).is_err());
        }
        assert!(number::<u64>(Some("x")).is_err());
    }
}
