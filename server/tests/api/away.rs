//! A database that is away: decisions go on, everybody else hears so within two seconds, and everything goes on by itself
//! when it is back.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value as Json, json};
use server::Config;
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use store::{Clock, Role};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use crate::{
    app::{NOW_MS, TestApp},
    fixtures::everyone,
    postgres::database,
};

const TOLD_WITHIN: Duration = Duration::from_secs(2);
const READY_WITHIN: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

/// What a network does, and a server that is stopped or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    /// Connections stay, and nothing comes through: SIGSTOP, or a cable that was pulled.
    Hangs,
    /// Connections end, and new ones as well.
    Cut,
}

/// The way to a database, which a test can take away.
struct Wire {
    url: String,
    mode: watch::Sender<Mode>,
}

impl Wire {
    async fn to(url: &str) -> Self {
        let (credentials, rest) = url.rsplit_once('@').expect("an address with a user");
        let (there, name) = rest.split_once('/').expect("an address with a database");
        let there: SocketAddr = there.parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let here = listener.local_addr().expect("an address");
        let (mode, seen) = watch::channel(Mode::Open);
        tokio::spawn(async move {
            while let Ok((inward, _)) = listener.accept().await {
                let mode = seen.clone();
                tokio::spawn(async move {
                    let Ok(outward) = TcpStream::connect(there).await else { return };
                    let ((from_in, to_in), (from_out, to_out)) = (inward.into_split(), outward.into_split());
                    tokio::select! {
                        () = pump(from_in, to_out, mode.clone()) => {}
                        () = pump(from_out, to_in, mode.clone()) => {}
                        () = until(mode, |mode| mode == Mode::Cut) => {}
                    }
                });
            }
        });
        Self { url: format!("{credentials}@{here}/{name}"), mode }
    }

    fn is(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mode: watch::Receiver<Mode>) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        until(mode.clone(), |mode| mode == Mode::Open).await;
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

async fn until(mut mode: watch::Receiver<Mode>, is: impl Fn(Mode) -> bool) {
    drop(mode.wait_for(|mode| is(*mode)).await);
}

/// An answer, and how long it took at most.
async fn within(limit: Duration, request: RequestBuilder) -> Response {
    let began = Instant::now();
    let answer = request.send().await.expect("an answer");
    assert!(began.elapsed() < limit, "{} took {:?}", answer.url(), began.elapsed());
    answer
}

fn says_later(answer: &Response) {
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{}", answer.url());
    let wait = answer.headers().get(header::RETRY_AFTER).expect("when to come back");
    assert!(wait.to_str().is_ok_and(|it| it.parse::<u64>().is_ok_and(|seconds| seconds > 0)), "{wait:?}");
}

/// A server with a flag, and those who use it.
struct Installation {
    app: TestApp,
    server_token: String,
    manager: String,
    admin: String,
    people: AtomicU64,
}

impl Installation {
    async fn on(app: TestApp) -> Self {
        app.boolean_flag("fast-payment").await;
        app.rules("fast-payment", json!([everyone(100)])).await;
        let server_token = app.server_token().await;
        let manager = app.workspace_token(Role::Admin).await;
        let admin = app.sign_in(Role::Admin).await;
        Self { app, server_token, manager, admin, people: AtomicU64::new(0) }
    }

    fn put_person(&self) -> RequestBuilder {
        // Somebody new each time: what says nothing new is not written.
        let n = self.people.fetch_add(1, Ordering::Relaxed);
        let request =
            self.app.request(Method::PUT, &format!("/api/v1/people/p-{n}")).bearer_auth(&self.manager);
        request.json(&json!({ "traits": {} }))
    }

    fn sign_in(&self) -> RequestBuilder {
        let fields = [("email", "admin@example.test"), ("password", crate::app::PASSWORD), ("next", "/")];
        self.app.form("/sign-in", None, &fields)
    }

    fn resume(&self) -> RequestBuilder {
        let fields = [("comment", "because \"I\" <say> so"), ("version", "2")];
        self.app.form("/flags/fast-payment/stop?env=production", Some(&self.admin), &fields)
    }

    async fn large_forms_are_kept(&self) {
        let fields = [("list", &*"somebody@example.test\n".repeat(3_000)), ("end", "of the list")];
        for (cookie, kept) in [(&*self.admin, true), ("fader_session=somebody", false)] {
            let refused = within(TOLD_WITHIN, self.app.form("/groups/a", Some(cookie), &fields)).await;
            says_later(&refused);
            let page = refused.text().await.expect("a page");
            assert_eq!(page.contains("value=\"of the list\""), kept, "{} bytes", page.len());
        }
    }

