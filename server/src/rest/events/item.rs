//! One event as it is sent, and how it is read: the error is the sentence for its sender.

use engine::{
    Arm, FlagKey, MetricDefinition, MetricKey, RuleId, Snapshot, SubjectKey, VariantKey, parse_date_ms,
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use store::{Claim, Exposure, ReceiptKey};
use utoipa::ToSchema;

use crate::{
    ingest::EventId,
    limits::{CLIENT_EVENT_AGE_MS_MAX, EVENT_AHEAD_MS_MAX, EVENT_ID_BYTES_MAX, SUBJECT_FEATURES_MAX},
    outcomes::{Feature, Outcome, item::outcome_time},
};

/// Revisions are kept in the database as signed numbers.
const REVISION_MAX: u64 = i64::MAX as u64;

/// What is looked at item by item: anything else is rejected alone, and the others are taken.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the items in the document")]
pub enum AnyEvent {
    Event(EventItem),
    #[schema(value_type = Value)]
    Other(Value),
}

/// One thing that happened.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the items in the document; they are read by their kind below")]
pub enum EventItem {
    Exposure(ExposureItem),
    Outcome(OutcomeItem),
}

/// A subject was served a variant.
#[derive(Deserialize, ToSchema)]
pub struct ExposureItem {
    /// Names the event for ever: sending it again within ten minutes does nothing.
    id: Option<String>,
    /// The targeting key.
    subject: String,
    flag: String,
    variant: String,
    /// Of the answer that decided it (`metadata.revision`).
    revision: u64,
    /// `metadata.rule` of the decision, where it has one.
    rule: Option<String>,
    /// `metadata.arm` of the decision, where it has one: `treatment` or `control`.
    #[schema(value_type = Option<String>)]
    arm: Option<Arm>,
    /// Epoch milliseconds, or RFC 3339; without it, now.
    time: Option<Time>,
    /// `metadata.receipt` of the decision. Client tokens need it: without, the event is counted as unverified.
    receipt: Option<String>,
}

/// Something happened after an exposure: a request, a conversion, a crash, a complaint, or what the workspace defined.
#[derive(Deserialize, ToSchema)]
pub struct OutcomeItem {
    /// Names the event for ever: sending it again within ten minutes does nothing.
    id: Option<String>,
    /// The targeting key; may be left out where `features` says what was in force, and then each outcome is taken to be
    /// independent of all others.
    subject: Option<String>,
    /// The key of a metric, such as `error_rate`.
    metric: String,
    /// Whether it went well. Rates need it; with a conversion, false says that there was none.
    ok: Option<bool>,
    /// How long it took; counts for `latency` as well, unless `ok` is false.
    latency_ms: Option<f64>,
    /// Of counts: how many or how much, 1 when left out. Of durations of your own: milliseconds.
    value: Option<f64>,
    /// Epoch milliseconds, or RFC 3339; without it, now. At most 10 minutes ago.
    time: Option<Time>,
    /// What was in force. Without it the outcome counts for whatever the subject was exposed to within a day. Client tokens
    /// need it, each feature as its decision said it and with its receipt.
    #[serde(default)]
    features: Vec<FeatureItem>,
}

/// A flag that was in force. Without `rule` and `arm` (as decisions carry them) Fader looks up where the subject stands.
#[derive(Deserialize, ToSchema)]
pub struct FeatureItem {
    flag: String,
    variant: Option<String>,
    rule: Option<String>,
    #[schema(value_type = Option<String>)]
    arm: Option<Arm>,
    /// Of the decision (`metadata.revision`); belongs to `receipt`.
    revision: Option<u64>,
    /// `metadata.receipt` of the decision.
    receipt: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "\"time\" is epoch milliseconds or a text like 2026-03-01T14:10:00Z")]
pub enum Time {
    Ms(i64),
    Text(String),
}

/// An item that can be written down.
pub enum Event {
    Exposure(Option<EventId>, Exposure),
    Outcome(Option<EventId>, Outcome),
    /// Nobody knows whether it happened: the flags that it names.
    Unverified(Vec<FlagKey>),
}

