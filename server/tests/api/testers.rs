//! Testers: dry runs and confirmation, the end of an enrolment on open pages, invitations, previews, the REST door.

use std::time::Duration;

use engine::{FlagKey, GroupKey, Preview, SubjectKey, VariantKey};
use reqwest::{Method, header};
use serde_json::{Value as Json, json};
use store::{Enroller, NewTesterInvitation, Role};

use crate::{
    app::{NOW_MS, TestApp, environment_key, viewer},
    fixtures::group,
};

const TAB: &str = "/groups/testers?tab=testers";

fn enroller() -> Enroller {
    store::Principal::command_line().enroller().expect("may")
}

impl TestApp {
    async fn enrolled(&self) -> Vec<String> {
        let key = GroupKey::parse("testers").expect("a key");
        let found = self.store.find_group(&viewer(), &key).await.expect("reads").expect("a group");
        found.value.enrolments.iter().map(|it| it.subject.to_string()).collect()
    }

    async fn invitation(&self, capacity: u64) -> String {
        let key = GroupKey::parse("testers").expect("a key");
        let new = NewTesterInvitation {
            purpose: "second round".to_owned(),
            capacity,
            closes_ms: NOW_MS + 60_000,
            until_ms: None,
        };
        self.store.invite_testers(&enroller(), &key, new).await.expect("a link").to_string()
    }

    async fn preview(&self, subject: &str, variant: &str, environment: &str) -> String {
        let preview = Preview {
            flag: FlagKey::parse("fast-payment").expect("a key"),
            subject: SubjectKey::parse(subject).expect("a key"),
            variant: VariantKey::parse(variant).expect("a key"),
        };
        let environment = environment_key(environment);
        let made = self.store.make_preview(&enroller(), &environment, preview, store::PREVIEW_MS, "").await;
        made.expect("a preview").0
    }

    async fn page_of(&self, path: &str, cookie: &str) -> String {
        let answer = self.request(Method::GET, path).header(header::COOKIE, cookie).send().await;
        answer.expect("an answer").text().await.expect("a page")
    }
}

/// The value of a hidden field.
fn hidden(html: &str, name: &str) -> String {
    let start = html.find(&format!("name=\"{name}\" value=\"")).expect("the field");
    let value = &html[start..].split("value=\"").nth(1).expect("a value");
    value.split('"').next().expect("its end").to_owned()
}

#[tokio::test]
async fn a_list_is_reported_and_written_only_when_confirmed() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    let cookie = app.sign_in(Role::Qa).await;
    let list = "subject,purpose,from,until\nu-1,,,\nu-2,calls,,2030-01-01 14:10\n,nobody,,\nu-2,,,\n";
    let check = [("intent", "check"), ("list", list)];
    let report = app.form(TAB, Some(&cookie), &check).send().await.expect("an answer");
    assert_eq!(report.status(), 200);
    let html = report.text().await.expect("a page");
    assert!(html.contains("Nothing is enrolled yet") && html.contains("must not be empty"), "{html}");
    assert_eq!(app.enrolled().await, ["u-1"]);
    let seen = hidden(&html, "seen");
    let nobody = app.form(TAB, Some(&cookie), &[("intent", "enrol"), ("list", list), ("seen", &*seen)]);
    let nobody = nobody.send().await.expect("an answer");
    assert_eq!(nobody.status(), 422, "u-2 is not known, and nobody asked for them");
    assert!(nobody.text().await.expect("a page").contains("Nobody was enrolled"));
    let confirm = [("intent", "enrol"), ("list", list), ("seen", &*seen), ("with_unknown", "on")];
    let other = [("intent", "enrol"), ("list", "u-9"), ("seen", &*seen), ("with_unknown", "on")];
    assert_eq!(app.form(TAB, Some(&cookie), &other).send().await.expect("an answer").status(), 409);
    let done = app.form(TAB, Some(&cookie), &confirm).send().await.expect("an answer");
    assert_eq!(done.status(), 303);
    assert_eq!(app.enrolled().await, ["u-1", "u-2"]);
    let again = app.form(TAB, Some(&cookie), &confirm).send().await.expect("an answer");
    assert_eq!(again.status(), 409, "somebody else was quicker");
    let html = app.page_of(TAB, &cookie).await;
    assert!(html.contains("until 1 Jan 2030, 14:10:00 UTC") && html.contains("A member"), "{html}");
}

