//! What programs manage over REST beside rollouts: groups and testers, people, feedback, the audit log, and what admins
//! settle. Who may is held by `roles.rs` and `token_scopes.rs`; that nothing is missing, by `parity`.

mod groups;
mod testers;
mod told;
mod workspace;

use reqwest::{Method, Response};
use serde_json::Value as Json;
use store::{Principal, Role};

use crate::app::TestApp;

impl TestApp {
    /// The answer itself, for its headers and texts.
    async fn asked(&self, token: &str, method: Method, path: &str, body: Option<Json>) -> Response {
        let request = self.request(method, path).bearer_auth(token);
        let request = body.iter().fold(request, reqwest::RequestBuilder::json);
        request.send().await.expect("an answer")
    }

    /// Every part of a list, by its name, in parts of `limit`.
    async fn all(&self, token: &str, path: &str, name: &str, limit: usize) -> Vec<Json> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let address = format!("{path}{mark}limit={limit}{cursor}");
            let (status, part) = self.rest(token, Method::GET, &address, None).await;
            assert_eq!(status, 200, "{address}: {part}");
            let items = part[name].as_array().expect("a list").clone();
            assert!(items.len() <= limit, "{part}");
            all.extend(items);
            match part["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// The sentence and the reason of the newest entry, and whose it is.
    async fn newest(&self) -> (String, String, String) {
        let by = Principal::command_line().audit_reader().expect("may read");
        let entries = self.store.list_audit(&by, &store::AuditFilter::default()).await.expect("read");
        (entries[0].sentence.clone(), entries[0].reason.clone(), entries[0].actor.clone())
    }

    async fn manager(&self) -> String {
        self.workspace_token(Role::Admin).await
    }
}

/// Where something was wrong, as JSON pointers.
fn pointers(problem: &Json) -> Vec<&str> {
    problem["errors"].as_array().into_iter().flatten().filter_map(|it| it["pointer"].as_str()).collect()
}
