//! The command palette as a page, for whoever has no script, and for a link to a search.

use islands::found::{Hit, HitKind};
use leptos::prelude::*;

use super::find::find;
use crate::{
    caps::SEARCH_CHARS_MAX,
    page::{Page, PageMeta, PageResult, here::here, layout::PageHead},
    ui::{empty::Empty, icon},
};

pub async fn get(page: Page) -> PageResult {
    let query = page.query("q").unwrap_or_default();
    let hits = find(&page, &query).await?;
    let mut meta = PageMeta::outside("Search");
    meta.live = true;
    page.render(meta, move || {
        let none = hits.is_empty().then(|| {
            view! { <Empty title="Nothing found" text="Try a part of the name, or the key. One wrong letter is forgiven." /> }
        });
        let environment = here().environment.key.to_string();
        view! {
            <PageHead title="Search" lead="Flags, groups, people, pages and actions." />
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
        HitKind::Action => icon::plus().into_any(),
        HitKind::Person => icon::people().into_any(),
    };
    view! { <li><a href=hit.href>{mark}<span>{hit.title}</span><small>{hit.detail}</small></a></li> }
}
