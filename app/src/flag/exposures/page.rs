//! The Exposures tab: who was served the flag, by variant, rule and time, and how often over time. Roles that may not
//! look people up see the counts only.

use axum::extract::Path;
use engine::{Arm, audience_phrase, group_name};
use leptos::prelude::*;
use store::{ExposurePage, Operation, Seen};

use super::query::ExposureQuery;
use crate::{
    chart::{self, Chart, counts::Counts},
    flag::{FlagPage, Tab, frame},
    page::{Page, PageMeta, PageResult, here::here, layout::Section},
    ui::{
        days::days,
        empty::Empty,
        field::Choice,
        icon,
        person::person_link,
        table::{Column, Table},
        time,
    },
};

const PAGE: usize = 50;

pub async fn get(page: Page, Path(key): Path<String>) -> PageResult {
    let shown = FlagPage::load(&page, &key).await?;
    let query = ExposureQuery::read(&page);
    let span = query.span(page.now_ms());
    let environment = page.environment.key.clone();
    let counts = page
        .store()
        .exposure_counts(&page.viewer(), &environment, shown.key(), span.from_ms, span.until_ms, span.step_ms)
        .await?;
    let counts: Vec<_> = counts.into_iter().map(|it| (it.at_ms, it.variant.to_string(), it.count)).collect();
    let chart = Counts {
        from_ms: span.from_ms,
        until_ms: span.until_ms,
        step_ms: span.step_ms,
        counts: &counts,
        off: shown.flag.off_variant.as_str(),
    };
    let chart = chart.chart("chart-served", &format!("Served {}", super::query::step_phrase(span.step_ms)));
    let people = if page.may(Operation::ReadPeople) {
        let reader = page.principal.people_reader()?;
        Some(page.store().exposures_of_flag(&reader, &environment, shown.key(), &query.filter(PAGE)).await?)
    } else {
        None
    };
    let meta = PageMeta::new(format!("Exposures of {}", shown.flag.name), Section::Desk).measures();
    page.render(meta, move || {
        let body = body(&shown, &query, &chart, people);
        frame(&shown, Tab::Exposures, false, body)
    })
}

fn body(
    shown: &FlagPage,
    query: &ExposureQuery,
    chart: &Chart,
    people: Option<ExposurePage>,
) -> impl IntoView + use<> {
    let nothing = chart.lines.is_empty() && people.as_ref().is_none_or(|it| it.lines.is_empty());
    if nothing && !query.is_filtered() && people.as_ref().is_none_or(|it| it.next.is_none()) {
        return teach(shown).into_any();
    }
    let who = if let Some(page) = people {
        who(shown, page).into_any()
    } else {
        let why = here().why_not(Operation::ReadPeople);
        view! { <p class="note">"You see how often, not who. "{why}</p> }.into_any()
    };
    view! {
        {filters(shown, query)}
        <div class="stack" id="exposures" data-live="">
            <section class="card stack">
                <h2>{chart.name.clone()}</h2>
                {chart.view()}
            </section>
            {who}
        </div>
        {chart::detail()}
    }
    .into_any()
}

fn teach(shown: &FlagPage) -> impl IntoView + use<> {
    let href = here().href(&Tab::Connect.path(shown.key()));
    let text = "Nobody was served this flag here yet. Backends that ask for one decision are recorded by themselves; \
                pages send theirs to /api/v1/events: the OpenFeature hook in examples/openfeature-hook does it.";
    view! {
        <div id="exposures" data-live="">
            <Empty title="No exposures yet" text=text>
                <a class="button" href=href>"Connect your app"</a>
            </Empty>
        </div>
    }
}

