//! A workspace in which somebody typed markup into everything that takes a text.

use engine::{Attributes, FlagKey, GroupKey, SubjectKey, VariantKey};
use reqwest::{Method, RequestBuilder, Response, header};
use serde_json::json;
use server::Config;
use store::{Delivery, Exposure, NewComplaint, NewTesterInvitation, Principal, Role};

use crate::app::{NOW_MS, PASSWORD, TestApp, administrator, editor, environment_key, viewer};

/// Ends whatever it may stand in: a comment, an element of raw text, an attribute in either quotation marks or none.
pub const PWN: &str =
    "--></textarea></script></title></style></noscript>'\"><b id=pwn onclick=x>x</b><!--pwn";
/// The same where texts are short, or have no spaces.
const SHORT: &str = "'\"></textarea><b/id=pwn>";
/// The key of everything that has one.
pub const KEY: &str = "pwn";

pub struct World {
    pub app: TestApp,
    pub cookie: String,
    pub subject: String,
    /// The entries of the audit log.
    pub audited: Vec<u64>,
    pub feedback: u64,
    /// Links for strangers: `/join/…` and `/invite/…`.
    pub join: String,
    pub invite: String,
    /// Each stands behind a text that was typed somewhere.
    pub marks: Vec<&'static str>,
    _files: TestApp,
}

