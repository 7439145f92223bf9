//! A session that ends while somebody types: what they send comes back after they have signed in.

use engine::{Flag, FlagKey};
use reqwest::{Method, Response, header};
use server::Config;
use store::{RequestOrigin, Role, limits::PASSWORD_CHARS_MIN};

use crate::{
    app::{PASSWORD, TestApp, viewer},
    hostile::dom::Page,
};

const YEAR_MS: i64 = 365 * 24 * 3_600_000;
const TAB: &str = "/groups/testers?tab=testers";
/// What a proxy shows the server below, in one of the tests.
const BASE: &str = "/fader";

/// A browser that signs in through the form.
struct Browser {
    app: TestApp,
    cookies: String,
}

impl Browser {
    async fn start() -> Self {
        Self::start_as(TestApp::start().await, Role::Product).await
    }

    async fn start_as(app: TestApp, role: Role) -> Self {
        app.sign_in(role).await;
        app.testers("testers", "u-1", None, None).await;
        let mut browser = Self { app, cookies: String::new() };
        let answer = browser.send("/sign-in", &credentials_of(role)).await;
        assert_eq!(answer.status(), 303);
        browser
    }

    async fn send(&mut self, path: &str, fields: &[(String, String)]) -> Response {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let form = self.app.form(path, Some(&self.cookies), &fields).header("Sec-Fetch-Site", "same-origin");
        let answer = form.send().await.expect("an answer");
        self.keep(&answer);
        answer
    }

