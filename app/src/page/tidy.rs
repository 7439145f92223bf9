//! The last step of a document. Leptos marks the borders of its text nodes with `<!>`, which HTML calls a parse error:
//! inside islands the browser side needs the marks, so there they become empty comments; everywhere else they go away. And
//! sentences that tell a moment in UTC tell it in the zone of their reader.

use crate::zone::{Place, told};

/// Elements whose text is somebody's own, or is to be taken as it is.
const VERBATIM: [&str; 4] = ["textarea", "pre", "code", "script"];
/// Elements that hold nothing but text.
const TEXT_ONLY: [&str; 4] = ["svg", "option", "title", "leptos-island"];

/// The document with its marks made valid, and its moments its reader's.
pub(super) fn tidy(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    let (mut islands, mut verbatim, mut text_only) = (0_usize, 0_usize, 0_usize);
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        match (verbatim, text_only) {
            (0, 0) => told(text, Place::Elements, &mut out),
            (0, _) => told(text, Place::Text, &mut out),
            _ => out.push_str(text),
        }
        if let Some(after) = tag.strip_prefix("<!>") {
            if islands > 0 {
                out.push_str("<!---->");
            }
            rest = after;
            continue;
        }
        let depth = |deep: usize, names: &[&str]| match names.iter().find_map(|name| edge_of(tag, name)) {
            Some(Edge::Start) => deep + 1,
            Some(Edge::End) => deep.saturating_sub(1),
            None => deep,
        };
        islands = depth(islands, &["leptos-island"]);
        verbatim = depth(verbatim, &VERBATIM);
        text_only = depth(text_only, &TEXT_ONLY);
        let end = if tag.starts_with("<script") { raw_end(tag) } else { tag_end(tag) };
        let (whole, after) = tag.split_at(end);
        out.push_str(whole);
        rest = after;
    }
    out.push_str(rest);
    out
}

enum Edge {
    Start,
    End,
}

/// Whether an element of this name starts or ends here.
fn edge_of(tag: &str, name: &str) -> Option<Edge> {
    let (rest, edge) = match tag.strip_prefix("</") {
        Some(rest) => (rest, Edge::End),
        None => (tag.strip_prefix('<')?, Edge::Start),
    };
    let after = rest.strip_prefix(name)?;
    after.starts_with(['>', ' ', '/']).then_some(edge)
}

/// Where a tag ends; a `>` inside quotes does not end it.
fn tag_end(tag: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in tag.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return at + 1,
            _ => {}
        }
    }
    tag.len()
}

/// Where a script ends: its text is no HTML.
fn raw_end(tag: &str) -> usize {
    tag.find("</script>").unwrap_or(tag.len())
}

#[cfg(test)]
mod tests {
    use super::tidy;
    use crate::zone::read_in;

    #[test]
    fn moments_are_told_where_text_is_shown_and_nowhere_else() {
        read_in("Europe/Berlin", || {
            let told = "<time datetime=\"2026-03-01T14:10:00Z\" title=\"1 Mar 2026, 14:10:00 UTC\">1 Mar 2026, 15:10 CET</time>";
            let html = "<p title=\"2026-03-01 14:10 UTC\">since 2026-03-01 14:10 UTC</p>";
            assert_eq!(tidy(html), format!("<p title=\"2026-03-01 14:10 UTC\">since {told}</p>"));
            let html = "<svg><text>2026-03-01 14:10 UTC</text></svg><b>2026-03-01 14:10 UTC</b>";
            assert_eq!(tidy(html), format!("<svg><text>1 Mar 2026, 15:10 CET</text></svg><b>{told}</b>"));
            for own in ["<textarea>\n2026-03-01 14:10 UTC</textarea>", "<pre>2026-03-01 14:10 UTC</pre>"] {
                assert_eq!(tidy(own), own);
            }
        });
    }

    #[test]
    fn marks_stay_inside_islands_only() {
        let html = "<p>a<!>b</p><leptos-island data-component=\"x\"><b>c<!>d</b></leptos-island><!><i>e</i>";
        let tidied = "<p>ab</p><leptos-island data-component=\"x\"><b>c<!---->d</b></leptos-island><i>e</i>";
        assert_eq!(tidy(html), tidied);
    }

    #[test]
    fn what_somebody_typed_is_left_alone() {
        for html in
            ["<input value=\"a<!>b\">", "<script>if (a<!>b) {}</script>", "<p title=\"'>'\">&lt;!&gt;</p>"]
        {
            assert_eq!(tidy(html), html);
        }
    }
}
