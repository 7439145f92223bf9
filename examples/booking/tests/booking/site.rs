//! The site on a free port, with a stand-in for Fader that answers what each test wants.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, extract::State, http::HeaderMap, response::IntoResponse, routing::post};
use booking::{Calendar, Config, router};
use clap::Parser;
use jiff::civil::date;
use reqwest::{Client, Response, StatusCode, header, redirect::Policy};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{PARTNER_KEY, TRIP};

/// What the stand-in for Fader does when it is asked.
#[derive(Clone)]
pub enum Behaviour {
    Answers(StatusCode, Value),
    Hangs,
}

/// Evaluations, and the outcomes that were reported.
#[derive(Default)]
pub struct Asked(Mutex<Vec<(HeaderMap, Value)>>, Mutex<Vec<Value>>);

pub async fn listen(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await.expect("serving") });
    addr
}

pub async fn fake_fader(behaviour: Behaviour) -> (SocketAddr, Arc<Asked>) {
    async fn check(
        State((behaviour, asked)): State<(Behaviour, Arc<Asked>)>,
        headers: HeaderMap,
        Json(body): Json<Value>,
    ) -> impl IntoResponse {
        asked.0.lock().expect("the list").push((headers, body));
        match behaviour {
            Behaviour::Answers(status, body) => (status, Json(body)),
            Behaviour::Hangs => std::future::pending().await,
        }
    }
    async fn report(
        State((_, asked)): State<(Behaviour, Arc<Asked>)>,
        Json(body): Json<Value>,
    ) -> impl IntoResponse {
        let events = body["events"].as_array().expect("events").clone();
        asked.1.lock().expect("the list").extend(events);
        StatusCode::ACCEPTED
    }
    let asked = Arc::new(Asked::default());
    let router = Router::new()
        .route("/api/v1/check", post(check))
        .route("/api/v1/events", post(report))
        .with_state((behaviour, asked.clone()));
    (listen(router).await, asked)
}

pub struct TestSite {
    pub origin: String,
    pub client: Client,
    pub cookie: Option<String>,
    asked: Arc<Asked>,
}

impl TestSite {
    pub async fn start(behaviour: Behaviour) -> Self {
        let (fader, asked) = fake_fader(behaviour).await;
        Self::start_at(fader, asked).await
    }

    pub async fn start_with_fader_down() -> Self {
        let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
        Self::start_at(gone, Arc::new(Asked::default())).await
    }

    pub async fn start_at(fader: SocketAddr, asked: Arc<Asked>) -> Self {
        let fader = format!("http://{fader}");
        let args = [
            "booking",
            "--fader-url",
            &fader,
            "--server-token",
            "server-secret",
            "--client-token",
            "client-public",
            "--partner-key",
            PARTNER_KEY,
        ];
        let config = Config::try_parse_from(args).expect("good arguments");
        let router = router(config, Calendar::Fixed(date(2026, 5, 13))).expect("a router");
        let origin = format!("http://{}", listen(router).await);
        let client = Client::builder().redirect(Policy::none()).build().expect("a client");
        Self { origin, client, cookie: None, asked }
    }

    pub async fn signed_in_as(mut self, customer: &str) -> Self {
        let response = self.form("/sign-in", &format!("customer={customer}")).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let cookie = response.headers()[header::SET_COOKIE].to_str().expect("text");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        self.cookie = cookie.split(';').next().map(str::to_owned);
        self
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Response {
        let request = match &self.cookie {
            Some(cookie) => request.header(header::COOKIE, cookie),
            None => request,
        };
        request.send().await.expect("an answer")
    }

    pub async fn get(&self, path: &str) -> Response {
        self.send(self.client.get(format!("{}{path}", self.origin))).await
    }

    pub async fn form(&self, path: &str, body: &str) -> Response {
        let request = self.client.post(format!("{}{path}", self.origin)).body(body.to_owned());
        self.send(request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")).await
    }

    pub async fn pay(&self, payment: &Value) -> (StatusCode, Value) {
        let response = self.send(self.client.post(format!("{}/api/pay", self.origin)).json(payment)).await;
        (response.status(), response.json().await.expect("JSON"))
    }

    /// The outcomes that were reported, once there are as many as this.
    pub async fn reported(&self, count: usize) -> Vec<Value> {
        for _ in 0..200 {
            let reported = self.asked.1.lock().expect("the list").clone();
            if reported.len() >= count {
                return reported;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{count} outcomes never came");
    }

    pub async fn check_out(&self, key: &str, body: &Value) -> Response {
        let request = self.client.post(format!("{}/api/partner/checkout", self.origin));
        request.bearer_auth(key).json(body).send().await.expect("an answer")
    }

    pub fn asked(&self) -> Vec<(HeaderMap, Value)> {
        self.asked.0.lock().expect("the list").clone()
    }
}

pub fn says(value: &Value) -> Behaviour {
    Behaviour::Answers(StatusCode::OK, json!({ "allowed": value, "reason": "SPLIT", "revision": 7 }))
}

pub fn fast() -> Value {
    json!({ "trip": TRIP, "travellers": 2, "method": { "type": "fast" } })
}

pub fn card() -> Value {
    let method = json!({ "type": "card", "name": "Ada", "number": "4242 4242 4242 4242", "expiry": "08/29", "cvc": "123" });
    json!({ "trip": TRIP, "travellers": 1, "method": method })
}
