//! Versions of software, as people write them.

use std::cmp::Ordering;

/// A version that was read: where its parts stand in the text. Numbers have as many digits as they like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Version<'a> {
    /// `2.10.0`: numbers between dots; what is not written is 0.
    release: &'a str,
    /// `rc.1`; empty for the release itself.
    before: &'a str,
}

/// A version to compare with.
#[derive(Debug)]
pub(crate) struct OwnVersion {
    release: Box<str>,
    before: Box<str>,
}

/// Reads `2.10.1-beta+build` and, as people write them, `v2.10.1`, `V2.10`, `2`, `2.10-beta` and `2.10.1.4`.
pub(super) fn parse_version(text: &str) -> Option<Version<'_>> {
    let text = text.trim();
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (release, before) = text.split_once('-').map_or((text, None), |(text, before)| (text, Some(before)));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_name =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let names = [before, build].into_iter().flatten().all(|names| names.split('.').all(is_name));
    let read = names && release.split('.').all(is_number);
    read.then_some(Version { release, before: before.unwrap_or_default() })
}

impl Version<'_> {
    /// By precedence: number by number, and what comes before a release below it.
    pub(super) fn compare(self, other: &OwnVersion) -> Ordering {
        let (mut a, mut b) = (self.release.split('.'), other.release.split('.'));
        loop {
            let ordering = match (a.next(), b.next()) {
                (None, None) => break,
                (a, b) => numbers(a.unwrap_or("0"), b.unwrap_or("0")),
            };
            if ordering.is_ne() {
                return ordering;
            }
        }
        match (self.before, &*other.before) {
            ("", "") => Ordering::Equal,
            ("", _) => Ordering::Greater,
            (_, "") => Ordering::Less,
            (a, b) => {
                let (mut a, mut b) = (a.split('.'), b.split('.'));
                loop {
                    let ordering = match (a.next(), b.next()) {
                        (None, None) => return Ordering::Equal,
                        (None, Some(_)) => Ordering::Less,
                        (Some(_), None) => Ordering::Greater,
                        (Some(a), Some(b)) => names(a, b),
                    };
                    if ordering.is_ne() {
                        return ordering;
                    }
                }
            }
        }
    }

    pub(super) fn to_own(self) -> OwnVersion {
        OwnVersion { release: self.release.into(), before: self.before.into() }
    }
}

/// Two numbers of any length.
fn numbers(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Two identifiers before a release: numbers by value, and below names.
fn names(a: &str, b: &str) -> Ordering {
    let is_number = |name: &str| name.bytes().all(|b| b.is_ascii_digit());
    match (is_number(a), is_number(b)) {
        (true, true) => numbers(a, b),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Ordering {
        let read = |text| parse_version(text).expect("a version");
        read(a).compare(&read(b).to_own())
    }

    #[test]
    fn versions_are_read_as_people_write_them() {
        for text in
            ["2.10.1", "v2.10.1", "V2.10.0", "2", " 2.10 ", "2.10-beta", "1.2.3.4", "2.1.0-rc.1+7a.b", "1+x"]
        {
            assert!(parse_version(text).is_some(), "{text}");
        }
        for text in
            ["", "v", "latest", "2.x", "2..1", "-1", "2.1-", "2.1+", "2.1-a..b", "2.1-é", "1.0rc1", "vv1"]
        {
            assert!(parse_version(text).is_none(), "{text}");
        }
    }

    #[test]
    fn versions_are_ordered_by_precedence() {
        for (below, above) in [
            ("2.9.9", "2.10"),
            ("2.10-beta", "V2.10.0"),
            ("2.10.0", "2.10.0.1"),
            ("1.2.3.4", "1.2.3.10"),
            ("1.0.0-alpha", "1.0.0-alpha.1"),
            ("1.0.0-alpha.1", "1.0.0-alpha.beta"),
            ("1.0.0-beta.2", "1.0.0-beta.11"),
            ("1.0.0-rc.1", "1.0.0"),
            ("1.99999999999999999999", "1.100000000000000000000"),
        ] {
            assert_eq!(compare(below, above), Ordering::Less, "{below} < {above}");
            assert_eq!(compare(above, below), Ordering::Greater, "{above} > {below}");
        }
        for (a, b) in [("2.1", "v2.1.0.0"), ("2.07", "2.7"), ("2.1.0+a", "2.1.0+b"), ("2-rc.01", "2.0-rc.1")]
        {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} = {b}");
        }
    }
}
