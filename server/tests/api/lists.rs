//! Lists and files as people have them: what a dry run makes of them, whom it finds, and what happens to what was typed.

use engine::GroupKey;
use reqwest::{Method, RequestBuilder, header};
use serde_json::json;
use store::Role;

use crate::app::{TestApp, viewer};

const TAB: &str = "/groups/testers?tab=testers";
const IMPORT: &str = "/import/people";

impl TestApp {
    /// A form with a file.
    pub fn upload(
        &self,
        path: &str,
        cookie: &str,
        fields: &[(&str, &str)],
        file: (&str, &[u8]),
    ) -> RequestBuilder {
        let mut body = Vec::new();
        for (name, value) in fields {
            let part = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let (name, bytes) = file;
        let head =
            format!("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n--x--\r\n");
        let request = self.request(Method::POST, path).header(header::ORIGIN, &self.url);
        let kind = "multipart/form-data; boundary=x";
        request.header(header::COOKIE, cookie).header(header::CONTENT_TYPE, kind).body(body)
    }

    async fn known_people(&self) {
        for (key, traits) in [
            ("ada.moreau", json!({"name": "Moreau, Ada", "email": "ada@belvedere.example"})),
            ("nils.holm", json!({"name": "Nils Holm"})),
            ("nils.holm.2", json!({"name": "Nils Holm"})),
            ("zoé", json!({"name": "Zoé"})),
        ] {
            self.person(key, traits).await;
        }
    }

    async fn tester_keys(&self) -> Vec<String> {
        let key = GroupKey::parse("testers").expect("a key");
        let found = self.store.find_group(&viewer(), &key).await.expect("reads").expect("a group");
        found.value.enrolments.iter().map(|it| it.subject.to_string()).collect()
    }
}

async fn page(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a page"))
}

/// The value of a hidden field.
fn hidden(html: &str, name: &str) -> String {
    let (_, rest) = html.split_once(&format!("name=\"{name}\" value=\"")).expect("the field");
    rest.split('"').next().expect("its end").to_owned()
}

#[tokio::test]
async fn a_list_of_addresses_and_names_enrols_the_people_they_are_of() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    app.known_people().await;
    let cookie = app.sign_in(Role::Qa).await;
    let list = "\n\"E-Mail\";Name;Purpose;Company;\nADA@belvedere.example;Ada;calls;B;\n;Nils Holm;;;\n;zoé;;;\nnew@one.example;New;;;\n";
    let check = app.form(TAB, Some(&cookie), &[("intent", "check"), ("list", list)]);
    let (status, html) = page(check).await;
    assert_eq!(status, 200);
    assert!(
        html.contains("Testers are read from “E-Mail”, “Name”, and “Purpose”. Not used: “Company”."),
        "{html}"
    );
    assert!(html.contains("ada.moreau</a>") && html.contains("for “ADA@belvedere.example”"), "{html}");
    assert!(html.contains("2 known people are called so"), "{html}");
    assert!(html.contains("Also enrol 1 who is not among the known people: new@one.example"), "{html}");
    assert!(html.contains("<span data-with=\"none\">Enrol 2 testers</span>"), "{html}");
    assert!(html.contains("<span data-with=\"unknown\">Enrol 3 testers</span>"), "{html}");
    let seen = hidden(&html, "seen");
    let confirm = app.form(TAB, Some(&cookie), &[("intent", "enrol"), ("list", list), ("seen", &seen)]);
    assert_eq!(page(confirm).await.0, 303);
    assert_eq!(app.tester_keys().await, ["u-1", "ada.moreau", "zoé"]);
    let audited = app.request(Method::GET, "/audit").header(header::COOKIE, &cookie);
    let (_, html) = page(audited).await;
    assert!(html.contains("looked for the testers of a list for group testers"), "{html}");
}

#[tokio::test]
async fn several_on_a_line_are_several_and_a_name_with_a_comma_is_one() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    app.known_people().await;
    let cookie = app.sign_in(Role::Qa).await;
    let list = "Moreau, Ada\nnils.holm, zoé,\n";
    let check = app.form(TAB, Some(&cookie), &[("intent", "check"), ("list", list)]);
    let (_, html) = page(check).await;
    assert!(html.contains("<span data-with=\"none\">Enrol 3 testers</span>"), "{html}");
    assert!(html.contains("every cell is a tester"), "{html}");
}

#[tokio::test]
async fn a_file_is_read_in_the_letters_it_was_written_in_and_says_which() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    app.known_people().await;
    let cookie = app.sign_in(Role::Admin).await;
    let utf16: Vec<u8> = "id\r\nzoé\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, told) in [
        (
            b"id\rzo\xe9\r".to_vec(),
            "was read as Windows-1252, western European letters. If letters are wrong",
        ),
        (utf16, "was read as UTF-16."),
        ("\u{feff}id\nzoé\n".as_bytes().to_vec(), "was read as UTF-8."),
    ] {
        let check = app.upload(TAB, &cookie, &[("intent", "check")], ("people.csv", &bytes));
        let (status, html) = page(check).await;
        assert!(status == 200 && html.contains(&format!("people.csv {told}")), "{told}: {html}");
        assert!(html.contains("<span data-with=\"none\">Enrol 1 tester</span>"), "{html}");
        let check = app.upload(IMPORT, &cookie, &[("intent", "check")], ("people.csv", &bytes));
        let (status, html) = page(check).await;
        assert!(status == 200 && html.contains(&format!("people.csv {told}")), "{told}: {html}");
        assert!(html.contains("zoé") && html.contains("There is nothing to import"), "{html}");
    }
}

