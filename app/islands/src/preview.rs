//! The live sentence of what an unsaved change does, and the bar of who has the flag. The server renders it
//! first; while somebody moves a fader the island asks the engine on the server again.

use leptos::{prelude::*, task::spawn_local, wasm_bindgen::JsCast, web_sys};

use crate::{
    call::preview_rollout,
    fader::grouped,
    forecast::{FORM, Forecast},
    refused::leads_on,
};

/// A sample is asked about again after so long, a little later each time…
const AGAIN_MS: i32 = 300;
/// …so often at most: where so many people cannot be counted, the sample stays.
const AGAIN_MAX: i32 = 8;

#[island]
pub fn Preview(initial: Forecast, flag: String, environment: String) -> impl IntoView {
    let forecast = RwSignal::new(initial);
    let pending = RwSignal::new(false);
    let root = NodeRef::<leptos::html::Div>::new();
    Effect::new({
        let (flag, environment) = (flag.clone(), environment.clone());
        move || {
            if let Some(form) = document().get_element_by_id(FORM) {
                drop(form.set_attribute("data-alive", ""));
            }
            watch_form(forecast, pending, root, flag.clone(), environment.clone());
        }
    });
    view! {
        <div
            class="impact"
            node_ref=root
            data-mood=move || forecast.with(|it| it.mood.as_str())
            data-changed=move || forecast.with(|it| it.changed.then_some(""))
            data-pending=move || pending.get().then_some("")
        >
            {move || forecast.with(bar)}
            <p class="impact-sentence" role="status">{move || forecast.with(|it| it.sentence.clone())}</p>
            <p class="impact-warning">{move || forecast.with(Forecast::warning)}</p>
            {move || forecast.with(legend)}
        </div>
    }
}

fn bar(forecast: &Forecast) -> impl IntoView + use<> {
    let rects: Vec<_> = forecast
        .segments()
        .into_iter()
        .map(|(series, x, width)| {
            view! { <rect data-series=series_of(series) x=x.to_string() y="0" width=width.to_string() height="8" /> }
        })
        .collect();
    let before = forecast.before * 1000 / forecast.known.max(1);
    let mark = (forecast.known > 0 && forecast.before != forecast.after)
        .then(|| view! { <path class="who-before" d=format!("M{before} 0v8") /> });
    let about = if forecast.exact { "" } else { "about " };
    let label = format!("{about}{} of {} known people", grouped(forecast.after), grouped(forecast.known));
    view! {
        <svg class="who-bar" viewBox="0 0 1000 8" preserveAspectRatio="none" role="img" aria-label=label>
            {rects}
            {mark}
        </svg>
    }
}

fn legend(forecast: &Forecast) -> impl IntoView + use<> {
    let entry = |series: String, name: String, count: usize| {
        view! { <li><i data-series=series aria-hidden="true"></i>{name}" "<b>{grouped(count)}</b></li> }
    };
    let served = forecast.channels.iter().enumerate().filter(|(_, channel)| channel.served > 0);
    let mut entries: Vec<_> =
        served.map(|(at, channel)| entry(series_of(at), channel.name.clone(), channel.served)).collect();
    let by_rules: usize = forecast.channels.iter().map(|channel| channel.served).sum();
    if forecast.after > by_rules {
        entries.push(entry("pins".to_owned(), "Pinned".to_owned(), forecast.after - by_rules));
    }
    if forecast.known > 0 && forecast.known >= forecast.after {
        entries.push(entry("none".to_owned(), "Without it".to_owned(), forecast.known - forecast.after));
    }
    view! { <ul class="who-legend">{entries}</ul> }
}

/// There are six series colours; a seventh channel begins again.
fn series_of(at: usize) -> String {
    (at % 6 + 1).to_string()
}

