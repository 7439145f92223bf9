//! A channel strip: one rule with its fader, number, steps and counts. Everything in it is a form control with a
//! name, so that it works without scripts; the `Faders` island only makes the controls follow each other.

use engine::{Percentage, grouped};
use islands::fader::{direction, step_for, value_text};
use leptos::prelude::*;

use super::{
    bank::Bank,
    details,
    rule::{RuleForm, SPLIT},
};
use crate::{
    forecast::{Mood, count_id, overlap_id},
    form::error::sentences_at,
    ui::{icon, place},
};

/// Where every rollout passes on its way: buttons on the scale, one press each.
const STEPS: [u32; 4] = [0, 20, 50, 100];

/// The regions that a button of the form may change; the `Swap` island replaces them in place.
pub const SWAP: &str = "strips more";

/// The bank of all strips, everyone below the groups.
pub fn bank(bank: &Bank<'_>) -> impl IntoView + use<> {
    let strips: Vec<_> = (0..bank.form.rules.len()).map(|at| strip(bank, at)).collect();
    let lonely = bank.form.rules.len() == 1;
    let hint = lonely.then(|| {
        view! {
            <li class="strip-hint">
                <p>
                    "Begin with a pilot group: a few people who know that it is new. Then open it to everyone, "
                    "step by step. Raising a fader only ever adds people."
                </p>
                {bank.editable.then(add_button)}
            </li>
        }
    });
    let add = (bank.editable && !lonely).then(|| view! { <div class="strips-foot">{add_button()}</div> });
    view! {
        <div id="strips" class="strips-region">
            <ol class="strips" aria-label="Audiences, in the order in which they are tried">{hint}{strips}</ol>
            {add}
        </div>
    }
}

fn add_button() -> impl IntoView {
    view! {
        <button
            class="button"
            data-size="small"
            name="intent"
            value="add-audience"
            formaction="#strips"
            data-swap=SWAP
            formnovalidate
        >
            {icon::plus()}
            "Add an audience"
        </button>
    }
}

fn strip(bank: &Bank<'_>, at: usize) -> impl IntoView + use<> {
    let rule = &bank.form.rules[at];
    let name = bank.name(rule);
    let hidden = bank.editable.then(|| {
        let audience = if rule.everyone { "everyone" } else { "matching" };
        let was =
            Percentage::parse(&rule.percentage).map_or_else(|_| rule.percentage.clone(), |p| p.to_string());
        view! {
            <input type="hidden" name="rule" value=rule.id.clone() />
            <input type="hidden" name=rule.name("audience") value=audience />
            <input type="hidden" name=rule.name("was") value=was />
        }
    });
    let sentence = sentences_at(bank.errors, &rule.name("to"));
    let error = sentence.clone().map(|error| {
        view! { <p class="error strip-error" id=rule.name("to-error") role="alert">{error}</p> }
    });
    view! {
        <li class="strip" id=format!("rule-{}", rule.id) data-everyone=rule.everyone.then_some("")>
            {hidden}
            <div class="strip-who">
                <h2 class="strip-name">{name.clone()}</h2>
                {count(bank, rule)}
                <p class="strip-notes">{notes(bank, rule)}</p>
            </div>
            {fader(bank, rule, &name)}
            {number(bank, rule, &name, sentence.is_some())}
            {error}
            {bank.editable.then(|| details::details(bank, at, &name))}
        </li>
    }
}

/// Nothing while nobody is known: there is nobody to count. Everyone at 0 % is no rule yet, so the forecast leaves
/// it out.
fn count(bank: &Bank<'_>, rule: &RuleForm) -> Option<impl IntoView + use<>> {
    let (known, mood) = (bank.forecast.known, bank.forecast.mood);
    let channel = bank.channel(rule);
    let overlap = channel.map(|channel| channel.overlap.clone()).unwrap_or_default();
    let numbers = match (channel, mood) {
        (Some(channel), _) => channel.count.clone(),
        (None, Mood::Same | Mood::Adds | Mood::Takes) if known == 0 => return None,
        (None, Mood::Same | Mood::Adds | Mood::Takes) if rule.everyone => format!("0 of {}", grouped(known)),
        (None, Mood::Unfinished | Mood::Same | Mood::Adds | Mood::Takes) => "–".to_owned(),
    };
    Some(view! {
        <p class="strip-count">
            <b id=count_id(&rule.id)>{numbers}</b>
            " known people inside"
            <span id=overlap_id(&rule.id)>{overlap}</span>
        </p>
    })
}

