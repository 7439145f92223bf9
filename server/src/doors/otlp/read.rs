//! What spans and log records say about flags. The names are those of OpenTelemetry's semantic conventions; `fader.rule`
//! and `fader.arm` may say what a decision's metadata said, otherwise Fader decides again.

use std::collections::BTreeMap;

use engine::{
    Arm, Attributes, Context, FlagKey, MetricDefinition, MetricKey, RuleId, Sender, Snapshot, SubjectKey,
    VariantKey,
};
use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    logs::v1::LogRecord,
    trace::v1::{Span, status::StatusCode},
};
use store::{Exposure, Omission, People};

use super::{
    extracted::Extracted,
    thin::{self, KEY, Unreadable},
};
use crate::{
    intake::outcomes::{Feature, Outcome, item::outcome_time},
    limits::OUTCOME_LATENCY_MS_MAX,
};

const VARIANT: &str = "feature_flag.result.variant";
/// Before it was renamed.
const VARIANT_BEFORE: &str = "feature_flag.variant";
const CONTEXT_ID: &str = "feature_flag.context.id";
/// Who it is, where evaluations do not say.
const USER_IDS: [&str; 3] = [CONTEXT_ID, "user.id", "enduser.id"];
const REASON: &str = "feature_flag.result.reason";
const RULE: &str = "fader.rule";
const ARM: &str = "fader.arm";
/// The first severity that is an error.
const SEVERITY_ERROR: i32 = 17;
const NANOS_PER_MS: u64 = 1_000_000;
/// What spans and error records are outcomes of.
const ERROR_RATE: &str = "error_rate";

pub struct Reader<'a> {
    snapshot: &'a Snapshot,
    people: &'a People,
    metrics: &'a [MetricDefinition],
    now_ms: i64,
    /// Exposures of before are not kept.
    oldest_ms: i64,
    pub taken: Extracted,
}

/// A feature of an item, and who was served it.
struct Evaluated {
    subject: Option<SubjectKey>,
    feature: Feature,
    at_ms: i64,
}

/// A span or a log record.
struct Item<'i> {
    id: String,
    /// Of the item itself, which evaluations may leave out.
    user: Result<Option<&'i str>, Unreadable>,
    began_ms: i64,
    ended_ms: i64,
    /// Whether it went well, and how long it took.
    result: Option<(bool, Option<f64>)>,
}

/// Why an evaluation is left out, and the sentence for its sender.
struct Unfit(Omission, String);

impl<'a> Reader<'a> {
    pub fn new(
        snapshot: &'a Snapshot,
        people: &'a People,
        metrics: &'a [MetricDefinition],
        (now_ms, oldest_ms): (i64, i64),
    ) -> Self {
        Self { snapshot, people, metrics, now_ms, oldest_ms, taken: Extracted::default() }
    }

