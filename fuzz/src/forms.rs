//! Forms of the dashboard: any body of any form. Fields that are read are sent again unchanged; whatever was typed is
//! either a definition without problems or refused with sentences, and comes back as it was typed.

use app::{
    draft::Refusal,
    fields::{FIELDS_MAX, Fields},
    forms::{
        flag::FlagForm,
        group::{CONDITION, GroupForm},
        guardrails::GuardrailForm,
        intent::Intent,
        people::traits_from_rows,
        plan::PlanForm,
        rollout::RolloutForm,
        testers::{InvitationForm, TesterForm, chosen},
        trial::TrialForm,
        wrong::Wrong,
    },
};
use engine::{AttributeSchema, Flag, FlagKey, GroupKey, Rollout, guardrail::guardrail_problems};

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

fn told(wrongs: &[Wrong]) {
    assert!(
        !wrongs.is_empty() && wrongs.iter().all(|it| !it.sentence.is_empty()),
        "refused without a sentence"
    );
}

fn refused(refusal: &Refusal) {
    let told = refusal.reasons.iter().all(|it| !it.sentence.is_empty());
    assert!(told && !refusal.reasons.is_empty() && refusal.status.is_client_error(), "{refusal:?}");
}

fn a_flag() -> Flag {
    Flag::boolean(FlagKey::parse("fast-payment").expect("a key"), "Fast payment")
}

fn flag(fields: &Fields) {
    let mut form = FlagForm::from_fields(fields);
    form.apply(fields.text("intent"));
    match form.create() {
        Ok(flag) => assert_eq!(flag.problems(), []),
        Err(wrongs) => told(&wrongs),
    }
    match form.change(&a_flag()) {
        Ok(flag) => {
            assert_eq!(flag.problems(), []);
            let again = FlagForm::from_flag(&flag, form.expected).change(&flag);
            assert_eq!(again.as_ref(), Ok(&flag), "its own form changes it");
        }
        Err(wrongs) => told(&wrongs),
    }
}

fn group(fields: &Fields) {
    let mut form = GroupForm::from_fields(fields);
    form.condition.apply(fields.text("intent"), CONDITION);
    let key = match form.parse_key() {
        Ok(key) => key,
        Err(refusal) => {
            refused(&refusal);
            GroupKey::parse("g").expect("a key")
        }
    };
    match form.parse(key, Vec::new()) {
        Ok(group) => {
            assert_eq!(group.problems(), []);
            assert!(!form.differs_from(&group));
        }
        Err(refusal) => refused(&refusal),
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
        Err(wrongs) => {
            told(&wrongs);
            form.open_at(&wrongs);
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
        Err(refusal) => refused(&refusal),
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
        Err(refusal) => refused(&refusal),
    }
}

fn testers(fields: &Fields) {
    match TesterForm::from_fields(fields).list(NOW_MS) {
        Ok(list) => assert!(!list.is_empty()),
        Err(refusal) => refused(&refusal),
    }
    if let Err(refusal) = InvitationForm::from_fields(fields).parse() {
        refused(&refusal);
    }
    if let Err(error) = chosen(fields) {
        assert!(!error.to_string().is_empty());
    }
}

fn trial(fields: &Fields) {
    let schema = AttributeSchema::default();
    let form = TrialForm::from_pairs(fields.iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
    if let Err(wrongs) = form.attributes(&schema) {
        told(&wrongs);
    }
    let query = form.query();
    let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
    let again = TrialForm::from_pairs(pairs);
    assert_eq!(again.attributes(&schema), form.attributes(&schema), "its address asks something else");
    if let Err(sentence) = traits_from_rows(fields.all("a").zip(fields.all("v")), &schema) {
        assert!(!sentence.is_empty());
    }
}
