//! The search and the filters above the table. The address is what they show: browsers do not restore them, and with
//! scripts each change is in the address at once.

use leptos::prelude::*;

use super::{
    facets::Facets,
    filter::{Facet, Filter, LIVES, SORTS, STATES},
};
use crate::{attention::Topic, flag::settings::form::KINDS, page::here::Here, ui::icon};

/// What is taken from the answer when a filter changes.
const SWAP: &str = "needs desk desk-facets";

pub fn toolbar(facets: &Facets<'_>, filter: &Filter, here: &Here) -> impl IntoView + use<> {
    let first = here.environments.first().is_some_and(|it| it.key == here.environment.key);
    let environment =
        (!first).then(|| view! { <input type="hidden" name="env" value=here.environment.key.to_string() /> });
    view! {
        <form
            class="toolbar desk-toolbar"
            id="desk-filters"
            method="get"
            action=here.plain("/")
            role="search"
            autocomplete="off"
            data-swap-address=""
        >
            {environment}
            <label class="desk-search">
                <span class="visually-hidden">"Search flags"</span>
                {icon::search()}
                <input
                    type="search"
                    name="q"
                    id="desk-q"
                    data-search=""
                    data-swap-input=SWAP
                    value=filter.text.clone()
                    placeholder="Search name, key, tag, owner"
                    aria-keyshortcuts="/"
                    autocomplete="off"
                    spellcheck="false"
                />
            </label>
            <div class="desk-facets" id="desk-facets" data-live="">
                {choice("State", Facet::State, facets, filter, fixed(&STATES))}
                {choice("Need", Facet::Need, facets, filter, fixed(&needs()))}
                {own("Tag", "Any tag", Facet::Tag, facets, filter)}
                {own("Owner", "Any owner", Facet::Owner, facets, filter)}
                {choice("Kind", Facet::Kind, facets, filter, fixed(&kinds()))}
                {choice("Lifecycle", Facet::Life, facets, filter, fixed(&LIVES))}
                {order(filter)}
            </div>
            <button class="button without-script">"Show"</button>
        </form>
    }
}

fn needs() -> Vec<(&'static str, &'static str)> {
    let topics = Topic::ALL.into_iter().map(|topic| (topic.as_str(), topic.label()));
    std::iter::once(("", "Any need")).chain(topics).collect()
}

fn kinds() -> Vec<(&'static str, &'static str)> {
    let kinds = KINDS.into_iter().map(|(_, code, label, _)| (code, label));
    std::iter::once(("", "Any kind")).chain(kinds).collect()
}

fn fixed(choices: &[(&str, &str)]) -> Vec<(String, String)> {
    choices.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
}

/// Values that flags have; nothing where no flag has any.
fn own(
    label: &'static str,
    any: &str,
    facet: Facet,
    facets: &Facets<'_>,
    filter: &Filter,
) -> Option<impl IntoView + use<>> {
    let offered = facets.offered(facet, filter.chosen(facet));
    let values = offered.into_iter().map(|(value, _)| (value.clone(), value));
    let options: Vec<_> = std::iter::once((String::new(), any.to_owned())).chain(values).collect();
    (options.len() > 1).then(|| choice(label, facet, facets, filter, options))
}

fn choice(
    label: &'static str,
    facet: Facet,
    facets: &Facets<'_>,
    filter: &Filter,
    options: Vec<(String, String)>,
) -> impl IntoView + use<> {
    let (name, chosen) = (facet.name(), filter.chosen(facet));
    let options: Vec<_> = options
        .into_iter()
        .map(|(key, text)| {
            let selected = key == chosen;
            let flags = if key.is_empty() { facets.any(facet) } else { facets.of(facet, &key) };
            let text = format!("{text} ({})", engine::grouped(flags));
            view! { <option value=key selected=selected>{text}</option> }
        })
        .collect();
    let set = (!chosen.is_empty()).then_some("");
    view! {
        <label class="desk-filter">
            <span class="visually-hidden">{label}</span>
            <select name=name id=format!("desk-{name}") data-swap=SWAP data-set=set autocomplete="off">{options}</select>
        </label>
    }
}

fn order(filter: &Filter) -> impl IntoView + use<> {
    let options: Vec<_> = SORTS
        .into_iter()
        .map(|(key, text)| {
            let selected = key == filter.sort;
            view! { <option value=key selected=selected>{text}</option> }
        })
        .collect();
    view! {
        <label class="desk-filter">
            <span class="visually-hidden">"Order"</span>
            <select name="sort" id="desk-sort" data-swap=SWAP autocomplete="off">{options}</select>
        </label>
    }
}
