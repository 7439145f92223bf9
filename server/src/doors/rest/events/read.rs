//! The items of `POST /api/v1/events`: what they may say, and what they are checked against.

use engine::{
    Arm, Counts, EnvironmentKey, FlagKey, MetricDefinition, MetricKey, RuleId, Snapshot, SubjectKey,
    VariantKey, parse_date_ms,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use store::{Claim, Exposure, Proof};
use utoipa::ToSchema;

use crate::{
    doors::rest::{
        list,
        proof::{FeatureItem, Proofs},
    },
    intake::{
        ids::{EventId, Maker},
        outcomes::{Outcome, item::outcome_time},
        unverified::Claimed,
    },
    limits::{CLIENT_EVENT_AGE_MS_MAX, EVENT_AHEAD_MS_MAX, EVENT_ID_BYTES_MAX, SUBJECT_FEATURES_MAX},
};

/// Revisions are kept in the database as signed numbers.
const REVISION_MAX: u64 = i64::MAX as u64;

/// One thing that happened.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the items in the document; they are read by their kind below")]
pub(crate) enum EventItem {
    Exposure(ExposureItem),
    Outcome(OutcomeItem),
}

/// A subject was served a variant.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ExposureItem {
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
pub(crate) struct OutcomeItem {
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
    #[serde(default, deserialize_with = "list::up_to::<_, _, SUBJECT_FEATURES_MAX>")]
    features: Vec<FeatureItem>,
}

#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "\"time\" is epoch milliseconds or a text like 2026-03-01T14:10:00Z")]
enum Time {
    Ms(i64),
    Text(String),
}

/// An item that can be written down.
pub(super) enum Event {
    Exposure(Option<EventId>, Exposure),
    Outcome(Option<EventId>, Outcome),
    /// Nobody knows whether it happened: what it claims of the flags that it names.
    Unverified(Vec<Claimed>),
}

/// What items are checked against.
pub(super) struct Reader<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) metrics: &'a [MetricDefinition],
    pub(super) now_ms: i64,
    pub(super) oldest_ms: i64,
    pub(super) proofs: Proofs<'a>,
}

/// Why an item is not taken: the sentence for the sender.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    /// As far as this copy of the server knows.
    #[error(
        "\"revision\" is {claimed}, and {environment} is at {head}: send the revision that the decision carried"
    )]
    Ahead { claimed: u64, environment: EnvironmentKey, head: u64 },
    #[error("{0}")]
    Because(String),
}

impl From<String> for Unfit {
    fn from(sentence: String) -> Self {
        Self::Because(sentence)
    }
}

#[derive(Deserialize)]
struct Kind {
    r#type: String,
}

