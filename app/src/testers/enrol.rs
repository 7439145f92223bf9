//! The form that enrols: paste or a file, and how long it counts.

use engine::GroupKey;
use leptos::prelude::*;

use super::form::{Moment, TesterForm};
use crate::{
    form::state::FormState,
    group::head::Tab,
    page::here::here,
    ui::field::{Field, FormError, Paragraph},
    zone::{typed::time_kind, zone},
};

/// A native `<details>`: open when there is nobody yet, or something to mend.
pub fn enrol(key: &GroupKey, draft: FormState<TesterForm>, open: bool) -> impl IntoView + use<> {
    let [list, file, purpose, from, until] =
        ["list", "file", "purpose", "from", "until"].map(|field| draft.at(field));
    let general = draft.general();
    let open = open || draft.input.is_some();
    let typed = draft.input.unwrap_or_default();
    let action = here().href(&Tab::Testers.address(key));
    view! {
        <details class="card tester-form" id="enrol" open=open>
            <summary><h2>"Enrol testers"</h2></summary>
            <form method="post" action=format!("{action}#enrol") enctype="multipart/form-data" class="stack">
                <FormError error=general />
                <Paragraph
                    label="Testers to enrol"
                    name="list"
                    rows=4
                    value=typed.list
                    error=list
                    mono=true
                    hint="Targeting keys, or the e-mail addresses or names of known people: one per line, or separated by commas, \
                          semicolons or tabs. Or a table whose first line names the columns: id, e-mail or name, and purpose, \
                          from, until. Nothing is written before you have seen a report."
                    placeholder="user-1042\nada@example.com"
                />
                <Field
                    label="Or a CSV file, as your spreadsheet saves it"
                    name="file"
                    kind="file"
                    error=file
                    hint="Up to 10,000 testers. It counts instead of what is pasted above."
                />
                <Field label="Purpose" name="purpose" value=typed.purpose error=purpose placeholder="Tries payment before the release" autocomplete="off" />
                {moment("From", "from", typed.from, from)}
                {moment("Until", "until", typed.until, until)}
                <p class="note">
                    {format!(
                        "Days and times are those of {}. A day without a time counts from its start and to its end. What a line of the \
                         list says itself, in UTC, comes first.",
                        zone().name(),
                    )}
                </p>
                <div class="cluster">
                    <button name="intent" value="check" class="button" data-kind="primary">"Check the list"</button>
                </div>
            </form>
        </details>
    }
}

/// A day, and perhaps a time of day, side by side.
pub fn moment(
    label: &'static str,
    name: &'static str,
    value: Moment,
    error: Option<String>,
) -> impl IntoView + use<> {
    let kind = time_kind(&value.day, &value.time);
    view! {
        <div class="moment">
            <Field label=format!("{label} (day)") name=name kind="date" value=value.day error=error />
            <Field label=format!("{label} (time, optional)") name=format!("{name}_time") kind=kind value=value.time />
        </div>
    }
}

/// The form once more, in fields that nobody sees: a report carries it to its confirmation.
pub fn hidden(form: &TesterForm) -> impl IntoView + use<> {
    let TesterForm { list, file: _, purpose, from, until, choice: _, seen: _ } = form.clone();
    let fields = [
        ("list", list),
        ("purpose", purpose),
        ("from", from.day),
        ("from_time", from.time),
        ("until", until.day),
        ("until_time", until.time),
    ];
    fields
        .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
        .into_iter()
        .collect_view()
}
