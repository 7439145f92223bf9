//! A page as a browser understands it, and what of it must not be there.

use std::collections::BTreeSet;

use html5ever::{ParseOpts, parse_document, tendril::TendrilSink as _, tree_builder::TreeBuilderOpts};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

/// What a page holds.
#[derive(Debug, Default)]
pub struct Page {
    pub forms: Vec<Form>,
    /// Addresses on this site.
    pub links: BTreeSet<String>,
    /// All that a reader can see, and every value of an attribute.
    pub texts: String,
    /// Typed text that became markup, and markup that nothing of ours needs.
    pub faults: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Form {
    pub id: String,
    pub method: String,
    pub action: String,
    pub enctype: String,
    pub fields: Vec<Field>,
    pub buttons: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field {
    pub name: String,
    pub value: String,
    pub sent: bool,
    pub typed: bool,
}

impl Page {
    pub fn read(html: &str) -> Self {
        let mut page = Self::default();
        // A browser without scripts reads what stands in `noscript`; the last reading is the one that is kept.
        for scripts in [false, true] {
            let tree_builder = TreeBuilderOpts { scripting_enabled: scripts, ..TreeBuilderOpts::default() };
            let parser = parse_document(RcDom::default(), ParseOpts { tree_builder, ..ParseOpts::default() });
            let faults = std::mem::take(&mut page.faults);
            page = Self { faults, ..Self::default() };
            let mut loose = Vec::new();
            page.walk(&parser.one(html).document, None, &mut loose);
            for (form, field) in loose {
                page.forms.iter_mut().filter(|it| it.id == form).for_each(|it| it.fields.push(field.clone()));
            }
        }
        page
    }

    fn walk(&mut self, node: &Handle, form: Option<usize>, loose: &mut Vec<(String, Field)>) {
        let mut form = form;
        match &node.data {
            NodeData::Comment { contents } if contents.contains("pwn") => {
                self.faults.push(format!("a comment: {contents}"));
            }
            NodeData::Text { contents } => {
                self.texts.push_str(&contents.borrow());
                self.texts.push('\n');
            }
            NodeData::Element { name, attrs, template_contents, .. } => {
                let tag = &*name.local;
                let attrs: Vec<(String, String)> = attrs
                    .borrow()
                    .iter()
                    .map(|it| (it.name.local.to_string(), it.value.to_string()))
                    .collect();
                self.look_at(tag, &attrs, node);
                if tag == "form" {
                    form = Some(self.forms.len());
                    self.forms.push(Form {
                        id: value_of(&attrs, "id"),
                        method: value_of(&attrs, "method"),
                        action: value_of(&attrs, "action"),
                        enctype: value_of(&attrs, "enctype"),
                        ..Form::default()
                    });
                }
                self.control(tag, &attrs, node, form, loose);
                if let Some(inside) = &*template_contents.borrow() {
                    self.walk(inside, form, loose);
                }
            }
            _ => {}
        }
        for child in node.children.borrow().iter() {
            self.walk(child, form, loose);
        }
    }

    fn look_at(&mut self, tag: &str, attrs: &[(String, String)], node: &Handle) {
        if matches!(tag, "script" | "style") && text_of(node).contains("pwn") {
            self.faults.push(format!("typed text in a <{tag}>"));
        }
        for (name, value) in attrs {
            let address = value.trim().to_lowercase();
            let is_address = matches!(&**name, "href" | "src" | "action" | "formaction");
            let runs = ["javascript:", "data:", "vbscript:"].iter().any(|it| address.starts_with(it));
            let wrong = (name == "id" && value == "pwn")
                || name.contains(['<', '"', '\''])
                || name.contains("pwn")
                || name.starts_with("on")
                || matches!(&**name, "style" | "http-equiv" | "srcdoc")
                || (is_address && runs);
            if wrong {
                self.faults.push(format!("<{tag} {name}=\"{value}\">"));
            }
            if tag == "a" && name == "href" && value.starts_with('/') && !value.starts_with("//") {
                self.links.insert(value.split('#').next().unwrap_or_default().to_owned());
            }
            self.texts.push_str(value);
            self.texts.push('\n');
        }
    }

    fn control(
        &mut self,
        tag: &str,
        attrs: &[(String, String)],
        node: &Handle,
        form: Option<usize>,
        loose: &mut Vec<(String, Field)>,
    ) {
        let (name, kind) = (value_of(attrs, "name"), value_of(attrs, "type"));
        if name.is_empty() || !matches!(tag, "input" | "textarea" | "select" | "button") {
            return;
        }
        if let (true, Some(form)) = (tag == "button", form) {
            self.forms[form].buttons.push((name, value_of(attrs, "value")));
            return;
        }
        let ticked = attrs.iter().any(|(name, _)| name == "checked");
        let field = Field {
            name,
            value: match tag {
                "textarea" => text_of(node),
                "select" => chosen(node),
                _ => value_of(attrs, "value"),
            },
            sent: !matches!(&*kind, "checkbox" | "radio") || ticked,
            typed: tag == "textarea"
                || (tag == "input" && !matches!(&*kind, "hidden" | "checkbox" | "radio")),
        };
        match (attrs.iter().find(|(name, _)| name == "form"), form) {
            (Some((_, id)), _) => loose.push((id.clone(), field)),
            (None, Some(form)) => self.forms[form].fields.push(field),
            (None, None) => {}
        }
    }
}

fn value_of(attrs: &[(String, String)], name: &str) -> String {
    attrs.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

fn text_of(node: &Handle) -> String {
    let mut text = String::new();
    for child in node.children.borrow().iter() {
        match &child.data {
            NodeData::Text { contents } => text.push_str(&contents.borrow()),
            _ => text.push_str(&text_of(child)),
        }
    }
    text
}

/// The value of the option that is selected, or of the first.
fn chosen(select: &Handle) -> String {
    let mut options: Vec<(bool, String)> = Vec::new();
    collect_options(select, &mut options);
    let selected = options.iter().find(|(selected, _)| *selected).or(options.first());
    selected.map(|(_, value)| value.clone()).unwrap_or_default()
}

fn collect_options(node: &Handle, options: &mut Vec<(bool, String)>) {
    if let NodeData::Element { name, attrs, .. } = &node.data
        && &*name.local == "option"
    {
        let attrs = attrs.borrow();
        let value = attrs.iter().find(|it| &*it.name.local == "value");
        let value = value.map_or_else(|| text_of(node), |it| it.value.to_string());
        options.push((attrs.iter().any(|it| &*it.name.local == "selected"), value));
    }
    for child in node.children.borrow().iter() {
        collect_options(child, options);
    }
}

#[test]
fn the_reader_finds_what_must_not_be_there() {
    for (html, faults) in [
        ("<p>&lt;b id=pwn&gt;</p>", 0),
        ("<textarea></textarea><b id=pwn></textarea>", 2),
        ("<textarea><b id=pwn></textarea>", 0),
        ("<noscript><b id=pwn></b></noscript>", 1),
        ("<p>a<!--pwn--></p>", 2),
        ("<script>let a = 'pwn'</script>", 2),
        ("<p style='color: red'></p>", 2),
        ("<a href=' javascript:pwn'></a>", 2),
        ("<template><b id=pwn></b></template>", 2),
    ] {
        assert_eq!(Page::read(html).faults.len(), faults, "{html}");
    }
    let page = Page::read(
        "<form id=f action=/a method=post><textarea name=t>\n\nx</textarea>\
         <select name=s><option value=1><option value=2 selected></select><button name=b value=c></form>\
         <input name=l form=f value=v><a href='/x?y=1#z'></a>",
    );
    let form = &page.forms[0];
    let fields: Vec<_> = form.fields.iter().map(|it| (&*it.name, &*it.value)).collect();
    assert_eq!(fields, [("t", "\nx"), ("s", "2"), ("l", "v")]);
    assert_eq!(form.buttons, [("b".to_owned(), "c".to_owned())]);
    assert!(page.links.contains("/x?y=1"));
}
