//! What every strip of the page needs to know of the rollout around it.

use std::{collections::BTreeMap, sync::Arc};

use engine::{
    AttributeSchema, Audience, Flag, Group, GroupKey, Percentage, Rollout, audience_phrase, plan::Plan,
};

use super::{form::RolloutForm, rule::RuleForm};
use crate::{
    condition::vocabulary::Vocabulary,
    forecast::{Channel, Forecast},
    form::{
        error::{FieldError, as_sentence},
        state::FormState,
    },
};

/// What every strip of a page needs.
pub struct Bank<'a> {
    pub flag: &'a Flag,
    pub form: &'a RolloutForm,
    pub saved: &'a Rollout,
    pub forecast: &'a Forecast,
    pub errors: &'a [FieldError],
    /// Of the field for a preview link, which is a form of its own.
    pub tester: &'a FormState<String>,
    pub groups: &'a [Arc<Group>],
    pub schema: &'a AttributeSchema,
    /// Suggestions for each condition, by the prefix of its fields.
    pub vocabularies: &'a BTreeMap<String, Vocabulary>,
    pub editable: bool,
    /// Whoever edits may also make groups, and enrol into them.
    pub makes_groups: bool,
    pub enrols: bool,
    /// The release plan that is not over, for the marks where its steps come by.
    pub plan: Option<&'a Plan>,
}

impl Bank<'_> {
    pub fn group_name(&self, key: &str) -> String {
        let group = self.groups.iter().find(|group| group.key.as_str() == key);
        group.map_or_else(|| key.to_owned(), |group| group.name.clone())
    }

    /// `VIP agencies or Internal users`: whom the rule is about, as far as it is filled in.
    pub(super) fn name(&self, rule: &RuleForm) -> String {
        if rule.everyone {
            return "Everyone".to_owned();
        }
        let groups = rule.groups.iter().filter_map(|key| GroupKey::parse(key).ok()).collect::<Vec<_>>();
        let condition = rule.condition.parse().ok().flatten();
        if groups.is_empty() && condition.is_none() {
            return "New audience".to_owned();
        }
        let name = |key: &GroupKey| self.group_name(key.as_str());
        let phrase = audience_phrase(&Audience::Matching { groups, condition }, &name);
        as_sentence(&phrase).trim_end_matches('.').to_owned()
    }

    pub(super) fn channel(&self, rule: &RuleForm) -> Option<&Channel> {
        self.forecast.channels.iter().find(|channel| channel.rule == rule.id)
    }

    /// What the steps of the plan set this fader to, in order.
    pub(super) fn planned(&self, rule: &RuleForm) -> Vec<Percentage> {
        let steps = self.plan.iter().flat_map(|plan| &plan.steps);
        let settings = steps.flat_map(|step| &step.percentages).filter(|(id, _)| id.as_str() == rule.id);
        let mut planned: Vec<_> = settings.map(|(_, to)| *to).collect();
        planned.dedup();
        planned
    }

    /// Where the fader stands now, for the ghost.
    pub(super) fn saved_at(&self, rule: &RuleForm) -> Percentage {
        self.saved.rule(&rule.id).map_or(Percentage::NONE, |saved| saved.percentage)
    }
}