/// Asks while somebody types or drags. One question is on its way at a time; what changed meanwhile is asked next,
/// so the sentence follows the hand and the server is never flooded.
fn watch_form(
    forecast: RwSignal<Forecast>,
    pending: RwSignal<bool>,
    root: NodeRef<leptos::html::Div>,
    flag: String,
    environment: String,
) {
    // A live update replaces the form together with this island; what is left of it must be silent.
    let is_here = move || root.try_get_untracked().flatten().is_some_and(|root| root.is_connected());
    let question = StoredValue::new((flag, environment));
    let changed_since = StoredValue::new(false);
    let ask = move || {
        if pending.get_untracked() {
            changed_since.set_value(true);
            return;
        }
        pending.set(true);
        spawn_local(async move {
            let mut again = 0;
            loop {
                changed_since.try_set_value(false);
                let (Some((flag, environment)), Some(fields)) = (question.try_get_value(), typed_fields())
                else {
                    break;
                };
                let answer = preview_rollout(flag, environment, fields).await;
                if !is_here() {
                    return;
                }
                if answer.as_ref().is_err_and(leads_on) {
                    return;
                }
                let answer = answer.unwrap_or_else(|error| Forecast::unfinished(error.to_string()));
                let exact = answer.exact;
                show(forecast, answer);
                if changed_since.try_get_value() == Some(true) {
                    continue;
                }
                if exact || again == AGAIN_MAX {
                    break;
                }
                // Counting goes on without being asked.
                again += 1;
                pause(AGAIN_MS * again).await;
                if !is_here() {
                    return;
                }
            }
            pending.try_set(false);
        });
    };
    let on_change = move |event: web_sys::Event| {
        if is_here() && event.target().is_some_and(|target| is_inside_form(&target)) {
            outdate(&event);
            ask();
        }
    };
    let handles = [
        window_event_listener_untyped("input", on_change),
        window_event_listener_untyped("change", on_change),
        window_event_listener_untyped("fader:swapped", on_change),
    ];
    on_cleanup(move || {
        handles.into_iter().for_each(WindowListenerHandle::remove);
    });
}

async fn pause(ms: i32) {
    let done = js_sys::Promise::new(&mut |resolve, _| {
        drop(window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms));
    });
    drop(wasm_bindgen_futures::JsFuture::from(done).await);
}

fn show(forecast: RwSignal<Forecast>, answer: Forecast) {
    for channel in &answer.channels {
        for (what, text) in [("count", &channel.count), ("overlap", &channel.overlap)] {
            if let Some(shown) = document().get_element_by_id(&format!("{what}-{}", channel.rule)) {
                shown.set_text_content(Some(text));
            }
        }
    }
    if let Some(form) = document().get_element_by_id(FORM) {
        let changed = if answer.changed {
            form.set_attribute("data-changed", "")
        } else {
            form.remove_attribute("data-changed")
        };
        drop(changed);
    }
    forecast.set(answer);
}

/// Those who were named moved by the change as it was.
fn outdate(event: &web_sys::Event) {
    let target = event.target().and_then(|it| it.dyn_into::<web_sys::Element>().ok());
    let changes =
        target.is_some_and(|it| it.closest("#who,#comment,#preview-link").is_ok_and(|kept| kept.is_none()));
    if changes
        && let Some(who) = document().get_element_by_id("who").filter(|it| it.child_element_count() > 1)
    {
        drop(who.set_attribute("data-old", ""));
    }
}

fn is_inside_form(target: &web_sys::EventTarget) -> bool {
    let element = target.dyn_ref::<web_sys::Element>();
    element.is_some_and(|it| it.closest(&format!("#{FORM}")).is_ok_and(|form| form.is_some()))
}

/// The form's fields as the browser would post them.
fn typed_fields() -> Option<String> {
    let form = document().get_element_by_id(FORM)?.dyn_into::<web_sys::HtmlFormElement>().ok()?;
    let data = web_sys::FormData::new_with_form(&form).ok()?;
    let fields = web_sys::UrlSearchParams::new_with_str_sequence_sequence(data.unchecked_ref()).ok()?;
    Some(fields.to_string().into())
}
