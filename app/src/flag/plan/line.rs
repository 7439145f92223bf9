//! The steps as a line: done, now, next, later, each by a word and a mark.

use engine::{
    FlagKey,
    plan::{Gate, OpenGate, PlanDecision, PlanState, Progress, Step},
};
use leptos::prelude::*;
use store::PlanOutlook;

use super::{
    preview::{Preview, duration},
    who,
};
use crate::page::here::here;

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StepPlace {
    Done,
    Now,
    Next,
    Later,
    /// A guardrail took the feature back from here.
    Left,
}

impl StepPlace {
    fn of(at: usize, state: &PlanState) -> Self {
        let around = |step: usize| match at.cmp(&step) {
            std::cmp::Ordering::Less => Self::Done,
            std::cmp::Ordering::Equal => Self::Now,
            std::cmp::Ordering::Greater if at == step + 1 => Self::Next,
            std::cmp::Ordering::Greater => Self::Later,
        };
        match state {
            PlanState::RolledBack { from, .. } if *from == at => Self::Left,
            PlanState::RolledBack { to, .. } => match to {
                Some(to) => around(*to),
                None if at == 0 => Self::Next,
                None => Self::Later,
            },
            PlanState::Finished { .. } => Self::Done,
            PlanState::Abandoned { step, .. } => match step {
                Some(step) if at <= *step => Self::Done,
                Some(_) | None => Self::Later,
            },
            PlanState::Draft | PlanState::Scheduled { .. } if at == 0 => Self::Next,
            PlanState::Draft | PlanState::Scheduled { .. } => Self::Later,
            PlanState::Running { progress }
            | PlanState::Holding { progress, .. }
            | PlanState::Paused { progress, .. } => around(progress.step),
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "now",
            Self::Next => "next",
            Self::Later => "later",
            Self::Left => "left",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Done => "Done",
            Self::Now => "Now",
            Self::Next => "Next",
            Self::Later => "Later",
            Self::Left => "Rolled back from here",
        }
    }
}

pub(super) fn view(outlook: &PlanOutlook, previews: &[Preview], flag: &FlagKey) -> impl IntoView + use<> {
    let here = here();
    let state = &outlook.release.state;
    let steps: Vec<_> = outlook
        .release
        .plan
        .steps
        .iter()
        .zip(previews)
        .enumerate()
        .map(|(at, (step, preview))| {
            let place = StepPlace::of(at, state);
            let progress = state.progress().filter(|_| place == StepPlace::Now);
            let now = progress.map(|progress| now(outlook, step, progress));
            let approved = state.progress().is_some_and(|it| it.is_approved(at)).then_some(" Approved.");
            let current = (place == StepPlace::Now).then_some("step");
            let notes = (place != StepPlace::Done).then(|| {
                let who = here.href(&who::address(flag, at + 1));
                let label = format!("Who step {} moves", at + 1);
                view! {
                    <p class="note">
                        {preview.people.clone()}" "<a href=who aria-label=label>"Who?"</a>" "{preview.notice.clone()}
                    </p>
                }
            });
            view! {
                <li data-place=place.code() data-key=format!("step-{at}") aria-current=current>
                    <p class="plan-place"><b>{format!("Step {}", at + 1)}</b>" "<span>{place.word()}</span></p>
                    <p class="plan-phrase">{preview.phrase.clone()}{approved}</p>
                    {now}
                    {notes}
                </li>
            }
        })
        .collect();
    view! {
        <section class="card" id="plan-line" data-live="" aria-label="Steps">
            <ol class="plan-line">{steps}</ol>
        </section>
    }
}

/// Remaining time and the sample so far, as numbers and as bars.
fn now(outlook: &PlanOutlook, step: &Step, progress: &Progress) -> impl IntoView + use<> {
    let open: &[OpenGate] = match &outlook.decision {
        PlanDecision::Wait { open } => open,
        PlanDecision::Advance(_)
        | PlanDecision::Finish
        | PlanDecision::Hold { .. }
        | PlanDecision::Breach(_) => &[],
    };
    let running = outlook.release.state.is_active();
    let gates: Vec<_> = step
        .gates
        .iter()
        .filter_map(|gate| match gate {
            Gate::Hold { hold_ms } => {
                let held_ms = progress.held_ms.min(*hold_ms);
                let left = open.iter().find_map(|it| match it {
                    OpenGate::Hold { remaining_ms } => Some(*remaining_ms),
                    OpenGate::Sample { .. }
                    | OpenGate::Healthy { .. }
                    | OpenGate::Approval { .. }
                    | OpenGate::NotBefore { .. } => None,
                });
                let left = left.unwrap_or(hold_ms - held_ms);
                let text = if left <= 0 {
                    "Time: enough".to_owned()
                } else {
                    format!("Time: {} left", duration(left))
                };
                Some(bar(text, *hold_ms - left, *hold_ms))
            }
            Gate::Sample { subjects_min } => {
                let (have, want) = (outlook.subjects, *subjects_min);
                let text = format!("Sample so far: {} of {}", count(have), count(want));
                Some(bar(text, whole(have.min(want)), whole(want)))
            }
            Gate::Healthy | Gate::Approval | Gate::NotBefore { .. } => None,
        })
        .collect();
    running.then(|| view! { <div class="plan-bars">{gates}</div> })
}

fn bar(text: String, value: i64, max: i64) -> AnyView {
    view! {
        <label class="plan-bar">
            <span>{text}</span>
            <progress value=value.clamp(0, max).to_string() max=max.to_string()></progress>
        </label>
    }
    .into_any()
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn count(count: u64) -> String {
    engine::grouped(usize::try_from(count).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use engine::plan::{Percentages, Person};

    use super::*;

    fn running(step: usize) -> PlanState {
        let plan = engine::plan::Template::find("fast")
            .expect("a template")
            .plan(&[], &engine::RuleId::parse("everyone").expect("an id"));
        let started = PlanState::Draft.start(&plan, &Percentages::new(), 1000).expect("starts").state;
        if step == 0 { started } else { started.jump(&plan, step, 2000).expect("jumps").state }
    }

    fn places(state: &PlanState) -> Vec<StepPlace> {
        (0..3).map(|at| StepPlace::of(at, state)).collect()
    }

    #[test]
    fn every_step_stands_somewhere() {
        use StepPlace::{Done, Later, Next, Now};
        assert_eq!(places(&PlanState::Draft), [Next, Later, Later]);
        assert_eq!(places(&running(0)), [Now, Next, Later]);
        assert_eq!(places(&running(2)), [Done, Done, Now]);
        let by = Person("Ada".to_owned());
        assert_eq!(places(&PlanState::Draft.abandon(&by, 1).expect("ends").state), [Later, Later, Later]);
        assert_eq!(places(&running(1).abandon(&by, 9).expect("ends").state), [Done, Done, Later]);
    }
}
