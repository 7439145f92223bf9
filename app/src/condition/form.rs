//! The condition builder's form: a tree of texts under a prefix, edited by the form's own buttons.
//! Pure: `Condition` ↔ `ConditionForm` ↔ form pairs, exact both ways, and nothing typed is lost on an error.
//!
//! Names in the form, for the prefix `cond`: `cond.mode` (the root branch), `cond.0.attribute`,
//! `cond.0.operator`, `cond.0.value`, `cond.0.high`, `cond.0.case`, `cond.1.mode` (a branch), `cond.1.0.attribute` …

use engine::{Condition, DEPTH_MAX, Problem};

use super::{
    posted::Posted,
    tree::{parse_path, split_name},
};
pub use super::{
    row::{Choice, Field, Kind, Shape, TestError, TestForm},
    tree::{Branch, ConditionErrors, Focus, Mode, Node, Path, name_at, path_text},
};

/// A condition as it stands in a form; without rows, no condition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConditionForm {
    pub root: Branch,
    /// The condition is a lone test, so a root of one test stands for that test itself.
    pub lone: bool,
    pub focus: Option<Focus>,
    too_deep: bool,
}

impl ConditionForm {
    /// One empty row, for a form that somebody starts.
    pub fn starting() -> Self {
        let root = Branch { mode: Mode::All, nodes: vec![Node::Test(TestForm::default())] };
        Self { root, ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.root.nodes.is_empty()
    }

    /// Somebody typed into one of its rows.
    pub fn holds_text(&self) -> bool {
        holds_text(&self.root)
    }

    /// Every attribute that a row names, with repeats.
    pub fn attributes(&self) -> Vec<&str> {
        let mut names = Vec::new();
        collect_attributes(&self.root, &mut names);
        names
    }

    pub fn from_condition(condition: Option<&Condition>) -> Self {
        let (root, lone) = match condition.map(draft_node) {
            None => (Branch::default(), false),
            Some(Node::Branch(branch)) => (branch, false),
            Some(test) => (Branch { mode: Mode::All, nodes: vec![test] }, true),
        };
        Self { root, lone, ..Self::default() }
    }

    /// Reads what the browser posted; fields of other prefixes are none of its business.
    pub fn from_pairs(pairs: &[(String, String)], prefix: &str) -> Self {
        let mut raw = Posted::default();
        let mut too_deep = false;
        for (name, value) in pairs {
            let rest = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'));
            let Some((path, field)) = rest.and_then(split_name) else { continue };
            if path.len() > DEPTH_MAX {
                too_deep = true;
                continue;
            }
            raw.insert(&path, field, value);
        }
        let lone = raw.fields.contains_key("lone");
        Self { root: raw.branch(), lone, focus: None, too_deep }
    }

    /// What the browser would post for this draft.
    pub fn pairs(&self, prefix: &str) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        if self.lone {
            pairs.push((format!("{prefix}.lone"), "1".to_owned()));
        }
        branch_pairs(&self.root, prefix, &mut pairs);
        pairs
    }

    /// The condition, or everything that is wrong. A form left with its one empty row has no condition.
    pub fn parse(&self) -> Result<Option<Condition>, ConditionErrors> {
        if self.is_empty() || matches!(&*self.root.nodes, [Node::Test(test)] if test.is_blank()) {
            return Ok(None);
        }
        let mut errors = ConditionErrors::default();
        let condition = parse_branch(&self.root, &mut Vec::new(), self.lone, &mut errors);
        if self.too_deep {
            errors.refuse(Problem::TooDeep { max: DEPTH_MAX });
        }
        let Some(condition) = condition.filter(|_| errors.is_empty()) else { return Err(errors) };
        // Each test was checked beside its row; what is left concerns the tree.
        for problem in condition.problems() {
            errors.refuse(problem);
        }
        if errors.is_empty() { Ok(Some(condition)) } else { Err(errors) }
    }

