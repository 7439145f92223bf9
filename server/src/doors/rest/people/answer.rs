//! One person's answer as JSON.

use engine::{Arm, Attributes, Reason, SubjectKey};
use serde::Serialize;
use serde_json::{Map, Value};
use store::{FlagAnswer, PersonAnswer, Seen};
use utoipa::ToSchema;

/// What one person saw and would see.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonView {
    id: String,
    environment: String,
    /// False: nothing is stored with them.
    known: bool,
    #[schema(value_type = Object)]
    traits: Map<String, Value>,
    flags: Vec<FlagView>,
}

/// One flag for the person.
#[derive(Serialize, ToSchema)]
struct FlagView {
    flag: String,
    name: String,
    /// Newest first.
    saw: Vec<SeenView>,
    would_see: WouldSee,
    /// The last variant served is not the one that is decided now.
    differs: bool,
}

/// What the person was served, how often, and between which times (epoch milliseconds).
#[derive(Serialize, ToSchema)]
struct SeenView {
    flag: String,
    variant: String,
    first: i64,
    last: i64,
    count: u64,
    /// The environment's revision that the answer carried.
    revision: u64,
    rule: Option<String>,
    /// `treatment` or `control`.
    arm: Option<&'static str>,
}

/// What a configuration decides, and why.
#[derive(Serialize, ToSchema)]
struct WouldSee {
    /// Null: there is no answer, the caller's own default applies.
    variant: Option<String>,
    value: Value,
    /// As in OFREP.
    reason: Option<&'static str>,
    /// A plain sentence.
    why: String,
    /// What would change it.
    hints: Vec<String>,
}

/// What one person was served, and what the configuration of the instant decides.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonExposures {
    id: String,
    environment: String,
    /// The instant that was asked for, in epoch milliseconds; null for everything until now.
    as_of: Option<i64>,
    /// From the ledger; of an instant: the line that holds it, else the last one before.
    exposures: Vec<SeenView>,
    /// From the kept versions, and the traits that were stored then.
    decided: Vec<DecidedView>,
}

#[derive(Serialize, ToSchema)]
struct DecidedView {
    flag: String,
    #[serde(flatten)]
    would_see: WouldSee,
}

impl PersonView {
    pub(crate) fn of(subject: &SubjectKey, answer: PersonAnswer) -> Self {
        Self {
            id: subject.to_string(),
            environment: answer.environment.key.to_string(),
            known: answer.traits.is_some(),
            traits: answer.traits.as_ref().map(members).unwrap_or_default(),
            flags: answer.flags.iter().map(FlagView::of).collect(),
        }
    }
}

impl PersonExposures {
    pub(crate) fn of(subject: &SubjectKey, answer: PersonAnswer) -> Self {
        let seen = answer.flags.iter().flat_map(|it| &it.saw).chain(&answer.other);
        let mut exposures: Vec<_> = seen.map(SeenView::of).collect();
        exposures.sort_by(|a, b| b.last.cmp(&a.last).then_with(|| a.flag.cmp(&b.flag)));
        let decided = answer.flags.iter();
        let decided =
            decided.map(|it| DecidedView { flag: it.flag.key.to_string(), would_see: WouldSee::of(it) });
        Self {
            id: subject.to_string(),
            environment: answer.environment.key.to_string(),
            as_of: answer.as_of_ms,
            exposures,
            decided: decided.collect(),
        }
    }
}

fn members(traits: &Attributes) -> Map<String, Value> {
    let value = |value| serde_json::to_value(value).unwrap_or_default();
    traits.iter().map(|(name, it)| (name.to_owned(), value(it))).collect()
}

impl FlagView {
    fn of(answer: &FlagAnswer) -> Self {
        Self {
            flag: answer.flag.key.to_string(),
            name: answer.flag.name.clone(),
            saw: answer.saw.iter().map(SeenView::of).collect(),
            would_see: WouldSee::of(answer),
            differs: answer.differs(),
        }
    }
}

impl SeenView {
    fn of(seen: &Seen) -> Self {
        Self {
            flag: seen.flag.to_string(),
            variant: seen.variant.to_string(),
            first: seen.first_ms,
            last: seen.last_ms,
            count: seen.count,
            revision: seen.revision,
            rule: seen.rule.as_ref().map(ToString::to_string),
            arm: seen.arm.map(|arm| match arm {
                Arm::Treatment => "treatment",
                Arm::Control => "control",
            }),
        }
    }
}

impl WouldSee {
    fn of(answer: &FlagAnswer) -> Self {
        let served = answer.would.decision.as_ref().ok();
        Self {
            variant: served.map(|served| served.variant.to_string()),
            value: served.map(|served| served.value.clone()).unwrap_or_default(),
            reason: served.map(|served| word(served.reason)),
            why: answer.would.sentence(),
            hints: answer.hints.clone(),
        }
    }
}

fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Static => "STATIC",
        Reason::Default => "DEFAULT",
        Reason::TargetingMatch => "TARGETING_MATCH",
        Reason::Split => "SPLIT",
        Reason::Disabled => "DISABLED",
    }
}