fn filters(shown: &FlagPage, query: &ExposureQuery) -> impl IntoView + use<> {
    let here = here();
    let variants = shown.flag.variants.iter().map(|it| (it.key.to_string(), it.key.to_string()));
    let variants = std::iter::once((String::new(), "Any".to_owned())).chain(variants).collect::<Vec<_>>();
    let rules =
        shown.rollout.value.rules.iter().map(|it| (it.id.to_string(), rule_name(shown, it.id.as_str())));
    let mut rules = std::iter::once((String::new(), "Any".to_owned())).chain(rules).collect::<Vec<_>>();
    let wanted = query.rule.as_ref().map(ToString::to_string).unwrap_or_default();
    if !rules.iter().any(|(id, _)| *id == wanted) {
        rules.push((wanted.clone(), format!("A former rule ({wanted})")));
    }
    let action = Tab::Exposures.path(shown.key());
    let first = here.environments.first().is_some_and(|it| it.key == here.environment.key);
    let environment =
        (!first).then(|| view! { <input type="hidden" name="env" value=here.environment.key.to_string() /> });
    let clear = query
        .is_filtered()
        .then(|| view! { <a class="button" data-kind="quiet" href=here.href(&action)>"Clear"</a> });
    let variant = query.variant.as_ref().map(ToString::to_string).unwrap_or_default();
    view! {
        <form class="toolbar" method="get" autocomplete="off" action=here.plain(&action) role="search">
            {environment}
            <Choice label="Variant" name="variant" value=variant options=variants />
            <Choice label="Rule" name="rule" value=wanted options=rules />
            {days(&query.days)}
            <div class="cluster"><button class="button">{icon::filter()}"Filter"</button>{clear}</div>
        </form>
    }
}

fn who(shown: &FlagPage, page: ExposurePage) -> impl IntoView + use<> {
    let here = here();
    let address = here.same_path_with(&[("cursor", ""), ("env", "")]);
    let csv = here.href(&address.replacen("/exposures", "/exposures.csv", 1));
    let next = page.next.as_ref().map(|cursor| {
        let href = here.same_page_with(&[("cursor", &cursor.to_string())]);
        view! { <p><a class="button" href=href rel="next">"Earlier"{icon::right()}</a></p> }
    });
    let list = if page.lines.is_empty() {
        let text = if next.is_some() {
            "None of the lines looked at so far matches. There are earlier ones."
        } else {
            "Widen the time, or drop a filter."
        };
        view! { <Empty title="Nobody here matches" text=text /> }.into_any()
    } else {
        let rows: Vec<_> = page.lines.iter().map(|it| row(shown, it, here.now_ms)).collect();
        let columns = vec![
            Column::Text("Who"),
            Column::Text("Variant"),
            Column::Text("Rule"),
            Column::Text("First"),
            Column::Text("Last"),
            Column::Number("Times"),
            Column::Number("Revision"),
        ];
        view! {
            <Table columns>{rows}</Table>
        }
        .into_any()
    };
    view! {
        <section class="stack">
            <div class="cluster">
                <h2>"Who saw it"</h2>
                <a class="button" data-size="small" href=csv>{icon::download()}"CSV"</a>
            </div>
            <p class="note">"One line per person, variant and day (UTC), the latest first."</p>
            {list}
            {next}
        </section>
    }
}

fn row(shown: &FlagPage, seen: &Seen, now_ms: i64) -> impl IntoView + use<> {
    let rule = match (&seen.rule, seen.arm) {
        (None, _) => "–".to_owned(),
        (Some(rule), Some(Arm::Control)) => {
            format!("{}, outside its percentage", rule_name(shown, rule.as_str()))
        }
        (Some(rule), Some(Arm::Treatment) | None) => rule_name(shown, rule.as_str()),
    };
    view! {
        <tr>
            <td data-label="Who">{person_link(seen.subject.as_str())}</td>
            <td data-label="Variant"><code>{seen.variant.to_string()}</code></td>
            <td data-label="Rule">{rule}</td>
            <td data-label="First">{time::ago(now_ms, seen.first_ms)}</td>
            <td data-label="Last">{time::ago(now_ms, seen.last_ms)}</td>
            <td data-label="Times" class="num">{seen.count.to_string()}</td>
            <td data-label="Revision" class="num">{seen.revision.to_string()}</td>
        </tr>
    }
}

/// `VIP agencies`; of a rule that is gone, its id.
fn rule_name(shown: &FlagPage, id: &str) -> String {
    let Some(rule) = shown.rollout.value.rule(id) else { return id.to_owned() };
    let phrase = audience_phrase(&rule.audience, &group_name(&shown.snapshot));
    crate::form::error::as_sentence(&phrase).trim_end_matches('.').to_owned()
}
