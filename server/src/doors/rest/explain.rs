//! `POST /api/v1/flags/{key}/explain`: what somebody would be served, and the whole way there, as at the page *Try it*.

use axum::Json;
use engine::{
    Attributes, Context, EvaluationError, Explanation, Reason, Sender, Served, Step, SubjectKey, hints,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    at_flag::AtFlag,
    document::{Subject, Traits},
    error::RestError,
    fields::wrong,
};
use crate::{edge::body::Unread, limits::CONTEXT_ATTRIBUTES_MAX};

/// Whom it is about.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trial {
    /// Left out: somebody without a targeting key.
    #[schema(value_type = Option<Subject>)]
    subject: Option<String>,
    /// What is sent with the question.
    #[serde(default)]
    #[schema(value_type = Traits)]
    attributes: Attributes,
    /// Who sends them: of what a browser sends, trusted attributes are not used.
    #[serde(default)]
    sender: Asks,
}

#[derive(Deserialize, Default, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Asks {
    #[default]
    Server,
    Browser,
}

/// Whether attributes that are stored with the subject counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Stored {
    /// They did.
    Used,
    /// There are none.
    None,
    /// The token may not look people up: a decision for an application may be another one.
    NotLookedUp,
}

/// What is decided, and why. Nothing is counted as seen.
#[derive(Serialize, ToSchema)]
pub(crate) struct Explained {
    flag: String,
    environment: String,
    /// Of the environment, as it was decided.
    revision: u64,
    /// Null: there is no answer, the caller's own default applies; see `error`.
    variant: Option<String>,
    value: Value,
    /// As in OFREP.
    reason: Option<&'static str>,
    /// `FLAG_NOT_FOUND`, `TARGETING_KEY_MISSING` or `GENERAL`.
    error: Option<&'static str>,
    rule: Option<String>,
    /// `treatment` or `control`.
    arm: Option<&'static str>,
    #[schema(inline)]
    stored: Stored,
    /// What they get, and why.
    sentence: String,
    /// What would change it.
    hints: Vec<String>,
    /// Everything that was looked at, in order: what it is (`step`), what was found, `sentence`, and the `steps` inside it.
    #[schema(value_type = Vec<Object>)]
    steps: Vec<Value>,
}

fn told(step: &Step) -> Value {
    let mut value = serde_json::to_value(step).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.insert("sentence".to_owned(), step.sentence().into());
        if let Some(steps) = members.get_mut("steps") {
            *steps = step.children().iter().map(told).collect();
        }
    }
    value
}

fn code(error: EvaluationError) -> &'static str {
    match error {
        EvaluationError::FlagNotFound => "FLAG_NOT_FOUND",
        EvaluationError::TargetingKeyMissing => "TARGETING_KEY_MISSING",
        EvaluationError::General => "GENERAL",
    }
}

/// What somebody would be served, and every step of the way there. With a token that may look people up, what is stored with
/// the subject counts, and the audit log is told.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{key}/explain",
    tag = "flags",
    params(("key" = String, Path, description = "The flag's key")),
    request_body(content = Option<Trial>),
    responses((status = 200, body = Explained)),
)]
pub(crate) async fn explain(at: AtFlag, body: Unread) -> Result<Json<Explained>, RestError> {
    // Anybody with a role may try.
    let sent = at.body_or_default::<Trial>(body).await?;
    let Trial { subject, attributes, sender } = sent.value;
    if attributes.len() > CONTEXT_ATTRIBUTES_MAX {
        let sentence = format!("send at most {CONTEXT_ATTRIBUTES_MAX} attributes");
        return Err(wrong("/attributes", sentence));
    }
    let subject = subject.map(SubjectKey::try_from).transpose();
    let subject = subject.map_err(|error| wrong("/subject", format!("\"subject\" {error}")))?;
    let (traits, stored) = stored(&at, subject.as_ref()).await?;
    let context = Context {
        targeting_key: subject.as_ref().map(SubjectKey::as_str),
        sender: match sender {
            Asks::Server => Sender::Server,
            Asks::Browser => Sender::Client,
        },
        sent: &attributes,
        signed: Attributes::EMPTY,
        traits: (&traits).into(),
    };
    let (snapshot, now_ms) = (at.snapshot()?, at.store.clock().now_ms());
    let explanation = snapshot.explain(at.flag.as_str(), &context, now_ms);
    let hints = hints(&snapshot, &explanation, &context, now_ms);
    Ok(Json(Explained::of(&at, explanation, hints, stored)))
}

/// What is stored with them, for those who may look people up; audited, as at the page.
async fn stored(at: &AtFlag, subject: Option<&SubjectKey>) -> Result<(Attributes, Stored), RestError> {
    let Some(subject) = subject else { return Ok((Attributes::default(), Stored::None)) };
    let Ok(reader) = at.manager.principal.people_reader() else {
        return Ok((Attributes::default(), Stored::NotLookedUp));
    };
    if at.store.live().people().traits(subject.as_str()).is_none() {
        return Ok((Attributes::default(), Stored::None));
    }
    let found = at.store.look_up(&reader, subject).await?;
    Ok(match found.traits() {
        Some(traits) => (traits.to_attributes(), Stored::Used),
        None => (Attributes::default(), Stored::None),
    })
}

impl Explained {
    fn of(at: &AtFlag, explanation: Explanation, hints: Vec<String>, stored: Stored) -> Self {
        let sentence = explanation.sentence();
        let steps = explanation.steps.iter().map(told).collect();
        let error = explanation.decision.as_ref().err().copied().map(code);
        let served = explanation.decision.ok();
        let reason = served.as_ref().map(|it| Reason::as_str(it.reason));
        let (variant, value, rule, arm) = match served {
            Some(Served { variant, value, rule, arm, .. }) => (Some(variant), value, rule, arm),
            None => (None, json!(null), None, None),
        };
        Self {
            flag: at.flag.to_string(),
            environment: at.environment.to_string(),
            revision: explanation.revision,
            variant: variant.map(Into::into),
            value,
            reason,
            error,
            rule: rule.map(Into::into),
            arm: arm.map(engine::Arm::as_str),
            stored,
            sentence,
            hints,
            steps,
        }
    }
}
