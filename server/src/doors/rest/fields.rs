//! Where in a body something is wrong, as a JSON pointer (RFC 6901). The store says what is wrong; its kinds of refusal
//! belong to fields that are called alike in every body.

use std::fmt::Display;

use engine::Problem;
use serde::Serialize;
use store::Invalid;
use utoipa::ToSchema;

use super::error::RestError;

/// A field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct InField {
    /// Where in the body it is: a JSON pointer.
    pub(super) pointer: String,
    /// What to do, for people.
    pub(super) detail: String,
}

impl InField {
    pub(super) fn new(pointer: impl Into<String>, detail: impl Display) -> Self {
        Self { pointer: pointer.into(), detail: detail.to_string() }
    }
}

/// One field is wrong.
pub(super) fn wrong(pointer: &str, detail: impl Display) -> RestError {
    RestError::Fields(vec![InField::new(pointer, detail)])
}

/// All that is wrong.
pub(super) fn sentence(fields: &[InField]) -> String {
    fields.iter().map(|field| field.detail.as_str()).collect::<Vec<_>>().join("; ")
}

/// What the engine found wrong with a definition. Where it does not belong to one field it stays a sentence.
pub(super) fn of_problems(problems: &[Problem]) -> RestError {
    let placed: Option<Vec<_>> =
        problems.iter().map(|problem| Some(InField::new(of_problem(problem)?, problem))).collect();
    let all = || problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    placed.filter(|it| !it.is_empty()).map_or_else(|| RestError::Refused(all()), RestError::Fields)
}

fn of_problem(problem: &Problem) -> Option<&'static str> {
    match problem {
        Problem::Name { .. } => Some("/name"),
        Problem::DescriptionTooLong { .. } => Some("/description"),
        Problem::OwnerTooLong { .. } => Some("/owner"),
        Problem::Tags { .. } => Some("/tags"),
        _ => None,
    }
}

pub(super) fn of_invalid(invalid: &Invalid) -> RestError {
    match pointer_of(invalid) {
        Some(pointer) => wrong(pointer, invalid),
        None => RestError::Refused(invalid.to_string()),
    }
}

fn pointer_of(invalid: &Invalid) -> Option<&'static str> {
    Some(match invalid {
        Invalid::Email => "/email",
        Invalid::MemberName | Invalid::TokenName | Invalid::PersonaName | Invalid::MetricName => "/name",
        Invalid::ReasonTooLong | Invalid::ReasonMissing | Invalid::FeedbackComment => "/comment",
        Invalid::Origins => "/origins",
        Invalid::TokenScope => "/environment",
        Invalid::TokenTraits => "/stores_people",
        Invalid::TokenLifetime => "/expires_in_days",
        Invalid::TokenOverlap => "/overlap_hours",
        Invalid::KeyMeansAPlace(_) => "/key",
        Invalid::MetricUnit => "/unit",
        Invalid::MetricKind => "/kind",
        Invalid::WebhookUrl | Invalid::WebhookPrivate => "/url",
        Invalid::FeedbackTime => "/time",
        Invalid::FeedbackAssignee => "/assignee",
        Invalid::InvitationPurpose => "/purpose",
        Invalid::InvitationCapacity => "/capacity",
        Invalid::PreviewTime => "/minutes",
        _ => return None,
    })
}