impl Reader<'_> {
    pub(super) fn read(&self, item: &RawValue) -> Result<Event, Unfit> {
        let kind: Kind = parse(item)?;
        match kind.r#type.as_str() {
            "exposure" => self.exposure(parse(item)?),
            "outcome" => self.outcome(parse(item)?),
            other => {
                let sentence = format!("there is no event type {other:?}; send \"exposure\" or \"outcome\"");
                Err(sentence.into())
            }
        }
    }

    fn exposure(&self, item: ExposureItem) -> Result<Event, Unfit> {
        if item.revision > REVISION_MAX {
            return Err("\"revision\" is too large".to_owned().into());
        }
        let exposure = Exposure {
            flag: key("flag", FlagKey::try_from(item.flag))?,
            variant: key("variant", VariantKey::try_from(item.variant))?,
            subject: key("subject", SubjectKey::try_from(item.subject))?,
            revision: item.revision,
            rule: item.rule.map(|rule| key("rule", RuleId::try_from(rule))).transpose()?,
            arm: item.arm,
            at_ms: self.time(item.time)?,
        };
        let id = self.id(item.id.as_deref(), Some(&exposure.subject))?;
        let claim = Claim {
            environment: self.snapshot.environment().as_str(),
            subject: exposure.subject.as_str(),
            revision: exposure.revision,
            proof: Proof {
                flag: exposure.flag.as_str(),
                variant: exposure.variant.as_str(),
                rule: exposure.rule.as_ref().map(RuleId::as_str),
                arm: exposure.arm,
            },
        };
        let is_proved = self.proofs.is_proved(item.receipt.as_deref(), &claim);
        if is_proved {
            self.has_happened(exposure.revision)?;
        }
        self.has(&exposure.flag, Some(&exposure.variant))?;
        if is_proved {
            Ok(Event::Exposure(id, exposure))
        } else {
            Ok(Event::Unverified(vec![(exposure.flag, None)]))
        }
    }

    /// Nothing can have been decided by a revision that does not exist yet.
    fn has_happened(&self, claimed: u64) -> Result<(), Unfit> {
        let head = self.snapshot.revision();
        if claimed > head {
            return Err(Unfit::Ahead { claimed, environment: self.snapshot.environment().clone(), head });
        }
        Ok(())
    }

    fn has(&self, flag: &FlagKey, variant: Option<&VariantKey>) -> Result<(), String> {
        let Some(compiled) = self.snapshot.flag(flag.as_str()) else {
            return Err(format!("there is no flag \"{flag}\" in {}", self.snapshot.environment()));
        };
        match variant.filter(|variant| compiled.flag().variant(variant).is_none()) {
            Some(unknown) => Err(format!("the flag \"{flag}\" has no variant \"{unknown}\"")),
            None => Ok(()),
        }
    }

    fn outcome(&self, item: OutcomeItem) -> Result<Event, Unfit> {
        if item.features.len() > SUBJECT_FEATURES_MAX {
            return Err(format!("\"features\" names at most {SUBJECT_FEATURES_MAX} flags").into());
        }
        let subject =
            item.subject.map(|subject| key("subject", SubjectKey::try_from(subject))).transpose()?;
        if subject.is_none() && self.proofs.are_needed() {
            return Err("\"subject\" is needed with a client token".to_owned().into());
        }
        let id = self.id(item.id.as_deref(), subject.as_ref())?;
        let mut proved = Vec::with_capacity(item.features.len());
        let mut unproved = Vec::new();
        for named in item.features {
            let claimed = named.revision.unwrap_or_default();
            // Servers are believed: what they say is looked at before it is said that there is no such flag.
            if !self.proofs.are_needed() {
                self.has_happened(claimed)?;
            }
            match self.proofs.feature(named, subject.as_ref())? {
                (feature, true) => {
                    self.has_happened(claimed)?;
                    proved.push(feature);
                }
                (feature, false) => unproved.push(feature.flag),
            }
        }
        // What its subject was exposed to says nothing about who sends it.
        let unverified = self.proofs.are_needed() && proved.is_empty();
        let outcome = Outcome {
            sender: self.proofs.sender(),
            subject,
            metric: key("metric", MetricKey::try_from(item.metric))?,
            ok: item.ok,
            latency_ms: item.latency_ms,
            value: item.value,
            at_ms: outcome_time(parse_time(item.time, self.now_ms)?, self.now_ms).map_err(str::to_owned)?,
            features: proved,
        };
        let definition = outcome.check(self.metrics)?;
        if !unverified {
            return Ok(Event::Outcome(id, outcome));
        }
        let rate = match definition.kind.counts() {
            Counts::Requests => outcome.ok.map(|ok| (definition.key.clone(), definition.is_event(ok))),
            Counts::Durations | Counts::Exposed | Counts::ExposedMany | Counts::Unanswered => None,
        };
        Ok(Event::Unverified(unproved.into_iter().map(|flag| (flag, rate.clone())).collect()))
    }

    /// Whoever has a receipt for one subject swallows no event of another's.
    fn id(&self, id: Option<&str>, subject: Option<&SubjectKey>) -> Result<Option<EventId>, String> {
        let Some(id) = id else { return Ok(None) };
        if id.is_empty() || id.len() > EVENT_ID_BYTES_MAX {
            return Err(format!("\"id\" has 1 to {EVENT_ID_BYTES_MAX} bytes"));
        }
        let maker = match subject.filter(|_| self.proofs.are_needed()) {
            Some(subject) => Maker::Browser(subject),
            None => Maker::Servers,
        };
        Ok(Some(EventId::new(self.snapshot.environment(), maker, id)))
    }

    fn time(&self, time: Option<Time>) -> Result<i64, String> {
        let at_ms = parse_time(time, self.now_ms)?;
        if at_ms > self.now_ms.saturating_add(EVENT_AHEAD_MS_MAX) {
            return Err("\"time\" is more than 10 minutes ahead; check the clock".to_owned());
        }
        // A receipt does not outlive two days, and neither does what it proves.
        if self.proofs.are_needed() && at_ms < self.now_ms.saturating_sub(CLIENT_EVENT_AGE_MS_MAX) {
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

pub(in crate::doors::rest) fn key<T, E: std::fmt::Display>(
    name: &str,
    parsed: Result<T, E>,
) -> Result<T, String> {
    parsed.map_err(|error| format!("\"{name}\" {error}"))
}
