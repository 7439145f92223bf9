//! One metric over time: those who have the feature against their control.

use super::{Chart, Point, Series, Stroke, Unit};

pub struct Arms {
    pub treatment: Vec<Point>,
    pub control: Vec<Point>,
}

impl Arms {
    /// Without times and marks; charts of arms stand side by side, below one legend.
    pub fn chart(self, id: &str, name: &str, unit: Unit) -> Chart {
        let finding = self.finding(name, unit);
        let line = |name: &str, stroke, points| Series {
            name: name.to_owned(),
            stroke,
            legend: String::new(),
            points,
        };
        Chart {
            id: id.to_owned(),
            name: name.to_owned(),
            caption: String::new(),
            finding,
            unit,
            from_ms: 0,
            until_ms: 0,
            step_ms: 0,
            lines: vec![
                line("With the feature", Stroke::Feature, self.treatment),
                line("Control", Stroke::Control, self.control),
            ],
            marks: Vec::new(),
            limit: None,
            has_legend: false,
        }
    }

    /// `Errors: 2.1 % with the feature, 0.4 % in control at the end`.
    fn finding(&self, name: &str, unit: Unit) -> String {
        let last = |points: &[Point]| points.iter().rev().find_map(|it| it.value).map(|it| unit.phrase(it));
        match (last(&self.treatment), last(&self.control)) {
            (Some(with), Some(without)) => {
                format!("{name}: {with} with the feature, {without} in control at the end")
            }
            (Some(with), None) => format!("{name}: {with} with the feature at the end, no control"),
            (None, Some(without)) => format!("{name}: {without} in control at the end"),
            (None, None) => format!("{name}: no outcomes in this time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::chart::plot::tests::two;

    #[test]
    fn the_label_states_the_finding() {
        let both = two(&[0.004, 0.021], &[0.004]);
        assert_eq!(both.finding, "Errors: 2.1 % with the feature, 0.4 % in control at the end");
        assert_eq!(two(&[], &[]).finding, "Errors: no outcomes in this time");
        assert!(two(&[0.1], &[]).finding.ends_with("no control"));
    }
}
