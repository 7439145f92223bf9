//! Pilot groups: a named audience of a condition and/or enrolled testers. An empty group is nobody.

use serde::{Deserialize, Serialize};

use crate::{Condition, GroupKey, Problem, SubjectKey};

/// How many testers one group can hold.
pub const ENROLMENTS_MAX: usize = 10_000;

/// One tester in one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    pub subject: SubjectKey,
    #[serde(default)]
    pub purpose: String,
    /// Epoch ms, inclusive.
    #[serde(default)]
    pub from_ms: Option<i64>,
    /// Epoch ms, exclusive: the enrolment expires by itself.
    #[serde(default)]
    pub until_ms: Option<i64>,
    /// Who enrolled them; empty where nobody wrote it down.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Epoch ms of when that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
}

/// Whether a tester's enrolment counts at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnrolmentState {
    Active,
    NotYet,
    Expired,
}

impl Enrolment {
    /// Enrolled from now on, without end and without a word about why.
    pub fn new(subject: SubjectKey) -> Self {
        Self {
            subject,
            purpose: String::new(),
            from_ms: None,
            until_ms: None,
            by: String::new(),
            at_ms: None,
        }
    }

    pub fn is_active(&self, now_ms: i64) -> bool {
        self.from_ms.is_none_or(|from| from <= now_ms) && self.until_ms.is_none_or(|until| now_ms < until)
    }

    /// Whether its time is over.
    pub fn is_over(&self, now_ms: i64) -> bool {
        self.until_ms.is_some_and(|until| until <= now_ms)
    }

    /// Whether it counts at `now_ms`, and if not, why.
    pub fn state(&self, now_ms: i64) -> EnrolmentState {
        if self.is_over(now_ms) {
            EnrolmentState::Expired
        } else if self.is_active(now_ms) {
            EnrolmentState::Active
        } else {
            EnrolmentState::NotYet
        }
    }
}

/// A named audience (the field's *segment*): who matches the condition or is enrolled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub key: GroupKey,
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub condition: Option<Condition>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enrolments: Vec<Enrolment>,
}

impl Group {
    /// Everything that is wrong with the definition; empty when it can be saved.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        Problem::check_name(&self.name, &mut problems);
        Problem::check_description(&self.description, &mut problems);
        if let Some(condition) = &self.condition {
            condition.check(&mut problems);
        }
        if self.enrolments.len() > ENROLMENTS_MAX {
            problems.push(Problem::TooManyEnrolments { max: ENROLMENTS_MAX });
        }
        let mut subjects: Vec<_> = self.enrolments.iter().map(|e| &e.subject).collect();
        subjects.sort();
        for pair in subjects.windows(2).filter(|pair| pair[0] == pair[1]) {
            problems.push(Problem::DuplicateSubject { subject: pair[0].clone() });
        }
        for enrolment in &self.enrolments {
            if let (Some(from), Some(until)) = (enrolment.from_ms, enrolment.until_ms)
                && until <= from
            {
                problems.push(Problem::EndsBeforeItStarts { subject: enrolment.subject.clone() });
            }
        }
        problems
    }
}
