//! One rule of the rollout form: texts of a channel strip ↔ `engine::Rule`.

use engine::{
    AttributeName, Audience, BucketBy, Condition, Flag, GroupKey, Percentage, Rule, RuleId, Share, VariantKey,
};

use super::new_group::{Made, NewGroup};
use crate::{
    condition::form::ConditionForm,
    form::{error::FieldError, fields::Fields},
};

/// What `serves` says when the rule draws between variants.
pub const SPLIT: &str = ":split";

/// A rule as typed. Its fields in the form are called `r.{id}.{field}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleForm {
    pub id: String,
    pub everyone: bool,
    pub groups: Vec<String>,
    pub condition: ConditionForm,
    pub percentage: String,
    /// The part that is kept out for comparison; empty: nobody.
    pub holdback: String,
    /// Empty: the subject; otherwise an attribute's name.
    pub bucket_by: String,
    /// Empty: the variant that the flag serves when on; a variant's key; or [`SPLIT`].
    pub serves: String,
    /// Per variant of the flag, in per cent.
    pub weights: Vec<(String, String)>,
    /// Whether the page shows the rule's details opened.
    pub open: bool,
    /// A group that is being made for it, and one that was made just now.
    pub new_group: Option<NewGroup>,
    pub made: Option<Made>,
}

impl RuleForm {
    pub fn everyone(id: &str) -> Self {
        Self { id: id.to_owned(), everyone: true, percentage: "0".to_owned(), ..Self::default() }
    }

    /// A new audience, to be filled in.
    pub fn audience(id: String) -> Self {
        Self { id, percentage: "0".to_owned(), open: true, ..Self::default() }
    }

    /// The name of one of the rule's fields.
    pub fn name(&self, field: &str) -> String {
        format!("r.{}.{field}", self.id)
    }

    pub fn from_rule(rule: &Rule) -> Self {
        let (groups, condition) = match &rule.audience {
            Audience::Everyone => (Vec::new(), None),
            Audience::Matching { groups, condition } => {
                (groups.iter().map(ToString::to_string).collect(), condition.as_ref())
            }
        };
        let (serves, weights) = match &*rule.split {
            [] => (String::new(), Vec::new()),
            [only] if only.weight == engine::WEIGHT_TOTAL => (only.variant.to_string(), Vec::new()),
            shares => (SPLIT.to_owned(), shares.iter().map(weight_text).collect()),
        };
        Self {
            id: rule.id.to_string(),
            everyone: rule.audience.is_everyone(),
            groups,
            condition: ConditionForm::from_condition(condition),
            percentage: rule.percentage.to_string(),
            holdback: if rule.holdback.is_none() { String::new() } else { rule.holdback.to_string() },
            bucket_by: match &rule.bucket_by {
                BucketBy::Subject => String::new(),
                BucketBy::Attribute(name) => name.to_string(),
            },
            serves,
            weights,
            ..Self::default()
        }
    }

    pub fn from_fields(id: &str, fields: &Fields) -> Self {
        let empty = Self { id: id.to_owned(), ..Self::default() };
        let text = |field: &str| fields.trimmed(&empty.name(field)).to_owned();
        let (weight, condition) = (empty.name("weight."), empty.name("if"));
        let weights =
            fields.iter().filter_map(|(name, text)| Some((name.strip_prefix(&*weight)?, text.trim())));
        let pairs: Vec<_> = fields
            .iter()
            .filter(|(name, _)| name.starts_with(&*condition))
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .collect();
        Self {
            everyone: text("audience") == "everyone",
            groups: fields
                .all(&empty.name("group"))
                .filter(|key| !key.is_empty())
                .map(str::to_owned)
                .collect(),
            condition: ConditionForm::from_pairs(&pairs, &condition),
            percentage: moved(&text("to"), &text("fader"), &text("was")),
            holdback: text("holdback"),
            bucket_by: text("bucket"),
            serves: text("serves"),
            weights: weights.map(|(variant, text)| (variant.to_owned(), text.to_owned())).collect(),
            open: !text("open").is_empty(),
            new_group: NewGroup::from_fields(&|field| empty.name(field), fields),
            ..empty
        }
    }

    /// The percentage, when what is typed is one.
    pub fn percentage(&self) -> Option<Percentage> {
        Percentage::parse(&self.percentage).ok()
    }

