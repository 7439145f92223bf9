//! No page offers a link that its reader cannot follow.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use reqwest::{Method, header};
use store::Role;

use crate::app::{TestApp, administrator};

/// Pages about the objects of one kind are alike: so many of them are read.
const ALIKE_MAX: usize = 2;

/// The addresses of this site that a page links to.
fn links(html: &str) -> impl Iterator<Item = String> {
    let targets = html.split(" href=\"").skip(1).filter_map(|it| it.split('"').next());
    targets.filter(|it| it.starts_with('/') && !it.starts_with("/pkg/")).map(|it| {
        let target = it.replace("&amp;", "&");
        target.split('#').next().unwrap_or_default().to_owned()
    })
}

/// What addresses of pages that are alike have in common: whose key and which values stand in them makes no difference.
fn shape(address: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let mut parts: Vec<&str> = path.split('/').skip(1).collect();
    let has_key = ["flags", "groups", "people", "testers", "audit", "feedback"].contains(&parts[0]);
    if has_key && parts.get(1).is_some_and(|it| *it != "new") {
        parts[1] = "*";
    }
    if parts.get(2) == Some(&"incidents") {
        parts[3] = "*";
    }
    let names: BTreeSet<&str> = query.split('&').filter_map(|it| it.split('=').next()).collect();
    format!("/{}?{}", parts.join("/"), Vec::from_iter(names).join("&"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_leads_somewhere_for_whoever_is_offered_it() {
    let app = TestApp::start().await;
    app.store.seed_demo(&administrator()).await.expect("the demo");
    let mut dead = Vec::new();
    for role in Role::ALL {
        let cookie = app.sign_in(role).await;
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        // The second and third are what is left of an address when one deletes its end.
        let starts = ["/", "/settings", "/testers"].map(|it| ("the start".to_owned(), it.to_owned()));
        let mut waiting = VecDeque::from(starts);
        let mut asked = BTreeSet::new();
        while let Some((from, address)) = waiting.pop_front() {
            let alike = seen.entry(shape(&address)).or_default();
            if *alike == ALIKE_MAX || !asked.insert(address.clone()) {
                continue;
            }
            *alike += 1;
            let answer = app.request(Method::GET, &address).header(header::COOKIE, &cookie).send().await;
            let answer = answer.expect("an answer");
            let (status, location) = (answer.status(), answer.headers().get(header::LOCATION).cloned());
            if !status.is_success() && !status.is_redirection() {
                dead.push(format!("{role:?}: {address} on {from}: {status}"));
                continue;
            }
            if let Some(location) = location {
                let location =
                    location.to_str().expect("text").split('#').next().unwrap_or_default().to_owned();
                waiting.push_back((address, location));
                continue;
            }
            let is_page = answer
                .headers()
                .get(header::CONTENT_TYPE)
                .is_some_and(|it| it.as_bytes().starts_with(b"text/html"));
            if is_page {
                let html = answer.text().await.expect("a page");
                waiting.extend(links(&html).map(|link| (address.clone(), link)));
            }
        }
        assert!(asked.len() > 40, "{role:?} got nowhere: {asked:?}");
    }
    assert_eq!(dead, Vec::<String>::new());
}
