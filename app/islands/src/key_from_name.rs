//! While the key is untouched it follows the name. Without scripts the server derives it when the form arrives.

use std::cell::Cell;

use leptos::prelude::*;
use web_sys::HtmlInputElement;

use crate::dom::{by_id, in_browser, listen, target};

thread_local! {
    /// Somebody has typed the key.
    static OWN_KEY: Cell<bool> = const { Cell::new(false) };
}

#[island]
pub fn KeyFromName() -> impl IntoView {
    in_browser(|| {
        let key = || by_id::<HtmlInputElement>("field-key");
        OWN_KEY.set(key().is_some_and(|it| !it.value().is_empty()));
        listen("input", move |event| {
            let Some(input) = target::<HtmlInputElement>(&event) else { return };
            match &*input.id() {
                "field-key" => OWN_KEY.set(!input.value().is_empty()),
                "field-name" if !OWN_KEY.get() => {
                    if let Some(key) = key() {
                        key.set_value(&key_from_name(&input.value()));
                    }
                }
                _ => {}
            }
        });
    });
}

/// `Fast payment (v2)` → `fast-payment-v2`. Letters of other scripts fall away; the person sees it and can change it.
pub fn key_from_name(name: &str) -> String {
    const CHARS_MAX: usize = 100;
    let mut key = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match fold(c) {
            Some(folded) => key.push_str(folded),
            None if c.is_ascii_alphanumeric() => key.push(c),
            None if key.ends_with('-') || key.is_empty() => {}
            None => key.push('-'),
        }
    }
    key.truncate(CHARS_MAX);
    key.trim_end_matches('-').to_owned()
}

/// Common letters with marks, in ASCII.
fn fold(c: char) -> Option<&'static str> {
    Some(match c {
        'à' | 'á' | 'â' | 'ã' | 'å' => "a",
        'ä' | 'æ' => "ae",
        'ç' => "c",
        'è' | 'é' | 'ê' | 'ë' => "e",
        'ì' | 'í' | 'î' | 'ï' => "i",
        'ñ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' => "o",
        'ö' | 'ø' => "oe",
        'ß' => "ss",
        'ù' | 'ú' | 'û' => "u",
        'ü' => "ue",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::key_from_name;

    #[test]
    fn a_key_is_made_of_what_the_name_says() {
        for (name, key) in [
            ("Fast payment", "fast-payment"),
            ("  Größe & Maß!! ", "groesse-mass"),
            ("Ny kö (v2)", "ny-koe-v2"),
            ("日本", ""),
        ] {
            assert_eq!(key_from_name(name), key);
        }
    }
}