    /// The rule that the texts mean; everything that is wrong is added to `errors`.
    pub fn parse(&self, flag: &Flag, errors: &mut Vec<FieldError>) -> Option<Rule> {
        let before = errors.len();
        let id = RuleId::parse(&self.id).map_err(|e| errors.push(FieldError::whole(e))).ok();
        let percentage = Percentage::parse(&self.percentage)
            .map_err(|e| errors.push(FieldError::at(self.name("to"), e)))
            .ok();
        let holdback = self.parse_holdback(errors);
        let audience = self.parse_audience(errors);
        let bucket_by = self.parse_bucket(errors);
        let split = self.parse_split(flag, errors);
        if errors.len() > before {
            return None;
        }
        Some(Rule {
            id: id?,
            audience: audience?,
            percentage: percentage?,
            holdback: holdback?,
            bucket_by: bucket_by?,
            split: split?,
        })
    }

    fn parse_holdback(&self, errors: &mut Vec<FieldError>) -> Option<Percentage> {
        if self.holdback.is_empty() {
            return Some(Percentage::NONE);
        }
        let parsed = Percentage::parse(&self.holdback);
        parsed.map_err(|error| errors.push(FieldError::at(self.name("holdback"), error))).ok()
    }

    fn parse_audience(&self, errors: &mut Vec<FieldError>) -> Option<Audience> {
        if self.everyone {
            return Some(Audience::Everyone);
        }
        let condition: Option<Condition> = if let Ok(condition) = self.condition.parse() {
            condition
        } else {
            errors.push(FieldError::at(self.name("if"), "this condition is not finished: see its rows"));
            return None;
        };
        let groups: Vec<GroupKey> = self.groups.iter().filter_map(|key| GroupKey::parse(key).ok()).collect();
        if groups.is_empty() && condition.is_none() {
            let message = "choose at least one group, or add a condition";
            errors.push(FieldError::at(self.name("group"), message));
            return None;
        }
        Some(Audience::Matching { groups, condition })
    }

    fn parse_bucket(&self, errors: &mut Vec<FieldError>) -> Option<BucketBy> {
        if self.bucket_by.is_empty() {
            return Some(BucketBy::Subject);
        }
        match AttributeName::parse(&self.bucket_by) {
            Ok(name) => Some(BucketBy::Attribute(name)),
            Err(error) => {
                errors.push(FieldError::at(self.name("bucket"), format!("an attribute name {error}")));
                None
            }
        }
    }

    fn parse_split(&self, flag: &Flag, errors: &mut Vec<FieldError>) -> Option<Vec<Share>> {
        if self.serves.is_empty() {
            return Some(Vec::new());
        }
        if self.serves != SPLIT {
            let variant = VariantKey::parse(&self.serves).ok().filter(|key| flag.variant(key).is_some());
            let Some(variant) = variant else {
                errors.push(FieldError::at(self.name("serves"), "choose one of the flag's variants"));
                return None;
            };
            return Some(vec![Share { variant, weight: engine::WEIGHT_TOTAL }]);
        }
        self.parse_weights(errors)
    }

    fn parse_weights(&self, errors: &mut Vec<FieldError>) -> Option<Vec<Share>> {
        let before = errors.len();
        let mut shares = Vec::new();
        for (variant, text) in self.weights.iter().filter(|(_, text)| !text.is_empty()) {
            match (VariantKey::parse(variant), parse_weight(text)) {
                (Ok(variant), Ok(weight)) if weight > 0 => shares.push(Share { variant, weight }),
                (Ok(_), Ok(_)) => {}
                (Err(error), _) => errors.push(FieldError::whole(error)),
                (_, Err(message)) => {
                    errors.push(FieldError::at(self.name(&format!("weight.{variant}")), message));
                }
            }
        }
        let total: u32 = shares.iter().map(|share| share.weight).sum();
        if errors.len() == before && total != engine::WEIGHT_TOTAL {
            let message = format!("the parts sum to {}.{} %; make them sum to 100 %", total / 10, total % 10);
            errors.push(FieldError::at(self.name("serves"), message));
        }
        (errors.len() == before).then_some(shares)
    }
}

/// Which of the two controls of one fader was moved: without scripts they do not follow each other.
/// What is typed wins.
fn moved(typed: &str, fader: &str, was: &str) -> String {
    let same = |a: &str, b: &str| match (Percentage::parse(a), Percentage::parse(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    };
    let only_fader = !fader.is_empty() && same(typed, was) && !same(fader, was);
    (if only_fader { fader } else { typed }).to_owned()
}

/// Per cent with at most one decimal, as a weight out of 1000.
fn parse_weight(text: &str) -> Result<u32, &'static str> {
    let percentage =
        Percentage::parse(text).map_err(|_| "a part is a number from 0 to 100, for example 50 or 33.3")?;
    if percentage.thousandths() % 100 == 0 {
        Ok(percentage.thousandths() / 100)
    } else {
        Err("a part has at most one decimal, for example 33.3")
    }
}

