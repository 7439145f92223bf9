//! Two texts to copy: the answer for the customer, and the same as a bug report.

use engine::SubjectKey;
use leptos::prelude::*;
use store::PersonAnswer;

use super::{customer, report};
use crate::{
    page::{address, here::here},
    ui::{copy::copy_button, time},
};

pub fn view(subject: &SubjectKey, answer: &PersonAnswer) -> impl IntoView + use<> {
    let subject = subject.as_str();
    let name = answer.traits.as_ref().and_then(|traits| traits.get("name"));
    let name = name.map(engine::AttributeValue::display);
    let letter = match customer::letter(name.as_deref(), &answer.flags, answer.as_of_ms) {
        Some(letter) => text("customer-answer", "Copy it as it is: it names nothing internal.", letter).into_any(),
        None => view! {
            <p class="muted">
                "Nothing to tell: of the flags with a name for customers they have none and had none. Names for customers stand under a flag’s Settings."
            </p>
        }
        .into_any(),
    };
    let here = here();
    let at = time::iso(answer.as_of_ms.unwrap_or(here.now_ms));
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("at", &at).finish();
    let path = here.path_in(&format!("{}?{query}", address::person(subject)), &here.environment.key);
    let address = here.site.absolute(&path);
    let changed = here.href(&address::person_changed(subject, answer.as_of_ms.map(time::iso).as_deref()));
    let report = report::report(subject, answer, here.now_ms, &address);
    view! {
        <section class="card stack" aria-labelledby="tell-title">
            <h2 id="tell-title">"Answer for the customer"</h2>
            {letter}
            <p class="note">"Since when, and why? "<a href=changed>"What changed for them"</a>" names the change that did it."</p>
            <details id="bug-report">
                <summary>"The same as a bug report"</summary>
                {text("bug-report-text", "For colleagues: variants, revisions, rules, times and the link.", report)}
            </details>
        </section>
    }
}

fn text(id: &'static str, about: &'static str, text: String) -> impl IntoView {
    view! {
        <figure class="tell">
            <figcaption><span>{about}</span>{copy_button(id.to_owned())}</figcaption>
            <pre tabindex="0" id=id>{text}</pre>
        </figure>
    }
}
