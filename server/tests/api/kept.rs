//! A session that ends while somebody types: what they send comes back after they have signed in.

use engine::{Flag, FlagKey};
use reqwest::{Method, Response, header};
use store::{Role, limits::PASSWORD_CHARS_MIN};

use crate::{
    app::{PASSWORD, TestApp, viewer},
    hostile::dom::Page,
};

const YEAR_MS: i64 = 365 * 24 * 3_600_000;
const TAB: &str = "/groups/testers?tab=testers";

/// A browser that signs in through the form.
struct Browser {
    app: TestApp,
    cookies: String,
}

impl Browser {
    async fn start() -> Self {
        let app = TestApp::start().await;
        app.sign_in(Role::Product).await;
        app.testers("testers", "u-1", None, None).await;
        let mut browser = Self { app, cookies: String::new() };
        let answer = browser.send("/sign-in", &credentials()).await;
        assert_eq!(answer.status(), 303);
        browser
    }

    async fn send(&mut self, path: &str, fields: &[(String, String)]) -> Response {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = self.app.form(path, Some(&self.cookies), &fields).send().await.expect("an answer");
        self.keep(&answer);
        answer
    }

    fn keep(&mut self, answer: &Response) {
        for set in answer.headers().get_all(header::SET_COOKIE) {
            let pair = set.to_str().expect("ascii").split(';').next().expect("a pair");
            let name = pair.split('=').next().expect("a name");
            let others =
                self.cookies.split("; ").filter(|it| !it.is_empty() && !it.starts_with(&format!("{name}=")));
            self.cookies = others.chain([pair]).collect::<Vec<_>>().join("; ");
        }
    }

    /// The session ends; the device stays.
    async fn wait(&mut self) {
        let session =
            self.cookies.split("; ").find(|it| it.starts_with("fader_session=")).expect("a session");
        let session = session.to_owned();
        let out = self.app.form("/sign-out", Some(&session), &[]).send().await.expect("an answer");
        assert_eq!(out.status(), 303);
    }

    /// The one form of the answer as a browser would send it, with some fields filled in.
    async fn next(&mut self, answer: Response, typed: &[(String, String)]) -> Response {
        let html = answer.text().await.expect("a page");
        let page = Page::read(&html);
        let form = page.forms.iter().find(|it| it.method == "post").unwrap_or_else(|| panic!("{html}"));
        let mut fields: Vec<_> = form.fields.iter().map(|it| (it.name.clone(), it.value.clone())).collect();
        fields.retain(|(name, _)| !name.is_empty() && !typed.iter().any(|(it, _)| it == name));
        fields.extend_from_slice(typed);
        let action = form.action.clone();
        self.send(&action, &fields).await
    }
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn credentials() -> Vec<(String, String)> {
    pairs(&[("email", "product@example.test"), ("password", PASSWORD)])
}

#[tokio::test]
async fn what_was_typed_is_there_again_after_signing_in() {
    let mut browser = Browser::start().await;
    browser.wait().await;
    let typed = pairs(&[
        ("name", "Late & \"great\""),
        ("key", "late"),
        ("kind", "release"),
        ("type", "boolean"),
        ("description", "two\nlines"),
    ]);
    let answer = browser.send("/flags/new?env=staging", &typed).await;
    assert_eq!(answer.status(), 401);
    let wrong = pairs(&[("email", "product@example.test"), ("password", "not the password")]);
    let answer = browser.next(answer, &wrong).await;
    assert_eq!(answer.status(), 401, "it outlives a slip");
    let answer = browser.next(answer, &credentials()).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(browser.app.flag_called("late").await, None, "nothing happens by itself");
    let answer = browser.next(answer, &[]).await;
    assert_eq!(answer.status(), 303, "{}", answer.text().await.expect("a page"));
    let flag = browser.app.flag_called("late").await.expect("the flag");
    assert_eq!((flag.name.as_str(), flag.description.as_str()), ("Late & \"great\"", "two\nlines"));
}

#[tokio::test]
async fn a_long_list_comes_back_as_well() {
    let mut browser = Browser::start().await;
    browser.wait().await;
    let list: String = (0..5000).map(|n| format!("tester-{n:05}@mail.example\n")).collect();
    let answer = browser.send(TAB, &pairs(&[("intent", "check"), ("list", &list)])).await;
    assert_eq!(answer.status(), 401);
    let answer = browser.next(answer, &credentials()).await;
    assert_eq!(answer.status(), 200);
    let answer = browser.next(answer, &[]).await;
    assert_eq!(answer.status(), 200);
    let html = answer.text().await.expect("a page");
    assert!(
        html.contains("tester-04999@mail.example") && html.contains("5,000"),
        "the dry run of all of them"
    );
}

#[tokio::test]
async fn no_secret_is_kept() {
    let mut browser = Browser::start().await;
    browser.wait().await;
    let secret = "x".repeat(PASSWORD_CHARS_MIN) + "hunter2";
    let answer =
        browser.send("/account", &pairs(&[("do", "password"), ("old", "a"), ("password", &secret)])).await;
    assert_eq!(answer.status(), 303);
    assert!(answer.headers()["location"].to_str().expect("ascii").starts_with("/sign-in"));
    let again = pairs(&[("do", "invite"), ("name", "New"), ("fader_password_again", &secret)]);
    let answer = browser.send("/settings/members", &again).await;
    assert_eq!(answer.status(), 401);
    let html = answer.text().await.expect("a page");
    assert!(
        html.contains("kept.name") && !html.contains("hunter2"),
        "asked for again where it is needed: {html}"
    );
}

#[tokio::test]
async fn from_strangers_and_after_long_nothing_is_read() {
    let mut browser = Browser::start().await;
    let typed = pairs(&[("name", "Late"), ("key", "late")]);
    browser.app.clock.advance(YEAR_MS);
    let answer = browser.send("/flags/new", &typed).await;
    assert_eq!(answer.status(), 303, "the device is forgotten by now");
    let fields: Vec<_> = typed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let made_up = Some("fader_device=made-up; fader_session=made-up");
    let answer = browser.app.form("/flags/new", made_up, &fields).send().await.expect("an answer");
    assert_eq!(answer.status(), 303);
    let offered = pairs(&[("kept_for", "//evil.example"), ("kept.name", "x")]);
    let answer = browser.send("/sign-in", &[credentials(), offered].concat()).await;
    assert_eq!(answer.status(), 303, "no form of another site");
    let elsewhere = browser.app.request(Method::POST, "/flags/new").header(header::COOKIE, &browser.cookies);
    let elsewhere = elsewhere.header("Sec-Fetch-Site", "cross-site").body("name=x").send().await;
    assert_eq!(elsewhere.expect("an answer").status(), 403);
}

impl TestApp {
    async fn flag_called(&self, key: &str) -> Option<Flag> {
        let key = FlagKey::parse(key).expect("a key");
        self.store.find_flag(&viewer(), &key).await.expect("reads").map(|found| found.value)
    }
}
