//! Times as they are answered.

/// RFC 3339 in UTC: `2026-03-01T14:10:00.25Z`.
pub(super) fn text(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_to_the_millisecond() {
        assert_eq!(text(1_772_374_200_250), "2026-03-01T14:10:00.25Z");
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
    }
}
