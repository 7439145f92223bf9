//! Inside the audience of a rule: the button that begins a new group, and the small form of one.

use leptos::prelude::*;

use super::{bank::Bank, rule::RuleForm, strip::SWAP};
use crate::{
    condition::{builder::ConditionBuilder, form::ConditionErrors},
    form::error::sentences_at,
    ui::{
        field::{Field, Paragraph},
        icon,
    },
};

/// The button that begins one, or what is typed of it.
pub(super) fn view(bank: &Bank<'_>, rule: &RuleForm) -> Option<AnyView> {
    let made = rule.made.as_ref().map(|made| {
        view! { <p class="note" role="status">{made.sentence.clone()}</p> }
    });
    if !bank.makes_groups {
        return None;
    }
    let Some(new) = &rule.new_group else {
        let begin = button(rule, "new-group", "New group…", "quiet");
        return Some(view! { <div class="cluster">{begin}{made}</div> }.into_any());
    };
    let at = |field: &str| sentences_at(bank.errors, &rule.name(field));
    let prefix = rule.name("new.if");
    let condition = new.condition.parse();
    let errors = match condition {
        Err(errors) if at("new.name").is_some() => errors,
        Ok(_) | Err(_) => ConditionErrors::default(),
    };
    let testers = bank.enrols.then(|| {
        view! {
            <Paragraph
                label="Testers, one per line"
                name=rule.name("new.testers")
                value=new.testers.clone()
                error=at("new.testers")
                hint="Their targeting keys, e-mail addresses or names. Only known people are enrolled here."
                rows=2
                mono=true
            />
        }
    });
    Some(
        view! {
            <fieldset class="new-group stack-small" id=rule.name("new-group")>
                <legend>"New pilot group"</legend>
                <input type="hidden" name=rule.name("new") value="1" />
                <Field
                    label="Name of the group"
                    name=rule.name("new.name")
                    value=new.name.clone()
                    error=at("new.name")
                    hint="Its key is made from the name."
                    placeholder="Gold agencies"
                    autofocus=new.condition.focus.is_none()
                    autocomplete="off"
                />
                <ConditionBuilder
                    prefix=prefix.clone()
                    draft=new.condition.clone()
                    errors=errors
                    vocabulary=bank.vocabularies.get(&prefix).cloned().unwrap_or_default()
                    legend="Who is in it"
                    none="No condition: only the testers below are in it. Without any it is empty, and reaches nobody."
                />
                {testers}
                <p class="note">"The group is saved at once. The rollout stays as it is until you save it."</p>
                <div class="cluster">
                    {button(rule, "make-group", "Save the group", "primary")}
                    {button(rule, "drop-group", "Cancel", "quiet")}
                </div>
            </fieldset>
        }
        .into_any(),
    )
}

fn button(
    rule: &RuleForm,
    verb: &'static str,
    text: &'static str,
    kind: &'static str,
) -> impl IntoView + use<> {
    let plus = (verb == "new-group").then(icon::plus);
    let back = if verb == "new-group" { rule.name("new-group") } else { format!("more-{}", rule.id) };
    view! {
        <button
            class="button"
            data-size="small"
            data-kind=kind
            name="intent"
            value=format!("{verb}:{}", rule.id)
            formaction=format!("#{back}")
            data-swap=SWAP
            formnovalidate
        >
            {plus}
            {text}
        </button>
    }
}
