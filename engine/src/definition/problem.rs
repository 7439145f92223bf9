//! What can be wrong with a definition, each as a sentence that says what to do.

use serde::{Deserialize, Serialize};

use super::{
    key::{AttributeName, FlagKey, GroupKey, GuardrailId, RuleId, SubjectKey, VariantKey},
    value_type::ValueType,
};

pub const NAME_CHARS_MAX: usize = 120;
pub const DESCRIPTION_CHARS_MAX: usize = 2000;
pub const PUBLIC_SENTENCE_CHARS_MAX: usize = 300;

/// One thing that keeps a definition from being saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "problem")]
pub enum Problem {
    #[error("give it a name of 1 to {max} characters")]
    Name { max: usize },
    #[error("the description is longer than {max} characters; shorten it")]
    DescriptionTooLong { max: usize },
    #[error("the owner is longer than {max} characters; shorten it")]
    OwnerTooLong { max: usize },
    #[error("the name for customers is longer than {max} characters; shorten it")]
    PublicNameTooLong { max: usize },
    #[error("the sentence for customers is longer than {max} characters; shorten it")]
    PublicSentenceTooLong { max: usize },
    #[error("give it a name for customers too, or leave the sentence away")]
    PublicSentenceAlone,
    #[error("use at most {max} tags of 1 to {chars_max} characters each")]
    Tags { max: usize, chars_max: usize },
    #[error("a flag has 2 to {max} variants")]
    VariantCount { max: usize },
    #[error("the variant \"{variant}\" is named twice; keep one of them")]
    DuplicateVariant { variant: VariantKey },
    #[error("the variant \"{variant}\" does not exist on this flag")]
    UnknownVariant { variant: VariantKey },
    #[error("the value of variant \"{variant}\" must be {}", value_type_word(*.value_type))]
    ValueType { variant: VariantKey, value_type: ValueType },
    #[error("the value of variant \"{variant}\" is longer than {max} bytes")]
    ValueTooLong { variant: VariantKey, max: usize },
    #[error("the group \"{group}\" does not exist; create it first or remove it here")]
    UnknownGroup { group: GroupKey },
    #[error("the flag \"{flag}\" does not exist or is archived; choose another prerequisite")]
    UnknownFlag { flag: FlagKey },
    #[error("the flag \"{flag}\" has no variant \"{variant}\"; choose one of its variants")]
    UnknownPrerequisiteVariant { flag: FlagKey, variant: VariantKey },
    #[error("these prerequisites wait for each other in a circle: {}", path_text(.path))]
    Cycle { path: Vec<FlagKey> },
    #[error("two rules have the id \"{rule}\"")]
    DuplicateRule { rule: RuleId },
    #[error("a rollout has at most {max} rules")]
    TooManyRules { max: usize },
    #[error("a rollout has at most {max} prerequisites")]
    TooManyPrerequisites { max: usize },
    #[error("the flag \"{flag}\" is required twice; keep one of the two prerequisites")]
    DuplicatePrerequisite { flag: FlagKey },
    #[error(
        "the flag \"{flag}\" would wait for too many others, directly or through its prerequisites; remove some"
    )]
    PrerequisiteChain { flag: FlagKey },
    #[error("name at most {max} groups in one place; make one group that covers them")]
    TooManyGroups { max: usize },
    #[error("name at most {max} subjects one by one; use a group for more")]
    TooManySubjects { max: usize },
    #[error("a rule needs an audience: choose a group, add a condition, or make it everyone")]
    EmptyAudience { rule: RuleId },
    #[error("the weights of the split sum to {total}, not to 1000 (100 %)")]
    SplitTotal { rule: RuleId, total: u64 },
    #[error("the seed has 1 to {max} bytes")]
    Seed { max: usize },
    #[error("\"{subject}\" stands in the list twice; keep one of them")]
    DuplicateSubject { subject: SubjectKey },
    #[error("the enrolment of \"{subject}\" ends before it starts")]
    EndsBeforeItStarts { subject: SubjectKey },
    #[error("a group has at most {max} testers")]
    TooManyEnrolments { max: usize },
    #[error("conditions are nested deeper than {max} levels; move a part into a group of its own")]
    TooDeep { max: usize },
    #[error("at most {max} conditions can stand together; move some into a group of their own")]
    TooManyTests { max: usize },
    #[error("add at least one test to each \"all of\" and \"any of\"")]
    EmptyBranch,
    #[error("the test of \"{attribute}\" needs at least one value")]
    NoValues { attribute: AttributeName },
    #[error("the test of \"{attribute}\" has more than {max} values; use a group of testers instead")]
    TooManyValues { attribute: AttributeName, max: usize },
    #[error("a value in the test of \"{attribute}\" is longer than {max} characters")]
    TestValueTooLong { attribute: AttributeName, max: usize },
    #[error(
        "the pattern for \"{attribute}\" is not a valid regular expression (no look-around, no back-references)"
    )]
    Pattern { attribute: AttributeName },
    #[error("\"{attribute}\" is compared with something that is not a version such as 2.10.0")]
    Version { attribute: AttributeName },
    #[error(
        "\"{attribute}\" is compared with something that is not a network such as 192.0.2.0/24 or 2001:db8::/32"
    )]
    Network { attribute: AttributeName },
    #[error("\"{attribute}\" is compared with something that is not a date such as 2026-03-01")]
    Date { attribute: AttributeName },
    #[error("\"{attribute}\" is compared with something that is not a number")]
    Number { attribute: AttributeName },
    #[error("for \"{attribute}\" the lower bound is above the upper one; swap them")]
    BoundsSwapped { attribute: AttributeName },
    #[error("two guardrails have the id \"{guardrail}\"")]
    DuplicateGuardrail { guardrail: GuardrailId },
    #[error("a flag has at most {max} guardrails")]
    TooManyGuardrails { max: usize },
    #[error("the limit of \"{guardrail}\" is a share above 0 and below 90 %")]
    RateLimit { guardrail: GuardrailId },
    #[error("the limit of \"{guardrail}\" is a number per subject above 0 and up to 1,000")]
    CountLimit { guardrail: GuardrailId },
    #[error(
        "people are counted before anything happens, so \"{guardrail}\" cannot have a limit from below; compare with control instead"
    )]
    CountLimitFromBelow { guardrail: GuardrailId },
    #[error("the limit of \"{guardrail}\" is a duration from 1 ms to 10 hours")]
    DurationLimit { guardrail: GuardrailId },
    #[error("a limit for latency needs one quantile; choose p50, p95 or p99 for \"{guardrail}\"")]
    LimitOfAllQuantiles { guardrail: GuardrailId },
    #[error("a plan has 1 to {max} steps")]
    StepCount { max: usize },
    #[error("step {step} sets no percentage; choose a rule for it")]
    EmptyStep { step: usize },
    #[error("step {step} names the rule \"{rule}\", which this rollout does not have")]
    UnknownRule { step: usize, rule: RuleId },
    #[error("step {step} has the same kind of gate twice; keep one of them")]
    DuplicateGate { step: usize },
    #[error("step {step} holds for less than a second or more than a year")]
    HoldTime { step: usize },
    #[error("step {step} asks for no subjects, or for more than {max}")]
    SampleSize { step: usize, max: u64 },
    #[error("the first step needs no approval of its own; starting the plan is one")]
    FirstStepApproval,
    #[error("the margin of \"{guardrail}\" lies between 0 and 1,000 %")]
    Margin { guardrail: GuardrailId },
}

impl Problem {
    pub(crate) fn check_name(name: &str, problems: &mut Vec<Self>) {
        if name.trim().is_empty()
            || name.chars().count() > NAME_CHARS_MAX
            || name.chars().any(char::is_control)
        {
            problems.push(Self::Name { max: NAME_CHARS_MAX });
        }
    }

    pub(crate) fn check_description(description: &str, problems: &mut Vec<Self>) {
        if description.chars().count() > DESCRIPTION_CHARS_MAX {
            problems.push(Self::DescriptionTooLong { max: DESCRIPTION_CHARS_MAX });
        }
    }
}

fn value_type_word(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Boolean => "true or false",
        ValueType::String => "a text",
        ValueType::Number => "a number",
        ValueType::Object => "a JSON object",
    }
}

fn path_text(path: &[FlagKey]) -> String {
    path.iter().map(FlagKey::as_str).collect::<Vec<_>>().join(" → ")
}
