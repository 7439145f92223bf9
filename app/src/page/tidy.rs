//! Leptos marks the borders of its text nodes with `<!>`, which HTML calls a parse error. Inside islands the browser
//! side needs the marks, so there they become empty comments; everywhere else they go away.

/// The document with its marks made valid.
pub(super) fn tidy(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    let mut islands = 0_usize;
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        out.push_str(text);
        if let Some(after) = tag.strip_prefix("<!>") {
            if islands > 0 {
                out.push_str("<!---->");
            }
            rest = after;
            continue;
        }
        if tag.starts_with("<leptos-island") {
            islands += 1;
        } else if tag.starts_with("</leptos-island") {
            islands = islands.saturating_sub(1);
        }
        let end = if tag.starts_with("<script") { raw_end(tag) } else { tag_end(tag) };
        let (whole, after) = tag.split_at(end);
        out.push_str(whole);
        rest = after;
    }
    out.push_str(rest);
    out
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