    /// Part by part, with the ends of lines that browsers write.
    async fn send_parts(&mut self, path: &str, fields: &[(String, String)]) -> Response {
        let part = |(name, value): &(String, String)| {
            let value = value.replace('\n', "\r\n");
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let parts: Vec<_> = fields.iter().map(part).collect();
        let form = self.app.request(Method::POST, path).header("Sec-Fetch-Site", "same-origin");
        let form = form.header(header::CONTENT_TYPE, "multipart/form-data; boundary=x");
        let form = form.header(header::COOKIE, &self.cookies).body(parts.concat() + "--x--\r\n");
        let answer = form.send().await.expect("an answer");
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
        let out = self.app.form("/sign-out", Some(&session), &[]).header("Sec-Fetch-Site", "same-origin");
        let out = out.send().await.expect("an answer");
        assert_eq!(out.status(), 303);
    }

    /// The one form of the answer as a browser would send it, with some fields filled in.
    async fn next(&mut self, answer: Response, typed: &[(String, String)]) -> Response {
        self.submit(&text(answer).await, typed).await
    }

    async fn submit(&mut self, html: &str, typed: &[(String, String)]) -> Response {
        let page = Page::read(html);
        let form = page.forms.iter().find(|it| it.method == "post").unwrap_or_else(|| panic!("{html}"));
        let mut fields: Vec<_> = form.fields.iter().map(|it| (it.name.clone(), it.value.clone())).collect();
        fields.retain(|(name, _)| !name.is_empty() && !typed.iter().any(|(it, _)| it == name));
        fields.extend_from_slice(typed);
        // The proxy takes out what it shows the server below.
        let path = form.action.strip_prefix(BASE).unwrap_or(&form.action);
        match &*form.enctype {
            "multipart/form-data" => self.send_parts(path, &fields).await,
            _ => self.send(path, &fields).await,
        }
    }
}

async fn text(answer: Response) -> String {
    answer.text().await.expect("a page")
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn credentials() -> Vec<(String, String)> {
    credentials_of(Role::Product)
}

fn credentials_of(role: Role) -> Vec<(String, String)> {
    pairs(&[("email", &*format!("{}@example.test", role.as_str())), ("password", PASSWORD)])
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
    let lines: Vec<_> = (0..5000).map(|n| format!("tester-{n:05}@mail.example\n")).collect();
    let list = lines.concat();
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
    let answer = browser.send("/settings/environments", &again).await;
    assert_eq!(answer.status(), 401);
    let html = answer.text().await.expect("a page");
    assert!(
        html.contains("kept.name") && !html.contains("hunter2"),
        "asked for again where it is needed: {html}"
    );
}

#[tokio::test]
async fn nothing_of_it_is_offered_to_another_member() {
    let mut browser = Browser::start().await;
    browser.app.sign_in(Role::Admin).await;
    let origin = RequestOrigin::default();
    let admin = browser.app.store.sign_in("admin@example.test", PASSWORD, &origin, "test").await;
    let admin = admin.expect("a session").principal.id().to_string();
    browser.wait().await;
    let page = text(browser.send("/flags/new", &pairs(&[("name", "Prepared"), ("key", "late")])).await).await;
    let made_up = [credentials_of(Role::Admin), pairs(&[("kept_whose", &*admin)])].concat();
    // What the page says of whose it is counts for nothing; nor does who comes back when somebody else was there between.
    for who in [made_up, credentials_of(Role::Admin), credentials()] {
        browser.app.clock.advance(1_000);
        let answer = browser.submit(&page, &who).await;
        assert_eq!(answer.status(), 200);
        let html = text(answer).await;
        assert!(html.contains("it was not kept for you") && !html.contains("Prepared"), "{html}");
        let desk =
            browser.app.request(Method::GET, "/").header(header::COOKIE, &browser.cookies).send().await;
        assert_eq!(desk.expect("an answer").status(), 200, "they are signed in all the same");
        browser.wait().await;
    }
    browser.app.clock.advance(1_000);
    let html = text(browser.submit(&page, &credentials()).await).await;
    assert!(html.contains("Prepared"), "whose it was, and nobody else between: {html}");
}

#[tokio::test]
async fn what_gives_rights_is_not_kept() {
    let mut browser = Browser::start_as(TestApp::start().await, Role::Admin).await;
    browser.wait().await;
    for path in [
        "/settings/members",
        "/settings/roles",
        "/settings/tokens",
        "/settings/webhooks",
        "/approvals",
        "/flags/pay/plan/move",
        "/account",
    ] {
        let answer = browser.send(path, &pairs(&[("do", "role"), ("role", "admin")])).await;
        assert_eq!(answer.status(), 303, "{path}");
        let offered = [("kept_for", path), ("kept_whose", "1"), ("kept.do", "role")];
        let answer = browser.send("/sign-in", &[credentials_of(Role::Admin), pairs(&offered)].concat()).await;
        assert_eq!(answer.status(), 303, "{path}");
        browser.wait().await;
    }
}

#[tokio::test]
async fn the_offer_says_where_it_goes_and_all_that_is_sent() {
    let mut browser = Browser::start().await;
    browser.app.boolean_flag("pay").await;
    browser.wait().await;
    let answer =
        browser.send("/flags/pay?env=staging", &pairs(&[("do", "hidden-thing"), ("note", "")])).await;
    let html = text(browser.next(answer, &credentials()).await).await;
    assert!(html.contains("’s rollout</strong>: <code>/flags/pay?env=staging</code>"), "{html}");
    assert!(html.contains("do: hidden-thing\nnote: ") && !html.contains("<details"), "{html}");
}

#[tokio::test]
async fn below_a_path_of_a_proxy_nothing_leads_out_of_it() {
    let public_url = Some(format!("http://tools.test{BASE}").parse().expect("an address"));
    let app = TestApp::start_with(Config { public_url, ..Config::default() }).await;
    let mut browser = Browser::start_as(app, Role::Product).await;
    browser.wait().await;
    let answer = browser.send("/flags/new", &pairs(&[("name", "Late"), ("key", "late")])).await;
    let html = text(browser.next(answer, &credentials()).await).await;
    assert!(html.contains("action=\"/fader/flags/new\"") && html.contains("href=\"/fader/\""), "{html}");
}

#[tokio::test]
async fn a_file_of_three_mebibytes_comes_back_and_is_looked_at_before_it_counts() {
    let mut browser = Browser::start_as(TestApp::start().await, Role::Admin).await;
    browser.wait().await;
    let rows: Vec<_> = (0..3_100).map(|n| format!("p{n:04},{}\n", "x".repeat(1_040))).collect();
    let rows = rows.concat();
    let table = format!("id,note\n{rows}");
    assert!(table.len() > 3 * 1024 * 1024);
    let fields = [("intent", "import"), ("table", "")];
    let file = ("people.csv", table.as_bytes());
    let sent = browser.app.upload("/import/people", &browser.cookies, &fields, file).send().await;
    let sent = sent.expect("an answer");
    assert_eq!(sent.status(), 401);
    let answer = browser.next(sent, &credentials_of(Role::Admin)).await;
    assert_eq!(answer.status(), 200);
    let answer = browser.next(answer, &[]).await;
    assert_eq!(answer.status(), 200);
    assert!(text(answer).await.contains("Import 3,100 people"));
    assert!(browser.app.store.live().people().traits("p0000").is_none());
    browser.wait().await;
    let workbook = ("t.xlsx", &b"PK\x03\x04\x14\0\x06\0\x08\0"[..]);
    let sent = browser.app.upload("/import/people", &browser.cookies, &fields, workbook).send().await;
    assert_eq!(sent.expect("an answer").status(), 303, "without its file it is another form");
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
