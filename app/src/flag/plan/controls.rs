//! What may be done with the plan at this moment. The engine is asked, so that no button is refused for its state.

use engine::plan::{Person, PlanState, Step};
use leptos::prelude::*;
use store::{Operation, PlanOutlook};

use crate::{
    flag::{FlagPage, Tab, health::tone},
    form::state::FormState,
    page::here::{Here, here},
    ui::{
        badge::{Callout, Tone},
        dialog::Confirm,
        field::Field,
    },
    zone::{typed, zone},
};

/// The moves of one plan, ready to be asked about.
struct Moves<'p> {
    outlook: &'p PlanOutlook,
    action: String,
    by: Person,
    /// Why one was not made, and the date that was typed for it.
    moved: &'p FormState<String>,
}

pub fn view(
    shown: &FlagPage,
    outlook: &PlanOutlook,
    editable: bool,
    moved: &FormState<String>,
) -> impl IntoView + use<> {
    let here = here();
    let by = Person(here.principal.as_ref().map(|who| who.name().to_owned()).unwrap_or_default());
    let action = here.href(&format!("{}/move", Tab::Plan.path(shown.key())));
    let moves = Moves { outlook, action, by, moved };
    let buttons = editable.then(|| {
        view! {
            <div class="cluster">{moves.start()}{moves.pause()}{moves.resume()}{moves.back()}{moves.finish()}{moves.jump()}{moves.abandon()}</div>
        }
    });
    view! {
        <section class="plan-controls stack" id="plan-controls" data-live="" aria-label="What to do">
            {moves.approvals(&here)}
            {buttons}
        </section>
    }
}

