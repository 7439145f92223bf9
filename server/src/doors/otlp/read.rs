//! What spans and log records say about flags. The names are those of OpenTelemetry's semantic conventions; `fader.rule`
//! and `fader.arm` may say what a decision's metadata said, otherwise Fader decides again.

use engine::{
    Arm, Attributes, Context, FlagKey, MetricDefinition, MetricKey, RuleId, Sender, Snapshot, SubjectKey,
    VariantKey,
};
use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    logs::v1::LogRecord,
    trace::v1::{Span, status::StatusCode},
};
use store::{Exposure, People};

use super::{
    error::OtlpError,
    thin::{self, KEY},
};
use crate::intake::outcomes::{Feature, Outcome, item::outcome_time};
use crate::limits::OTLP_ITEMS_MAX;

const VARIANT: &str = "feature_flag.result.variant";
/// Before it was renamed.
const VARIANT_BEFORE: &str = "feature_flag.variant";
const CONTEXT_ID: &str = "feature_flag.context.id";
/// Who it is, where evaluations do not say.
const USER_IDS: [&str; 2] = ["user.id", "enduser.id"];
const RULE: &str = "fader.rule";
const ARM: &str = "fader.arm";
/// The first severity that is an error.
const SEVERITY_ERROR: i32 = 17;
const NANOS_PER_MS: u64 = 1_000_000;
/// What spans and error records are outcomes of.
const ERROR_RATE: &str = "error_rate";

/// What was found, each with the text that its id is made of.
#[derive(Default)]
pub struct Taken {
    pub exposures: Vec<(String, Exposure)>,
    pub(crate) outcomes: Vec<(String, Outcome)>,
    refused: i64,
    why: Option<String>,
}

impl Taken {
    /// Refuses an export that brings too much.
    pub fn has_room(&self) -> Result<(), OtlpError> {
        let items = self.exposures.len() + self.outcomes.len();
        if items > OTLP_ITEMS_MAX { Err(thin::too_many()) } else { Ok(()) }
    }

    /// How many items were not taken, and why the first was not.
    pub fn rejected(&self) -> Option<(i64, String)> {
        (self.refused > 0).then(|| (self.refused, self.why.clone().unwrap_or_default()))
    }
}

pub struct Reader<'a> {
    snapshot: &'a Snapshot,
    people: &'a People,
    metrics: &'a [MetricDefinition],
    now_ms: i64,
    pub taken: Taken,
}

/// A feature of an item, and who was served it.
struct Evaluated {
    subject: Option<SubjectKey>,
    feature: Feature,
}

impl<'a> Reader<'a> {
    pub fn new(
        snapshot: &'a Snapshot,
        people: &'a People,
        metrics: &'a [MetricDefinition],
        now_ms: i64,
    ) -> Self {
        Self { snapshot, people, metrics, now_ms, taken: Taken::default() }
    }

    /// A span as `thin` keeps it.
    pub fn take_span(&mut self, span: &Span) {
        let read = self.span(span);
        self.note(read);
    }

    /// A log record as `thin` keeps it.
    pub fn take_record(&mut self, record: &LogRecord) {
        let read = self.record(record);
        self.note(read);
    }

    fn note(&mut self, read: Result<(), String>) {
        if let Err(why) = read {
            self.taken.refused += 1;
            self.taken.why.get_or_insert(why);
        }
    }