/// What is unusual about the rule, in a few words.
fn notes(bank: &Bank<'_>, rule: &RuleForm) -> String {
    let mut notes = Vec::new();
    if !rule.bucket_by.is_empty() {
        notes.push(format!("whole {}s together", rule.bucket_by));
    }
    if rule.serves == SPLIT {
        let parts = rule.weights.iter().filter(|(_, weight)| !weight.is_empty() && weight != "0");
        let parts: Vec<_> = parts.map(|(variant, weight)| format!("{variant} {weight} %")).collect();
        notes.push(format!("serves {}", parts.join(", ")));
    } else if !rule.serves.is_empty() {
        notes.push(format!("serves {}", rule.serves));
    } else if bank.flag.variants.len() > 2
        && let Some(on) = bank.flag.on_variant()
    {
        notes.push(format!("serves {}", on.key));
    }
    let planned: Vec<_> = bank.planned(rule).iter().map(ToString::to_string).collect();
    if !planned.is_empty() {
        notes.push(format!("plan: {} %", planned.join(" → ")));
    }
    notes.join(" · ")
}

fn fader(bank: &Bank<'_>, rule: &RuleForm, name: &str) -> impl IntoView + use<> {
    let saved = bank.saved_at(rule);
    let at = rule.percentage().unwrap_or(saved);
    let (from, to) = (saved.thousandths(), at.thousandths());
    let class = format!("fader {} {}", place::at(at), place::saved(saved));
    let control = if bank.editable {
        view! {
            <input
                type="range"
                class="fader-range"
                name=rule.name("fader")
                min="0"
                max="100"
                step=step_for(to)
                value=at.to_string()
                aria-label=name.to_owned()
                aria-valuetext=value_text(from, to)
            />
        }
        .into_any()
    } else {
        let label = format!("{name}: {at} %");
        view! { <span class="fader-range fader-still" role="img" aria-label=label></span> }.into_any()
    };
    view! {
        <div class=class data-saved=saved.to_string() data-moved=direction(from, to)>
            <div class="fader-slot" aria-hidden="true">
                <i class="fader-fill"></i>
                <i class="fader-change"></i>
                <i class="fader-ghost"></i>
                {plan_marks(bank, rule)}
            </div>
            {control}
            <div class="fader-scale">{scale(bank, rule, name, at)}</div>
        </div>
    }
}

/// Ghost marks where the plan's steps put this fader; the strip's notes say them in words.
fn plan_marks(bank: &Bank<'_>, rule: &RuleForm) -> Vec<AnyView> {
    let mark = |to: Percentage| view! { <i class=format!("fader-plan {}", place::at(to))></i> }.into_any();
    bank.planned(rule).into_iter().map(mark).collect()
}

fn scale(bank: &Bank<'_>, rule: &RuleForm, name: &str, at: Percentage) -> Vec<AnyView> {
    let mark = |step: u32| {
        let class = format!("fader-step {}", place::at(Percentage::whole(step).unwrap_or_default()));
        if !bank.editable {
            return view! { <span class=class>{step}</span> }.into_any();
        }
        let is_there = Percentage::whole(step) == Some(at);
        view! {
            <button
                class=class
                name="intent"
                value=format!("set:{}:{step}", rule.id)
                formaction=format!("#rule-{}", rule.id)
                data-step=step.to_string()
                data-here=is_there.then_some("")
                aria-label=format!("Set {name} to {step} %")
                formnovalidate
            >
                {step}
            </button>
        }
        .into_any()
    };
    STEPS.into_iter().map(mark).collect()
}