/// What items are checked against.
pub struct Reader<'a> {
    pub snapshot: &'a Snapshot,
    pub metrics: &'a [MetricDefinition],
    pub now_ms: i64,
    pub oldest_ms: i64,
    /// Of a client token, whose events anybody can make up: what proves them.
    pub receipts: Option<&'a ReceiptKey>,
}

#[derive(Deserialize)]
struct Kind {
    r#type: String,
}

impl Reader<'_> {
    /// The error is the sentence for the sender.
    pub fn read(&self, item: &RawValue) -> Result<Event, String> {
        let kind: Kind = parse(item)?;
        match kind.r#type.as_str() {
            "exposure" => self.exposure(parse(item)?),
            "outcome" => self.outcome(parse(item)?),
            other => Err(format!("there is no event type {other:?}; send \"exposure\" or \"outcome\"")),
        }
    }

    fn exposure(&self, item: ExposureItem) -> Result<Event, String> {
        let flag = key("flag", FlagKey::try_from(item.flag))?;
        let environment = self.snapshot.environment();
        let compiled = self
            .snapshot
            .flag(flag.as_str())
            .ok_or_else(|| format!("there is no flag \"{flag}\" in {environment}"))?;
        let variant = key("variant", VariantKey::try_from(item.variant))?;
        if !compiled.flag().variants.iter().any(|known| known.key == variant) {
            return Err(format!("the flag \"{flag}\" has no variant \"{variant}\""));
        }
        if item.revision > REVISION_MAX {
            return Err("\"revision\" is too large".to_owned());
        }
        let id = item.id.as_deref().map(|id| self.id(id)).transpose()?;
        let exposure = Exposure {
            subject: key("subject", SubjectKey::try_from(item.subject))?,
            flag,
            variant,
            revision: item.revision,
            rule: item.rule.map(|rule| key("rule", RuleId::try_from(rule))).transpose()?,
            arm: item.arm,
            at_ms: self.time(item.time)?,
        };
        let claim = Claim {
            environment: environment.as_str(),
            subject: exposure.subject.as_str(),
            flag: exposure.flag.as_str(),
            variant: exposure.variant.as_str(),
            rule: exposure.rule.as_ref().map(RuleId::as_str),
            arm: exposure.arm,
            revision: exposure.revision,
        };
        if !self.is_proved(item.receipt.as_deref(), &claim) {
            return Ok(Event::Unverified(vec![exposure.flag]));
        }
        Ok(Event::Exposure(id, exposure))
    }

    /// Servers are believed; browsers prove what they were answered.
    fn is_proved(&self, receipt: Option<&str>, claim: &Claim<'_>) -> bool {
        self.receipts.is_none_or(|key| receipt.is_some_and(|it| key.proves(it, claim, self.now_ms)))
    }

    fn outcome(&self, item: OutcomeItem) -> Result<Event, String> {
        let id = item.id.as_deref().map(|id| self.id(id)).transpose()?;
        if item.features.len() > SUBJECT_FEATURES_MAX {
            return Err(format!("\"features\" names at most {SUBJECT_FEATURES_MAX} flags"));
        }
        let subject =
            item.subject.map(|subject| key("subject", SubjectKey::try_from(subject))).transpose()?;
        if subject.is_none() && self.receipts.is_some() {
            return Err("\"subject\" is needed with a client token".to_owned());
        }
        let mut proved = Vec::with_capacity(item.features.len());
        let mut unproved = Vec::new();
        for named in item.features {
            let (receipt, revision) = (named.receipt.clone(), named.revision);
            let feature = self.feature(named)?;
            if self.is_in_force(&feature, subject.as_ref(), receipt.as_deref(), revision) {
                proved.push(feature);
            } else {
                unproved.push(feature.flag);
            }
        }
        // What its subject was exposed to says nothing about who sends it.
        let unverified = self.receipts.is_some() && proved.is_empty();
        let outcome = Outcome {
            subject,
            metric: key("metric", MetricKey::try_from(item.metric))?,
            ok: item.ok,
            latency_ms: item.latency_ms,
            value: item.value,
            at_ms: outcome_time(parse_time(item.time, self.now_ms)?, self.now_ms)?,
            features: proved,
        };
        outcome.check(self.metrics)?;
        Ok(if unverified { Event::Unverified(unproved) } else { Event::Outcome(id, outcome) })
    }

    fn is_in_force(
        &self,
        feature: &Feature,
        subject: Option<&SubjectKey>,
        receipt: Option<&str>,
        revision: Option<u64>,
    ) -> bool {
        if self.receipts.is_none() {
            return true;
        }
        let Feature { flag, variant, rule, arm } = feature;
        let (Some(subject), Some(variant), Some(revision)) = (subject, variant, revision) else {
            return false;
        };
        let claim = Claim {
            environment: self.snapshot.environment().as_str(),
            subject: subject.as_str(),
            flag: flag.as_str(),
            variant: variant.as_str(),
            rule: rule.as_ref().map(RuleId::as_str),
            arm: *arm,
            revision,
        };
        self.is_proved(receipt, &claim)
    }

    fn feature(&self, item: FeatureItem) -> Result<Feature, String> {
        let flag = key("flag", FlagKey::try_from(item.flag))?;
        let Some(compiled) = self.snapshot.flag(flag.as_str()) else {
            return Err(format!("there is no flag \"{flag}\" in {}", self.snapshot.environment()));
        };
        let variant =
            item.variant.map(|variant| key("variant", VariantKey::try_from(variant))).transpose()?;
        if let Some(unknown) = variant.as_ref().filter(|variant| compiled.flag().variant(variant).is_none()) {
            return Err(format!("the flag \"{flag}\" has no variant \"{unknown}\""));
        }
        let rule = item.rule.map(|rule| key("rule", RuleId::try_from(rule))).transpose()?;
        Ok(Feature { flag, variant, rule, arm: item.arm })
    }

    fn id(&self, id: &str) -> Result<EventId, String> {
        if id.is_empty() || id.len() > EVENT_ID_BYTES_MAX {
            return Err(format!("\"id\" has 1 to {EVENT_ID_BYTES_MAX} bytes"));
        }
        Ok(EventId::new(self.snapshot.environment(), id))
    }

    fn time(&self, time: Option<Time>) -> Result<i64, String> {
        let at_ms = parse_time(time, self.now_ms)?;
        if at_ms > self.now_ms.saturating_add(EVENT_AHEAD_MS_MAX) {
            return Err("\"time\" is more than 10 minutes ahead; check the clock".to_owned());
        }
        // A receipt does not outlive two days, and neither does what it proves.
        if self.receipts.is_some() && at_ms < self.now_ms.saturating_sub(CLIENT_EVENT_AGE_MS_MAX) {
            return Err(
                "\"time\" is more than two days ago: too old for an event of a client token".to_owned()
            );
        }
        if at_ms < self.oldest_ms {
            return Err("\"time\" is older than what this environment keeps".to_owned());
        }
        Ok(at_ms)
    }
}

fn parse_time(time: Option<Time>, now_ms: i64) -> Result<i64, String> {
    match time {
        None => Ok(now_ms),
        Some(Time::Ms(ms)) => Ok(ms),
        Some(Time::Text(text)) => parse_date_ms(&text).map_err(|error| format!("\"time\": {error}")),
    }
}

fn parse<'a, T: Deserialize<'a>>(item: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(item.get()).map_err(|error| {
        let sentence = error.to_string();
        // Lines and columns are those of the item, which nobody sees.
        sentence.split(" at line ").next().unwrap_or_default().to_owned()
    })
}

fn key<T, E: std::fmt::Display>(name: &str, parsed: Result<T, E>) -> Result<T, String> {
    parsed.map_err(|error| format!("\"{name}\" {error}"))
}
