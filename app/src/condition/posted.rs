//! The fields of a builder as they were posted, before they are a tree.

use std::collections::{BTreeMap, HashMap};

use super::{
    operator::Choice,
    row::TestForm,
    tree::{Branch, Mode, Node},
};

/// Posted fields by place, before it is known which places are branches. Gaps in the numbering close up.
#[derive(Default)]
pub(super) struct Posted<'a> {
    pub(super) fields: HashMap<&'a str, &'a str>,
    children: BTreeMap<usize, Posted<'a>>,
}

impl<'a> Posted<'a> {
    pub(super) fn insert(&mut self, path: &[usize], field: &'a str, value: &'a str) {
        let place = path.iter().fold(self, |raw, at| raw.children.entry(*at).or_default());
        place.fields.insert(field, value);
    }

    fn text(&self, field: &str) -> String {
        self.fields.get(field).map(|text| (*text).to_owned()).unwrap_or_default()
    }

    pub(super) fn branch(&self) -> Branch {
        let mode = self.fields.get("mode").and_then(|code| Mode::parse(code)).unwrap_or_default();
        Branch { mode, nodes: self.children.values().map(Self::node).collect() }
    }

    fn node(&self) -> Node {
        if self.fields.contains_key("mode") || !self.children.is_empty() {
            return Node::Branch(self.branch());
        }
        Node::Test(TestForm {
            attribute: self.text("attribute"),
            operator: self.fields.get("operator").and_then(|code| Choice::parse(code)),
            ignore_case: self.fields.contains_key("case"),
            value: self.text("value"),
            high: self.text("high"),
        })
    }
}
