//! `/live`: tells an open page that something changed. Only what changed, never its content: the page fetches
//! itself again, with its own permissions.

use std::{convert::Infallible, time::Duration};

use axum::response::{
    IntoResponse as _,
    sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, stream};
use http::{HeaderName, HeaderValue, header};
use store::{Changed, ObjectKind, ObjectRef, Operation, Principal};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::Instant;

use crate::page::{Page, PageResult};

const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// After this the browser connects again, and its session is looked at again.
const STREAM_MAX: Duration = Duration::from_mins(30);

struct Watch {
    changes: Receiver<Changed>,
    principal: Principal,
    ends: Instant,
    /// The page was rendered before this, and something happened in between.
    behind: Option<u64>,
    over: bool,
}

pub async fn get(page: Page) -> PageResult {
    let changes = page.store().live().subscribe();
    let seen: u64 = page.query("since").and_then(|seq| seq.parse().ok()).unwrap_or(0);
    let seq = page.store().live().seq();
    let watch = Watch {
        changes,
        principal: page.principal.clone(),
        ends: Instant::now() + STREAM_MAX,
        behind: (seen < seq).then_some(seq),
        over: false,
    };
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("");
    let mut response = Sse::new(events(watch)).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

fn events(watch: Watch) -> impl Stream<Item = Result<Event, Infallible>> {
    let hello = stream::iter([Ok(Event::default().event("hello").retry(Duration::from_secs(2)).data("{}"))]);
    futures::StreamExt::chain(
        hello,
        stream::unfold(watch, |mut watch| async move {
            let event = next(&mut watch).await?;
            Some((Ok(event), watch))
        }),
    )
}

async fn next(watch: &mut Watch) -> Option<Event> {
    if let Some(seq) = watch.behind.take() {
        return Some(changed(seq, &[]));
    }
    while !watch.over {
        match tokio::time::timeout_at(watch.ends, watch.changes.recv()).await {
            Ok(Ok(change)) => {
                // A member's role or state may have changed: connecting again asks for the session again.
                watch.over = change.objects.iter().any(|object| object.kind == ObjectKind::Member);
                let visible: Vec<_> = change
                    .objects
                    .into_iter()
                    .filter(|object| is_visible(object, &watch.principal))
                    .collect();
                if !visible.is_empty() {
                    return Some(changed(change.seq, &visible));
                }
            }
            // Too many changes at once: everything may have changed.
            Ok(Err(RecvError::Lagged(_))) => return Some(changed(0, &[])),
            Ok(Err(RecvError::Closed)) | Err(_) => return None,
        }
    }
    None
}

fn is_visible(object: &ObjectRef, principal: &Principal) -> bool {
    match object.kind {
        ObjectKind::Member | ObjectKind::Token | ObjectKind::Webhook => principal.may(Operation::Administer),
        ObjectKind::Person => principal.may(Operation::ReadPeople),
        ObjectKind::Flag
        | ObjectKind::Group
        | ObjectKind::Attribute
        | ObjectKind::Persona
        | ObjectKind::Environment
        | ObjectKind::Workspace
        | ObjectKind::Metric => true,
    }
}

/// `{"seq":7,"objects":["flag/fast-payment"]}`; no objects means everything.
fn changed(seq: u64, objects: &[ObjectRef]) -> Event {
    let objects: Vec<_> = objects.iter().map(|it| format!("{}/{}", it.kind, it.key)).collect();
    let data = serde_json::json!({ "seq": seq, "objects": objects });
    Event::default().event("changed").data(data.to_string())
}
