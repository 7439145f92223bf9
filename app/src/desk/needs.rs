//! What needs somebody, above the flags: why, since when, and the one thing to do about it.

use engine::{FlagKey, grouped, guardrail::Health};
use leptos::prelude::*;
use store::{FlagHealth, Operation, PlanUnderWay, Principal};

use super::{filter::Filter, page::Desk};
use crate::{
    attention::{Need, Topic, Why},
    flag::{Tab, incident},
    form::error::as_sentence,
    page::here::Here,
    ui::{badge::Tone, icon, time},
};

/// Lines told of what is urgent, and of each topic that can wait.
const URGENT_MAX: usize = 8;
const OTHERS_MAX: usize = 2;
/// Lines told of the one topic that is asked for.
const ASKED_MAX: usize = 50;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What can be done, and where.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    label: &'static str,
    path: String,
    /// Who may do more, for those who may not.
    ask: Option<String>,
}

impl Desk<'_> {
    pub fn needs(&self, filter: &Filter, here: &Here) -> impl IntoView + use<> {
        let is_short = filter.is_narrowed() && filter.need.is_none();
        let told: Vec<&Need> = if is_short { Vec::new() } else { told(&self.needs, filter.need) };
        let lines: Vec<_> = told.iter().filter_map(|need| self.line(need, here)).collect();
        let rest = rest(&self.needs, &told, here);
        let body = if self.needs.is_empty() {
            view! { <p class="needs-calm">{icon::check()}"Nothing needs anybody right now."</p> }.into_any()
        } else {
            view! {
                <h2 id="needs-title">"What needs somebody"</h2>
                {(!lines.is_empty()).then(|| view! { <ul class="needs-list">{lines}</ul> })}
                {rest}
            }
            .into_any()
        };
        let labelled = (!self.needs.is_empty()).then_some("needs-title");
        view! { <section class="needs" id="needs" data-live="" aria-labelledby=labelled>{body}</section> }
    }

    fn line(&self, need: &Need, here: &Here) -> Option<impl IntoView + use<>> {
        let who = here.principal.as_ref()?;
        let (tone, word) = badge(&need.why);
        let flag = &need.flag;
        let Step { label, path, ask } = step(need, who, here);
        let sentence = sentence(need, self.health.get(&flag.key), self.served.kept_ms);
        let own = match &need.why {
            Why::Approval(plan, _) if !plan.release.may_be_approved_by(who.person()) => {
                Some("You wrote or started this plan, so somebody else approves it.".to_owned())
            }
            _ => ask,
        };
        let happened = match need.why {
            Why::Stopped(_) | Why::Lowered => Some(here.href(&incident::latest(&flag.key))),
            _ => None,
        };
        let happened = happened.map(|href| view! { " · " <a href=href>"See what happened"</a> });
        let name = format!("{label}: {}", flag.name);
        Some(view! {
            <li data-key=format!("{}/{}", need.topic().as_str(), flag.key) data-tone=tone.as_str()>
                <span class="badge" data-tone=tone.as_str()>{word}</span>
                <p>
                    <a href=here.href(&Tab::Rollout.path(&flag.key))>{flag.name.clone()}</a>
                    ": "
                    <span>{sentence.replace(" %", "\u{a0}%")}</span>
                    " "
                    {time::ago(here.now_ms, need.since_ms)}
                    {happened}
                    {own.map(|own| view! { " · " <small>{own}</small> })}
                </p>
                <a class="desk-action" href=here.href(&path) aria-label=name>{label}</a>
            </li>
        })
    }
}

/// The most pressing lines; of one topic where that is asked for.
fn told(needs: &[Need], asked: Option<Topic>) -> Vec<&Need> {
    let most = |topic: Topic| if topic.is_urgent() { URGENT_MAX } else { OTHERS_MAX };
    let mut told: Vec<&Need> = Vec::new();
    for topic in Topic::ALL {
        let own = needs.iter().filter(|need| need.topic() == topic);
        match asked {
            Some(asked) if asked == topic => told.extend(own.take(ASKED_MAX)),
            Some(_) => {}
            None => {
                let room = if topic.is_urgent() { URGENT_MAX.saturating_sub(told.len()) } else { usize::MAX };
                told.extend(own.take(most(topic).min(room)));
            }
        }
    }
    told
}

/// What is not told in a line of its own, each as a link to those flags.
fn rest(needs: &[Need], told: &[&Need], here: &Here) -> Option<impl IntoView + use<>> {
    let links: Vec<_> = Topic::ALL
        .into_iter()
        .filter_map(|topic| {
            let of = |needs: &mut dyn Iterator<Item = &Need>| needs.filter(|it| it.topic() == topic).count();
            let (all, lines) = (of(&mut needs.iter()), of(&mut told.iter().copied()));
            (all > lines).then(|| {
                let href = here.href(&format!("/?need={}", topic.as_str()));
                view! { <li><a href=href>{topic.counted(all)}</a></li> }
            })
        })
        .collect();
    (!links.is_empty()).then(|| {
        view! { <div class="needs-rest"><span>"Altogether:"</span><ul>{links}</ul></div> }
    })
}

