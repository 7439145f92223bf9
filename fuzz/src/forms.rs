//! Forms of the dashboard: any body of any form. Fields that are read are sent again unchanged; whatever was typed is
//! either a definition without problems or refused with sentences, and comes back as it was typed.

use app::{
    flag::{
        plan::form::PlanForm,
        rollout::{form::RolloutForm, intent::Intent},
        settings::form::FlagForm,
    },
    form::{
        error::{FieldError, FormErrors},
        fields::{FIELDS_MAX, Fields},
    },
    group::form::{CONDITION, GroupForm},
    guardrails::form::GuardrailForm,
    person::traits::edited,
    testers::form::{InvitationForm, TesterForm, chosen},
    try_it::form::TrialForm,
};
use engine::{AttributeSchema, Attributes, Flag, FlagKey, GroupKey, Rollout, guardrail::guardrail_problems};

const NOW_MS: i64 = 1_800_000_000_000;
const BYTES_PER_BYTE_MAX: usize = 600;
const BYTES_MAX: usize = 256 * 1024;

pub fn run(bytes: &[u8]) {
    crate::memory::within(BYTES_MAX + BYTES_PER_BYTE_MAX * bytes.len(), || {
        let fields = match Fields::parse(bytes) {
            Ok(fields) => fields,
            Err(error) => return assert!(!error.to_string().is_empty()),
        };
        assert!(fields.iter().count() <= FIELDS_MAX);
        assert_eq!(
            Fields::parse(fields.encode().as_bytes()).as_ref(),
            Ok(&fields),
            "sent again it is something else"
        );
        flag(&fields);
        group(&fields);
        rollout(&fields);
        plan(&fields);
        guardrails(&fields);
        testers(&fields);
        trial(&fields);
    });
}

fn told(errors: &[FieldError]) {
    assert!(
        !errors.is_empty() && errors.iter().all(|it| !it.sentence.is_empty()),
        "refused without a sentence"
    );
}

fn refused(errors: &FormErrors) {
    let told = errors.fields.iter().all(|it| !it.sentence.is_empty());
    assert!(told && !errors.fields.is_empty() && errors.status.is_client_error(), "{errors:?}");
}

fn a_flag() -> Flag {
    Flag::boolean(FlagKey::parse("fast-payment").expect("a key"), "Fast payment")
}

fn flag(fields: &Fields) {
    let mut form = FlagForm::from_fields(fields);
    form.apply(fields.text("intent"));
    match form.create() {
        Ok(flag) => assert_eq!(flag.problems(), []),
        Err(errors) => told(&errors),
    }
    match form.change(&a_flag()) {
        Ok(flag) => {
            assert_eq!(flag.problems(), []);
            let again = FlagForm::from_flag(&flag, form.expected).change(&flag);
            assert_eq!(again.as_ref(), Ok(&flag), "its own form changes it");
        }
        Err(errors) => told(&errors),
    }
}

fn group(fields: &Fields) {
    let mut form = GroupForm::from_fields(fields);
    form.condition.apply(fields.text("intent"), CONDITION);
    let key = match form.parse_key() {
        Ok(key) => key,
        Err(errors) => {
            refused(&errors);
            GroupKey::parse("g").expect("a key")
        }
    };
    match form.parse(key, Vec::new()) {
        Ok(group) => {
            assert_eq!(group.problems(), []);
            assert!(!form.differs_from(&group));
        }
        Err(errors) => refused(&errors),
    }
}

fn rollout(fields: &Fields) {
    let (flag, base) = (a_flag(), Rollout::new("seed"));
    let mut form = RolloutForm::from_fields(fields);
    form.apply(&Intent::parse(fields.text("intent")));
    match form.parse(&base, &flag) {
        Ok(rollout) => {
            // What is wrong of the whole is the engine's to say.
            let told = rollout.problems(&flag, |_| true);
            assert!(told.iter().all(|it| !it.to_string().is_empty()));
            if told.is_empty() {
                let again = RolloutForm::from_rollout(&rollout, form.expected).parse(&rollout, &flag);
                assert_eq!(again.as_ref(), Ok(&rollout), "its own form changes it");
            }
        }
        Err(errors) => {
            told(&errors);
            form.open_at(&errors);
        }
    }
    form.parse_leniently(&base, &flag);
}

fn plan(fields: &Fields) {
    let mut form = PlanForm::from_fields(fields);
    form.apply(fields.text("intent"), 0, "everyone");
    match form.parse(None, &|_| true) {
        Ok(plan) => {
            assert_eq!(plan.problems(&|_| true), []);
            let again = PlanForm::of(&plan, form.version).parse(Some(&plan), &|_| true);
            assert_eq!(again.ok().as_ref(), Some(&plan), "its own form changes it");
        }
        Err(errors) => refused(&errors),
    }
}

fn guardrails(fields: &Fields) {
    let mut form = GuardrailForm::from_fields(fields);
    form.apply(fields.text("intent"));
    match form.parse(&[]) {
        Ok(guardrails) => {
            assert_eq!(guardrail_problems(&guardrails), []);
            assert!(guardrails.iter().all(|it| !it.sentence().is_empty()));
        }
        Err(errors) => refused(&errors),
    }
}

fn testers(fields: &Fields) {
    match TesterForm::from_fields(fields).list(NOW_MS) {
        Ok(list) => assert!(!list.is_empty()),
        Err(errors) => refused(&errors),
    }
    if let Err(errors) = InvitationForm::from_fields(fields).parse() {
        refused(&errors);
    }
    if let Err(error) = chosen(fields) {
        assert!(!error.to_string().is_empty());
    }
}

fn trial(fields: &Fields) {
    let schema = AttributeSchema::default();
    let form = TrialForm::from_pairs(fields.iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
    if let Err(errors) = form.attributes(&schema) {
        told(&errors);
    }
    let query = form.query();
    let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
    let again = TrialForm::from_pairs(pairs);
    assert_eq!(again.attributes(&schema), form.attributes(&schema), "its address asks something else");
    match edited(fields, &Attributes::default(), &schema) {
        Ok(traits) => {
            assert_eq!(edited(&Fields::default(), &traits, &schema), Ok(traits), "nothing was touched");
        }
        Err(sentence) => assert!(!sentence.is_empty()),
    }
}