#[tokio::test]
async fn a_workbook_is_refused_beside_its_field_and_what_was_typed_stays() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    let cookie = app.sign_in(Role::Admin).await;
    for (path, typed) in [(TAB, ("list", "typed by hand")), (IMPORT, ("table", "id,name\nada,Ada"))] {
        let fields = [("intent", "check"), typed, ("purpose", "calls")];
        let workbook = ("t.xlsx", &b"PK\x03\x04\x14\0\x06\0\x08\0"[..]);
        let (status, html) = page(app.upload(path, &cookie, &fields, workbook)).await;
        assert_eq!(status, 422, "{path}");
        assert!(
            html.contains("id=\"field-file-error\"") && html.contains("This is a workbook"),
            "{path}: {html}"
        );
        assert!(html.contains(typed.1), "{path}: {html}");
    }
    assert_eq!(app.tester_keys().await, ["u-1"]);
}

#[tokio::test]
async fn columns_that_leave_it_open_are_told_beside_the_field() {
    let app = TestApp::start().await;
    app.testers("testers", "u-1", None, None).await;
    let cookie = app.sign_in(Role::Admin).await;
    let tier = serde_json::from_value(json!({"name": "tier", "type": "text"})).expect("a definition");
    app.store.put_attribute(&crate::app::administrator(), tier).await.expect("an attribute");
    for (path, name, text, told) in [
        (TAB, "list", "id,purpose,purpose\nada,a,b", "Two columns are called “purpose”"),
        (TAB, "list", "purpose,until\ncalls,2030-01-01", "call one id, e-mail or name"),
        (IMPORT, "table", "id,tier,tier\nada,vip,basic", "Two columns are called “tier”"),
    ] {
        let (status, html) = page(app.form(path, Some(&cookie), &[("intent", "check"), (name, text)])).await;
        assert_eq!(status, 422, "{text}");
        assert!(html.contains(&format!("field-{name}-error")) && html.contains(told), "{html}");
        assert!(html.contains(text), "what was typed stays: {html}");
    }
}

#[tokio::test]
async fn what_is_imported_is_what_was_looked_at() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Admin).await;
    let checked = "id\n.\nada\n";
    let (status, html) =
        page(app.form(IMPORT, Some(&cookie), &[("intent", "check"), ("table", checked)])).await;
    assert!(status == 200 && html.contains("Import 1 person and leave out 1 line"), "{html}");
    let seen = hidden(&html, "seen");
    let edited = "id\n.\nada\nbob\n";
    let import = [("intent", "import"), ("table", edited), ("seen", &*seen)];
    let (status, html) = page(app.form(IMPORT, Some(&cookie), &import)).await;
    assert_eq!(status, 422);
    assert!(html.contains("and now it is 2 new, 0 changed and 1 malformed"), "{html}");
    assert!(app.store.live().people().traits("bob").is_none(), "nobody has looked at it");
    let unseen = app.form(IMPORT, Some(&cookie), &[("intent", "import"), ("table", checked)]);
    assert_eq!(page(unseen).await.0, 422);
    let seen = hidden(&html, "seen");
    let import = [("intent", "import"), ("table", edited), ("seen", &*seen)];
    assert_eq!(page(app.form(IMPORT, Some(&cookie), &import)).await.0, 303);
    assert!(app.store.live().people().traits("bob").is_some());
}

#[tokio::test]
async fn a_file_that_was_chosen_after_the_check_is_looked_at_first() {
    let app = TestApp::start().await;
    let cookie = app.sign_in(Role::Admin).await;
    let table = "id\nada\n";
    let (_, html) = page(app.form(IMPORT, Some(&cookie), &[("intent", "check"), ("table", table)])).await;
    let seen = hidden(&html, "seen");
    let fields = [("intent", "import"), ("table", table), ("seen", &*seen)];
    let (status, html) = page(app.upload(IMPORT, &cookie, &fields, ("t.csv", &b"id\nada\n"[..]))).await;
    assert!(status == 200 && html.contains("What importing would do"), "{html}");
    // As it comes back through the sign-in page.
    let fields = [fields.as_slice(), &[("file", table)]].concat();
    let (status, html) = page(app.form(IMPORT, Some(&cookie), &fields)).await;
    assert!(status == 200 && html.contains("What importing would do"), "{html}");
    assert!(app.store.live().people().traits("ada").is_none());
}
