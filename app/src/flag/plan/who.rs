//! Whom one step of the saved plan moves, by name: a page behind the sentence of the step.

use engine::FlagKey;
use leptos::prelude::*;

use super::preview::{before, prepared, with};
use crate::{
    flag::{FlagPage, Tab, frame},
    moved::{Look, Way, What},
    page::{Page, PageMeta, PageResult, here::here, layout::Section},
};

/// Steps are counted from one.
pub fn address(flag: &FlagKey, step: usize) -> String {
    format!("{}?step={step}", Tab::Plan.path(flag))
}

pub async fn show(page: &Page, shown: &FlagPage, step: &str) -> PageResult {
    let at = step.parse::<usize>().ok().and_then(|step| step.checked_sub(1));
    let plan = shown.plan().map(|release| release.plan.clone());
    let planned = at.zip(plan).filter(|(at, plan)| *at < plan.steps.len());
    // Another environment has another plan, or none; and plans are changed.
    let Some((at, plan)) = planned else { return Ok(page.go(&page.href(&Tab::Plan.path(shown.key())))) };
    let (before, rollout) = (before(shown), prepared(&shown.rollout.value));
    let was =
        at.checked_sub(1).map_or_else(|| before.clone(), |last| plan.percentages_at(Some(last), &before));
    let change = (with(&rollout, &was), with(&rollout, &plan.percentages_at(Some(at), &before)));
    let look = page.query("look").and_then(|text| Look::parse(&text)).unwrap_or_default();
    let names = shown.moved_between(page, change, look).await?;
    let title = format!("Whom step {} of {} moves", at + 1, shown.flag.name);
    page.render(PageMeta::new(title, Section::Desk), move || {
        let here = here();
        let base = here.same_page_with(&[("look", "")]);
        let way = Way::Links(format!("{base}&look="));
        let body = view! {
            <section class="card stack-small who" id="who" aria-labelledby="who-title">
                <h2 id="who-title">{format!("Who gains and who loses it by step {}", at + 1)}</h2>
                {names.view(&way, What::Flag)}
                <p><a href=here.href(&Tab::Plan.path(shown.key()))>"Back to the plan"</a></p>
            </section>
        };
        frame(shown, Tab::Plan, false, body)
    })
}
