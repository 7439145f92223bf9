//! What somebody typed is never markup: every page of the router, with hostile text in everything that it shows.

mod below;
pub mod dom;
mod routes;
mod world;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::Path,
};

use dom::{Field, Form, Page};
use reqwest::{Method, Response, header};
use routes::Route;
use server::config::{InvalidPublicUrl, PublicUrl};
use world::{KEY, PWN, World};

/// What a page may be looked at besides its address; more would only repeat themselves.
const PAGES_MAX: usize = 500;
/// Event streams: they never end, and no browser shows them.
const STREAMS: [&str; 1] = ["/live"];
/// Signs out, or says nothing back.
const FORMS_LEFT_ALONE: [&str; 2] = ["/sign-out", "/theme"];

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

impl World {
    /// What stands for the parameters of a route. A new kind of parameter has to be named here.
    fn addresses(&self, path: &str) -> Vec<String> {
        let Some(start) = path.find('{') else { return vec![path.to_owned()] };
        let end = path.find('}').expect("an end") + 1;
        let values = match (&path[..start], &path[start..end]) {
            ("/flags/", "{key}") => vec![KEY.to_owned(), "pwn-object".to_owned()],
            ("/groups/", "{key}") => vec![KEY.to_owned()],
            ("/people/", "{key}") | ("/testers/", "{subject}") => vec![self.subject.clone()],
            (before, "{seq}") if before.ends_with("/incidents/") => vec!["latest".to_owned()],
            ("/audit/", "{seq}") => self.audited.iter().map(ToString::to_string).collect(),
            ("/feedback/", "{id}") => (1..=self.feedback).map(|id| id.to_string()).collect(),
            ("/invite/", _) => vec![self.invite.trim_start_matches("/invite/").to_owned()],
            // The card that it shows is that of the page for members.
            ("/shared/", _) => Vec::new(),
            ("/join/", _) => vec![self.join.trim_start_matches("/join/").to_owned()],
            ("/call/", _) => vec!["find".to_owned(), "preview_rollout".to_owned()],
            other => panic!("say what stands for {other:?}"),
        };
        let values = values.into_iter().chain([PWN.to_owned()]);
        values.map(|value| format!("{}{}{}", &path[..start], encoded(&value), &path[end..])).collect()
    }

    /// The answer as a page, which holds nothing that it must not; `None` when it is no page.
    async fn check(&self, what: &str, answer: Response) -> Option<Page> {
        let status = answer.status().as_u16();
        assert!(status < 500, "{what} is answered with {status}");
        for (name, value) in answer.headers() {
            assert!(!value.as_bytes().contains(&b'<'), "{what}: {name}");
        }
        let text = |name| answer.headers().get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
        if !text(header::CONTENT_TYPE).starts_with("text/html") {
            return None;
        }
        let policy = text(header::CONTENT_SECURITY_POLICY);
        assert!(
            !policy.contains("'unsafe-inline'") && policy.contains("base-uri 'none'"),
            "{what}: {policy}"
        );
        assert!(policy.contains("form-action '"), "{what}: {policy}");
        let html = answer.text().await.expect("a text");
        let page = Page::read(&html);
        assert!(page.faults.is_empty(), "{what}: {:#?}", page.faults);
        Some(page)
    }

    async fn read(&self, address: &str) -> Option<Page> {
        let answer = self.get(address).await;
        self.check(address, answer).await
    }

    /// Every page that the router has, and those that lead from there.
    async fn crawl(&self, mut visit: impl FnMut(&str, Page)) {
        let routes: Vec<Route> =
            routes::all().into_iter().filter(|it| it.reads && !STREAMS.contains(&&*it.path)).collect();
        let mut waiting: VecDeque<String> = routes.iter().flat_map(|it| self.addresses(&it.path)).collect();
        let mut known: BTreeSet<String> = waiting.iter().cloned().collect();
        while let Some(address) = waiting.pop_front() {
            let Some(page) = self.read(&address).await else { continue };
            for link in &page.links {
                let leads_out = STREAMS.iter().any(|it| link.starts_with(it));
                if !leads_out && known.len() < PAGES_MAX && known.insert(link.clone()) {
                    waiting.push_back(link.clone());
                }
            }
            visit(&address, page);
        }
    }
}

