//! Where in a body something does not fit: JSON pointers (RFC 6901) for what cannot be read and for what the engine finds.

use engine::{Audience, Flag, FlagKey, Problem, Rollout, RuleId, VariantKey};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_path_to_error::Segment;
use store::{Invalid, StoreError};

use super::{
    error::RestError,
    fields::{InField, wrong},
};

/// A definition that was sent, and where it stands in the body.
pub(super) enum Sent<'a> {
    Flag(&'a Flag, &'static str),
    Rollout(&'a Rollout, &'static str),
}

/// A part of a body that no schema describes to the end, read; what it cannot be is told with its place.
pub(super) fn read<T: DeserializeOwned>(json: &RawValue, base: &str, noun: &str) -> Result<T, RestError> {
    let mut reader = serde_json::Deserializer::from_str(json.get());
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let mut pointer = base.to_owned();
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => {
                    pointer.push('/');
                    pointer.push_str(&index.to_string());
                }
                Segment::Map { key } | Segment::Enum { variant: key } => {
                    pointer.push('/');
                    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                }
                Segment::Unknown => break,
            }
        }
        wrong(&pointer, format!("the {noun} cannot be read: {}", error.inner()))
    })
}

impl Sent<'_> {
    /// The store's refusal, with the place of each thing that does not fit.
    pub fn refusal(&self, error: StoreError) -> RestError {
        match error {
            StoreError::Refused(problems) => {
                let flaw = |problem: &Problem| {
                    InField::new(format!("{}{}", self.base(), self.place(problem)), problem)
                };
                RestError::Fields(problems.iter().map(flaw).collect())
            }
            StoreError::Invalid(Invalid::ReasonTooLong) => wrong("/comment", error),
            StoreError::Invalid(Invalid::SeedChanged) => self.refused_at("/seed", &error),
            StoreError::Invalid(Invalid::ValueTypeChanged) => self.refused_at("/value_type", &error),
            StoreError::Invalid(Invalid::KeyMeansAPlace(_)) => self.refused_at("/key", &error),
            error => error.into(),
        }
    }

    fn refused_at(&self, place: &str, error: &StoreError) -> RestError {
        wrong(&format!("{}{place}", self.base()), error)
    }

    fn base(&self) -> &'static str {
        match self {
            Self::Flag(_, base) | Self::Rollout(_, base) => base,
        }
    }

    /// Empty: the whole definition.
    fn place(&self, problem: &Problem) -> String {
        let at = match self {
            Self::Flag(flag, _) => in_flag(flag, problem),
            Self::Rollout(rollout, _) => in_rollout(rollout, problem),
        };
        at.unwrap_or_default()
    }
}

fn in_flag(flag: &Flag, problem: &Problem) -> Option<String> {
    let first = |key: &VariantKey| flag.variants.iter().position(|it| it.key == *key);
    let last = |key: &VariantKey| flag.variants.iter().rposition(|it| it.key == *key);
    let member = match problem {
        Problem::Name { .. } => "name",
        Problem::DescriptionTooLong { .. } => "description",
        Problem::OwnerTooLong { .. } => "owner",
        Problem::PublicNameTooLong { .. } => "public_name",
        Problem::PublicSentenceTooLong { .. } | Problem::PublicSentenceAlone => "public_sentence",
        Problem::Tags { .. } => "tags",
        Problem::VariantCount { .. } => "variants",
        Problem::UnknownVariant { .. } => "off_variant",
        Problem::DuplicateVariant { variant } => {
            return Some(format!("/variants/{}/key", last(variant)?));
        }
        Problem::ValueType { variant, .. } | Problem::ValueTooLong { variant, .. } => {
            return Some(format!("/variants/{}/value", first(variant)?));
        }
        // Of rollouts, groups, guardrails and plans.
        _ => return None,
    };
    Some(format!("/{member}"))
}

