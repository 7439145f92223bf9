//! Everything a person can do at a page, a program can do too: held against the sources, so that no operation of the
//! store is forgotten.

mod own;
mod sources;

use std::collections::BTreeSet;

use server::doors::rest::needs::{Needs, OPERATIONS};

use self::{
    own::{NOT_YET, OWN, WITHOUT_A_WORD},
    sources::{Function, Sources, proofs},
};

struct Found {
    store: Sources,
    rest: Sources,
}

impl Found {
    fn read() -> Self {
        Self { store: Sources::read("server/store/src"), rest: Sources::read("server/src/doors/rest") }
    }

    /// Operations of the store that take a proof.
    fn asked_for(&self) -> Vec<&Function> {
        self.store.taking(&proofs()).collect()
    }

    /// Everything that handlers of REST ask for.
    fn offered(&self) -> BTreeSet<String> {
        self.rest.operations().into_values().flatten().collect()
    }
}

/// Whether it is asked for by those who manage, and not sent by applications.
fn is_management(needs: Needs) -> bool {
    match needs {
        Needs::Traits | Needs::Management | Needs::Environment | Needs::WorkspaceIn | Needs::Workspace => {
            true
        }
        Needs::AnyToken | Needs::ServerOrClient | Needs::Server => false,
    }
}

/// How many names of the template stand in the path as they are; `None` when it is another one.
fn literal_names(template: &str, path: &str) -> Option<usize> {
    let (template, path) = (template.split('/'), path.split('?').next()?.split('/'));
    if template.clone().count() != path.clone().count() {
        return None;
    }
    let mut literal = 0;
    for (wanted, found) in template.zip(path) {
        if wanted == found {
            literal += 1;
        } else if !wanted.starts_with('{') {
            return None;
        }
    }
    Some(literal)
}

/// The line of `needs.rs` that a request is about.
pub fn needs_of(method: &str, path: &str) -> Option<(&'static str, &'static str, Needs)> {
    let same = OPERATIONS.iter().filter(|(it, ..)| *it == method);
    let fitting = same.filter_map(|line| Some((literal_names(line.1, path)?, *line)));
    fitting.max_by_key(|(literal, _)| *literal).map(|(_, line)| line)
}

#[test]
fn every_operation_of_the_store_is_offered_or_says_why_not() {
    let found = Found::read();
    let (operations, offered) = (found.asked_for(), found.offered());
    assert!(operations.len() > 100, "the sources are read: {}", operations.len());
    let mut wrong = Vec::new();
    let names: BTreeSet<_> = operations.iter().map(|it| it.full_name()).collect();
    for name in &names {
        let is_own = OWN.iter().any(|(own, _)| own == name);
        let is_wanted = NOT_YET.contains(&name.as_str());
        match (offered.contains(name), is_own, is_wanted) {
            (true, false, false) | (false, true, false) | (false, false, true) => {}
            (false, false, false) => {
                wrong.push(format!("{name} has no operation of REST, and nothing says why"));
            }
            (true, _, true) => wrong.push(format!("{name} is there: take it off NOT_YET")),
            (true, true, false) => wrong.push(format!("{name} is there: the pages do not have it alone")),
            (false, true, true) => wrong.push(format!("{name} stands in both lists")),
        }
    }
    let listed = OWN.iter().map(|(name, _)| *name).chain(NOT_YET.iter().copied());
    wrong.extend(listed.filter(|it| !names.contains(*it)).map(|it| format!("{it} is listed, and gone")));
    for (name, why) in OWN {
        if why.matches('.').count() != 1 || !why.ends_with('.') {
            wrong.push(format!("{name} says why in one sentence: {why}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_operation_of_the_table_has_its_handler() {
    let found = Found::read();
    let table: BTreeSet<_> = OPERATIONS.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    let handlers: BTreeSet<_> = found.rest.operations().into_keys().collect();
    assert_eq!(table, handlers, "left: the table of needs.rs; right: what is read here of the handlers");
}

#[test]
fn every_management_operation_is_tried_as_each_role() {
    let rows = crate::rights::operations();
    let tried: BTreeSet<_> =
        rows.iter().map(|row| needs_of(row.0.as_str(), row.1).map(|it| (it.0, it.1))).collect();
    assert!(!tried.contains(&None), "a line of the roles table is about nothing that there is");
    let management = OPERATIONS.iter().filter(|(.., needs)| is_management(*needs));
    let untried: Vec<_> = management
        .filter(|(method, path, _)| !tried.contains(&Some((*method, *path))))
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    assert!(untried.is_empty(), "nobody tries as each role:\n{}", untried.join("\n"));
}

#[test]
fn every_write_leaves_a_word_in_the_audit_log() {
    let found = Found::read();
    let operations = found.asked_for();
    let words = |name: &String| -> BTreeSet<String> {
        let named = operations.iter().filter(|it| it.full_name() == *name);
        named.flat_map(|it| found.store.words(it)).collect()
    };
    let mut wrong = Vec::new();
    for (operation, asked) in found.rest.operations() {
        let (method, path) = operation.split_once(' ').expect("a method");
        let managed = needs_of(method, path).is_some_and(|(.., needs)| is_management(needs));
        if method == "GET" || !managed {
            continue;
        }
        let left: BTreeSet<_> = asked.iter().flat_map(words).collect();
        let excused = WITHOUT_A_WORD.iter().any(|(it, _)| *it == operation);
        match (left.is_empty(), excused) {
            (false, false) | (true, true) => {}
            (true, false) => wrong.push(format!("{operation} writes nothing into the audit log")),
            (false, true) => wrong.push(format!("{operation} leaves {left:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
