//! The axis of times: where it is labelled, and with what.

use super::{Chart, labels::DAY_MS};
use crate::zone::{Zone, zone};

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// How far labels stand apart: what people count in.
const APART_MS: [i64; 26] = [
    5 * SECOND_MS,
    10 * SECOND_MS,
    20 * SECOND_MS,
    30 * SECOND_MS,
    MINUTE_MS,
    2 * MINUTE_MS,
    3 * MINUTE_MS,
    5 * MINUTE_MS,
    10 * MINUTE_MS,
    15 * MINUTE_MS,
    20 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    3 * HOUR_MS,
    4 * HOUR_MS,
    6 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
    2 * DAY_MS,
    4 * DAY_MS,
    7 * DAY_MS,
    14 * DAY_MS,
    30 * DAY_MS,
    91 * DAY_MS,
    365 * DAY_MS,
];
/// Times with seconds are longer.
const SECONDS_MAX: i64 = 5;
const LABELS_MAX: i64 = 7;
/// In per cent of the width: nearer to the left end than this, a label begins there, beside the zone.
const EDGE: f64 = 4.0;

/// One label of the axis.
#[derive(Debug, PartialEq)]
pub(super) struct TimeLabel {
    /// In per cent of the width.
    pub(super) share: f64,
    pub(super) text: String,
}

impl TimeLabel {
    /// Which part of the text stands at its place.
    pub(super) fn anchor(&self) -> &'static str {
        if self.share < EDGE { "start" } else { "middle" }
    }
}

impl Chart {
    /// Whose times the axis tells: the reader's; whole days are those of UTC.
    fn times_zone(&self) -> Zone {
        if self.has_whole_days() { Zone::UTC } else { zone() }
    }

    /// What stands beside its first label.
    pub(super) fn times_letters(&self) -> String {
        self.times_zone().letters(self.until_ms)
    }

    /// What the axis says, oldest first: clock times, and days where they begin.
    pub(super) fn times(&self) -> Vec<TimeLabel> {
        let span_ms = (self.until_ms - self.from_ms).max(1);
        let fits = |apart_ms: &&i64| {
            let most = if **apart_ms < MINUTE_MS { SECONDS_MAX } else { LABELS_MAX };
            // Of days, nothing finer is known.
            span_ms <= most * **apart_ms && (!self.has_whole_days() || **apart_ms >= DAY_MS)
        };
        let apart_ms = APART_MS.iter().find(fits).copied().unwrap_or(span_ms / LABELS_MAX + 1);
        let zone = self.times_zone();
        let mut labels = Vec::new();
        let mut at_ms = zone.whole_from_ms(self.from_ms, apart_ms);
        while at_ms <= self.until_ms {
            labels.push(TimeLabel { share: self.share(at_ms), text: label(&zone, at_ms, apart_ms) });
            at_ms = zone.whole_from_ms(at_ms + 1, apart_ms);
        }
        labels
    }
}