fn weight_text(share: &Share) -> (String, String) {
    let text = Percentage::from_thousandths(share.weight.saturating_mul(100));
    (share.variant.to_string(), text.map_or_else(|| share.weight.to_string(), |p| p.to_string()))
}

#[cfg(test)]
mod tests {
    use engine::FlagKey;

    use super::*;

    fn flag() -> Flag {
        Flag::boolean(FlagKey::parse("fast-payment").expect("key"), "Fast payment")
    }

    fn form(pairs: &[(&str, &str)]) -> RuleForm {
        let pairs = pairs.iter().map(|(n, v)| (format!("r.a.{n}"), *v));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        RuleForm::from_fields("a", &Fields::parse(body.as_bytes()).expect("fields"))
    }

    fn errors(form: &RuleForm) -> Vec<(String, String)> {
        let mut errors = Vec::new();
        assert_eq!(form.parse(&flag(), &mut errors), None);
        errors.into_iter().map(|e| (e.field, e.sentence)).collect()
    }

    #[test]
    fn without_scripts_the_control_that_moved_counts_and_typing_wins() {
        assert_eq!(moved("20", "37", "20"), "37");
        assert_eq!(moved("21.5", "20", "20"), "21.5");
        assert_eq!(moved("21.5", "37", "20"), "21.5");
        assert_eq!(moved("20 %", "20.000", "20"), "20 %");
        assert_eq!(moved("x", "", "20"), "x");
    }

    #[test]
    fn a_rule_survives_the_form_unchanged() {
        let rule = Rule {
            id: RuleId::parse("a").expect("id"),
            audience: Audience::Matching {
                groups: vec![GroupKey::parse("vip-agencies").expect("key")],
                condition: None,
            },
            percentage: Percentage::from_thousandths(33_300).expect("percentage"),
            holdback: Percentage::whole(1).expect("percentage"),
            bucket_by: BucketBy::Attribute(AttributeName::parse("tenant").expect("name")),
            split: vec![
                Share { variant: VariantKey::parse("on").expect("key"), weight: 667 },
                Share { variant: VariantKey::parse("off").expect("key"), weight: 333 },
            ],
        };
        let form = RuleForm::from_rule(&rule);
        assert_eq!(
            form.weights,
            [("on".to_owned(), "66.7".to_owned()), ("off".to_owned(), "33.3".to_owned())]
        );
        let mut errors = Vec::new();
        assert_eq!(form.parse(&flag(), &mut errors), Some(rule));
        assert_eq!(errors, []);
    }

    #[test]
    fn a_rule_for_nobody_in_particular_is_refused_beside_the_groups() {
        let errors = errors(&form(&[("to", "20")]));
        assert_eq!(errors[0].0, "r.a.group");
    }

    #[test]
    fn an_absurd_percentage_is_refused_beside_its_field() {
        let errors = errors(&form(&[("audience", "everyone"), ("to", "120")]));
        assert_eq!(errors, [("r.a.to".to_owned(), "A percentage lies between 0 and 100.".to_owned())]);
    }

    #[test]
    fn an_absurd_holdback_is_refused_beside_its_field() {
        let errors = errors(&form(&[("audience", "everyone"), ("to", "20"), ("holdback", "1.23456")]));
        assert_eq!(errors[0].0, "r.a.holdback");
    }

    #[test]
    fn parts_must_sum_to_a_hundred() {
        let split = |on, off| {
            form(&[
                ("audience", "everyone"),
                ("to", "20"),
                ("serves", SPLIT),
                ("weight.on", on),
                ("weight.off", off),
            ])
        };
        let errors = errors(&split("50", "40"));
        assert_eq!(errors[0].1, "The parts sum to 90.0 %; make them sum to 100 %.");
        assert!(split("33.3", "66.7").parse(&flag(), &mut Vec::new()).is_some());
    }

    #[test]
    fn serving_one_variant_is_a_split_of_one() {
        let form = form(&[("audience", "everyone"), ("to", "20"), ("serves", "on")]);
        let rule = form.parse(&flag(), &mut Vec::new()).expect("rule");
        assert_eq!(rule.split.len(), 1);
        assert_eq!(RuleForm::from_rule(&rule).serves, "on");
    }
}
