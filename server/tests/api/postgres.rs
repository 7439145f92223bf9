//! Several copies of the server on one PostgreSQL: a change on one shows on the others at once.

use std::time::Duration;

use serde_json::{Value as Json, json};
use server::Config;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use store::Clock;

use crate::{
    app::{NOW_MS, TestApp},
    fixtures::everyone,
};

/// A database of its own, or `None` when the run is told to do without PostgreSQL.
pub async fn database() -> Option<String> {
    let Ok(base) = std::env::var("FADER_TEST_POSTGRES_URL") else {
        let told = std::env::var("FADER_TEST_SQLITE_ONLY").is_ok_and(|it| it == "1");
        assert!(told, "set FADER_TEST_POSTGRES_URL to a superuser's address, or FADER_TEST_SQLITE_ONLY=1");
        return None;
    };
    let mut random = [0; 8];
    getrandom::fill(&mut random).expect("random");
    let name = format!("fader_api_{:016x}", u64::from_ne_bytes(random));
    let mut connection = PgConnection::connect(&base).await.expect("PostgreSQL");
    let create = format!("CREATE DATABASE {name}");
    connection.execute(AssertSqlSafe(create)).await.expect("a database");
    let (server, _) = base.rsplit_once('/').expect("an address with a database");
    Some(format!("{server}/{name}"))
}

#[tokio::test]
async fn copies_of_the_server_agree() {
    let Some(url) = database().await else { return };
    let one = TestApp::start_on(&url, Config::default(), Clock::manual(NOW_MS)).await;
    let two = TestApp::start_on(&url, Config::default(), Clock::manual(NOW_MS)).await;
    one.boolean_flag("fast-payment").await;
    let token = one.client_token().await;
    let context = json!({"targetingKey": "u-1"});
    let known = async {
        loop {
            let answer = two.evaluate_all(&token, &context).send().await.expect("an answer");
            if answer.status() == 200 {
                return answer.json::<Json>().await.expect("JSON");
            }
        }
    };
    let bulk =
        tokio::time::timeout(Duration::from_secs(5), known).await.expect("the other copy knows the token");

    // The address that one copy signs is good at the other, and what one commits the other announces.
    let path = bulk["eventStreams"][0]["endpoint"]["requestUri"].as_str().expect("a path");
    let mut stream = one.get(path).await;
    assert_eq!(stream.status(), 200);
    stream.chunk().await.expect("a greeting");
    two.rules("fast-payment", json!([everyone(100)])).await;
    let heard = async {
        loop {
            let chunk = stream.chunk().await.expect("goes on").expect("goes on");
            let text = String::from_utf8_lossy(&chunk).into_owned();
            if text.contains("refetchEvaluation") {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), heard).await.expect("heard");
    assert_eq!(one.decision(&token, "fast-payment", context).await["value"], json!(true));
}