fn label(zone: &Zone, at_ms: i64, apart_ms: i64) -> String {
    let format = match apart_ms {
        _ if zone.is_midnight(at_ms) => "%-d %b",
        ..MINUTE_MS => "%H:%M:%S",
        _ => "%H:%M",
    };
    zone.format(at_ms, format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{chart::plot::tests::two, zone::read_in};

    fn texts(from_ms: i64, until_ms: i64, step_ms: i64) -> Vec<String> {
        let chart = Chart { from_ms, until_ms, step_ms, ..two(&[], &[]) };
        chart.times().into_iter().map(|it| it.text).collect()
    }

    #[test]
    fn every_range_has_enough_labels_and_not_too_many() {
        // 27 Nov 2026, 10:13:20.
        let now_ms = 1_795_774_400_000;
        for (span_ms, step_ms) in [
            (90 * SECOND_MS, 10 * SECOND_MS),
            (2 * MINUTE_MS, 10 * SECOND_MS),
            (17 * MINUTE_MS, 10 * SECOND_MS),
            (HOUR_MS, MINUTE_MS),
            (5 * HOUR_MS, 5 * MINUTE_MS),
            (DAY_MS, 24 * MINUTE_MS),
            (7 * DAY_MS, 2 * HOUR_MS),
            (30 * DAY_MS, 12 * HOUR_MS),
            (90 * DAY_MS, DAY_MS),
            (400 * DAY_MS, 4 * DAY_MS),
        ] {
            let count = texts(now_ms - span_ms, now_ms, step_ms).len();
            assert!((4..=8).contains(&count), "{span_ms} ms have {count}");
        }
    }

    #[test]
    fn labels_are_whole_times_and_days_where_they_begin() {
        assert_eq!(
            texts(10 * HOUR_MS, 11 * HOUR_MS, MINUTE_MS),
            ["10:00", "10:10", "10:20", "10:30", "10:40", "10:50", "11:00"]
        );
        assert_eq!(
            texts(DAY_MS - 7 * HOUR_MS, DAY_MS + 17 * HOUR_MS, 24 * MINUTE_MS),
            ["20:00", "2 Jan", "04:00", "08:00", "12:00", "16:00"]
        );
        let week = texts(5 * HOUR_MS, 7 * DAY_MS + 5 * HOUR_MS, 2 * HOUR_MS);
        assert_eq!(week, ["2 Jan", "3 Jan", "4 Jan", "5 Jan", "6 Jan", "7 Jan", "8 Jan"]);
        let seconds = texts(12_000, 102_000, 10_000);
        assert_eq!(seconds, ["00:00:20", "00:00:40", "00:01:00", "00:01:20", "00:01:40"]);
    }

    #[test]
    fn days_and_hours_are_those_of_the_reader() {
        // 22 Nov 2026, 20:00 UTC.
        let now_ms = 1_795_377_600_000;
        let half = |zone: &str| {
            read_in(zone, || texts(now_ms - 12 * HOUR_MS, now_ms + 12 * HOUR_MS, 24 * MINUTE_MS))
        };
        assert_eq!(half("America/New_York"), ["04:00", "08:00", "12:00", "16:00", "20:00", "23 Nov"]);
        assert_eq!(half("Europe/Berlin"), ["12:00", "16:00", "20:00", "23 Nov", "04:00", "08:00"]);
        assert_eq!(half("Asia/Kathmandu"), ["16:00", "20:00", "23 Nov", "04:00", "08:00", "12:00"]);
        for zone in ["America/New_York", "Europe/Berlin", "Asia/Kathmandu"] {
            let week = read_in(zone, || texts(now_ms - 3 * DAY_MS, now_ms + DAY_MS, 2 * HOUR_MS));
            assert!(week.contains(&"22 Nov".to_owned()) && week.iter().all(|it| it != "00:00"), "{week:?}");
        }
    }

    #[test]
    fn whole_days_are_those_of_utc_and_say_so() {
        let chart = |step_ms: i64| Chart { from_ms: 0, until_ms: 5 * DAY_MS, step_ms, ..two(&[], &[]) };
        let days = ["1 Jan", "2 Jan", "3 Jan", "4 Jan", "5 Jan", "6 Jan"];
        for (zone, letters) in
            [("America/New_York", "EST"), ("Europe/Berlin", "CET"), ("Asia/Kathmandu", "UTC+0530")]
        {
            read_in(zone, || {
                let whole = chart(DAY_MS);
                let texts: Vec<_> = whole.times().into_iter().map(|it| it.text).collect();
                assert_eq!(texts, days, "{zone}");
                assert_eq!(whole.times_letters(), "UTC");
                assert_eq!(chart(HOUR_MS).times_letters(), letters);
            });
        }
    }

    #[test]
    fn the_first_label_leaves_the_zone_alone() {
        let chart = Chart { from_ms: 0, until_ms: HOUR_MS, step_ms: MINUTE_MS, ..two(&[], &[]) };
        let anchors: Vec<_> = chart.times().iter().map(TimeLabel::anchor).collect();
        assert_eq!((anchors[0], anchors[3], anchors[6]), ("start", "middle", "middle"));
    }
}
