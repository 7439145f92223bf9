//! Versions of software, as people write them.

use semver::Version;

/// Reads `2.10.1-beta` and, as people write them, `v2.10.1`, `2.10` and `2`.
pub(super) fn parse_version(text: &str) -> Option<Version> {
    let text = text.trim();
    let text = text.strip_prefix('v').unwrap_or(text);
    if let Ok(version) = Version::parse(text) {
        return Some(version);
    }
    let mut parts = [0u64; 3];
    for (at, part) in text.split('.').enumerate() {
        let digits = part.bytes().all(|b| b.is_ascii_digit());
        *parts.get_mut(at)? = if digits { part.parse().ok()? } else { return None };
    }
    Some(Version::new(parts[0], parts[1], parts[2]))
}
