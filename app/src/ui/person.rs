//! A person in a list: the link to their page, and what of them was searched for.

use leptos::prelude::*;
use store::Operation;

use crate::page::{address, here::here};

/// The key, as a link for whoever may look people up.
pub fn person_link(subject: &str) -> AnyView {
    let here = here();
    let text = subject.to_owned();
    if here.may(Operation::ReadPeople) {
        let href = here.href(&address::person(subject));
        view! { <a class="person-link mono" href=href>{text}</a> }.into_any()
    } else {
        view! { <span class="mono">{text}</span> }.into_any()
    }
}

/// `text` with every place where one of `words` (in lower case) stands marked.
pub fn marked(text: &str, words: &[String]) -> AnyView {
    let mut pieces = Vec::new();
    let mut at = 0;
    for (start, end) in hits(text, words) {
        pieces.push(view! { {text[at..start].to_owned()} }.into_any());
        pieces.push(view! { <mark>{text[start..end].to_owned()}</mark> }.into_any());
        at = end;
    }
    pieces.push(view! { {text[at..].to_owned()} }.into_any());
    pieces.into_any()
}

/// Where the words stand, in order, without overlaps. A text whose length changes in lower case is not marked.
fn hits(text: &str, words: &[String]) -> Vec<(usize, usize)> {
    let lower = text.to_lowercase();
    if lower.len() != text.len() {
        return Vec::new();
    }
    let words = words.iter().filter(|word| !word.is_empty());
    let found = words.flat_map(|word| lower.match_indices(word.as_str()).map(|(at, it)| (at, at + it.len())));
    let mut found: Vec<_> =
        found.filter(|(from, to)| text.is_char_boundary(*from) && text.is_char_boundary(*to)).collect();
    found.sort_unstable();
    let mut merged: Vec<(usize, usize)> = Vec::new();
    for (from, to) in found {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            Some(_) | None => merged.push((from, to)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_searched_for_is_marked_once() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(hits("Ada Moreau", &words("ada mor")), [(0, 3), (4, 7)]);
        assert_eq!(hits("banana", &words("an ana")), [(1, 5)]);
        assert_eq!(hits("Étienne", &words("étienne")), [(0, 8)]);
        assert_eq!(hits("İstanbul", &words("istanbul")), [], "its lower case is longer");
        assert_eq!(hits("x", &[String::new()]), []);
        let html = marked("<b>", &words("b")).to_html();
        assert!(html.contains("&lt;") && html.contains("<mark>b") && html.contains("&gt;"), "{html}");
    }
}
