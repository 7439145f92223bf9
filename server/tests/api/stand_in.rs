//! A server that starts without its database decides from the file that it kept, and joins when the database comes.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::{Value as Json, json};
use server::Config;
use store::{Clock, StandInFile, Store};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    app::{NOW_MS, TestApp, editor},
    fixtures::everyone,
    postgres::database,
};

/// The way to the database, which can be closed: then nobody gets through, and whoever was there is thrown out.
struct Way {
    address: SocketAddr,
    open: watch::Sender<bool>,
}

impl Way {
    async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (open, is_open) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut is_open = is_open.clone();
                tokio::spawn(async move {
                    let through = async {
                        let mut far = TcpStream::connect(target).await?;
                        copy_bidirectional(&mut near, &mut far).await
                    };
                    tokio::select! {
                        _ = through => {}
                        _ = is_open.wait_for(|is_open| !is_open) => {}
                    }
                });
            }
        });
        Self { address, open }
    }
}

/// A database, and the way to it in an address of its own.
async fn away() -> Option<(String, String, Way)> {
    let direct = database().await?;
    let mut url = reqwest::Url::parse(&direct).expect("an address");
    let (host, port) = (url.host_str().expect("a host").to_owned(), url.port().unwrap_or(5432));
    let target = tokio::net::lookup_host((host, port)).await.expect("found").next().expect("an address");
    let way = Way::to(target).await;
    url.set_host(Some("127.0.0.1")).expect("a host");
    url.set_port(Some(way.address.port())).expect("a port");
    Some((direct, url.into(), way))
}

async fn start(url: &str, file: &Path, clock: &Clock) -> TestApp {
    let store =
        Store::open_or_stand_in(url, clock.clone(), store::Opening::default(), &StandInFile::new(file))
            .await
            .expect("starts");
    TestApp::start_over(store, url, Config::default(), clock.clone()).await
}

pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let asked = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_go_on_without_the_database_and_everything_with_it() {
    let Some((direct, url, way)) = away().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (file, clock) = (folder.path().join("fader.snapshot"), Clock::manual(NOW_MS));
    let mut app = start(&url, &file, &clock).await;
    app.boolean_flag("fast-payment").await;
    app.rules("fast-payment", json!([everyone(100)])).await;
    let (server_token, client_token) = (app.server_token().await, app.client_token().await);
    let seq = app.store.live().seq();
    let written = Arc::new(format!("\"seq\":{seq},"));
    until("it is written down", async || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains(&**written))
    })
    .await;
    app.stop().await;
    app.store.close().await;
    way.open.send_replace(false);

    clock.advance(90_000);
    let app = start(&url, &file, &clock).await;
    assert_eq!(app.store.standing().stands_in_since_ms, Some(NOW_MS));
    let context = json!({"targetingKey": "u-1"});
    let answer = app.evaluate(&server_token, "fast-payment", &context).send().await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-fader-stale"]),
        (200, &"90".parse().expect("a value"))
    );
    let decision: Json = answer.json().await.expect("JSON");
    assert_eq!(decision["value"], json!(true));
    assert_eq!(
        (&decision["metadata"]["stale"], &decision["metadata"]["stale_s"]),
        (&json!(true), &json!(90))
    );

    let bulk = app.evaluate_all(&client_token, &context).send().await.expect("an answer");
    let etag = bulk.headers()["etag"].clone();
    let bulk: Json = bulk.json().await.expect("JSON");
    assert_eq!(bulk["metadata"]["stale"], json!(true));
    let path = bulk["eventStreams"][0]["endpoint"]["requestUri"].as_str().expect("a path");
    let mut stream = app.get(path).await;
    assert_eq!(stream.status(), 200);
    stream.chunk().await.expect("a greeting");

    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/flags/fast-payment"),
        (Method::POST, "/sign-in"),
        (Method::POST, "/api/v1/events"),
        (Method::GET, "/api/v1/flags"),
    ] {
        let answer = app.request(method, path).bearer_auth(&server_token).send().await.expect("an answer");
        assert_eq!(answer.status(), 503, "{path}");
        assert!(answer.headers().contains_key("retry-after"), "{path}");
        let text = answer.text().await.expect("text");
        assert!(text.contains("has not reached its database since it started"), "{path}: {text}");
    }
    assert_eq!(app.get("/healthz").await.status(), 200);
    assert_eq!(app.get("/widget.js").await.status(), 200);

    // Meanwhile another copy, which has the database, changes something.
    let other = Store::open(&direct, clock.clone()).await.expect("opens");
    let (environment, flag) =
        (crate::app::environment_key("production"), engine::FlagKey::parse("fast-payment"));
    let flag = flag.expect("a key");
    let stopper = store::Principal::command_line().stopper().expect("may stop");
    other.stop(&stopper, &environment, &flag, "").await.expect("stopped");

    way.open.send_replace(true);
    until("it joins", async || !app.store.is_away()).await;
    let heard = async {
        while let Some(chunk) = stream.chunk().await.expect("goes on") {
            if String::from_utf8_lossy(&chunk).contains("refetchEvaluation") {
                return;
            }
        }
        panic!("the stream ended");
    };
    tokio::time::timeout(Duration::from_secs(10), heard).await.expect("the stream tells");
    let answer = app.evaluate(&server_token, "fast-payment", &context).send().await.expect("an answer");
    assert!(!answer.headers().contains_key("x-fader-stale"));
    let decision: Json = answer.json().await.expect("JSON");
    assert_eq!((&decision["value"], &decision["metadata"]["stale"]), (&json!(false), &Json::Null));
    let again = app.evaluate_all(&client_token, &context).header("if-none-match", etag).send().await;
    assert_eq!(again.expect("an answer").status(), 200, "the stale answer is not the present one");
    assert_eq!(app.get("/sign-in").await.status(), 303, "nobody has set it up: it leads there");
    let resumed = app.store.resume(&editor(), &environment, &flag, "").await;
    resumed.expect("changes are possible again");
    // The guard looks again, and the exposures of before are in the ledger.
    let reader = store::Principal::command_line().people_reader().expect("may read");
    let subject = engine::SubjectKey::parse("u-1").expect("a key");
    until("exposures arrive", async || {
        !app.store.exposures_of(&reader, &environment, &subject).await.expect("reads").is_empty()
    })
    .await;
    until("somebody guards", async || match other.take_guard_lease("other").await.expect("reads") {
        Some(lease) => {
            other.release_guard_lease(&lease).await.expect("given back");
            false
        }
        None => true,
    })
    .await;
}

#[tokio::test]
async fn without_a_file_a_server_does_not_start_without_its_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = StandInFile::new(folder.path().join("none"));
    let nowhere = "postgres://nobody@127.0.0.1:1/nowhere";
    let refused = Store::open_or_stand_in(nowhere, Clock::System, store::Opening::default(), &file).await;
    assert!(refused.is_err());
}