impl Moves<'_> {
    fn state(&self) -> &PlanState {
        &self.outlook.release.state
    }

    fn hidden(&self, what: &'static str) -> impl IntoView + use<> {
        view! {
            <input type="hidden" name="do" value=what />
            <input type="hidden" name="version" value=self.outlook.release.version.to_string() />
        }
    }

    /// One press: what can be taken back with another.
    fn press(&self, what: &'static str, text: &'static str, main: bool) -> AnyView {
        view! {
            <form method="post" action=self.action.clone()>
                {self.hidden(what)}
                <button class="button" data-size="small" data-kind=main.then_some("primary")>{text}</button>
            </form>
        }
        .into_any()
    }

    /// Two presses, with a comment.
    fn ask(&self, what: &'static str, label: &'static str, text: String, danger: bool) -> AnyView {
        let hidden = self.hidden(what);
        let id = format!("plan-{what}-why");
        view! {
            <Confirm label=label text=text action=self.action.clone() button=label danger=danger>
                {hidden}
                <Field label="Why?" name="comment" id=id placeholder="Optional, goes into the audit log" autocomplete="off" />
            </Confirm>
        }
        .into_any()
    }

    fn start(&self) -> Option<AnyView> {
        if !matches!(self.state(), PlanState::Draft | PlanState::Scheduled { .. }) {
            return None;
        }
        let action = self.action.clone();
        let tomorrow = || typed::field(self.outlook.at_ms + 24 * 3_600_000);
        let (open, error) = (self.moved.input.is_some(), self.moved.at("at"));
        let date = self.moved.input.clone().unwrap_or_else(tomorrow);
        let (now, later) = (self.hidden("start"), self.hidden("start_at"));
        let at = view! {
            <details class="confirm" open=open>
                <summary class="button" data-size="small">"Start at a date"</summary>
                <form method="post" action=action.clone() class="confirm-panel stack">
                    {later}
                    <Field label=format!("Start ({})", zone().name()) name="at" id="plan-start-at" kind=typed::field_kind(&date) value=date error=error required=true />
                    <div class="cluster"><button class="button" data-kind="primary">"Set the date"</button></div>
                </form>
            </details>
        };
        Some(
            view! {
                <form method="post" action=action>
                    {now}
                    <button class="button" data-size="small" data-kind="primary">"Start now"</button>
                </form>
                {at}
            }
            .into_any(),
        )
    }

    fn pause(&self) -> Option<AnyView> {
        self.state().pause(&self.by, self.outlook.at_ms).ok()?;
        let scheduled = matches!(self.state(), PlanState::Scheduled { .. });
        Some(self.press("pause", if scheduled { "Take the date away" } else { "Pause" }, false))
    }

    fn resume(&self) -> Option<AnyView> {
        self.state().resume(&self.outlook.release.plan, self.outlook.at_ms).ok()?;
        Some(match self.state() {
            PlanState::RolledBack { .. } => {
                let text = "A guardrail took the feature back. Going on begins the step anew, with new evidence. \
                            If the rollout was stopped, it starts again.";
                self.ask("resume", "Resume", text.to_owned(), false)
            }
            PlanState::Draft
            | PlanState::Scheduled { .. }
            | PlanState::Running { .. }
            | PlanState::Paused { .. }
            | PlanState::Holding { .. }
            | PlanState::Finished { .. }
            | PlanState::Abandoned { .. } => self.press("resume", "Resume", true),
        })
    }

    fn back(&self) -> Option<AnyView> {
        let moved = self.state().step_back(&self.outlook.release.plan, &self.by, self.outlook.at_ms).ok()?;
        let to = moved.state.progress().map_or(0, |progress| progress.step);
        let text =
            format!("Sets the faders to step {} and pauses there. People who came in since lose it.", to + 1);
        Some(self.ask("step_back", "Step back", text, false))
    }

    fn finish(&self) -> Option<AnyView> {
        self.state().finish(&self.outlook.release.plan, self.outlook.at_ms).ok()?;
        let text =
            "Ends the plan here, without waiting for the gates of the last step. The percentages stay.";
        Some(self.ask("finish", "Finish", text.to_owned(), false))
    }

    /// Steps that could be entered at once, without waiting.
    fn jump(&self) -> Option<AnyView> {
        let (plan, now_ms) = (&self.outlook.release.plan, self.outlook.at_ms);
        let current = self.state().progress().map(|progress| progress.step);
        let options: Vec<_> = (0..plan.steps.len())
            .filter(|to| Some(*to) != current && self.state().jump(plan, *to, now_ms).is_ok())
            .map(|to| view! { <option value=(to + 1).to_string()>{format!("Step {}", to + 1)}</option> })
            .collect();
        if options.is_empty() {
            return None;
        }
        let hidden = self.hidden("jump");
        let text = "Enters the step at once, without waiting for time, people or health.";
        Some(
            view! {
                <Confirm label="Jump to a step" text=text action=self.action.clone() button="Jump">
                    {hidden}
                    <div class="field">
                        <label for="plan-jump">"Step"</label>
                        <select id="plan-jump" name="step">{options}</select>
                    </div>
                    <Field label="Why?" name="comment" id="plan-jump-why" placeholder="Optional, goes into the audit log" autocomplete="off" />
                </Confirm>
            }
            .into_any(),
        )
    }

    fn abandon(&self) -> Option<AnyView> {
        self.state().abandon(&self.by, self.outlook.at_ms).ok()?;
        let text = "Ends the plan for good. The percentages stay where they are.";
        Some(self.ask("abandon", "Abandon", text.to_owned(), true))
    }

    /// Steps ahead that wait for an approval: the button, or why it is not there.
    fn approvals(&self, here: &Here) -> Vec<AnyView> {
        let release = &self.outlook.release;
        let Some(progress) = release.state.progress().filter(|_| release.state.takes_approvals()) else {
            return Vec::new();
        };
        let may = here.may(Operation::Approve);
        let own = here.principal.as_ref().is_none_or(|who| !release.may_be_approved_by(who.person()));
        // Whoever cannot approve needs to know of it once it is the next thing that is missing.
        let concerns = |at: usize| at == progress.step + 1 || (may && !own);
        let open = |(at, step): &(usize, &Step)| {
            *at > progress.step && step.needs_approval() && !progress.is_approved(*at) && concerns(*at)
        };
        release
            .plan
            .steps
            .iter()
            .enumerate()
            .filter(open)
            .map(|(at, _)| {
                let what = format!("Step {} waits for an approval.", at + 1);
                let rest = match (may, own) {
                    (false, _) => {
                        let who = here.who_may(Operation::Approve);
                        view! { <p>{format!("{who} may approve it.")}</p> }.into_any()
                    }
                    (true, true) => {
                        view! { <p>"Somebody else has to: nobody approves a plan they wrote or started."</p> }
                            .into_any()
                    }
                    (true, false) => self.approve(at),
                };
                view! { <Callout tone=Tone::Accent><p><strong>{what}</strong></p>{rest}</Callout> }.into_any()
            })
            .collect()
    }

    fn approve(&self, at: usize) -> AnyView {
        let health = &self.outlook.judgement;
        let text = format!("Health now: {}. {}", tone::word(health.health).to_lowercase(), health.sentence());
        let id = format!("plan-approve-{at}-why");
        view! {
            <p class="note">{text}</p>
            <form method="post" action=self.action.clone() class="plan-approve">
                {self.hidden("approve")}
                <input type="hidden" name="step" value=(at + 1).to_string() />
                <Field label="Comment" name="comment" id=id placeholder="Optional" autocomplete="off" />
                <button class="button" data-kind="primary">{format!("Approve step {}", at + 1)}</button>
            </form>
        }
        .into_any()
    }
}