    fn page(&self) -> RequestBuilder {
        self.app.request(Method::GET, "/").header(header::COOKIE, &self.admin)
    }

    async fn decides(&self) {
        let began = Instant::now();
        let decision =
            self.app.decision(&self.server_token, "fast-payment", json!({"targetingKey": "u"})).await;
        assert_eq!(decision["value"], json!(true));
        assert!(began.elapsed() < READY_WITHIN, "{:?}", began.elapsed());
        let decides = within(READY_WITHIN, self.app.request(Method::GET, "/readyz/decisions")).await;
        assert_eq!(decides.status(), 200);
    }

    async fn readiness(&self) -> (StatusCode, Json) {
        let answer = within(READY_WITHIN, self.app.request(Method::GET, "/readyz")).await;
        (answer.status(), answer.json().await.expect("JSON"))
    }

    async fn is_ready(&self) {
        let ready = async {
            loop {
                let (status, body) = self.readiness().await;
                if status == 200
                    && body["writes"] == json!(true)
                    && body["intake"]["accepting"] == json!(true)
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ready).await.expect("ready again by itself");
    }

    async fn says_read_only(&self) {
        // What was found a second ago still holds.
        let told = async {
            loop {
                let (status, body) = self.readiness().await;
                if status == 503 {
                    assert_eq!((&body["status"], &body["writes"]), (&json!("read_only"), &json!(false)));
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("not ready");
    }

    async fn writes_are_refused(&self) {
        says_later(&within(TOLD_WITHIN, self.put_person()).await);
        let refused = within(TOLD_WITHIN, self.sign_in()).await;
        says_later(&refused);
        let page = refused.text().await.expect("a page");
        assert!(page.contains("admin@example.test") && !page.contains(crate::app::PASSWORD), "{page}");
        let refused = within(TOLD_WITHIN, self.resume()).await;
        says_later(&refused);
        let page = refused.text().await.expect("a page");
        assert!(page.contains("because &quot;I&quot; &lt;say&gt; so"), "what was typed is kept: {page}");
        assert!(page.contains("action=\"/flags/fast-payment/stop?env=production\""), "{page}");
    }

    async fn writes_again(&self) {
        self.is_ready().await;
        let answer = self.put_person().send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
        assert_eq!(self.sign_in().send().await.expect("an answer").status(), 303);
        assert_eq!(self.page().send().await.expect("an answer").status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_go_on_without_postgresql_and_the_rest_is_told_in_time() {
    let Some(url) = database().await else { return };
    let wire = Wire::to(&url).await;
    let it =
        Installation::on(TestApp::start_on(&wire.url, Config::default(), Clock::manual(NOW_MS)).await).await;
    it.is_ready().await;
    for mode in [Mode::Hangs, Mode::Cut, Mode::Hangs] {
        wire.is(mode);
        // Also the very first who ask, all at once.
        let (put, page) = tokio::join!(within(TOLD_WITHIN, it.put_person()), within(TOLD_WITHIN, it.page()));
        says_later(&put);
        says_later(&page);
        it.decides().await;
        it.says_read_only().await;
        it.writes_are_refused().await;
        it.large_forms_are_kept().await;
        it.decides().await;
        wire.is(Mode::Open);
        it.writes_again().await;
    }
    let mut app = it.app;
    wire.is(Mode::Hangs);
    tokio::time::timeout(Duration::from_secs(45), app.stop()).await.expect("it stops all the same");
}

/// Somebody else holds the lock of an SQLite file.
async fn lock(app: &TestApp) -> SqliteConnection {
    let mut other = SqliteConnection::connect(&app.database_url).await.expect("connects");
    other.execute("PRAGMA busy_timeout = 20000; BEGIN IMMEDIATE").await.expect("locked");
    other
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file_is_told_in_time_and_can_be_read() {
    let it = Installation::on(TestApp::start().await).await;
    it.is_ready().await;
    let mut other = lock(&it.app).await;
    // The session is touched once a minute; that this fails keeps nobody from reading.
    it.app.clock.advance(120_000);
    assert_eq!(within(TOLD_WITHIN, it.page()).await.status(), 200);
    it.says_read_only().await;
    says_later(&within(TOLD_WITHIN, it.put_person()).await);
    says_later(&within(TOLD_WITHIN, it.sign_in()).await);
    says_later(&within(TOLD_WITHIN, it.resume()).await);
    it.decides().await;
    other.execute("ROLLBACK").await.expect("free");
    it.writes_again().await;
}

fn exposure(n: usize) -> Json {
    json!({"type": "exposure", "id": format!("e-{n}"), "subject": format!("u-{n}"), "flag": "fast-payment",
        "variant": "on", "revision": 3, "rule": "everyone", "arm": "treatment"})
}

fn outcome(n: usize) -> Json {
    json!({"type": "outcome", "id": format!("o-{n}"), "subject": format!("u-{n}"), "metric": "error_rate", "ok": true})
}

impl Installation {
    /// An exposure and an outcome; whether they were taken.
    async fn tell(&self, n: usize) -> Result<(), Response> {
        let request = self.app.request(Method::POST, "/api/v1/events").bearer_auth(&self.server_token);
        let answer = within(TOLD_WITHIN, request.json(&json!({"events": [exposure(n), outcome(n)]}))).await;
        if answer.status() == 202 { Ok(()) } else { Err(answer) }
    }

    /// Tells events until they are refused, with a pause between them; how many were taken.
    async fn tell_until_refused(&self) -> usize {
        let began = Instant::now();
        for n in 0.. {
            if let Err(answer) = self.tell(n).await {
                says_later(&answer);
                let problem: Json = answer.json().await.expect("a problem");
                assert_eq!((&problem["status"], &problem["code"]), (&json!(503), &json!("unavailable")));
                assert!(
                    problem["detail"].as_str().is_some_and(|it| it.contains("send it again")),
                    "{problem}"
                );
                return n;
            }
            assert!(began.elapsed() < PATIENCE, "never refused");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        unreachable!("counts for ever")
    }
}

/// How many exposures and outcomes the file has.
async fn kept(url: &str) -> (i64, i64) {
    let mut connection = SqliteConnection::connect(url).await.expect("connects");
    sqlx::query_as(
        "SELECT (SELECT COALESCE(SUM(times), 0) FROM exposures), \
         (SELECT COALESCE(SUM(outcomes), 0) FROM cells WHERE metric = 'error_rate')",
    )
    .fetch_one(&mut connection)
    .await
    .expect("reads")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_refused_in_time_and_what_was_taken_is_kept() {
    let it = Installation::on(TestApp::start().await).await;
    let began = Instant::now();
    let mut other = lock(&it.app).await;
    let taken = it.tell_until_refused().await;
    assert!(taken > 0, "a moment is waited out");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let otlp = it.app.request(Method::POST, "/v1/logs").bearer_auth(&it.server_token);
    let record = json!({"eventName": "feature_flag.evaluation", "attributes": [
        {"key": "feature_flag.key", "value": {"stringValue": "fast-payment"}},
        {"key": "feature_flag.result.variant", "value": {"stringValue": "on"}},
        {"key": "feature_flag.context.id", "value": {"stringValue": "otlp"}}]});
    let logs = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]});
    says_later(&within(TOLD_WITHIN, otlp.json(&logs)).await);
    it.decides().await;
    other.execute("ROLLBACK").await.expect("free");
    it.writes_again().await;
    it.tell(taken).await.expect("taken again");
    let expected = i64::try_from(taken).expect("few") + 1;
    let all = async {
        loop {
            // The evaluations of this test are exposures as well.
            let (exposures, outcomes) = kept(&it.app.database_url).await;
            if exposures > expected && outcomes == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("nothing that was taken is lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_is_written_when_the_database_is_back_while_the_server_stops() {
    let it = Installation::on(TestApp::start().await).await;
    let mut other = lock(&it.app).await;
    let taken = it.tell_until_refused().await;
    let Installation { mut app, .. } = it;
    let url = app.database_url.clone();
    let freed = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        other.execute("ROLLBACK").await.expect("free");
    };
    tokio::join!(app.stop(), freed);
    let taken = i64::try_from(taken).expect("few");
    assert_eq!(kept(&url).await, (taken, taken));
}

/// The disk is full to its last page, where not even a small row has room, then there is space again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_got_over() {
    let it = Installation::on(TestApp::start().await).await;
    it.is_ready().await;
    let mut connection = SqliteConnection::connect(&it.app.database_url).await.expect("connects");
    let (pages,): (i64,) =
        sqlx::query_as("PRAGMA page_count").fetch_one(&mut connection).await.expect("reads");
    it.app.store.faults().limit_pages(u32::try_from(pages).expect("small") + 20);
    let note = "x".repeat(8_000);
    for n in 0.. {
        let request = it.app.request(Method::PUT, &format!("/api/v1/people/u-{n}")).bearer_auth(&it.manager);
        let answer = within(TOLD_WITHIN, request.json(&json!({ "traits": { "note": note } }))).await;
        if !answer.status().is_success() {
            says_later(&answer);
            break;
        }
        assert!(n < 1_000, "the disk never fills");
    }
    while within(TOLD_WITHIN, it.put_person()).await.status().is_success() {}
    it.says_read_only().await;
    it.decides().await;
    it.app.store.faults().limit_pages(u32::MAX >> 1);
    it.writes_again().await;
}