    /// Does what a button of the builder says; false when `intent` is not one of this builder's.
    pub fn apply(&mut self, intent: &str, prefix: &str) -> bool {
        let rest = intent.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'));
        let Some((action, path)) = rest.and_then(|rest| rest.split_once(':')) else {
            return rest == Some("refresh");
        };
        let Some(path) = parse_path(path) else { return false };
        let row = match action {
            "add-test" => Some(Node::Test(TestForm::default())),
            "add-all" => Some(starting_branch(Mode::All)),
            "add-any" => Some(starting_branch(Mode::Any)),
            "add-none" => Some(starting_branch(Mode::None)),
            "remove" => None,
            _ => return false,
        };
        match row {
            Some(row) => self.add(path, row),
            None => self.remove(&path),
        }
        true
    }

    fn add(&mut self, mut path: Path, row: Node) {
        if path.len() >= DEPTH_MAX {
            return;
        }
        let Some(branch) = branch_at(&mut self.root, &path) else { return };
        let nested = matches!(row, Node::Branch(_));
        branch.nodes.push(row);
        path.push(branch.nodes.len() - 1);
        if nested {
            path.push(0);
        }
        self.focus = Some(Focus::Row(path));
    }

    fn remove(&mut self, path: &[usize]) {
        let Some((at, parent)) = path.split_last() else { return };
        let Some(branch) = branch_at(&mut self.root, parent) else { return };
        if *at < branch.nodes.len() {
            branch.nodes.remove(*at);
        }
        self.focus = Some(Focus::Add(parent.to_vec()));
    }
}

fn collect_attributes<'a>(branch: &'a Branch, names: &mut Vec<&'a str>) {
    for node in &branch.nodes {
        match node {
            Node::Branch(inner) => collect_attributes(inner, names),
            Node::Test(test) => names.push(test.attribute.trim()),
        }
    }
}

fn holds_text(branch: &Branch) -> bool {
    branch.nodes.iter().any(|node| match node {
        Node::Branch(inner) => holds_text(inner),
        Node::Test(test) => !test.is_blank(),
    })
}

fn starting_branch(mode: Mode) -> Node {
    Node::Branch(Branch { mode, nodes: vec![Node::Test(TestForm::default())] })
}

fn branch_at<'a>(root: &'a mut Branch, path: &[usize]) -> Option<&'a mut Branch> {
    path.iter().try_fold(root, |branch, at| match branch.nodes.get_mut(*at) {
        Some(Node::Branch(inner)) => Some(inner),
        Some(Node::Test(_)) | None => None,
    })
}

fn draft_node(condition: &Condition) -> Node {
    let branch = |mode, nodes: &[Condition]| Branch { mode, nodes: nodes.iter().map(draft_node).collect() };
    Node::Branch(match condition {
        Condition::All(nodes) => branch(Mode::All, nodes),
        Condition::Any(nodes) => branch(Mode::Any, nodes),
        Condition::Not(node) => match &**node {
            Condition::Any(nodes) => branch(Mode::None, nodes),
            Condition::All(nodes) => branch(Mode::NotAll, nodes),
            only @ (Condition::Not(_) | Condition::Test(_)) => {
                Branch { mode: Mode::Not, nodes: vec![draft_node(only)] }
            }
        },
        Condition::Test(test) => return Node::Test(test.into()),
    })
}

fn parse_branch(
    branch: &Branch,
    path: &mut Path,
    lone: bool,
    errors: &mut ConditionErrors,
) -> Option<Condition> {
    if branch.nodes.is_empty() {
        errors.push(path, Field::Whole, TestError::EmptyBranch);
    }
    let mut nodes = Vec::with_capacity(branch.nodes.len());
    for (at, node) in branch.nodes.iter().enumerate() {
        path.push(at);
        match node {
            Node::Branch(inner) => nodes.extend(parse_branch(inner, path, false, errors)),
            Node::Test(test) => match test.parse() {
                Ok(test) => nodes.push(Condition::Test(test)),
                Err(wrong) => wrong.into_iter().for_each(|(field, error)| errors.push(path, field, error)),
            },
        }
        path.pop();
    }
    let not = |condition| Condition::Not(Box::new(condition));
    Some(match branch.mode {
        Mode::All if lone && nodes.len() == 1 => nodes.pop()?,
        Mode::All => Condition::All(nodes),
        Mode::Any => Condition::Any(nodes),
        Mode::Not if nodes.len() == 1 => not(nodes.pop()?),
        Mode::None | Mode::Not => not(Condition::Any(nodes)),
        Mode::NotAll => not(Condition::All(nodes)),
    })
}

