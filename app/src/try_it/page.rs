//! Try it: what one subject would be served, and the whole way there in plain words. The question stands in the
//! address, so an answer can be linked; whoever does not want to share an attribute leaves it out.

use axum::extract::Path;
use engine::{Attributes, Context, Explanation, SubjectKey, audience_phrase, group_name, hints};
use islands::swap::Swap;
use leptos::prelude::*;
use store::{Operation, PeopleReader, Persona, Store};

use super::form::TrialForm;
use crate::{
    error::AppError,
    flag::{FlagPage, Tab, frame},
    form::{error::FieldError, state::FormState},
    page::{Page, PageMeta, PageResult, layout::Section},
};

/// The name of a new persona as typed.
pub type PersonaName = String;

/// Everything the page shows.
pub struct Tried {
    pub(super) form: TrialForm,
    pub(super) errors: Vec<FieldError>,
    /// `None` while nothing was asked, or not in a way that can be answered.
    pub(super) answer: Option<Answer>,
    /// Stored with the subject, when somebody who may look people up asks for a known one.
    pub(super) traits: Option<Attributes>,
    pub(super) personas: Vec<Persona>,
    /// Known people whose key resembles what was typed.
    pub(super) suggestions: Vec<String>,
    pub(super) may_read: bool,
}

pub(super) struct Answer {
    pub(super) explanation: Explanation,
    pub(super) on: bool,
    /// The rule's audience in words.
    pub(super) rule: Option<String>,
    pub(super) hints: Vec<String>,
}

const SUGGESTIONS_MAX: usize = 20;

pub async fn get(page: Page, Path(key): Path<String>) -> PageResult {
    show(page, &key, FormState::default()).await
}

/// The page; the draft is that of the form which saves a persona.
pub async fn show(page: Page, key: &str, draft: FormState<PersonaName>) -> PageResult {
    let shown = FlagPage::load(&page, key).await?;
    let trial = Tried::of(&page, &shown).await?;
    let meta = PageMeta::new(format!("Try {}", shown.flag.name), Section::Desk).status(draft.status());
    page.render(meta, move || {
        let schema = shown.snapshot.attributes();
        let body = view! {
            <Swap />
            <div class="try-grid">
                <div class="stack">
                    {super::question::view(&trial, &shown)}
                    {super::question::personas(&trial, schema, &draft)}
                </div>
                <div class="stack" id="answer">{super::answer::view(&trial, &shown)}</div>
            </div>
        };
        frame(&shown, Tab::TryIt, false, body)
    })
}

impl Tried {
    async fn of(page: &Page, shown: &FlagPage) -> Result<Self, AppError> {
        let form = TrialForm::from_pairs(page.queries());
        let may_read = page.may(Operation::ReadPeople);
        let (traits, suggestions) = match page.principal.people_reader() {
            Ok(reader) => known(page.store(), &reader, &form.subject).await?,
            Err(_) => (None, Vec::new()),
        };
        let (answer, errors) = match form.attributes(shown.snapshot.attributes()) {
            Ok(_) if form.is_empty() => (None, Vec::new()),
            Ok(sent) => {
                let traits = traits.as_ref().unwrap_or(Attributes::EMPTY);
                (Some(Answer::of(shown, &form, &sent, traits, page.now_ms())), Vec::new())
            }
            Err(errors) => (None, errors),
        };
        let mut personas = page.store().list_personas(&page.viewer()).await?;
        if !may_read {
            let schema = shown.snapshot.attributes();
            for persona in &mut personas {
                persona.attributes = schema.without_personal(&persona.attributes);
            }
        }
        Ok(Self { form, errors, answer, traits, personas, suggestions, may_read })
    }
}

impl Answer {
    fn of(shown: &FlagPage, form: &TrialForm, sent: &Attributes, traits: &Attributes, now_ms: i64) -> Self {
        let context = Context {
            targeting_key: Some(form.subject.as_str()).filter(|subject| !subject.is_empty()),
            sender: form.sender(),
            sent,
            signed: Attributes::EMPTY,
            traits: traits.into(),
        };
        let explanation = shown.snapshot.explain(shown.key().as_str(), &context, now_ms);
        let served = explanation.decision.as_ref().ok();
        let rule = served.and_then(|served| served.rule.as_ref());
        let rule = rule.and_then(|id| shown.rollout.value.rule(id.as_str()));
        Self {
            on: served.is_some_and(|served| served.variant != shown.flag.off_variant),
            rule: rule.map(|rule| audience_phrase(&rule.audience, &group_name(&shown.snapshot))),
            hints: hints(&shown.snapshot, &explanation, &context, now_ms),
            explanation,
        }
    }
}

/// What is stored with whom the question is about, and people whose key resembles theirs. Both are audited; a key that
/// nobody has, such as one that is half typed, opens nobody.
async fn known(
    store: &Store,
    reader: &PeopleReader,
    typed: &str,
) -> Result<(Option<Attributes>, Vec<String>), AppError> {
    let is_known = store.live().people().traits(typed).is_some();
    let traits = match SubjectKey::parse(typed) {
        Ok(subject) if is_known => {
            store.look_up(reader, &subject).await?.traits().map(|traits| traits.to_attributes())
        }
        Ok(_) | Err(_) => None,
    };
    Ok((traits, store.suggest_people(reader, typed, SUGGESTIONS_MAX).await?))
}
