//! The addresses of the dashboard, read from its router: a page that is added later is here by itself.

use std::{collections::BTreeSet, fs, path::Path};

const ROUTER: &str = include_str!("../../../../app/src/router.rs");

#[derive(Debug)]
pub struct Route {
    pub path: String,
    pub reads: bool,
    pub writes: bool,
}

pub fn all() -> Vec<Route> {
    for other in [".nest(", ".merge(", "route_service(", "nest_service(", ".route_layer("] {
        assert!(!ROUTER.contains(other), "{other} adds addresses that this test does not see");
    }
    let routes: Vec<Route> = ROUTER
        .split(".route(")
        .skip(1)
        .map(|rest| {
            let rest = rest.split(".fallback(").next().unwrap_or_default();
            let path = rest.split('"').nth(1).expect("a path").to_owned();
            Route { path, reads: rest.contains("get("), writes: rest.contains("post(") }
        })
        .collect();
    assert!(routes.len() > 45, "the router is read: {routes:?}");
    assert!(routes.iter().all(|it| it.reads || it.writes), "{routes:?}");
    routes
}

/// Every name that a page looks up in its query, as far as the sources say it in words.
pub fn query_names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/src");
    collect(&folder, &mut names);
    for known in ["q", "env", "next", "json"] {
        assert!(names.contains(known), "{known}: {names:?}");
    }
    names
}

fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, names);
            continue;
        }
        let text = fs::read_to_string(&path).expect("a text");
        // `query("q")`, and the arms of a match over the pairs: `"q" => …`.
        for (before, after) in [("query(\"", "\")"), ("name == \"", "\"")] {
            for rest in text.split(before).skip(1) {
                names.extend(rest.split(after).next().map(str::to_owned));
            }
        }
        for line in text.lines().map(str::trim).filter(|line| line.starts_with('"') && line.contains("=>")) {
            let patterns = line.split("=>").next().unwrap_or_default();
            names.extend(patterns.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
    names.retain(|name| {
        !name.is_empty() && name.len() <= 24 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    });
}