#[tokio::test]
async fn a_file_is_read_without_a_script() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    let cookie = app.sign_in(Role::Qa).await;
    let body = "--x\r\nContent-Disposition: form-data; name=\"intent\"\r\n\r\ncheck\r\n\
                --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"t.csv\"\r\n\
                Content-Type: text/csv\r\n\r\nsubject\r\nfrom-the-file\r\n\r\n--x--\r\n";
    let post = |body: Vec<u8>| {
        let request = app.request(Method::POST, TAB).header(header::ORIGIN, &app.url);
        let kind = "multipart/form-data; boundary=x";
        request.header(header::COOKIE, &cookie).header(header::CONTENT_TYPE, kind).body(body).send()
    };
    let report = post(body.as_bytes().to_vec()).await.expect("an answer");
    assert_eq!(report.status(), 200);
    assert!(report.text().await.expect("a page").contains("from-the-file"));
    let mut broken = body.as_bytes().to_vec();
    let at = body.find("from-the").expect("the file");
    // What Windows writes where it writes no Unicode.
    broken[at] = 0xe9;
    assert!(
        post(broken.clone())
            .await
            .expect("an answer")
            .text()
            .await
            .expect("a page")
            .contains("érom-the-file")
    );
    // What no text holds.
    broken[at] = 0;
    let refused = post(broken).await.expect("an answer");
    assert_eq!(refused.status(), 422);
    let html = refused.text().await.expect("a page");
    assert!(html.contains("save the table as CSV") && html.contains("id=\"field-file-error\""), "{html}");
    let mut broken = body.as_bytes().to_vec();
    broken[body.find("check").expect("the intent")] = 0xff;
    assert_eq!(post(broken).await.expect("an answer").status(), 422);
    assert_eq!(post(b"--x\r\nnonsense".to_vec()).await.expect("an answer").status(), 422);
}

#[tokio::test]
async fn an_open_page_hears_that_an_enrolment_ended() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, Some(NOW_MS + 5000)).await;
    let cookie = app.sign_in(Role::Viewer).await;
    let seq = app.store.live().seq();
    let path = format!("/live?since={seq}");
    let answer = app.request(Method::GET, &path).header(header::COOKIE, &cookie).send().await;
    let mut stream = answer.expect("a stream");
    let mut text = String::new();
    app.clock.advance(5000);
    let heard = async {
        while !text.contains("group/testers") {
            let chunk = stream.chunk().await.expect("a chunk").expect("an open stream");
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    tokio::time::timeout(Duration::from_secs(10), heard).await.expect("heard in time");
    assert!(text.contains("event: changed"), "{text}");
}

#[tokio::test]
async fn an_invitation_is_accepted_by_strangers() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    let token = app.invitation(1).await;
    let path = format!("/join/{token}");
    let answer = app.get(&format!("{path}?subject=ada")).await;
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    let html = answer.text().await.expect("a page");
    assert!(html.contains("value=\"ada\"") && html.contains("1 place is left"), "{html}");
    let join = async |subject: &str| {
        let answer = app.form(&path, None, &[("subject", subject)]).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a page"))
    };
    assert_eq!(join(" ").await.0, 422);
    let (status, html) = join("u-1").await;
    assert!(status == 200 && html.contains("You take part already"), "{status} {html}");
    let (status, html) = join("ada").await;
    assert!(status == 200 && html.contains("You are in."), "{status} {html}");
    let (status, html) = join("bob").await;
    assert!(status == 410 && html.contains("This test is full"), "{status} {html}");
    assert_eq!(app.enrolled().await, ["u-1", "ada"]);
    assert_eq!(app.get("/join/nothing").await.status(), 410);
}

#[tokio::test]
async fn an_address_may_not_try_invitations_without_end() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    let path = format!("/join/{}", app.invitation(1).await);
    let mut statuses = Vec::new();
    for _ in 0..25 {
        let answer = app.form(&path, None, &[("subject", "u-1")]).send().await.expect("an answer");
        let waits = answer.headers().contains_key(header::RETRY_AFTER);
        assert_eq!(waits, answer.status() == 429);
        statuses.push(answer.status().as_u16());
    }
    assert_eq!((statuses[0], statuses[24]), (200, 429));
}