fn in_rollout(rollout: &Rollout, problem: &Problem) -> Option<String> {
    let Rollout { rules, prerequisites, pins, exclusions, .. } = rollout;
    let rule = |id: &RuleId| rules.iter().position(|it| it.id == *id);
    let prerequisite = |flag: &FlagKey| prerequisites.iter().position(|it| it.flag == *flag);
    Some(match problem {
        Problem::TooManyRules { .. } => "/rules".to_owned(),
        Problem::DuplicateRule { rule } => {
            format!("/rules/{}/id", rules.iter().rposition(|it| it.id == *rule)?)
        }
        Problem::EmptyAudience { rule: id } => format!("/rules/{}/audience", rule(id)?),
        Problem::SplitTotal { rule: id, .. } => format!("/rules/{}/split", rule(id)?),
        Problem::Seed { .. } => "/seed".to_owned(),
        Problem::UnknownFlag { flag } | Problem::PrerequisiteChain { flag } => {
            format!("/prerequisites/{}/flag", prerequisite(flag)?)
        }
        Problem::UnknownPrerequisiteVariant { flag, .. } => {
            format!("/prerequisites/{}/variant", prerequisite(flag)?)
        }
        Problem::DuplicatePrerequisite { flag } => {
            format!("/prerequisites/{}/flag", prerequisites.iter().rposition(|it| it.flag == *flag)?)
        }
        Problem::TooManyPrerequisites { .. } | Problem::Cycle { .. } => "/prerequisites".to_owned(),
        Problem::UnknownVariant { variant } => {
            let pin = pins.iter().position(|it| it.variant == *variant);
            let split = || rules.iter().position(|it| it.split.iter().any(|it| it.variant == *variant));
            match pin {
                Some(at) => format!("/pins/{at}/variant"),
                None => format!("/rules/{}/split", split()?),
            }
        }
        Problem::DuplicateSubject { subject } => match pins.iter().rposition(|it| it.subject == *subject) {
            Some(at) => format!("/pins/{at}/subject"),
            None => "/exclusions/subjects".to_owned(),
        },
        Problem::UnknownGroup { group } if exclusions.groups.contains(group) => {
            "/exclusions/groups".to_owned()
        }
        Problem::UnknownGroup { group } => {
            let names = |audience: &Audience| match audience {
                Audience::Everyone => false,
                Audience::Matching { groups, .. } => groups.contains(group),
            };
            format!("/rules/{}/audience", rules.iter().position(|it| names(&it.audience))?)
        }
        // In a condition, or of flags, groups, guardrails and plans.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use engine::FlagKey;
    use serde_json::json;

    use super::*;

    fn flaws(error: RestError) -> Vec<(String, String)> {
        let RestError::Fields(fields) = error else { panic!("{error}") };
        fields.into_iter().map(|field| (field.pointer, field.detail)).collect()
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        let rollout = json!({"enabled": true, "seed": "s", "rules": [
            {"id": "everyone", "audience": {"matching": {"condition": {"nonsense": 1}}}, "percentage": 20}
        ]});
        let raw = serde_json::value::to_raw_value(&rollout).expect("JSON");
        let error = read::<Rollout>(&raw, "/rollout", "rollout").expect_err("is none");
        let flaws = flaws(error);
        assert!(flaws[0].0.starts_with("/rollout/rules/0/audience/matching"), "{flaws:?}");
        assert!(flaws[0].1.starts_with("the rollout cannot be read: "), "{flaws:?}");
    }

    #[test]
    fn each_problem_has_its_place() {
        let mut flag = Flag::boolean(FlagKey::parse("a").expect("a key"), "");
        flag.variants[1].value = json!("off");
        flag.variants.push(flag.variants[0].clone());
        let error = Sent::Flag(&flag, "/flag").refusal(StoreError::Refused(flag.problems()));
        let places: Vec<_> = flaws(error).into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!(places, ["/flag/name", "/flag/variants/1/value", "/flag/variants/2/key"]);
    }

    #[test]
    fn each_problem_of_a_rollout_has_its_place() {
        let rollout: Rollout = serde_json::from_value(json!({
            "enabled": true, "seed": "s",
            "pins": [{"subject": "ada", "variant": "on"}, {"subject": "ada", "variant": "onn"}],
            "exclusions": {"groups": ["partners"]},
            "rules": [
                {"id": "a", "audience": "everyone", "percentage": 0},
                {"id": "b", "audience": {"matching": {"groups": ["vips"]}}, "percentage": 0,
                 "split": [{"variant": "on", "weight": 1}]},
                {"id": "b", "audience": {"matching": {}}, "percentage": 0}
            ]
        }))
        .expect("a rollout");
        let flag = Flag::boolean(FlagKey::parse("a").expect("a key"), "A");
        let problems = rollout.problems(&flag, |_| false);
        let error = Sent::Rollout(&rollout, "/rollout").refusal(StoreError::Refused(problems));
        let mut places: Vec<_> = flaws(error).into_iter().map(|(pointer, _)| pointer).collect();
        places.sort_unstable();
        places.dedup();
        let expected = [
            "/rollout/exclusions/groups",
            "/rollout/pins/1/subject",
            "/rollout/pins/1/variant",
            "/rollout/rules/1/audience",
            "/rollout/rules/1/split",
            "/rollout/rules/2/id",
        ];
        for place in expected {
            assert!(places.iter().any(|it| it == place), "{place}: {places:?}");
        }
    }
}
