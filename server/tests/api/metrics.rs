//! `/metrics`: what it says is what happened, how much it says does not depend on what is kept, and who may read it.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, header};
use serde_json::{Value as Json, json};
use server::Config;
use store::Role;

use crate::{
    app::TestApp,
    events::{exposure, with},
    fixtures::everyone,
    stand_in::until,
};

const SECRET: &str = "a-secret-of-the-operator";
const RULES: &str = include_str!("../../../examples/monitoring/fader.rules.yml");
const DASHBOARD: &str = include_str!("../../../examples/monitoring/grafana-dashboard.json");

/// What was read, checked line by line.
struct Read {
    kinds: BTreeMap<String, String>,
    /// By name and labels as they are written.
    series: BTreeMap<String, f64>,
}

impl Read {
    async fn from(app: &TestApp) -> Self {
        let answer = app.get("/metrics").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
        Self::parse(&answer.text().await.expect("text"))
    }

    /// Panics where Prometheus would refuse it or a convention is not kept.
    fn parse(text: &str) -> Self {
        let (mut kinds, mut series) = (BTreeMap::new(), BTreeMap::new());
        let mut helped = "";
        let mut family = (String::new(), String::new());
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("a help");
                assert!(help.ends_with('.') && !kinds.contains_key(name), "{line}");
                helped = name;
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect("a type");
                assert_eq!(name, helped, "help comes before type");
                check_name(name, kind);
                assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
                family = (name.to_owned(), kind.to_owned());
            } else {
                let (of, value) = line.rsplit_once(' ').expect("a value");
                let name = of.split('{').next().expect("a name");
                let suffix =
                    name.strip_prefix(&*family.0).unwrap_or_else(|| panic!("{line} in {}", family.0));
                let allowed: &[&str] =
                    if family.1 == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
                assert!(allowed.contains(&suffix), "{line}");
                let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
                assert!(value.is_finite() && series.insert(of.to_owned(), value).is_none(), "{line} twice");
            }
        }
        let read = Self { kinds, series };
        read.check_histograms();
        read
    }

    fn check_histograms(&self) {
        for (of, count) in self.series.iter().filter(|(of, _)| of.contains("le=\"+Inf\"")) {
            let (name, labels) = of.split_once("_bucket{").expect("a bucket");
            let labels = labels.replace("le=\"+Inf\"}", "");
            let labels = labels.trim_end_matches(',');
            let braced = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
            let counted = self.series[&format!("{name}_count{braced}")];
            assert!((counted - count).abs() < 1e-9, "{of}");
            assert!(self.series.contains_key(&format!("{name}_sum{braced}")), "{of}");
            let prefix = of.replace("+Inf\"}", "");
            let mut bounds: Vec<(f64, f64)> = self
                .series
                .iter()
                .filter_map(|(other, within)| {
                    let bound = other.strip_prefix(&*prefix)?.strip_suffix("\"}")?;
                    Some((bound.parse().ok()?, *within))
                })
                .collect();
            bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(bounds.len() > 5 && bounds.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{of}");
        }
    }

    fn of(&self, series: &str) -> f64 {
        *self.series.get(series).unwrap_or_else(|| panic!("no {series} in {:#?}", self.series.keys()))
    }

    /// Values that a test compares are whole numbers.
    fn is(&self, series: &str, expected: u32) {
        let found = self.of(series);
        assert!((found - f64::from(expected)).abs() < 1e-9, "{series} is {found}, not {expected}");
    }

    /// Names of series, which do not depend on time.
    fn names(&self) -> BTreeSet<&str> {
        self.series.keys().map(String::as_str).collect()
    }
}

/// <https://prometheus.io/docs/practices/naming/>
fn check_name(name: &str, kind: &str) {
    assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
    assert!(name.starts_with("fader_") || name.starts_with("process_"), "{name}");
    match kind {
        "counter" => assert!(name.ends_with("_total"), "{name}"),
        "gauge" => assert!(!name.ends_with("_total"), "{name}"),
        "histogram" => assert!(name.ends_with("_seconds"), "{name}"),
        other => panic!("{name} is a {other}"),
    }
}