fn badge(why: &Why) -> (Tone, &'static str) {
    match why {
        Why::Stopped(_) => (Tone::Danger, "Stopped by the guard"),
        Why::Lowered => (Tone::Danger, "Lowered by the guard"),
        Why::RolledBack(_) => (Tone::Danger, "Plan rolled back"),
        Why::Paused(_) => (Tone::Warning, "Plan paused by the guard"),
        Why::Holds(_) => (Tone::Warning, "Plan waits"),
        Why::Approval(..) => (Tone::Accent, "Waits for an approval"),
        Why::Scheduled(_) => (Tone::Accent, "Starts by itself"),
        Why::Completed { .. } => (Tone::Neutral, "Ready to clean up"),
        Why::Unowned => (Tone::Neutral, "No owner"),
        Why::Unserved { .. } => (Tone::Neutral, "No traffic"),
    }
}

/// Why it is there, with what leads to the time after it. `health`: what the guard last said of it; `kept_ms`: how far back one can see who was served.
fn sentence(need: &Need, health: Option<&FlagHealth>, kept_ms: i64) -> String {
    let of_plan =
        |plan: &PlanUnderWay| as_sentence(&plan.release.state.sentence(plan.release.plan.steps.len()));
    // The guard goes on looking after a step back: what it says of a healthy flag is not why.
    let broken = health.filter(|it| it.health == Health::Breach);
    let evidence =
        || broken.map_or_else(|| "A guardrail was broken.".to_owned(), |it| as_sentence(&it.sentence));
    match &need.why {
        Why::Stopped(Some(plan)) | Why::RolledBack(plan) | Why::Paused(plan) | Why::Holds(plan) => of_plan(plan),
        Why::Stopped(None) | Why::Lowered => evidence(),
        Why::Approval(plan, step) => {
            let what = plan.next_phrase.as_deref().map(|phrase| format!(": {phrase}")).unwrap_or_default();
            let step = as_sentence(&format!("Step {} of “{}”{what}", step + 1, plan.release.plan.name));
            format!("{step} The step before began")
        }
        Why::Scheduled(plan) => {
            let first = plan.next_phrase.as_deref().map(|phrase| format!(" First: {}", as_sentence(phrase)));
            format!("{}{}", of_plan(plan), first.unwrap_or_default())
        }
        Why::Completed { served_ms: Some(_) } => {
            "It is completed, but applications still ask for it: take it out of their code first. It was last changed"
                .to_owned()
        }
        Why::Completed { served_ms: None } => {
            format!("It is completed, and nobody was served it in the last {}. It was last changed", days(kept_ms))
        }
        Why::Unowned => "Nobody is named as its owner. It was last changed".to_owned(),
        Why::Unserved { served_ms: Some(_) } => {
            "It is rolled out, but nobody is served it any more, as far as applications tell. They last did".to_owned()
        }
        Why::Unserved { served_ms: None } => {
            format!(
                "It is rolled out, but nobody was served it in the last {}, as far as applications tell. Its rollout was last changed",
                days(kept_ms)
            )
        }
    }
}

/// `7 days`, or as many as are kept.
fn days(kept_ms: i64) -> String {
    match (kept_ms / DAY_MS).clamp(1, 7) {
        1 => "day".to_owned(),
        days => format!("{} days", grouped(usize::try_from(days).unwrap_or(1))),
    }
}

/// The one thing to do; for those who may not, where to see more and whom to ask.
fn step(need: &Need, who: &Principal, here: &Here) -> Step {
    let key = &need.flag.key;
    let look = |label, tab: Tab| Step { label, path: tab.path(key), ask: None };
    let act = |operation, label, path: String, instead: (&'static str, Tab)| match here.why_not(operation) {
        None => Step { label, path, ask: None },
        ask => Step { ask, ..look(instead.0, instead.1) },
    };
    match &need.why {
        Why::Stopped(None) => {
            let path = format!("{}?confirm=resume", Tab::Rollout.path(key));
            act(Operation::RollOut, "Resume", path, ("See why", Tab::Health))
        }
        Why::Lowered => look("See why", Tab::Health),
        Why::Stopped(Some(_)) | Why::RolledBack(_) | Why::Paused(_) | Why::Holds(_) => {
            act(Operation::RollOut, "Decide", decide(key), ("See the plan", Tab::Plan))
        }
        Why::Approval(plan, _) if plan.release.may_be_approved_by(who.person()) => {
            act(Operation::Approve, "Approve", decide(key), ("See the plan", Tab::Plan))
        }
        Why::Approval(..) | Why::Scheduled(_) => look("See the plan", Tab::Plan),
        Why::Completed { served_ms: Some(_) } => look("See who asks", Tab::Exposures),
        Why::Completed { served_ms: None } => {
            let path = format!("{}#lifecycle", Tab::Settings.path(key));
            act(Operation::EditFlags, "Archive", path, ("See the flag", Tab::Settings))
        }
        Why::Unowned => {
            let path = format!("{}#field-owner", Tab::Settings.path(key));
            act(Operation::EditFlags, "Name an owner", path, ("See the flag", Tab::Settings))
        }
        Why::Unserved { .. } => look("Connect it", Tab::Connect),
    }
}

fn decide(flag: &FlagKey) -> String {
    format!("{}#plan-controls", Tab::Plan.path(flag))
}