#[tokio::test]
async fn a_preview_shows_its_variant_to_its_subject_for_its_time() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.boolean_flag("other").await;
    let token = app.server_token().await;
    let preview = app.preview("u-1", "on", "production").await;
    let ask = async |subject: &str, preview: &str| -> Json {
        let request = app.evaluate(&token, "fast-payment", &json!({"targetingKey": subject}));
        request
            .header("X-Fader-Preview", preview)
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON")
    };
    let shown = ask("u-1", &preview).await;
    assert_eq!((&shown["value"], &shown["reason"]), (&json!(true), &json!("TARGETING_MATCH")));
    assert_eq!(shown["metadata"]["preview"], true);
    assert_eq!(ask("u-2", &preview).await["value"], false);
    let staging = app.preview("u-1", "on", "staging").await;
    for not_ours in [&format!("{preview}x"), "", "nonsense", &staging] {
        let plain = ask("u-1", not_ours).await;
        assert_eq!(
            (&plain["value"], &plain["metadata"]["preview"]),
            (&json!(false), &Json::Null),
            "{not_ours}"
        );
    }
    let context = json!({"targetingKey": "u-1", "faderPreview": preview});
    assert_eq!(app.decision(&token, "fast-payment", context).await["value"], true);
    app.clock.advance(store::PREVIEW_MS);
    assert_eq!(ask("u-1", &preview).await["value"], false, "it ends by itself");
}

#[tokio::test]
async fn a_stop_beats_a_preview() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let token = app.server_token().await;
    let preview = app.preview("u-1", "on", "production").await;
    app.stop_flag("fast-payment").await;
    let context = json!({"targetingKey": "u-1", "faderPreview": preview});
    let answer = app.decision(&token, "fast-payment", context).await;
    assert_eq!((&answer["value"], &answer["reason"]), (&json!(false), &json!("DISABLED")));
}

#[tokio::test]
async fn the_tag_of_a_bulk_answer_follows_the_preview() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    let token = app.server_token().await;
    let preview = app.preview("u-1", "on", "production").await;
    let ask = async |preview: Option<&str>, held: Option<&str>| {
        let request = app.evaluate_all(&token, &json!({"targetingKey": "u-1"}));
        let request = preview.into_iter().fold(request, |it, preview| it.header("X-Fader-Preview", preview));
        let request = held.into_iter().fold(request, |it, tag| it.header(header::IF_NONE_MATCH, tag));
        let answer = request.send().await.expect("an answer");
        let tag = answer.headers()[header::ETAG].to_str().expect("text").to_owned();
        (answer.status().as_u16(), tag, answer.json::<Json>().await.unwrap_or(Json::Null))
    };
    let (_, plain, body) = ask(None, None).await;
    assert_eq!(body["flags"][0]["value"], false);
    let (status, tag, body) = ask(Some(&preview), Some(&plain)).await;
    assert_eq!((status, &body["flags"][0]["value"]), (200, &json!(true)));
    assert_eq!(ask(Some(&preview), Some(&tag)).await.0, 304);
    app.clock.advance(store::PREVIEW_MS);
    let (status, after, body) = ask(Some(&preview), Some(&tag)).await;
    assert_eq!(
        (status, &body["flags"][0]["value"]),
        (200, &json!(false)),
        "an expired preview is no preview"
    );
    assert_eq!(after, plain);
}