fn number(bank: &Bank<'_>, rule: &RuleForm, name: &str, invalid: bool) -> AnyView {
    if !bank.editable {
        return view! { <p class="strip-number"><b>{rule.percentage.clone()}</b>" %"</p> }.into_any();
    }
    let described = invalid.then(|| rule.name("to-error"));
    view! {
        <div class="strip-number">
            <input
                class="fader-number"
                name=rule.name("to")
                id=rule.name("to")
                value=rule.percentage.clone()
                inputmode="decimal"
                autocomplete="off"
                aria-label=format!("{name}, per cent")
                aria-invalid=invalid.then_some("true")
                aria-describedby=described
            />
            <span aria-hidden="true">"%"</span>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use engine::{AttributeSchema, Audience, Flag, FlagKey, Group, GroupKey, Rollout, Rule, RuleId};
    use std::{collections::BTreeMap, sync::Arc};

    use super::*;
    use crate::{
        flag::rollout::form::RolloutForm,
        forecast::{Channel, Forecast},
        form::{error::FieldError, state::FormState},
    };

    fn rollout() -> Rollout {
        let rule = |id: &str, audience, percentage| Rule {
            id: RuleId::parse(id).expect("id"),
            audience,
            percentage: Percentage::whole(percentage).expect("percentage"),
            holdback: engine::Percentage::NONE,
            bucket_by: engine::BucketBy::Subject,
            split: Vec::new(),
        };
        let groups = vec![GroupKey::parse("vip-agencies").expect("key")];
        let audience = Audience::Matching { groups, condition: None };
        Rollout {
            rules: vec![rule("vip", audience, 50), rule("everyone", Audience::Everyone, 0)],
            ..Rollout::new("seed")
        }
    }

    fn html(form: &RolloutForm, errors: &[FieldError], editable: bool) -> String {
        html_among(0, form, errors, editable)
    }

    fn html_among(known: usize, form: &RolloutForm, errors: &[FieldError], editable: bool) -> String {
        let flag = Flag::boolean(FlagKey::parse("fast-payment").expect("key"), "Fast payment");
        let group = Group {
            key: GroupKey::parse("vip-agencies").expect("key"),
            name: "VIP agencies".into(),
            description: String::new(),
            condition: None,
            enrolments: Vec::new(),
        };
        let channel = Channel {
            rule: "vip".into(),
            name: "VIP agencies".into(),
            count: "602 of 1,200".into(),
            overlap: ", of whom 72 already through Gold agencies".into(),
            served: 530,
        };
        let forecast = Forecast {
            mood: Mood::Same,
            known,
            channels: vec![channel],
            ..Forecast::unfinished(String::new())
        };
        let pilot = engine::RuleId::parse("vip").expect("id");
        let everyone = engine::RuleId::parse("everyone").expect("id");
        let template = engine::plan::Template::find("standard").expect("a template");
        let plan = template.plan(&[pilot], &everyone);
        let bank = Bank {
            flag: &flag,
            form,
            saved: &rollout(),
            forecast: &forecast,
            errors,
            tester: &FormState::default(),
            groups: &[Arc::new(group)],
            schema: &AttributeSchema::default(),
            vocabularies: &BTreeMap::new(),
            editable,
            makes_groups: editable,
            enrols: editable,
            plan: Some(&plan),
        };
        super::bank(&bank).to_html()
    }

    #[test]
    fn a_strip_counts_known_people() {
        let new = RolloutForm::from_rollout(&Rollout::new("seed"), 1);
        assert!(!html(&new, &[], true).contains("known people"), "nobody is known");
        let of = |form: &RolloutForm| html_among(1560, form, &[], true);
        assert!(of(&new).contains(">0 of 1,560"), "everyone at 0 %");
        let html = of(&RolloutForm::from_rollout(&rollout(), 1));
        assert!(
            html.contains(">602 of 1,200") && html.contains(">, of whom 72 already through Gold agencies")
        );
    }

    #[test]
    fn every_control_of_a_strip_says_what_it_is() {
        let mut form = RolloutForm::from_rollout(&rollout(), 1);
        form.rules[0].percentage = "70".into();
        let html = html(&form, &[], true);
        for expected in [
            r#"aria-label="VIP agencies""#,
            r#"aria-valuetext="70 %, saved at 50 %""#,
            r#"aria-label="VIP agencies, per cent""#,
            r#"aria-label="Set VIP agencies to 20 %""#,
            r#"aria-label="Remove VIP agencies""#,
            r#"data-moved="up""#,
            "602 of 1,200",
            "plan: 20 → 50 → 100 %",
            r#"class="fader-plan at at-t5""#,
            r#"class="fader at at-t7 saved saved-t5""#,
        ] {
            assert!(html.contains(expected), "{expected} is missing in {html}");
        }
        let (vip, everyone) =
            (html.find("rule-vip").expect("vip"), html.find("rule-everyone").expect("everyone"));
        assert!(vip < everyone, "everyone stands below the groups");
    }

    #[test]
    fn whoever_may_only_look_gets_no_controls() {
        let html = html(&RolloutForm::from_rollout(&rollout(), 1), &[], false);
        assert!(!html.contains("<input") && !html.contains("<button"), "{html}");
        assert!(html.contains(r#"role="img" aria-label="VIP agencies: 50 %""#), "{html}");
    }

    #[test]
    fn a_wrong_percentage_stays_typed_and_is_an_alert() {
        let mut form = RolloutForm::from_rollout(&rollout(), 1);
        form.rules[0].percentage = "120".into();
        let errors = form
            .parse(&rollout(), &Flag::boolean(FlagKey::parse("f").expect("key"), "F"))
            .expect_err("errors");
        let html = html(&form, &errors, true);
        assert!(html.contains(r#"value="120""#) && html.contains(r#"aria-invalid="true""#), "{html}");
        assert!(html.contains(r#"id="r.vip.to-error" role="alert""#), "{html}");
    }
}
