//! While the key is untouched it follows the name. Without scripts the server derives it when the form arrives.

use leptos::{ev, prelude::*, wasm_bindgen::JsCast, web_sys};

#[island]
pub fn KeyFromName() -> impl IntoView {
    let own_key = StoredValue::new(false);
    Effect::new(move || {
        let field = |id: &str| document().get_element_by_id(id)?.dyn_into::<web_sys::HtmlInputElement>().ok();
        if let Some(key) = field("field-key") {
            own_key.set_value(!key.value().is_empty());
        }
        let typed = window_event_listener(ev::input, move |event| {
            let Some(input) = event.target().and_then(|it| it.dyn_into::<web_sys::HtmlInputElement>().ok())
            else {
                return;
            };
            match &*input.id() {
                "field-key" => own_key.set_value(!input.value().is_empty()),
                "field-name" if !own_key.get_value() => {
                    if let Some(key) = field("field-key") {
                        key.set_value(&key_from_name(&input.value()));
                    }
                }
                _ => {}
            }
        });
        on_cleanup(move || typed.remove());
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