struct Typed(Vec<&'static str>);

impl Typed {
    fn long(&mut self, mark: &'static str) -> String {
        self.0.push(mark);
        format!("{PWN}{mark}")
    }

    fn short(&mut self, mark: &'static str) -> String {
        self.0.push(mark);
        format!("{SHORT}{mark}")
    }
}

impl World {
    pub async fn build() -> Self {
        let mut typed = Typed(Vec::new());
        let first = TestApp::start().await;
        // No form names an environment yet.
        let name = typed.short("@environment").replace('\'', "''");
        first.sql(&format!("UPDATE environments SET name = '{name}' || key")).await;
        let app = TestApp::start_on(&first.database_url, Config::default(), first.clock.clone()).await;
        app.sign_in(Role::Admin).await;
        let subject = typed.short("@subject");
        let mut world = Self {
            cookie: String::new(),
            subject,
            audited: Vec::new(),
            feedback: 0,
            join: String::new(),
            invite: String::new(),
            marks: Vec::new(),
            app,
            _files: first,
        };
        world.sign_in().await;
        world.schema(&mut typed).await;
        world.flags(&mut typed).await;
        world.people(&mut typed).await;
        world.group(&mut typed).await;
        world.rollout(&mut typed).await;
        world.settings(&mut typed).await;
        world.evidence(&mut typed).await;
        world.count().await;
        world.marks = typed.0;
        world
    }

    /// With every header that a stranger may write.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.app.request(method, path);
        ["user-agent", "referer", "x-request-id", "accept-language", "x-forwarded-for", "x-forwarded-host"]
            .into_iter()
            .fold(request, |request, name| request.header(name, PWN))
            .header(header::ACCEPT, "text/html")
    }

    pub async fn get(&self, path: &str) -> Response {
        let request = self.request(Method::GET, path).header(header::COOKIE, &self.cookie);
        request.send().await.expect("an answer")
    }

    pub async fn post(&self, path: &str, fields: &[(String, String)]) -> Response {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self
            .request(Method::POST, path)
            .header(header::COOKIE, &self.cookie)
            .header(header::ORIGIN, &self.app.url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(body).send().await.expect("an answer")
    }

    /// Through the form, so that the session remembers the browser.
    pub async fn sign_in(&mut self) {
        let fields = [("email", "admin@example.test"), ("password", PASSWORD)];
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answer = self.post("/sign-in", &fields).await;
        let pairs = answer.headers().get_all(header::SET_COOKIE).iter().filter_map(|it| {
            let pair = it.to_str().ok()?.split(';').next()?;
            pair.contains('=').then_some(pair)
        });
        // The session, and the device, of which forms are read although the session has ended.
        let cookies: Vec<_> = pairs.collect();
        assert!(cookies.len() >= 2, "{}", answer.status());
        self.cookie = cookies.join("; ");
    }

    async fn schema(&self, typed: &mut Typed) {
        for (name, kind) in [("name", "text"), ("tier", "text"), ("tags", "list")] {
            let definition = json!({"name": name, "type": kind, "description": typed.long("@attribute")});
            let definition = serde_json::from_value(definition).expect("a definition");
            self.app.store.put_attribute(&administrator(), definition).await.expect("an attribute");
        }
    }

    async fn flags(&self, typed: &mut Typed) {
        for (key, kind, on, off) in [
            (KEY, "string", json!(typed.long("@value")), json!("")),
            ("pwn-object", "object", json!({"a": typed.long("@member")}), json!({})),
        ] {
            let flag = json!({
                "key": key, "name": typed.long("@flag"), "description": typed.long("@description"),
                "owner": typed.short("@owner"), "tags": [typed.short("@tag")], "kind": "release", "value_type": kind,
                "variants": [{"key": "on", "value": on}, {"key": "off", "value": off}],
                "off_variant": "off", "lifecycle": "active",
            });
            let flag = serde_json::from_value(flag).expect("a flag");
            self.app.store.create_flag(&editor(), flag).await.expect("a flag");
        }
    }

    async fn people(&self, typed: &mut Typed) {
        let traits = json!({
            "name": typed.long("@name"), "tier": typed.short("@tier"), "tags": [typed.short("@item")],
        });
        self.app.person(&self.subject, traits).await;
        let reader = Principal::command_line().people_reader().expect("may");
        let attributes = Attributes::from_json(json!({"tier": PWN}).as_object().expect("an object"));
        let name = typed.long("@persona");
        let subject = Some(self.key());
        self.app.store.save_persona(&reader, &name, subject, attributes).await.expect("a persona");
    }

    fn key(&self) -> SubjectKey {
        SubjectKey::parse(&self.subject).expect("a key")
    }

    async fn group(&mut self, typed: &mut Typed) {
        let group = json!({
            "key": KEY, "name": typed.long("@group"), "description": typed.long("@audience"),
            "condition": {"test": {"attribute": "tier", "operator": {"equals": typed.short("@condition")}}},
            "enrolments": [{"subject": self.subject, "purpose": typed.long("@purpose")}],
        });
        let group = serde_json::from_value(group).expect("a group");
        self.app.store.create_group(&editor(), group, &typed.long("@reason")).await.expect("a group");
        let enroller = Principal::command_line().enroller().expect("may");
        let new = NewTesterInvitation {
            purpose: typed.long("@invitation"),
            capacity: 5,
            closes_ms: NOW_MS + 3_600_000,
            until_ms: None,
        };
        let key = GroupKey::parse(KEY).expect("a key");
        let link = self.app.store.invite_testers(&enroller, &key, new).await.expect("a link");
        self.join = format!("/join/{link}");
    }

    async fn rollout(&self, typed: &mut Typed) {
        let (environment, flag) = (environment_key("production"), FlagKey::parse(KEY).expect("a key"));
        let found = self.app.store.find_rollout(&viewer(), &environment, &flag).await.expect("read");
        let mut rollout = found.expect("a rollout");
        rollout.value.rules = serde_json::from_value(json!([
            {"id": "pilot", "percentage": 33_333, "audience": {"matching": {
                "groups": [KEY], "condition": {"test": {"attribute": "tier", "operator": {"equals": typed.short("@rule")}}},
            }}},
            {"id": "everyone", "audience": "everyone", "percentage": 20_000},
        ]))
        .expect("rules");
        let pinned = SubjectKey::parse(&typed.short("@pin")).expect("a key");
        rollout.value.pins = vec![engine::Pin { subject: pinned, variant: variant("on") }];
        rollout.value.exclusions.subjects =
            vec![SubjectKey::parse(&typed.short("@excluded")).expect("a key")];
        let (version, comment) = (rollout.version, typed.long("@comment"));
        let saved = self
            .app
            .store
            .save_rollout(&editor(), &environment, &flag, version, rollout.value, &comment)
            .await;
        saved.expect("saved");
    }

    async fn settings(&mut self, typed: &mut Typed) {
        let metric = json!({
            "key": KEY, "name": typed.long("@metric"), "description": typed.long("@measures"), "kind": "rate",
            "unit": "", "lower_is_better": true,
        });
        let metric = serde_json::from_value(metric).expect("a metric");
        self.app.store.put_metric(&administrator(), metric).await.expect("a metric");
        // Of its address pages show scheme and host, which hold no text of anybody.
        let (by, hook) = (administrator(), "https://hooks.test/%3Cb%20id=pwn%3E");
        self.app.store.create_webhook(&by, hook, store::Reach::Public).await.expect("a webhook");
        let scope = environment_key("production");
        let token = store::NewToken::new(typed.short("@token"), store::TokenKind::Server, scope);
        self.app.store.create_token(&administrator(), token).await.expect("a token");
        let name = typed.short("@member");
        let invited =
            self.app.store.invite_member(&administrator(), "pwn@example.test", &name, Role::Viewer).await;
        self.invite = format!("/invite/{}", invited.expect("invited").as_str());
    }

    async fn evidence(&mut self, typed: &mut Typed) {
        let exposure = Exposure {
            subject: self.key(),
            flag: FlagKey::parse(KEY).expect("a key"),
            variant: variant("on"),
            revision: 3,
            rule: None,
            arm: None,
            at_ms: NOW_MS - 60_000,
        };
        let environment = environment_key("production");
        let delivery = Delivery {
            environment: environment.clone(),
            sender: engine::Sender::Server,
            exposures: vec![exposure],
            ids: Vec::new(),
        };
        self.app.store.record_exposures(&[delivery]).await.expect("recorded");
        let said = json!({
            "subject": self.subject, "rating": 1, "comment": typed.long("@feedback"), "page": typed.long("@page"),
            "flag": KEY,
        });
        let token = self.app.server_token().await;
        let request = self.app.request(Method::POST, "/api/v1/feedback").bearer_auth(token).json(&said);
        assert_eq!(request.send().await.expect("an answer").status(), 201);
        let handler = Principal::command_line().feedback_handler().expect("may");
        let complaint = NewComplaint {
            subject: self.key(),
            at_ms: NOW_MS,
            kinds: Vec::new(),
            comment: typed.long("@complaint"),
            flag: Some(FlagKey::parse(KEY).expect("a key")),
        };
        let logged = self.app.store.log_complaint(&handler, &environment, complaint).await.expect("logged");
        self.feedback = logged.to_string().parse().expect("a number");
    }

    async fn count(&mut self) {
        let by = Principal::command_line().audit_reader().expect("may");
        for seq in 1.. {
            if self.app.store.find_audit(&by, seq).await.expect("reads").is_none() {
                break;
            }
            self.audited.push(seq);
        }
    }
}

fn variant(key: &str) -> VariantKey {
    VariantKey::parse(key).expect("a key")
}