/// With one of the names set, in place of what the address says of it.
fn with(address: &str, name: &str, value: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    pairs.retain(|(known, _)| known != name);
    pairs.push((name.to_owned(), value.to_owned()));
    format!("{path}?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

#[tokio::test]
async fn stored_text_is_never_markup() {
    let world = World::build().await;
    let (mut texts, mut seen) = (String::new(), BTreeSet::new());
    world
        .crawl(|address, page| {
            texts.push_str(&page.texts);
            seen.insert(address.split('?').next().unwrap_or_default().to_owned());
        })
        .await;
    let unseen: Vec<_> = world.marks.iter().filter(|mark| !texts.contains(*mark)).collect();
    assert!(unseen.is_empty(), "typed, but on no page: {unseen:?}");
    for route in routes::all().iter().filter(|it| it.reads) {
        let is_page = !STREAMS.contains(&&*route.path)
            && !route.path.contains("export.")
            && route.path.rsplit('.').next() != Some("csv");
        // Doors, and ways that only lead on.
        let closed = ["/sign-in", "/setup", "/invite/{token}", "/shared/{token}", "/settings", "/testers"]
            .contains(&&*route.path);
        let shown = world.addresses(&route.path).iter().any(|it| seen.contains(it));
        assert!(shown || !is_page || closed, "{} is a page that nobody looked at", route.path);
    }
    // Doors for strangers.
    for address in ["/sign-in", "/setup", &world.invite, &world.join, "/shared/x", "/no/such/page", "/"] {
        for address in [address.to_owned(), with(address, "next", PWN), with(address, "subject", PWN)] {
            let answer = world.request(Method::GET, &address).send().await.expect("an answer");
            world.check(&address, answer).await;
        }
    }
}

/// Whatever a page tells of a time of day, it tells in the zone of whoever reads it.
#[tokio::test]
async fn no_page_tells_a_time_in_another_zone_than_its_readers() {
    let world = World::build().await;
    let chosen = [("do".to_owned(), "zone".to_owned()), ("zone".to_owned(), "Asia/Kathmandu".to_owned())];
    assert_eq!(world.post("/account", &chosen).await.status(), 303);
    let (mut in_utc, mut in_theirs) = (BTreeSet::new(), 0);
    world
        .crawl(|address, page| {
            for (at, _) in page.texts.match_indices(" UTC") {
                let before = &page.texts[..at];
                let is_time = before.ends_with(|c: char| c.is_ascii_digit())
                    && before.get(before.len().saturating_sub(3)..).is_some_and(|it| it.starts_with(':'));
                let beside_theirs =
                    page.texts[..at].lines().last().is_some_and(|it| it.contains("UTC+0545 · "));
                if is_time && !beside_theirs && !page.texts[at..].starts_with(" UTC+0545") {
                    let start = page.texts[..at].char_indices().rev().nth(60).map_or(0, |(start, _)| start);
                    in_utc.insert(format!("{address}: {}", &page.texts[start..at + 4]));
                }
            }
            in_theirs += page.texts.matches("UTC+0545").count();
        })
        .await;
    assert!(in_utc.is_empty(), "{in_utc:#?}");
    assert!(in_theirs > 20, "{in_theirs}");
}

/// Journeys that walk all pages walk these: a form on a new page cannot be forgotten by them.
#[test]
fn journeys_walk_every_page_of_the_router() {
    const PAGES: &str = include_str!("../../../../end2end/clients/pages.ts");
    let code: Vec<_> = PAGES.lines().filter(|line| !line.trim_start().starts_with('/')).collect();
    let code = code.join(" ");
    let flag = code.split('\'').nth(1).expect("the first text is a flag's page");
    let pages = code.replace('`', "'").replace("${FLAG}", flag).replace("FLAG,", &format!("'{flag}',"));
    let walked: Vec<_> =
        pages.split('\'').skip(1).step_by(2).map(|it| it.split('?').next().unwrap_or(it)).collect();
    let is_walked = |route: &Route| {
        let parts: Vec<_> = route.path.split('/').collect();
        walked.iter().any(|page| {
            let page: Vec<_> = page.split('/').collect();
            page.len() == parts.len()
                && page.iter().zip(&parts).all(|(it, of)| it == of || of.starts_with('{'))
        })
    };
    let has_no_form = |path: &str| {
        STREAMS.contains(&path) || path.contains("export.") || path.rsplit('.').next() == Some("csv")
    };
    // Doors ask for a password or a key; what is shared asks for nothing.
    let is_door = |path: &str| {
        ["/sign-in", "/setup"].contains(&path)
            || ["/invite/", "/join/", "/shared/"].iter().any(|below| path.starts_with(below))
    };
    let forgotten: Vec<_> = routes::all()
        .into_iter()
        .filter(|it| it.reads && !has_no_form(&it.path) && !is_door(&it.path) && !is_walked(it))
        .map(|it| it.path)
        .collect();
    assert_eq!(forgotten, Vec::<String>::new(), "name them in end2end/clients/pages.ts");
}

/// Below such a path nobody could tell whether a proxy took it off.
#[test]
fn no_public_address_begins_like_a_page_of_the_router() {
    let pages = routes::all().into_iter().filter_map(|it| it.path.split('/').nth(1).map(str::to_owned));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../public");
    let files = fs::read_dir(folder).expect("a folder").map(|it| it.expect("an entry").file_name());
    let files = files.map(|it| it.into_string().expect("a name"));
    for own in pages.chain(files).filter(|it| !it.is_empty()) {
        let parsed = format!("https://tools.test/{own}/fader").parse::<PublicUrl>();
        assert_eq!(parsed, Err(InvalidPublicUrl::Own), "name {own} in server/src/config.rs");
    }
}

#[tokio::test]
async fn a_query_is_never_markup() {
    let world = World::build().await;
    let mut pages = BTreeMap::new();
    world
        .crawl(|address, page| {
            let path = address.split('?').next().unwrap_or_default().to_owned();
            let names: &mut BTreeSet<String> = pages.entry(path).or_default();
            names.extend(page.forms.iter().flat_map(|form| &form.fields).map(|field| field.name.clone()));
            for link in page.links.iter().filter_map(|link| link.split_once('?')) {
                names.extend(form_urlencoded::parse(link.1.as_bytes()).map(|(name, _)| name.into_owned()));
            }
        })
        .await;
    let everywhere = routes::query_names();
    for (path, names) in pages {
        // One entry of the audit log is like another.
        if path.starts_with("/audit/") && path != "/audit/1" {
            continue;
        }
        for name in names.iter().filter(|name| name.len() < 40) {
            world.read(&with(&path, name, PWN)).await;
        }
        let all = everywhere.iter().filter(|name| *name != "env" && *name != "tab");
        let all = all.fold(path.clone(), |address, name| with(&address, name, PWN));
        world.read(&all).await;
    }
}

/// The form as a browser sends it, with some fields filled in anew.
fn filled(
    form: &Form,
    button: Option<&(String, String)>,
    typed: impl Fn(&Field) -> bool,
) -> Vec<(String, String)> {
    let sent = form.fields.iter().filter(|field| field.sent || typed(field));
    let value = |field: &Field| if typed(field) { PWN.to_owned() } else { field.value.clone() };
    let fields = sent.map(|field| (field.name.clone(), value(field)));
    fields.chain(button.cloned()).collect()
}

#[tokio::test]
async fn a_form_is_never_markup() {
    let mut world = World::build().await;
    let mut forms = BTreeMap::new();
    world
        .crawl(|address, page| {
            let here = address.to_owned();
            for form in page.forms.into_iter().filter(|form| form.method.eq_ignore_ascii_case("post")) {
                let action = if form.action.is_empty() { here.clone() } else { form.action.clone() };
                let path = action.split('?').next().unwrap_or_default().to_owned();
                let names: Vec<_> = form.fields.iter().map(|field| field.name.clone()).collect();
                forms.entry((path, names)).or_insert((action, form));
            }
        })
        .await;
    assert!(forms.len() > 20, "{}", forms.len());
    let posted: BTreeSet<_> = forms.keys().map(|(path, _)| path.clone()).collect();
    for route in routes::all().iter().filter(|it| it.writes && !it.path.starts_with("/call/")) {
        if !world.addresses(&route.path).iter().any(|it| posted.contains(it)) {
            // A form that no page shows at the moment: at least what is wrong with it.
            for address in world.addresses(&route.path) {
                forms.insert((address.clone(), Vec::new()), (address, Form::default()));
            }
        }
    }
    for (action, form) in forms.into_values() {
        if !FORMS_LEFT_ALONE.iter().any(|it| action.starts_with(it)) {
            send_hostile(&mut world, &action, &form).await;
        }
    }
}

async fn send_hostile(world: &mut World, action: &str, form: &Form) {
    let first = form.buttons.first();
    let mut ways: Vec<Vec<(String, String)>> =
        form.fields.iter().map(|field| filled(form, first, |it| it.name == field.name)).collect();
    if form.fields.iter().any(|field| field.typed) {
        ways.extend(form.buttons.iter().map(|button| filled(form, Some(button), |it| it.typed)));
    }
    ways.push(filled(form, None, |it| it.typed));
    ways.push(
        ["intent", "do", "name", "key", "list", "comment"]
            .map(|name| (name.to_owned(), PWN.to_owned()))
            .to_vec(),
    );
    ways.sort();
    ways.dedup();
    for fields in ways {
        let answer = world.post(action, &fields).await;
        let what = format!("POST {action} {fields:?}");
        let location =
            answer.headers().get(header::LOCATION).and_then(|it| it.to_str().ok()).map(str::to_owned);
        let page = world.check(&what, answer).await;
        let signed_out = page.is_some_and(|page| page.forms.iter().any(|form| form.action == "/sign-in"));
        match location.as_deref() {
            Some(location) if location.starts_with("/sign-in") => world.sign_in().await,
            Some(location) => drop(world.read(location).await),
            None if signed_out => world.sign_in().await,
            None => {}
        }
    }
}

/// Islands put the HTML that they are told into their page.
#[tokio::test]
async fn what_islands_are_told_holds_no_typed_markup() {
    let world = World::build().await;
    let rule = "expected=1&rule=pwn&r.pwn.group=pwn&r.pwn.to=50";
    let mut texts = String::new();
    for (call, fields) in [
        ("find", vec![("environment", "production"), ("query", PWN)]),
        ("find", vec![("environment", PWN), ("query", "@flag")]),
        ("find", vec![("environment", "production"), ("query", "@flag")]),
        ("find", vec![("environment", "production"), ("query", "@group")]),
        ("find", vec![("environment", "production"), ("query", "@subject")]),
        ("preview_rollout", vec![("flag", KEY), ("environment", "production"), ("form", PWN)]),
        ("preview_rollout", vec![("flag", KEY), ("environment", "production"), ("form", rule)]),
        (PWN, vec![("query", PWN)]),
    ] {
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answer = world.post(&format!("/call/{}", encoded(call)), &fields).await;
        let what = format!("{call} {fields:?}");
        let kind =
            answer.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
        assert!(!kind.starts_with("text/html"), "{what} is answered with a page");
        assert!(answer.status().as_u16() < 500, "{what}");
        let told = answer.text().await.expect("a text");
        if let Ok(serde_json::Value::String(html)) = serde_json::from_str(&told) {
            let page = Page::read(&html);
            assert!(page.faults.is_empty(), "{what}: {:#?}", page.faults);
            texts.push_str(&page.texts);
        }
    }
    for mark in ["@flag", "@group", "@subject"] {
        assert!(texts.contains(mark), "{mark} was told to no island");
    }
}
