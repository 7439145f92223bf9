//! Prometheus' text format, version 0.0.4: one family after the other, each with its help, its type and its series.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::{Display, Write as _};

use store::{TIMING_BOUNDS_US, Timed};

pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Room for all of it, so that it is made once.
const BYTES: usize = 32 * 1024;

/// Pairs of a name and a value.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

pub struct Text(String);

/// What is added to is the text behind it.
pub struct Family<'t> {
    text: &'t mut String,
    name: &'static str,
}

impl Text {
    pub fn new() -> Self {
        Self(String::with_capacity(BYTES))
    }

    pub fn counter(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "counter", help)
    }

    pub fn gauge(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "gauge", help)
    }

    pub fn histogram(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "histogram", help)
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Family { text: &mut self.0, name }
    }

    pub fn finish(self) -> String {
        self.0
    }
}

impl Family<'_> {
    pub fn is(&mut self, value: impl Display) {
        self.of(&[], value);
    }

    pub fn of(&mut self, labels: Labels<'_>, value: impl Display) {
        self.series("", labels, None, value);
    }

    pub fn timed(&mut self, labels: Labels<'_>, timed: &Timed) {
        for (bound_us, within) in TIMING_BOUNDS_US.iter().zip(timed.within) {
            let seconds = seconds(*bound_us);
            self.series("_bucket", labels, Some(&seconds), within);
        }
        self.series("_bucket", labels, Some("+Inf"), timed.count);
        self.series("_sum", labels, None, timed.sum.as_secs_f64());
        self.series("_count", labels, None, timed.count);
    }

    fn series(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<&str>, value: impl Display) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        let labels = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
        for (place, (name, value)) in labels.clone().enumerate() {
            self.text.push(if place == 0 { '{' } else { ',' });
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(value, self.text);
            self.text.push('"');
        }
        if labels.count() > 0 {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

fn escape(value: &str, out: &mut String) {
    for char in value.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

/// `0.0025` of 2,500 µs.
fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use store::Timings;

    use super::*;

    #[test]
    fn families_are_written_as_the_format_says() {
        let mut text = Text::new();
        text.gauge("fader_people", "Known people.").is(12);
        let mut family = text.counter("fader_x_total", "Of something.");
        family.of(&[("door", "a"), ("status", "2xx")], 3);
        family.of(&[("door", "\\ \" \n")], 4);
        let expected = "# HELP fader_people Known people.\n# TYPE fader_people gauge\nfader_people 12\n\
                        # HELP fader_x_total Of something.\n# TYPE fader_x_total counter\n\
                        fader_x_total{door=\"a\",status=\"2xx\"} 3\nfader_x_total{door=\"\\\\ \\\" \\n\"} 4\n";
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn a_histogram_has_bounds_in_seconds_a_sum_and_a_count() {
        let timings = Timings::default();
        timings.note(Duration::from_micros(2_500));
        timings.note(Duration::from_secs(20));
        let mut text = Text::new();
        text.histogram("fader_x_seconds", "How long.").timed(&[("door", "a")], &timings.look());
        let text = text.finish();
        for line in [
            "fader_x_seconds_bucket{door=\"a\",le=\"0.001\"} 0",
            "fader_x_seconds_bucket{door=\"a\",le=\"0.0025\"} 1",
            "fader_x_seconds_bucket{door=\"a\",le=\"10\"} 1",
            "fader_x_seconds_bucket{door=\"a\",le=\"+Inf\"} 2",
            "fader_x_seconds_sum{door=\"a\"} 20.0025",
            "fader_x_seconds_count{door=\"a\"} 2",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }
}