    /// A span as `thin` keeps it. Without features it says nothing here, which is no fault.
    pub fn take_span(&mut self, span: &Span) {
        let began_ms = self.time(&[span.start_time_unix_nano, span.end_time_unix_nano]);
        let failed = span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32);
        let took_ns = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
        let latency_ms = (span.end_time_unix_nano > 0).then(|| nanos_to_ms(took_ns));
        let item = Item {
            id: format!("{}{}", store::hex(&span.trace_id), store::hex(&span.span_id)),
            user: user(&span.attributes),
            began_ms,
            ended_ms: self.time(&[span.end_time_unix_nano]).max(began_ms),
            result: Some((!failed, latency_ms)),
        };
        let events = span.events.iter().map(|event| (event.time_unix_nano, event.attributes.as_slice()));
        let own = (0, span.attributes.as_slice());
        self.take(&item, std::iter::once(own).chain(events));
    }

    /// A log record as `thin` keeps it.
    pub fn take_record(&mut self, record: &LogRecord) {
        let at_ms = self.time(&[record.time_unix_nano, record.observed_time_unix_nano]);
        let nanos = record.time_unix_nano.max(record.observed_time_unix_nano);
        let failed = record.severity_number >= SEVERITY_ERROR;
        let item = Item {
            id: format!("{}{}{nanos}", store::hex(&record.trace_id), store::hex(&record.span_id)),
            user: user(&record.attributes),
            began_ms: at_ms,
            ended_ms: at_ms,
            result: failed.then_some((false, None)),
        };
        self.take(&item, std::iter::once((0, record.attributes.as_slice())));
    }

    /// The first of these that was set; a clock that is ahead is not believed.
    fn time(&self, nanos: &[u64]) -> i64 {
        let set = nanos.iter().find(|nanos| **nanos > 0);
        set.map_or(self.now_ms, |nanos| millis(*nanos).min(self.now_ms))
    }

    /// Takes exposures of everything that was evaluated, and for each subject one outcome with all of its features in
    /// force. What is of no use is left out alone.
    fn take<'i>(&mut self, item: &Item<'_>, evaluations: impl Iterator<Item = (u64, &'i [KeyValue])>) {
        let mut evaluated = Vec::new();
        let mut named = false;
        for (nanos, attributes) in evaluations {
            let at_ms = if nanos > 0 { self.time(&[nanos]) } else { item.began_ms };
            match self.evaluated(attributes, item, at_ms) {
                Ok(None) => {}
                Ok(Some(found)) => {
                    named = true;
                    evaluated.push(found);
                }
                Err(Unfit(omission, why)) => {
                    named = true;
                    self.taken.omit(omission, why);
                }
            }
        }
        if !named {
            return;
        }
        let before = self.taken.items();
        // Whoever an evaluation leaves out is the one person that the others name.
        let mut subjects: Vec<_> = evaluated.iter().filter_map(|each| each.subject.clone()).collect();
        subjects.sort();
        subjects.dedup();
        let only = if let [only] = subjects.as_slice() { Some(only.clone()) } else { None };
        let mut of_subjects: BTreeMap<Option<SubjectKey>, Vec<Feature>> = BTreeMap::new();
        for Evaluated { subject, mut feature, at_ms } in evaluated {
            let subject = subject.or_else(|| only.clone());
            match &subject {
                Some(subject) => self.expose(&item.id, subject, &mut feature, at_ms),
                None if feature.rule.is_none() || feature.arm.is_none() => {
                    let why = format!("send {CONTEXT_ID} or user.id, or {RULE} and {ARM}");
                    self.taken.omit(Omission::Nobody, why);
                    continue;
                }
                None => {}
            }
            of_subjects.entry(subject).or_default().push(feature);
        }
        if let Some(result) = item.result {
            for (subject, features) in of_subjects {
                self.conclude(item, result, subject, features);
            }
        }
        self.taken.rejected += i64::from(self.taken.items() == before);
    }

    /// How it ended for one subject.
    fn conclude(
        &mut self,
        item: &Item<'_>,
        (ok, latency_ms): (bool, Option<f64>),
        subject: Option<SubjectKey>,
        features: Vec<Feature>,
    ) {
        let at_ms = match outcome_time(item.ended_ms, self.now_ms) {
            Ok(at_ms) => at_ms,
            Err(why) => return self.taken.omit(Omission::TooLate, why),
        };
        // That it failed counts also when nobody believes how long it took.
        let is_long = latency_ms.is_some_and(|ms| ms > OUTCOME_LATENCY_MS_MAX);
        if is_long {
            self.taken.omit(Omission::TooLong, "check when it began");
        }
        let latency_ms = latency_ms.filter(|_| !is_long);
        let Ok(metric) = MetricKey::parse(ERROR_RATE) else { return };
        let who = subject.as_ref().map(ToString::to_string).unwrap_or_default();
        let (ok, value) = (Some(ok), None);
        let outcome =
            Outcome { sender: Sender::Server, subject, metric, ok, latency_ms, value, at_ms, features };
        match outcome.check(self.metrics) {
            Ok(_) => self.taken.outcomes.push((format!("{}/outcome/{who}", item.id), outcome)),
            Err(why) => self.taken.omit(Omission::Rejected, why),
        }
    }

    /// The feature that these attributes carry.
    fn evaluated(
        &self,
        attributes: &[KeyValue],
        item: &Item<'_>,
        at_ms: i64,
    ) -> Result<Option<Evaluated>, Unfit> {
        let Some(flag) = thin::kept(attributes, KEY)? else { return Ok(None) };
        let known = FlagKey::parse(flag).ok().zip(self.snapshot.flag(flag));
        let Some((flag, compiled)) = known else {
            let why = format!("there is no flag \"{flag}\" in {}", self.snapshot.environment());
            return Err(Unfit(Omission::UnknownFlag, why));
        };
        let variant = match thin::kept(attributes, VARIANT)? {
            None => thin::kept(attributes, VARIANT_BEFORE)?,
            found => found,
        };
        let variant = match variant {
            None => None,
            Some(text) => {
                let known = VariantKey::parse(text).ok().filter(|it| compiled.flag().variant(it).is_some());
                let why = || format!("the flag \"{flag}\" has no variant \"{text}\"");
                Some(known.ok_or_else(|| Unfit(Omission::UnknownVariant, why()))?)
            }
        };
        let subject = match thin::kept(attributes, CONTEXT_ID)? {
            None => item.user.clone()?,
            found => found,
        };
        let subject = subject.map(SubjectKey::parse).transpose();
        let subject = subject.map_err(|error| malformed(CONTEXT_ID, &error))?;
        let rule = thin::kept(attributes, RULE)?.map(RuleId::parse).transpose();
        let rule = rule.map_err(|error| malformed(RULE, &error))?;
        let arm = match thin::kept(attributes, ARM)? {
            None => None,
            Some("treatment") => Some(Arm::Treatment),
            Some("control") => Some(Arm::Control),
            Some(_) => return Err(malformed(ARM, &"is treatment or control")),
        };
        if variant.is_none() && thin::kept(attributes, REASON)? == Some("error") {
            // Nothing was decided: the caller's default was served.
            return Ok(None);
        }
        Ok(Some(Evaluated { subject, feature: Feature { flag, variant, rule, arm }, at_ms }))
    }

    /// Who was served a variant was exposed. Where nobody says by which rule, the flag is decided again with what is
    /// stored of the subject; if that gives another variant, the rule stays unknown.
    fn expose(&mut self, id: &str, subject: &SubjectKey, feature: &mut Feature, at_ms: i64) {
        let Some(variant) = feature.variant.clone() else {
            let why = format!("send {VARIANT} with \"{}\"", feature.flag);
            return self.taken.omit(Omission::NoVariant, why);
        };
        if at_ms < self.oldest_ms {
            let why = "check the clock; older ones can be kept under Settings, Environments";
            return self.taken.omit(Omission::TooOld, why);
        }
        let mut placed = true;
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
            let same = decision.ok().filter(|it| it.variant.key == variant);
            placed = same.is_some();
            if let Some(decision) = same {
                (feature.rule, feature.arm) = (decision.rule.cloned(), decision.arm);
            } else {
                let why = format!("\"{}\" is decided otherwise here; send {RULE} and {ARM}", feature.flag);
                self.taken.omit(Omission::NoArm, why);
            }
        }
        let (rule, arm) = if placed { (feature.rule.clone(), feature.arm) } else { (None, None) };
        let text = format!("{id}/{}/{variant}/{subject}", feature.flag);
        let exposure = Exposure {
            subject: subject.clone(),
            flag: feature.flag.clone(),
            variant,
            revision: self.snapshot.revision(),
            rule,
            arm,
            at_ms,
        };
        let exposures = if placed { &mut self.taken.exposures } else { &mut self.taken.unplaced };
        exposures.push((text, exposure));
    }
}

impl From<Unreadable> for Unfit {
    fn from(unreadable: Unreadable) -> Self {
        Self(Omission::Malformed, unreadable.to_string())
    }
}

fn malformed(name: &str, error: &impl std::fmt::Display) -> Unfit {
    Unfit(Omission::Malformed, format!("{name} {error}"))
}

/// The first that is there, also when it cannot be read: nobody else is meant then.
fn user(attributes: &[KeyValue]) -> Result<Option<&str>, Unreadable> {
    let found = USER_IDS.iter().map(|name| thin::kept(attributes, name));
    found.into_iter().find(|found| !matches!(found, Ok(None))).unwrap_or(Ok(None))
}

fn millis(nanos: u64) -> i64 {
    i64::try_from(nanos / NANOS_PER_MS).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a duration, far below 2^53 ns of precision")]
fn nanos_to_ms(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}
