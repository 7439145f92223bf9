//! The flags that the filters leave, a page at a time, and how many there are.

use engine::grouped;
use leptos::prelude::*;
use store::DeskRow;

use super::{filter::Filter, page::Desk};
use crate::{page::here::Here, ui::empty::Empty, ui::icon};

/// Rows of one page.
const ROWS: usize = 50;

/// The part of a list that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    /// Counted from 1.
    page: usize,
    pages: usize,
    first: usize,
    total: usize,
}

impl Span {
    /// A page beyond the last one is the last one.
    fn of(page: usize, total: usize) -> Self {
        let pages = total.div_ceil(ROWS).max(1);
        let page = page.clamp(1, pages);
        Self { page, pages, first: (page - 1) * ROWS, total }
    }

    /// `13 flags`, `51 to 100 of 500 flags`.
    fn phrase(self) -> String {
        let flags = if self.total == 1 { "flag" } else { "flags" };
        if self.pages == 1 {
            return format!("{} {flags}", grouped(self.total));
        }
        let last = (self.first + ROWS).min(self.total);
        format!("{} to {} of {} {flags}", grouped(self.first + 1), grouped(last), grouped(self.total))
    }
}

impl Desk<'_> {
    /// `shown` in their order.
    pub fn table(&self, shown: &[&DeskRow], filter: &Filter, here: &Here) -> impl IntoView + use<> {
        let stopped = shown.iter().filter(|row| !row.rollout.enabled).count();
        let span = Span::of(filter.page, shown.len());
        let rows: Vec<_> = shown.iter().skip(span.first).take(ROWS).map(|row| self.row(row, here)).collect();
        let count = match stopped {
            0 => span.phrase(),
            _ => format!("{}, {} stopped", span.phrase(), grouped(stopped)),
        };
        let body = if shown.is_empty() { nothing_found(here).into_any() } else { table(rows).into_any() };
        view! {
            <div id="desk" data-live="">
                <h2 class="visually-hidden">"Flags"</h2>
                <p class="desk-count" id="desk-count">{count}</p>
                {body}
                {pages(span, here)}
            </div>
        }
    }
}

fn table(rows: Vec<impl IntoView + 'static>) -> impl IntoView {
    view! {
        <div class="table-wrap">
            <table class="desk">
                <thead>
                    <tr>
                        <th scope="col">"Flag"</th>
                        <th scope="col" colspan="2">"Who has it"</th>
                        <th scope="col" class="num">"Known people"</th>
                        <th scope="col" class="num">"Served a minute"</th>
                        <th scope="col">"Health"</th>
                        <th scope="col">"Tags"</th>
                        <th scope="col">"Last change"</th>
                        <th scope="col"><span class="visually-hidden">"Stop or resume"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

fn pages(span: Span, here: &Here) -> Option<impl IntoView + use<>> {
    let to = |page: usize| {
        let number = if page == 1 { String::new() } else { page.to_string() };
        here.same_page_with(&[("page", &number)])
    };
    let before = (span.page > 1).then(|| {
        view! { <a class="button" href=to(span.page - 1) rel="prev">{icon::left()}"Previous"</a> }
    });
    let after = (span.page < span.pages)
        .then(|| view! { <a class="button" href=to(span.page + 1) rel="next">"Next"{icon::right()}</a> });
    let place = format!("Page {} of {}", grouped(span.page), grouped(span.pages));
    (span.pages > 1).then(|| {
        view! { <nav class="cluster desk-pages" aria-label="Pages of flags">{before}<span>{place}</span>{after}</nav> }
    })
}

fn nothing_found(here: &Here) -> impl IntoView + use<> {
    let href = here.href("/");
    view! {
        <Empty title="No flag is like that" text="Take a filter away, or look among the archived flags.">
            <a class="button" href=href>"Show all flags"</a>
        </Empty>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_which_part_it_is() {
        assert_eq!(Span::of(1, 0).phrase(), "0 flags");
        assert_eq!(Span::of(1, 1).phrase(), "1 flag");
        assert_eq!(Span::of(7, 50).phrase(), "50 flags");
        assert_eq!(Span::of(1, 500).phrase(), "1 to 50 of 500 flags");
        assert_eq!(Span::of(2, 51).phrase(), "51 to 51 of 51 flags");
        assert_eq!(Span::of(usize::MAX, 1_234).phrase(), "1,201 to 1,234 of 1,234 flags");
    }
}
