//! Who is excluded or pinned one by one, and which flags must be on first: texts of the form ↔ the engine's lists.

use std::collections::HashSet;

use engine::{Exclusions, Flag, FlagKey, GroupKey, Pin, Prerequisite, Problem, SubjectKey, VariantKey};

use super::form::{RolloutForm, SUBJECTS_READ_MAX};
use crate::form::error::FieldError;

/// A list of other people's mistakes is as good as a few of them.
const WRONG_LINES_TOLD_MAX: usize = 20;

impl RolloutForm {
    pub(super) fn parse_pins(&self, flag: &Flag, errors: &mut Vec<FieldError>) -> Vec<Pin> {
        let (mut pins, mut pinned) = (Vec::new(), HashSet::new());
        for (subject, variant) in self.pins.iter().filter(|(subject, _)| !subject.is_empty()) {
            let known = VariantKey::parse(variant).ok().filter(|key| flag.variant(key).is_some());
            match (SubjectKey::parse(subject), known) {
                (Ok(subject), Some(variant)) if pinned.insert(subject.clone()) => {
                    pins.push(Pin { subject, variant });
                }
                (Ok(subject), Some(_)) => {
                    errors.push(FieldError::at("pin", Problem::DuplicateSubject { subject }));
                }
                (Err(error), _) => {
                    errors.push(FieldError::at("pin", format!("the person \"{subject}\" {error}")));
                }
                (_, None) => {
                    errors.push(FieldError::at("pin", format!("choose a variant for \"{subject}\"")));
                }
            }
        }
        pins
    }

    /// Reads no further than one subject too many, or [`WRONG_LINES_TOLD_MAX`] wrong lines.
    pub(super) fn parse_exclusions(&self, errors: &mut Vec<FieldError>) -> Exclusions {
        let (mut subjects, mut seen, mut wrong) = (Vec::new(), HashSet::new(), 0);
        for line in self.excluded_subjects.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if subjects.len() == SUBJECTS_READ_MAX || wrong == WRONG_LINES_TOLD_MAX {
                break;
            }
            match SubjectKey::parse(line) {
                Ok(subject) if seen.insert(line) => subjects.push(subject),
                Ok(_) => {}
                Err(error) => {
                    wrong += 1;
                    errors.push(FieldError::at(
                        "excluded",
                        format!("the person \"{}\" {error}", clipped(line)),
                    ));
                }
            }
        }
        let groups = self.excluded_groups.iter().filter_map(|key| GroupKey::parse(key).ok()).collect();
        Exclusions { subjects, groups }
    }

    pub(super) fn parse_prerequisites(&self, errors: &mut Vec<FieldError>) -> Vec<Prerequisite> {
        let mut needs = Vec::new();
        for (flag, variant) in self.prerequisites.iter().filter(|(flag, _)| !flag.is_empty()) {
            match (FlagKey::parse(flag), VariantKey::parse(variant)) {
                (Ok(flag), Ok(variant)) => needs.push(Prerequisite { flag, variant }),
                (Err(error), _) => errors.push(FieldError::at("need", format!("a flag's key {error}"))),
                (_, Err(_)) => {
                    errors.push(FieldError::at("need", format!("say which variant of \"{flag}\" is needed")));
                }
            }
        }
        needs
    }
}

/// What names a wrong line to whoever wrote it.
fn clipped(line: &str) -> String {
    let mut chars = line.chars();
    let start: String = chars.by_ref().take(store::limits::MALFORMED_TEXT_CHARS_MAX).collect();
    if chars.next().is_some() { format!("{start}…") } else { start }
}

#[cfg(test)]
mod tests {
    use engine::SUBJECTS_MAX;

    use super::*;

    #[test]
    fn a_list_is_read_no_further_than_it_can_be_kept() {
        let of = |lines: Vec<String>| RolloutForm {
            excluded_subjects: lines.join("\n"),
            ..RolloutForm::default()
        };
        let (mut errors, keys) = (Vec::new(), (0..40_000).map(|n| format!("u-{n}")));
        let read = of(keys.clone().collect()).parse_exclusions(&mut errors);
        assert_eq!((read.subjects.len(), errors.len()), (SUBJECTS_MAX + 1, 0));
        let twice = of(keys.take(500).cycle().take(40_000).collect()).parse_exclusions(&mut errors);
        assert_eq!((twice.subjects.len(), errors.len()), (500, 0));
        of((0..40_000).map(|n| format!("{n}\t{}", "x".repeat(300))).collect()).parse_exclusions(&mut errors);
        assert_eq!(errors.len(), WRONG_LINES_TOLD_MAX);
        assert!(errors.iter().all(|error| error.sentence.chars().count() < 200), "{errors:?}");
    }
}