async fn started() -> TestApp {
    let app = TestApp::start().await;
    // What the background looks at is there.
    until("measured", async || {
        let text = app.get("/metrics").await.text().await.expect("text");
        text.contains("fader_database_size_bytes") && text.contains("process_open_fds")
    })
    .await;
    app
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_numbers_are_the_traffic() {
    let app = started().await;
    app.boolean_flag("fast-payment").await;
    app.boolean_flag("other").await;
    app.rules("fast-payment", json!([everyone(100)])).await;
    let (server, client) = (app.server_token().await, app.client_token().await);
    let context = json!({"targetingKey": "u-1"});
    let before = Read::from(&app).await;
    before.is("fader_requests_total{door=\"ofrep\",status=\"2xx\"}", 0);

    for subject in ["u-1", "u-2", "u-3"] {
        app.decision(&server, "fast-payment", json!({"targetingKey": subject})).await;
    }
    let all = app.evaluate_all(&client, &context).send().await.expect("an answer");
    let etag = all.headers()[header::ETAG].clone();
    let all: Json = all.json().await.expect("JSON");
    let again = app.evaluate_all(&client, &context).header(header::IF_NONE_MATCH, etag).send().await;
    assert_eq!(again.expect("an answer").status(), 304);
    let refused = app.evaluate("wrong", "fast-payment", &context).send().await.expect("an answer");
    assert_eq!(refused.status(), 401);
    let first = with(exposure("u-4"), json!({"id": "e-1"}));
    let outcome = json!({"type": "outcome", "metric": "error_rate", "subject": "u-4", "ok": true});
    let (status, told) = app.send(&server, &[first.clone(), outcome, json!({"type": "nonsense"})]).await;
    assert_eq!(status, 202, "{told}");
    app.send(&server, &[first]).await;
    for (method, path, expected) in [
        (Method::GET, "/healthz", 200),
        (Method::GET, "/readyz/decisions", 200),
        (Method::GET, "/widget.js", 200),
        (Method::GET, "/favicon.svg", 200),
        (Method::POST, "/v1/traces", 401),
        (Method::POST, "/metrics", 405),
    ] {
        let answer = app.request(method, path).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), expected, "{path}");
    }
    let path = all["eventStreams"][0]["endpoint"]["requestUri"].as_str().expect("a path");
    let mut stream = app.get(path).await;
    stream.chunk().await.expect("a greeting");
    app.rules("fast-payment", json!([everyone(50)])).await;
    until("the change reached streams", async || {
        let count = "fader_change_to_streams_seconds_count";
        Read::from(&app).await.of(count) > before.of(count)
    })
    .await;

    let read = Read::from(&app).await;
    for (series, expected) in [
        ("fader_requests_total{door=\"ofrep\",status=\"2xx\"}", 5),
        ("fader_requests_total{door=\"ofrep\",status=\"3xx\"}", 1),
        ("fader_requests_total{door=\"ofrep\",status=\"4xx\"}", 1),
        ("fader_requests_total{door=\"ofrep\",status=\"5xx\"}", 0),
        ("fader_request_duration_seconds_count{door=\"ofrep\"}", 7),
        ("fader_requests_total{door=\"rest\",status=\"2xx\"}", 2),
        ("fader_requests_total{door=\"probes\",status=\"2xx\"}", 2),
        ("fader_requests_total{door=\"widget\",status=\"2xx\"}", 1),
        ("fader_requests_total{door=\"dashboard\",status=\"2xx\"}", 1),
        ("fader_requests_total{door=\"otlp\",status=\"4xx\"}", 1),
        ("fader_requests_total{door=\"metrics\",status=\"4xx\"}", 1),
        ("fader_evaluations_total{answer=\"one\"}", 3),
        ("fader_evaluations_total{answer=\"all\"}", 1),
        ("fader_evaluations_total{answer=\"unchanged\"}", 1),
        ("fader_decisions_total", 5),
        ("fader_exposures_total{result=\"accepted\"}", 4),
        ("fader_exposures_total{result=\"duplicate\"}", 1),
        ("fader_exposures_total{result=\"refused\"}", 0),
        ("fader_events_rejected_total", 1),
        ("fader_outcomes_total{result=\"accepted\"}", 1),
        ("fader_streams{of=\"clients\"}", 1),
        ("fader_streams{of=\"pages\"}", 0),
        ("fader_flags", 2),
        ("fader_database_away", 0),
    ] {
        read.is(series, expected);
    }
    let revision = app.store.live().environment("production").expect("there").revision;
    read.is("fader_revision{environment=\"production\"}", u32::try_from(revision).expect("small"));
    assert!(read.of("fader_database_wait_seconds_count{pool=\"write\"}") > 0.0);
    assert!(read.of("fader_database_size_bytes") > 100_000.0);
    drop(stream);
    until("everything is written and looked at", async || {
        let read = Read::from(&app).await;
        let is = |series: &str, expected: f64| (read.of(series) - expected).abs() < 1e-9;
        is("fader_exposures_written_total", 4.0)
            && is("fader_exposures_waiting", 0.0)
            && is("fader_guard_holder", 1.0)
            && read.of("fader_guard_looks_total{result=\"ok\"}") > 0.0
            && is("fader_streams{of=\"clients\"}", 0.0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_of_series_does_not_depend_on_what_is_kept() {
    let app = started().await;
    app.boolean_flag("fast-payment").await;
    app.decision(&app.server_token().await, "fast-payment", json!({"targetingKey": "u-1"})).await;
    let before = Read::from(&app).await;
    for number in 0..20 {
        app.boolean_flag(&format!("flag-{number}")).await;
        app.person(&format!("person-{number}"), json!({"country": "CZ"})).await;
        let token = app.server_token().await;
        for flag in ["fast-payment", "flag-1", "unknown"] {
            let context = json!({"targetingKey": format!("s-{number}")});
            app.evaluate(&token, flag, &context).send().await.expect("an answer");
        }
        app.get(&format!("/nowhere/{number}")).await;
        app.get(&format!("/metrics/{number}")).await;
    }
    app.owned(Role::Product, store::TokenScope::Workspace).await;
    let after = Read::from(&app).await;
    assert_eq!(before.names(), after.names());
    after.is("fader_flags", 21);
    after.is("fader_people", 20);
    assert!(after.series.len() < 500, "{}", after.series.len());
    assert!(after.kinds.len() > 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_they_are_for_this_machine_only() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/metrics").await.status(), 200);
    for name in ["x-forwarded-for", "forwarded", "via"] {
        let answer = app.request(Method::GET, "/metrics").header(name, "127.0.0.1").send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 404, "{name}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
        let problem: Json = answer.json().await.expect("JSON");
        assert!(
            problem["detail"].as_str().is_some_and(|it| it.contains("--metrics-token-file")),
            "{problem}"
        );
    }
    let renamed = app.request(Method::GET, "/metrics").header("host", "fader.test").send().await;
    assert_eq!(renamed.expect("an answer").status(), 404, "a name that leads here from elsewhere");
    let public_url = Some("http://localhost:3000".parse().expect("an address"));
    let public = TestApp::start_with(Config { public_url, ..Config::default() }).await;
    assert_eq!(public.get("/metrics").await.status(), 404, "it is for others than this machine");
    let trusted =
        Config { trusted_proxies: vec!["127.0.0.0/8".parse().expect("a network")], ..Config::default() };
    let behind = TestApp::start_with(trusted).await;
    assert_eq!(behind.get("/metrics").await.status(), 404, "the proxy on this machine speaks for others");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_token_it_is_asked_of_everybody_also_below_a_path() {
    let config = Config {
        metrics_token: Some(SECRET.parse().expect("a token")),
        public_url: Some("https://tools.example.org/fader".parse().expect("an address")),
        ..Config::default()
    };
    let app = TestApp::start_with(config).await;
    for path in ["/metrics", "/fader/metrics"] {
        for (sent, expected) in [(None, 401), (Some("a-secret-of-somebody-else"), 401), (Some(SECRET), 200)] {
            let request = app.request(Method::GET, path).header("x-forwarded-for", "203.0.113.7");
            let request = sent.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status().as_u16(), expected, "{path} {sent:?}");
            if expected == 401 {
                assert_eq!(answer.headers()[header::WWW_AUTHENTICATE], "Bearer");
                let problem: Json = answer.json().await.expect("JSON");
                assert_eq!(problem["status"], 401);
            }
        }
    }
}

/// Names of metrics in a text, without what histograms add to theirs.
fn names_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("fader_") || word.starts_with("process_")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_ask_for_what_there_is() {
    let read = Read::from(&started().await).await;
    serde_json::from_str::<Json>(DASHBOARD).expect("JSON");
    for (file, text) in [("rules", RULES), ("dashboard", DASHBOARD)] {
        let names = names_in(text);
        assert!(names.len() > 5, "{file}");
        for name in names {
            let is_part = |suffix: &str| {
                let family = name.strip_suffix(suffix).and_then(|it| read.kinds.get(it));
                family.is_some_and(|kind| kind == "histogram")
            };
            let is_there = read.kinds.get(name).is_some_and(|kind| kind != "histogram");
            assert!(is_there || ["_bucket", "_sum", "_count"].into_iter().any(is_part), "{name} in {file}");
        }
    }
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/monitoring/fader.rules.yml");
    match std::process::Command::new("promtool").args(["check", "rules", rules]).output() {
        Ok(checked) => assert!(checked.status.success(), "{checked:?}"),
        // Where it is not installed, what is above has to do.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
    }
}