    /// A span without features says nothing here, which is no error.
    fn span(&mut self, span: &Span) -> Result<(), String> {
        let user = user(&span.attributes);
        let mut evaluated = Vec::new();
        evaluated.extend(self.evaluated(&span.attributes, user)?);
        for event in &span.events {
            evaluated.extend(self.evaluated(&event.attributes, user)?);
        }
        if evaluated.is_empty() {
            return Ok(());
        }
        let at_ms = outcome_time(millis(span.start_time_unix_nano), self.now_ms)?;
        let id = format!("{}{}", store::hex(&span.trace_id), store::hex(&span.span_id));
        let failed = span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32);
        let took_ns = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
        let latency_ms = (span.end_time_unix_nano > 0).then(|| nanos_to_ms(took_ns));
        self.take(&id, evaluated, at_ms, Some((!failed, latency_ms)))
    }

    fn record(&mut self, record: &LogRecord) -> Result<(), String> {
        let evaluated: Vec<_> =
            self.evaluated(&record.attributes, user(&record.attributes))?.into_iter().collect();
        if evaluated.is_empty() {
            return Ok(());
        }
        let nanos =
            if record.time_unix_nano > 0 { record.time_unix_nano } else { record.observed_time_unix_nano };
        let at_ms = if nanos > 0 { millis(nanos) } else { self.now_ms };
        let at_ms = outcome_time(at_ms, self.now_ms)?;
        let flag = &evaluated[0].feature.flag;
        let who = evaluated[0].subject.as_ref().map(ToString::to_string).unwrap_or_default();
        let id = format!("{}{}{nanos}{flag}{who}", store::hex(&record.trace_id), store::hex(&record.span_id));
        let failed = record.severity_number >= SEVERITY_ERROR;
        self.take(&id, evaluated, at_ms, failed.then_some((false, None)))
    }

    /// The feature that these attributes carry.
    fn evaluated(&self, attributes: &[KeyValue], user: Option<&str>) -> Result<Option<Evaluated>, String> {
        let Some(flag) = text(attributes, KEY) else { return Ok(None) };
        let environment = self.snapshot.environment();
        let flag = FlagKey::parse(flag).map_err(|error| format!("{KEY} {error}"))?;
        let Some(compiled) = self.snapshot.flag(flag.as_str()) else {
            return Err(format!("there is no flag \"{flag}\" in {environment}"));
        };
        let variant = text(attributes, VARIANT).or_else(|| text(attributes, VARIANT_BEFORE));
        let variant =
            variant.map(VariantKey::parse).transpose().map_err(|error| format!("{VARIANT} {error}"))?;
        if let Some(unknown) = variant.as_ref().filter(|variant| compiled.flag().variant(variant).is_none()) {
            return Err(format!("the flag \"{flag}\" has no variant \"{unknown}\""));
        }
        let subject = text(attributes, CONTEXT_ID).or(user);
        let subject = subject.map(SubjectKey::parse).transpose();
        let subject = subject.map_err(|error| format!("{CONTEXT_ID} {error}"))?;
        let rule = text(attributes, RULE).map(RuleId::parse).transpose();
        let rule = rule.map_err(|error| format!("{RULE} {error}"))?;
        let arm = match text(attributes, ARM) {
            None => None,
            Some("treatment") => Some(Arm::Treatment),
            Some("control") => Some(Arm::Control),
            Some(_) => return Err(format!("{ARM} is treatment or control")),
        };
        Ok(Some(Evaluated { subject, feature: Feature { flag, variant, rule, arm } }))
    }

    /// Exposures of everything that was evaluated, and one outcome with all of it in force.
    fn take(
        &mut self,
        id: &str,
        evaluated: Vec<Evaluated>,
        at_ms: i64,
        result: Option<(bool, Option<f64>)>,
    ) -> Result<(), String> {
        let subject = evaluated.iter().find_map(|each| each.subject.clone());
        let mut features = Vec::with_capacity(evaluated.len());
        for Evaluated { subject: own, mut feature } in evaluated {
            if let Some(subject) = own.or_else(|| subject.clone()) {
                self.expose(id, &subject, &mut feature, at_ms);
            }
            features.push(feature);
        }
        let Some((ok, latency_ms)) = result else { return Ok(()) };
        let metric = MetricKey::parse(ERROR_RATE).map_err(|error| error.to_string())?;
        let (ok, value) = (Some(ok), None);
        let outcome =
            Outcome { sender: Sender::Server, subject, metric, ok, latency_ms, value, at_ms, features };
        outcome.check(self.metrics)?;
        self.taken.outcomes.push((format!("{id}/outcome"), outcome));
        Ok(())
    }

    /// Who was served a variant was exposed. Where nobody says by which rule, the flag is decided again with what is
    /// stored of the subject; if that gives another variant, the rule stays unknown and nothing is written down.
    fn expose(&mut self, id: &str, subject: &SubjectKey, feature: &mut Feature, at_ms: i64) {
        let Some(variant) = feature.variant.clone() else { return };
        if feature.rule.is_none() || feature.arm.is_none() {
            let traits = self.people.traits(subject.as_str()).unwrap_or_default();
            let context = Context {
                targeting_key: Some(subject.as_str()),
                sender: Sender::Server,
                sent: Attributes::EMPTY,
                signed: Attributes::EMPTY,
                traits,
            };
            let decision = self.snapshot.evaluate(feature.flag.as_str(), &context, self.now_ms);
            let Some(decision) = decision.ok().filter(|it| it.variant.key == variant) else { return };
            (feature.rule, feature.arm) = (decision.rule.cloned(), decision.arm);
        }
        let exposure = Exposure {
            subject: subject.clone(),
            flag: feature.flag.clone(),
            variant,
            revision: self.snapshot.revision(),
            rule: feature.rule.clone(),
            arm: feature.arm,
            at_ms,
        };
        self.taken.exposures.push((format!("{id}/{}", feature.flag), exposure));
    }
}

fn user(attributes: &[KeyValue]) -> Option<&str> {
    text(attributes, CONTEXT_ID).or_else(|| USER_IDS.iter().find_map(|name| text(attributes, name)))
}

fn text<'v>(attributes: &'v [KeyValue], name: &str) -> Option<&'v str> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn millis(nanos: u64) -> i64 {
    i64::try_from(nanos / NANOS_PER_MS).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a duration, far below 2^53 ns of precision")]
fn nanos_to_ms(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}
