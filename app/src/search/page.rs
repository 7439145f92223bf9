//! The command palette as a page, for whoever has no script, and for a link to a search.

use leptos::prelude::*;

use super::{
    find::find,
    hit::{Hit, HitKind},
};
use crate::{
    caps::SEARCH_CHARS_MAX,
    page::{
        Page, PageMeta, PageResult,
        here::here,
        layout::{PageHead, SIGN_OUT_FORM, THEME_FORM},
        theme::Theme,
    },
    ui::{empty::Empty, icon},
};

pub async fn get(page: Page) -> PageResult {
    let query = page.query("q").unwrap_or_default();
    let hits = find(&page, &query, None).await?;
    let mut meta = PageMeta::outside("Search");
    meta.live = true;
    page.render(meta, move || {
        let none = hits.is_empty().then(|| {
            view! { <Empty title="Nothing found" text="Try a part of the name, or the key. One wrong letter is forgiven." /> }
        });
        let environment = here().environment.key.to_string();
        view! {
            <PageHead title="Search" lead="Commands, flags, groups, people and settings. “stop loyalty” leads to its Stop, “?” shows the keys." />
            <form class="toolbar" method="get" autocomplete="off" action=here().plain("/search") role="search">
                <input type="hidden" name="env" value=environment />
                <div class="field" data-wide="">
                    <label for="search-q">"Search for"</label>
                    <input id="search-q" type="search" name="q" value=query autofocus=true data-search="" autocomplete="off" maxlength=SEARCH_CHARS_MAX.to_string() />
                </div>
                <button class="button" data-kind="primary">{icon::search()}"Search"</button>
            </form>
            {none}
            <ul class="hits">{hits.into_iter().map(line).collect_view()}</ul>
        }
    })
}

fn line(hit: Hit) -> impl IntoView {
    let mark = match hit.kind {
        HitKind::Flag => icon::flag().into_any(),
        HitKind::Group => icon::groups().into_any(),
        HitKind::Page => icon::right().into_any(),
        HitKind::Action => icon::play().into_any(),
        HitKind::Person => icon::people().into_any(),
        HitKind::Key => icon::info().into_any(),
    };
    let Hit { title, detail, href, .. } = hit;
    let text = view! { {mark}<span>{title}</span><small>{detail}</small> };
    let line = match href.strip_prefix('#') {
        Some(button) => press(button, text.into_any()).into_any(),
        None if href.is_empty() => view! { <p>{text}</p> }.into_any(),
        None => view! { <a href=href>{text}</a> }.into_any(),
    };
    view! { <li>{line}</li> }
}

/// A button of the frame's, once more: it belongs to the same form.
fn press(button: &str, text: AnyView) -> impl IntoView + use<> {
    match Theme::ALL.into_iter().find(|theme| theme.button() == button) {
        Some(theme) => {
            view! { <button form=THEME_FORM name="theme" value=theme.as_str()>{text}</button> }.into_any()
        }
        None => view! { <button form=SIGN_OUT_FORM>{text}</button> }.into_any(),
    }
}