#[tokio::test]
async fn enrolments_are_managed_through_rest() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([group("testers")])).await;
    app.change_rollout("production", "fast-payment", |rollout| {
        rollout.exclusions.subjects = vec![SubjectKey::parse("x").expect("a key")];
    })
    .await;
    let (qa, support) = (app.workspace_token(Role::Qa).await, app.workspace_token(Role::Support).await);
    let path = "/api/v1/groups/testers/enrolments";
    let testers =
        json!(["u-1", "u-2", {"subject": "x"}, "", {"subject": "u-3", "until": "2030-01-01"}, "u-2"]);
    let batch = |dry_run: bool| Some(json!({"testers": testers, "dry_run": dry_run}));
    let (status, report) = app.rest(&qa, Method::POST, path, batch(true)).await;
    assert_eq!(status, 200, "{report}");
    assert_eq!(
        report["counts"],
        json!({"new": 3, "renewed": 0, "already_in": 1, "duplicate": 1, "excluded": 1, "unknown": 3, "malformed": 1})
    );
    assert_eq!((&report["enrolled"], &report["malformed"][0]["line"]), (&json!(2), &json!(4)));
    assert_eq!(report["lines"][2]["excluded_from"][0]["flag"], "fast-payment");
    assert_eq!(app.enrolled().await, ["u-1"], "a dry run");
    assert_eq!(app.rest(&support, Method::POST, path, batch(false)).await.0, 403);
    assert_eq!(app.rest(&qa, Method::POST, path, batch(false)).await.1["enrolled"], 2);
    assert_eq!(app.enrolled().await, ["u-1", "u-2", "u-3"]);
    let (_, listed) = app.rest(&support, Method::GET, path, None).await;
    assert_eq!(
        (&listed["enrolments"][2]["state"], &listed["enrolments"][2]["until_ms"]),
        (&json!("active"), &json!(1_893_542_400_000_i64))
    );
    let viewer = app.workspace_token(Role::Viewer).await;
    assert_eq!(app.rest(&viewer, Method::GET, path, None).await.0, 403, "who is in is about people");
    assert_eq!(app.rest(&qa, Method::DELETE, &format!("{path}/u-2"), None).await.1["removed"], 1);
    assert_eq!(app.rest(&qa, Method::DELETE, &format!("{path}/u-2"), None).await.0, 404);
    assert_eq!(app.rest(&support, Method::DELETE, &format!("{path}/u-3"), None).await.0, 403);
    for (path, body, expected) in [
        ("/api/v1/groups/none/enrolments", json!({"testers": ["a"]}), 404),
        ("/api/v1/groups/n%20o/enrolments", json!({"testers": ["a"]}), 404),
        (path, json!({"testers": [7]}), 400),
        (path, json!({"testers": ["a"], "typo": 1}), 400),
        (path, json!([]), 400),
    ] {
        let (status, answer) = app.rest(&qa, Method::POST, path, Some(body)).await;
        assert_eq!(status, expected, "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_testers_page_tells_and_excludes_with_a_reason() {
    let app = TestApp::start().await;
    app.testers("testers", "u/1 ü", None, None).await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([group("testers")])).await;
    let cookie = app.sign_in(Role::Qa).await;
    let page = "/testers/u%2F1%20%C3%BC";
    let html = app.page_of(page, &cookie).await;
    assert!(html.contains("Enrolled in") && html.contains("Show a preview"), "{html}");
    let exclude = |reason| [("intent", "exclude"), ("flag", "fast-payment"), ("reason", reason)];
    let silent = app.form(page, Some(&cookie), &exclude("")).send().await.expect("an answer");
    assert_eq!(silent.status(), 422);
    let done = app.form(page, Some(&cookie), &exclude("left the pilot")).send().await.expect("an answer");
    assert_eq!(done.status(), 303);
    assert_eq!(done.headers()["location"], page);
    assert!(app.page_of(page, &cookie).await.contains("excluded: beats the enrolment"));
    assert!(app.page_of(TAB, &cookie).await.contains("excluded: beats the enrolment"));
    let make = [
        ("intent", "preview"),
        ("variant", "fast-payment/on"),
        ("minutes", "60"),
        ("page", "https://shop.test/a"),
    ];
    let made = app.form(page, Some(&cookie), &make).send().await.expect("an answer");
    let html = made.text().await.expect("a page");
    assert!(html.contains("https://shop.test/a?preview=") && html.contains("shows nothing"), "{html}");
    let viewer = app.sign_in(Role::Viewer).await;
    let answer = app.request(Method::GET, page).header(header::COOKIE, viewer).send().await;
    assert_eq!(answer.expect("an answer").status(), 403);
}

#[tokio::test]
async fn a_preview_link_is_for_whom_an_address_or_a_name_means() {
    let app = TestApp::start().await;
    app.boolean_flag("fast-payment").await;
    app.person("ada.moreau", json!({"name": "Ada Moreau", "email": "ada@belvedere.example"})).await;
    for key in ["u-2", "u-3"] {
        app.person(key, json!({"name": "Nils Holm"})).await;
    }
    let cookie = app.sign_in(Role::Qa).await;
    let find = async |text: &str| {
        let path = format!("/testers?flag=fast-payment&subject={text}");
        let answer = app.request(Method::GET, &path).header(header::COOKIE, &cookie).send().await;
        let answer = answer.expect("an answer");
        let location = answer.headers().get(header::LOCATION).map(|it| it.to_str().expect("text").to_owned());
        (answer.status().as_u16(), location.unwrap_or_default(), answer.text().await.expect("a page"))
    };
    for text in ["ada.moreau", "Ada%40belvedere.example", "ada%20moreau"] {
        let (status, location, page) = find(text).await;
        assert_eq!((status, &*location), (303, "/testers/ada.moreau?flag=fast-payment#preview"), "{page}");
    }
    let (_, location, _) = find("new.one").await;
    assert!(location.starts_with("/testers/new.one?"), "whoever is not known stays as written: {location}");
    let (status, _, page) = find("Nils%20Holm").await;
    assert_eq!(status, 422, "{page}");
    assert!(page.contains("2 known people are called so; write the targeting key of the one you mean."));
    assert!(page.contains("value=\"Nils Holm\"") && page.contains("id=\"preview-link\" open"), "{page}");
    for nobody in ["", "ada.moreau%2C%20u-2", &"a".repeat(600)] {
        let (status, _, page) = find(nobody).await;
        assert!(status == 422 && page.contains("id=\"preview-tester-error\""), "{status} {page}");
    }
}
