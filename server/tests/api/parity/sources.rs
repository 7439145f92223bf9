//! What the sources say: which operations of the store take a proof of permission, which of them the handlers of REST
//! ask for, and which words they leave in the audit log.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, Block, Expr, ExprCall, ExprMethodCall, ExprPath, ImplItemFn, Item, ItemFn, ItemImpl, ItemMod,
    PathSegment, Signature, Type, UseTree, Visibility,
    visit::{self, Visit},
};

/// A function as far as it matters here.
pub struct Function {
    file: PathBuf,
    /// The type whose it is, if any.
    owner: String,
    name: String,
    is_public: bool,
    /// Every type in its arguments.
    takes: BTreeSet<String>,
    /// Functions that it calls, by name, and whether as a method.
    calls: BTreeSet<(String, bool)>,
    /// What it asks of the store or of a type, as `Store::find_group`.
    asks: BTreeSet<String>,
    /// Words of the audit log that stand in it.
    words: BTreeSet<String>,
    /// Of a handler: `GET /api/v1/groups`.
    operation: Option<String>,
}

impl Function {
    pub fn full_name(&self) -> String {
        if self.owner.is_empty() { self.name.clone() } else { format!("{}::{}", self.owner, self.name) }
    }
}

/// Functions of one folder.
pub struct Sources(Vec<Function>);

impl Sources {
    /// `folder` below the workspace.
    pub fn read(folder: &str) -> Self {
        let mut functions = Vec::new();
        for file in files(&root().join(folder)) {
            let text = fs::read_to_string(&file).expect("a source");
            let parsed = syn::parse_file(&text).expect("Rust");
            let mut reader = Reader { file, owner: String::new(), functions: &mut functions };
            reader.visit_file(&parsed);
        }
        Self(functions)
    }

    /// What takes one of these types and is not one of their own methods.
    pub fn taking(&self, proofs: &BTreeSet<String>) -> impl Iterator<Item = &Function> {
        let takes = |it: &&Function| it.is_public && it.takes.iter().any(|name| proofs.contains(name));
        self.0.iter().filter(takes).filter(|it| !proofs.contains(&it.owner))
    }

    /// Each operation with what its handler asks, itself or through its helpers.
    pub fn operations(&self) -> BTreeMap<String, BTreeSet<String>> {
        let asked = |it: &Function| self.reached(it).flat_map(|it| it.asks.iter().cloned()).collect();
        self.0.iter().filter_map(|it| Some((it.operation.clone()?, asked(it)))).collect()
    }

    /// The words of the audit log that this function leaves, itself or through what it calls.
    pub fn words(&self, of: &Function) -> BTreeSet<String> {
        self.reached(of).flat_map(|it| it.words.iter().cloned()).collect()
    }

    /// A function and everything that it comes to.
    fn reached<'s>(&'s self, from: &'s Function) -> impl Iterator<Item = &'s Function> {
        let mut reached = vec![from];
        let mut at = 0;
        while let Some(function) = reached.get(at).copied() {
            for (name, is_method) in &function.calls {
                for next in self.named(function, name, *is_method) {
                    if !reached.iter().any(|it| std::ptr::eq(*it, next)) {
                        reached.push(next);
                    }
                }
            }
            at += 1;
        }
        reached.into_iter()
    }

    /// Those of the same file come before all others; of a name that several have nobody knows which is meant.
    fn named<'s>(&'s self, caller: &Function, name: &str, is_method: bool) -> Vec<&'s Function> {
        let is_meant = |it: &&Function| it.name == name && it.owner.is_empty() != is_method;
        let all: Vec<_> = self.0.iter().filter(is_meant).collect();
        let beside: Vec<_> = all.iter().copied().filter(|it| it.file == caller.file).collect();
        match (beside.is_empty(), all.len() == 1) {
            (false, _) => beside,
            (true, true) => all,
            (true, false) => Vec::new(),
        }
    }
}

/// The names of all proofs, as the store gives them out.
pub fn proofs() -> BTreeSet<String> {
    let file = root().join("server/store/src/permission.rs");
    let parsed = syn::parse_file(&fs::read_to_string(file).expect("a source")).expect("Rust");
    let mut found = BTreeSet::from(["Principal".to_owned()]);
    for item in parsed.items {
        if let Item::Use(item) = item
            && let UseTree::Path(path) = item.tree
            && path.ident == "proofs"
        {
            names(&path.tree, &mut found);
        }
    }
    found
}