fn branch_pairs(branch: &Branch, name: &str, pairs: &mut Vec<(String, String)>) {
    pairs.push((format!("{name}.mode"), branch.mode.code().to_owned()));
    for (at, node) in branch.nodes.iter().enumerate() {
        let name = format!("{name}.{at}");
        match node {
            Node::Branch(inner) => branch_pairs(inner, &name, pairs),
            Node::Test(test) => {
                let mut push =
                    |field: &str, value: &str| pairs.push((format!("{name}.{field}"), value.to_owned()));
                push("attribute", &test.attribute);
                push("operator", &test.operator.map_or_else(String::new, Choice::code));
                push("value", &test.value);
                push("high", &test.high);
                if test.ignore_case {
                    push("case", "1");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::{AttributeName, Number, Operator, Test};
    use proptest::prelude::*;

    use super::*;

    fn parse_condition(
        pairs: &[(String, String)],
        prefix: &str,
    ) -> Result<Option<Condition>, ConditionErrors> {
        ConditionForm::from_pairs(pairs, prefix).parse()
    }

    fn operators() -> impl Strategy<Value = Operator> {
        let text = || any::<String>().prop_map(|text| text.chars().take(20).collect::<String>());
        let part = || text().prop_filter("a part has characters", |text| !text.is_empty());
        let texts = || prop::collection::vec(text(), 1..5);
        let float = (prop::num::f64::NORMAL | prop::num::f64::ZERO).prop_map(Number::from);
        let number = || prop_oneof![float.clone(), any::<i64>().prop_map(Number::from)];
        let date =
            || prop::sample::select(vec!["2026-03-01", "2026-03-01T14:10:00Z"]).prop_map(str::to_owned);
        let version = || prop::sample::select(vec!["2.10.0", "v2", " 1.0.0-beta.1 "]).prop_map(str::to_owned);
        prop_oneof![
            text().prop_map(Operator::Equals),
            texts().prop_map(Operator::OneOf),
            part().prop_map(Operator::Contains),
            part().prop_map(Operator::StartsWith),
            part().prop_map(Operator::EndsWith),
            "[a-z ]{1,9}".prop_map(Operator::Matches),
            number().prop_map(Operator::NumberEquals),
            number().prop_map(Operator::AtLeast),
            number().prop_map(|low| Operator::Between { low, high: low }),
            (0_u32..9, 9_u32..99).prop_map(|(a, b)| Operator::Between { low: a.into(), high: b.into() }),
            any::<bool>().prop_map(Operator::Is),
            texts().prop_map(Operator::ContainsAny),
            texts().prop_map(Operator::ContainsAll),
            date().prop_map(Operator::Before),
            version().prop_map(Operator::VersionAtLeast),
            Just(Operator::Exists),
        ]
    }

    fn tests() -> impl Strategy<Value = Condition> {
        let names = prop::sample::select(vec!["tier", "role", "transactions_30d", "_x"]);
        (names, operators(), any::<bool>(), any::<bool>()).prop_map(|(name, operator, negated, case)| {
            let folds = Choice { kind: kind_of(&operator), negated }.kind.folds_case();
            Condition::Test(Test {
                attribute: AttributeName::parse(name).expect("a name"),
                operator,
                negated,
                ignore_case: case && folds,
            })
        })
    }

    fn kind_of(operator: &Operator) -> Kind {
        let test = Test {
            attribute: AttributeName::parse("a").expect("a name"),
            operator: operator.clone(),
            negated: false,
            ignore_case: false,
        };
        TestForm::from(&test).operator.expect("an operator").kind
    }

    fn conditions() -> impl Strategy<Value = Condition> {
        tests().prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(Condition::All),
                prop::collection::vec(inner.clone(), 1..4).prop_map(Condition::Any),
                inner.prop_map(|node| Condition::Not(Box::new(node))),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_condition_survives_the_form_unchanged(condition in conditions()) {
            let draft = ConditionForm::from_condition(Some(&condition));
            let pairs = draft.pairs("rules.3.cond");
            prop_assert_eq!(&ConditionForm::from_pairs(&pairs, "rules.3.cond"), &draft);
            prop_assert_eq!(parse_condition(&pairs, "rules.3.cond"), Ok(Some(condition)));
        }

        #[test]
        fn whatever_is_posted_becomes_a_draft_that_posts_the_same(
            pairs in prop::collection::vec(("cond(\\.[0-3]){0,9}\\.[a-z]{1,9}", "\\PC*"), 0..30),
        ) {
            let draft = ConditionForm::from_pairs(&pairs, "cond");
            let again = ConditionForm::from_pairs(&draft.pairs("cond"), "cond");
            prop_assert_eq!(again.root, draft.root);
        }
    }

    fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_empty_form_and_a_form_with_one_empty_row_are_no_condition() {
        assert_eq!(parse_condition(&[], "cond"), Ok(None));
        assert_eq!(ConditionForm::starting().parse(), Ok(None));
        assert_eq!(ConditionForm::from_condition(None).pairs("c"), pairs(&[("c.mode", "all")]));
    }

    #[test]
    fn the_buttons_change_the_tree_and_say_where_the_cursor_belongs() {
        let mut draft = ConditionForm::default();
        assert!(draft.apply("cond.add-test:", "cond"));
        assert!(draft.apply("cond.add-any:", "cond"));
        assert_eq!(draft.focus, Some(Focus::Row(vec![1, 0])));
        assert!(draft.apply("cond.add-test:1", "cond"));
        assert!(draft.apply("cond.remove:1.0", "cond"));
        assert_eq!(draft.focus, Some(Focus::Add(vec![1])));
        assert!(draft.apply("cond.refresh", "cond"));
        assert_eq!(draft.root.nodes.len(), 2);
        assert!(matches!(&draft.root.nodes[1], Node::Branch(b) if b.mode == Mode::Any && b.nodes.len() == 1));
    }

    #[test]
    fn a_button_of_another_builder_or_for_a_row_that_is_gone_changes_nothing() {
        let mut draft = ConditionForm::starting();
        let before = draft.root.clone();
        assert!(!draft.apply("save", "cond"));
        assert!(!draft.apply("cond2.add-test:", "cond"));
        assert!(!draft.apply("cond.add-test:x", "cond"));
        assert!(draft.apply("cond.remove:7", "cond"));
        assert!(draft.apply("cond.add-test:7.1", "cond"));
        assert_eq!(draft.root, before);
    }

    #[test]
    fn errors_stand_at_their_row_and_the_typed_text_stays() {
        let posted = pairs(&[
            ("cond.mode", "any"),
            ("cond.0.attribute", "tier"),
            ("cond.0.operator", "equals"),
            ("cond.0.value", "vip"),
            ("cond.4.attribute", "transactions_30d"),
            ("cond.4.operator", "at_least"),
            ("cond.4.value", "lots"),
            ("cond.7.mode", "none"),
        ]);
        let errors = parse_condition(&posted, "cond").expect_err("errors");
        assert_eq!(errors.at(&[1]).collect::<Vec<_>>(), [(Field::Value, &TestError::NotANumber)]);
        assert_eq!(errors.at(&[2]).collect::<Vec<_>>(), [(Field::Whole, &TestError::EmptyBranch)]);
        assert_eq!(errors.len(), 2);
        let kept = ConditionForm::from_pairs(&posted, "cond");
        assert!(kept.pairs("cond").contains(&("cond.1.value".to_owned(), "lots".to_owned())));
    }

    #[test]
    fn a_form_nested_beyond_the_limit_is_refused_without_recursing_into_it() {
        let deep = format!("cond.{}attribute", "0.".repeat(5000));
        let errors = parse_condition(
            &pairs(&[(&deep, "x"), ("cond.0.attribute", "a"), ("cond.0.operator", "exists")]),
            "cond",
        );
        let errors = errors.expect_err("errors");
        let expected = TestError::Refused(Problem::TooDeep { max: DEPTH_MAX });
        assert!(errors.at(&[]).any(|(_, error)| *error == expected));
    }
}
