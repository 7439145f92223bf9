//! Feedback: what users tell, tied to the variants they had. The inbox is for those who may look people up; what it
//! adds up to is for everybody.

use leptos::prelude::*;
use store::{Completed, Feedback, FeedbackKind, Handler, Operation, TriageState};

use super::{
    card::Names,
    query::{InboxQuery, SPAN_DEFAULT_DAYS},
    summary::Summary,
};
use crate::{
    chart,
    error::AppError,
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, Section},
    },
    ui::{
        days::days,
        empty::Empty,
        field::{Choice, Field},
        icon,
    },
};

const PAGE_ITEMS: usize = 25;

pub async fn get(page: Page) -> PageResult {
    let query = InboxQuery::read(&page, None);
    let shown = Inbox::load(&page, query).await?;
    let snippet = Snippet::of(&page, None);
    let may_log = page.may(Operation::HandleFeedback);
    page.render(PageMeta::new("Feedback", Section::Feedback), move || {
        let log = may_log.then(|| {
            view! { <a class="button" href=here().href("/feedback/new")>{icon::plus()}"Log a complaint"</a> }
        });
        view! {
            <PageHead
                title="Feedback"
                lead="What users tell, tied to the variants they had at that moment."
            >
                {log}
            </PageHead>
            {shown.view(&snippet)}
        }
    })
}

/// The script tag for a page of the customer's site.
pub struct Snippet(String);

impl Snippet {
    pub fn of(page: &Page, flag: Option<&str>) -> Self {
        let flag = flag.map(|key| format!(" data-flag=\"{key}\"")).unwrap_or_default();
        let address = page.absolute("/widget.js");
        Self(format!(
            "<script src=\"{address}\" data-token=\"YOUR CLIENT TOKEN\" data-subject=\"THE USER’S ID\"{flag} defer></script>"
        ))
    }

    fn view(&self) -> impl IntoView + use<> {
        view! { <pre class="snippet" tabindex="0"><code>{self.0.clone()}</code></pre> }
    }
}

/// The inbox and what stands above it, of an environment or of one flag in it.
pub struct Inbox {
    query: InboxQuery,
    summary: Summary,
    names: Names,
    /// `None` for those who do not see what single people told.
    items: Option<Vec<Feedback>>,
    handlers: Vec<Handler>,
    more: bool,
}

impl Inbox {
    pub async fn load(page: &Page, query: InboxQuery) -> Result<Self, AppError> {
        let environment = &page.environment.key;
        let summary = Summary::load(page, query.flag.as_ref(), query.days).await?;
        let mut handlers = Vec::new();
        if let Ok(by) = page.principal.feedback_handler() {
            handlers = page.store().list_handlers(&by).await?;
        }
        let mut items = None;
        if let Ok(by) = page.principal.people_reader() {
            let filter = query.filter(page.principal.id(), PAGE_ITEMS + 1);
            items = Some(page.store().list_feedback(&by, environment, &filter).await?);
        }
        let more = items.as_ref().is_some_and(|items| items.len() > PAGE_ITEMS);
        if let Some(items) = &mut items {
            items.truncate(PAGE_ITEMS);
        }
        let names = Names::of(page.store(), environment);
        Ok(Self { query, summary, names, items, handlers, more })
    }

    pub fn view(self, snippet: &Snippet) -> impl IntoView + use<> {
        let Self { query, summary, names, items, handlers, more } = self;
        let nothing = summary.is_empty() && items.as_ref().is_none_or(Vec::is_empty) && !query.is_filtered();
        let body = match items {
            _ if nothing => empty(snippet).into_any(),
            None => view! {
                <p class="note">"Your role sees what feedback adds up to, not what single people told."</p>
            }
            .into_any(),
            Some(items) => {
                let filters = filters(&query, &names, &handlers);
                view! {
                    <section class="stack" aria-labelledby="inbox-title">
                        <h2 id="inbox-title">"Inbox"</h2>
                        {filters}
                        {list(&query, items, &names, &handlers, more)}
                    </section>
                }
                .into_any()
            }
        };
        view! {
            <div id="feedback-summary" data-live="" class="stack">{summary.view(&names, query.days)}</div>
            <div id="feedback-body" data-live="" class="stack">{body}</div>
            {chart::detail()}
        }
    }
}