fn names(tree: &UseTree, found: &mut BTreeSet<String>) {
    match tree {
        UseTree::Name(name) => drop(found.insert(name.ident.to_string())),
        UseTree::Group(group) => group.items.iter().for_each(|it| names(it, found)),
        UseTree::Path(_) | UseTree::Rename(_) | UseTree::Glob(_) => {}
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Reads the functions of a file.
struct Reader<'f> {
    file: PathBuf,
    owner: String,
    functions: &'f mut Vec<Function>,
}

impl Reader<'_> {
    fn add(
        &mut self,
        attributes: &[Attribute],
        visibility: &Visibility,
        signature: &Signature,
        body: &Block,
    ) {
        let (mut types, mut read) = (Types::default(), Read::default());
        signature.inputs.iter().for_each(|it| types.visit_fn_arg(it));
        types.visit_generics(&signature.generics);
        read.visit_block(body);
        self.functions.push(Function {
            file: self.file.clone(),
            owner: self.owner.clone(),
            name: signature.ident.to_string(),
            is_public: matches!(visibility, Visibility::Public(_)),
            takes: types.0,
            calls: read.calls,
            asks: read.asks,
            words: read.words,
            operation: attributes.iter().find_map(operation),
        });
    }
}

impl<'a> Visit<'a> for Reader<'_> {
    fn visit_item_fn(&mut self, item: &'a ItemFn) {
        self.add(&item.attrs, &item.vis, &item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'a ImplItemFn) {
        self.add(&item.attrs, &item.vis, &item.sig, &item.block);
    }

    fn visit_item_impl(&mut self, item: &'a ItemImpl) {
        if let Type::Path(path) = &*item.self_ty {
            self.owner = path.path.segments.last().map(|it| it.ident.to_string()).unwrap_or_default();
        }
        visit::visit_item_impl(self, item);
        self.owner.clear();
    }

    /// Tests ask for what they like.
    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        if item.ident != "tests" {
            visit::visit_item_mod(self, item);
        }
    }
}

/// `#[utoipa::path(get, path = "/api/v1/groups", …)]` → `GET /api/v1/groups`.
fn operation(attribute: &Attribute) -> Option<String> {
    if attribute.path().segments.last()?.ident != "path" {
        return None;
    }
    let text = attribute.meta.require_list().ok()?.tokens.to_string();
    let (method, rest) = text.split_once(',')?;
    let (_, rest) = rest.split_once('"')?;
    let (path, _) = rest.split_once('"')?;
    Some(format!("{} {path}", method.trim().to_uppercase()))
}

#[derive(Default)]
struct Types(BTreeSet<String>);

impl<'a> Visit<'a> for Types {
    fn visit_path_segment(&mut self, segment: &'a PathSegment) {
        self.0.insert(segment.ident.to_string());
        visit::visit_path_segment(self, segment);
    }
}

#[derive(Default)]
struct Read {
    calls: BTreeSet<(String, bool)>,
    asks: BTreeSet<String>,
    words: BTreeSet<String>,
}

impl<'a> Visit<'a> for Read {
    fn visit_expr_method_call(&mut self, call: &'a ExprMethodCall) {
        let name = call.method.to_string();
        match last_name(&call.receiver).as_deref() {
            Some("store") => drop(self.asks.insert(format!("Store::{name}"))),
            Some("census") => drop(self.asks.insert(format!("Census::{name}"))),
            Some(_) | None => {}
        }
        self.calls.insert((name, true));
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'a ExprCall) {
        if let Expr::Path(path) = &*call.func {
            self.note_path(path);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_path(&mut self, path: &'a ExprPath) {
        let segments: Vec<_> = path.path.segments.iter().map(|it| it.ident.to_string()).collect();
        if let [.., kind, word] = segments.as_slice()
            && kind == "Action"
        {
            self.words.insert(word.clone());
        }
        visit::visit_expr_path(self, path);
    }
}

impl Read {
    fn note_path(&mut self, path: &ExprPath) {
        let segments: Vec<_> = path.path.segments.iter().map(|it| it.ident.to_string()).collect();
        match segments.as_slice() {
            [.., kind, name] if kind != "Self" && kind.starts_with(char::is_uppercase) => {
                self.asks.insert(format!("{kind}::{name}"));
            }
            [kind, name] if kind == "Self" => drop(self.calls.insert((name.clone(), true))),
            [.., name] => drop(self.calls.insert((name.clone(), false))),
            [] => {}
        }
    }
}

/// `self.store` → `store`; `page.store()` → `store`.
fn last_name(receiver: &Expr) -> Option<String> {
    match receiver {
        Expr::Path(path) => path.path.segments.last().map(|it| it.ident.to_string()),
        Expr::Field(field) => match &field.member {
            syn::Member::Named(name) => Some(name.to_string()),
            syn::Member::Unnamed(_) => None,
        },
        Expr::MethodCall(call) => Some(call.method.to_string()),
        Expr::Reference(reference) => last_name(&reference.expr),
        _ => None,
    }
}
