//! Try it: what one subject would be served, and the whole way there in plain words. The question stands in the
//! address, so an answer can be linked; whoever does not want to share an attribute leaves it out.

use axum::extract::Path;
use engine::{Attributes, Context, Explanation, audience_phrase, group_name, hints};
use islands::swap::Swap;
use leptos::prelude::*;
use store::{Operation, Persona};

use super::form::TrialForm;
use crate::{
    flag::{FlagPage, Tab, frame},
    form::{error::FieldError, state::FormState},
    page::{Page, PageMeta, PageResult, layout::Section},
};

/// The name of a new persona as typed.
pub type PersonaName = String;

/// Everything the page shows.
pub struct Trial {
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
    let trial = Trial::of(&page, &shown).await?;
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

impl Trial {
    async fn of(page: &Page, shown: &FlagPage) -> Result<Self, crate::error::AppError> {
        let form = TrialForm::from_pairs(page.queries());
        let may_read = page.principal.may(Operation::ReadPeople);
        let people = page.store().live().people();
        let traits = people.traits(&form.subject).filter(|_| may_read).map(|traits| traits.to_attributes());
        let suggestions = if may_read {
            suggestions(people.iter().map(|(subject, _)| subject), &form.subject)
        } else {
            Vec::new()
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

/// Those that begin with what was typed first, then those that contain it.
fn suggestions<'p>(people: impl Iterator<Item = &'p str>, typed: &str) -> Vec<String> {
    let typed = typed.to_lowercase();
    let (mut first, mut then) = (Vec::new(), Vec::new());
    for subject in people {
        let lower = subject.to_lowercase();
        if lower.starts_with(&typed) {
            first.push(subject.to_owned());
        } else if then.len() < SUGGESTIONS_MAX && lower.contains(&typed) {
            then.push(subject.to_owned());
        }
        if first.len() == SUGGESTIONS_MAX {
            break;
        }
    }
    first.extend(then);
    first.truncate(SUGGESTIONS_MAX);
    first
}

#[cfg(test)]
mod tests {
    use super::suggestions;

    #[test]
    fn people_whose_key_begins_so_come_first() {
        let people = ["big-ada", "ada-1", "bob", "Ada-2"];
        assert_eq!(suggestions(people.into_iter(), "ada"), ["ada-1", "Ada-2", "big-ada"]);
    }
}
