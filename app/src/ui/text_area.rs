//! The only `<textarea>` of the dashboard. The framework writes the children of raw text elements as they are, so what
//! somebody typed would be markup there; here it is escaped. `scripts/invariants.sh` refuses every other one.

use leptos::prelude::*;

#[expect(clippy::fn_params_excessive_bools, reason = "properties are named where they are given")]
/// A field of several lines that holds exactly `value`, whatever that is.
#[component]
pub fn TextArea(
    #[prop(into)] name: String,
    #[prop(into)] value: String,
    #[prop(optional, into)] id: Option<String>,
    #[prop(default = 3)] rows: u32,
    /// What it is called where no `<label>` says so.
    #[prop(optional, into)]
    label: Option<String>,
    /// The ids of its hint and its error.
    #[prop(optional_no_strip)]
    described: Option<String>,
    #[prop(optional)] invalid: bool,
    #[prop(optional)] readonly: bool,
    /// Keys, lists and JSON: in even letters, and no language to check the spelling of.
    #[prop(optional)]
    mono: bool,
    #[prop(optional)] spellcheck_off: bool,
    #[prop(optional_no_strip)] placeholder: Option<String>,
    #[prop(optional_no_strip)] maxlength: Option<usize>,
    /// Regions that are asked for anew while somebody types; see [`islands::swap`].
    #[prop(optional_no_strip)]
    swap_input: Option<String>,
) -> impl IntoView {
    view! {
        <textarea
            id=id
            name=name
            rows=rows.to_string()
            class=mono.then_some("mono")
            placeholder=placeholder
            maxlength=maxlength.map(|it| it.to_string())
            readonly=readonly
            spellcheck=(mono || spellcheck_off).then_some("false")
            aria-label=label
            aria-invalid=invalid.then_some("true")
            aria-describedby=described
            data-swap-input=swap_input
            inner_html=escaped(&value)
        ></textarea>
    }
}

/// The text as the content of a `<textarea>`. HTML drops one line break at its start, so a text that begins with one
/// gets another before it.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 1);
    if text.starts_with(['\n', '\r']) {
        html.push('\n');
    }
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            // HTML reads a carriage return as a line break, and a NUL as nothing at all.
            '\r' => html.push_str("&#13;"),
            '\0' => html.push('\u{fffd}'),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(value: &str) -> String {
        view! { <TextArea name="note" value=value /> }.to_html()
    }

    #[test]
    fn what_somebody_typed_is_no_markup() {
        let area = html("</textarea><b id=pwn>&amp;<!--");
        assert!(area.contains(">&lt;/textarea&gt;&lt;b id=pwn&gt;&amp;amp;&lt;!--</textarea>"), "{area}");
        assert_eq!(area.matches("</textarea>").count(), 1, "{area}");
    }

    #[test]
    fn the_first_line_break_is_kept() {
        assert!(html("\n\nb").contains(">\n\n\nb</textarea>"));
        assert!(html("a\nb").contains(">a\nb</textarea>"));
        assert!(html("\r\nb").contains(">\n&#13;\nb</textarea>"));
    }

    #[test]
    fn attributes_stand_only_where_they_are_given() {
        let plain = html("");
        for name in ["id=", "aria-", "mono", "spellcheck", "readonly", "data-swap", "maxlength"] {
            assert!(!plain.contains(name), "{plain}");
        }
        let full = view! { <TextArea name="n" value="" mono=true invalid=true maxlength=Some(5) rows=1 /> };
        let full = full.to_html();
        for part in [r#"class="mono""#, r#"spellcheck="false""#, r#"maxlength="5""#, r#"rows="1""#] {
            assert!(full.contains(part), "{full}");
        }
    }
}