fn list(
    query: &InboxQuery,
    items: Vec<Feedback>,
    names: &Names,
    handlers: &[Handler],
    more: bool,
) -> impl IntoView + use<> {
    let here = here();
    if items.is_empty() {
        return view! {
            <Empty title="Nothing matches" text="Widen the time, or drop a filter.">
                <a class="button" href=here.href(&here.path)>"Clear the filters"</a>
            </Empty>
        }
        .into_any();
    }
    let older = items.last().filter(|_| more).map(|last| {
        let address = here.same_page_with(&[("before", &last.id.to_string())]);
        view! { <a class="button" href=address rel="next">"Older"{icon::right()}</a> }
    });
    let newest = query.before.is_some().then(|| {
        view! { <a class="button" href=here.same_page_with(&[("before", "")])>{icon::left()}"Newest"</a> }
    });
    let cards = items.iter().map(|item| super::card::in_list(item, names, handlers)).collect_view();
    view! {
        <ol class="inbox" id="inbox">{cards}</ol>
        <nav class="cluster" aria-label="Pages of the inbox">{newest}{older}</nav>
    }
    .into_any()
}

fn filters(query: &InboxQuery, names: &Names, handlers: &[Handler]) -> impl IntoView + use<> {
    let here = here();
    let any = |text: &str, rest: &mut dyn Iterator<Item = (String, String)>| {
        std::iter::once((String::new(), text.to_owned())).chain(rest).collect::<Vec<_>>()
    };
    let word = |it: &str| it.to_owned();
    let flags = (!query.fixed_flag).then(|| {
        let flags = any("Any", &mut names.flags().into_iter());
        let value = query.flag.as_ref().map(ToString::to_string).unwrap_or_default();
        view! { <Choice label="Flag" name="flag" value=value options=flags /> }
    });
    let groups = any("Any", &mut names.groups().into_iter());
    let ratings = any("Any", &mut (1..=5).rev().map(|it| (it.to_string(), format!("{it} of 5"))));
    let kinds =
        any("Any", &mut FeedbackKind::ALL.iter().map(|it| (word(it.as_str()), word(super::card::kind(*it)))));
    let done = any(
        "Any",
        &mut Completed::ALL.iter().map(|it| (word(it.as_str()), word(super::card::completed(*it)))),
    );
    let states = any("Any", &mut TriageState::ALL.iter().map(|it| (word(it.as_str()), word(it.label()))));
    let me = std::iter::once(("me".to_owned(), "Me".to_owned()));
    let who = any("Anybody", &mut me.chain(handlers.iter().map(|it| (it.id.to_string(), it.name.clone()))));
    let environment = here.environments.first().is_some_and(|it| it.key != here.environment.key).then(|| {
        view! { <input type="hidden" name="env" value=here.environment.key.to_string() /> }
    });
    let clear = query
        .is_filtered()
        .then(|| view! { <a class="button" data-kind="quiet" href=here.href(&here.path)>"Clear"</a> });
    let person = query.subject.as_ref().map(|subject| {
        view! { <Field label="Person" name="subject" value=subject.to_string() autocomplete="off" /> }
    });
    let span = (query.days != SPAN_DEFAULT_DAYS)
        .then(|| view! { <input type="hidden" name="days" value=query.days.to_string() /> });
    view! {
        <form class="toolbar" method="get" autocomplete="off" action=here.plain(&here.path) role="search">
            <div class="field" data-wide="">
                <label for="feedback-q">"Contains"</label>
                <input id="feedback-q" type="search" name="q" value=query.text.clone().unwrap_or_default() placeholder="comment, page, person…" data-search="" />
            </div>
            {flags}
            <Field label="Variant" name="variant" value=query.variant.as_ref().map(ToString::to_string).unwrap_or_default() placeholder="on" autocomplete="off" />
            <Choice label="Group" name="group" value=query.group.as_ref().map(ToString::to_string).unwrap_or_default() options=groups />
            <Choice label="Rating" name="rating" value=query.rating.map(|it| it.get().to_string()).unwrap_or_default() options=ratings />
            <Choice label="Kind" name="kind" value=query.kind.map(|it| word(it.as_str())).unwrap_or_default() options=kinds />
            <Choice label="Completed" name="done" value=query.completed.map(|it| word(it.as_str())).unwrap_or_default() options=done />
            <Choice label="State" name="state" value=query.state.map(|it| word(it.as_str())).unwrap_or_default() options=states />
            <Choice label="Assignee" name="who" value=query.who.clone().unwrap_or_default() options=who />
            {days(&query.between)}
            {span}
            {person}
            {environment}
            <div class="cluster"><button class="button">{icon::filter()}"Filter"</button>{clear}</div>
        </form>
    }
}

fn empty(snippet: &Snippet) -> impl IntoView + use<> {
    let snippet = snippet.view();
    view! {
        <Empty
            title="Nobody has told anything yet"
            text="Put this script tag into your pages: users get a small button, and what they tell appears here at once, \
                  with the variants they had. A backend can send it to POST /api/v1/feedback instead."
        >
            {snippet}
        </Empty>
    }
}
