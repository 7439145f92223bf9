//! `/live`: tells an open page that something changed. Only what changed, never its content: the page fetches
//! itself again, with its own permissions.

pub mod seats;

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::response::{
    IntoResponse as _,
    sse::{Event, KeepAlive, Sse},
};
use engine::{CompiledGroup, Snapshot};
use futures::{Stream, stream};
use http::{HeaderName, HeaderValue, header};
use store::{Changed, ObjectKind, ObjectRef, Operation, Principal, Store};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::Instant,
};

use crate::{
    error::AppError,
    page::{Page, PageResult},
};
use seats::Seat;

pub use seats::Seats;

const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// After this the browser connects again, and its session is looked at again.
const STREAM_MAX: Duration = Duration::from_mins(30);

/// How often a page looks whether an enrolment began or ended by itself, at the latest.
const LOOK: Duration = Duration::from_secs(1);

/// How often those who listen are told that time has passed: pages that show measurements look at themselves again, and
/// whoever hears nothing for longer knows that the connection is gone.
const MEASURES: Duration = Duration::from_secs(5);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// When to come back when the server has as many streams as it can hold.
const RETRY_AFTER_S: u64 = 30;

struct Watch {
    seat: Seat,
    changes: Receiver<Changed>,
    store: Store,
    /// Enrolments that began or ended up to this moment are told already.
    seen_ms: i64,
    principal: Principal,
    ends: Instant,
    /// The page was rendered before this, and something happened in between.
    behind: Option<u64>,
    over: bool,
    /// When the passing of time is told next.
    measures: Instant,
}

pub async fn get(page: Page) -> PageResult {
    let seat = page.state.live.take(&page.principal);
    let seat = seat.ok_or(AppError::Throttled { retry_after_s: RETRY_AFTER_S })?;
    let changes = page.store().live().subscribe();
    // A browser that comes back by itself says what it heard last, and repeats the address of its first time.
    let heard = page.header(LAST_EVENT_ID).parse().ok();
    let seen: u64 = heard.or_else(|| page.query("since")?.parse().ok()).unwrap_or(0);
    let seq = page.store().live().seq();
    let put_back = *page.store().live().eras().borrow() > 0;
    let watch = Watch {
        seat,
        changes,
        store: page.store().clone(),
        seen_ms: page.now_ms(),
        principal: page.principal.clone(),
        ends: Instant::now() + STREAM_MAX,
        // After a backup was put back the sequence is a lower one.
        behind: (seen < seq || (seen > seq && put_back)).then_some(seq),
        over: false,
        measures: Instant::now() + MEASURES,
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
        if Instant::now() >= watch.ends || !watch.seat.goes_on(&watch.store).await {
            return None;
        }
        let wait = watch.until_next_change();
        let heard = tokio::select! {
            heard = tokio::time::timeout(wait, watch.changes.recv()) => heard,
            () = watch.seat.ended() => return None,
        };
        match heard {
            Ok(Ok(change)) => {
                // A member's role or state may have changed: connecting again asks for the session again.
                watch.over = change.objects.iter().any(|object| object.kind == ObjectKind::Member);
                if change.is_everything() {
                    watch.over = true;
                    return Some(changed(change.seq, &[]));
                }
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
            Ok(Err(RecvError::Lagged(_))) => return Some(changed(watch.store.live().seq(), &[])),
            Ok(Err(RecvError::Closed)) => return None,
            Err(_) => {
                let groups = watch.passed();
                if !groups.is_empty() {
                    return Some(changed(watch.store.live().seq(), &groups));
                }
                if watch.measures <= Instant::now() {
                    watch.measures = Instant::now() + MEASURES;
                    return Some(measured(watch.store.live().seq()));
                }
            }
        }
    }
    None
}

impl Watch {
    fn until_next_change(&self) -> Duration {
        let now_ms = self.store.clock().now_ms();
        let next = snapshots(&self.store).filter_map(|it| it.next_change_ms(self.seen_ms)).min();
        let wait = next.map(|at| Duration::from_millis(u64::try_from(at - now_ms).unwrap_or(0)));
        wait.map_or(LOOK, |wait| wait.min(LOOK))
    }

    /// The groups in which an enrolment began or ended by itself since the last look.
    fn passed(&mut self) -> Vec<ObjectRef> {
        let now_ms = self.store.clock().now_ms();
        let mut passed = Vec::new();
        // Groups are the same in every environment.
        if let Some(snapshot) = snapshots(&self.store).next() {
            let over =
                |group: &&CompiledGroup| group.next_change_ms(self.seen_ms).is_some_and(|at| at <= now_ms);
            let groups = snapshot.groups().filter(over);
            passed.extend(groups.map(|group| ObjectRef::new(ObjectKind::Group, group.key().as_str())));
        }
        self.seen_ms = now_ms;
        passed
    }
}

fn snapshots(store: &Store) -> impl Iterator<Item = Arc<Snapshot>> {
    let live = store.live();
    let keys = live.environments();
    let keys: Vec<_> = keys.iter().map(|it| it.key.clone()).collect();
    keys.into_iter().filter_map(move |key| live.snapshot(key.as_str()))
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
        | ObjectKind::Metric
        | ObjectKind::Roles
        // Viewers see what it adds up to.
        | ObjectKind::Feedback => true,
    }
}

/// Some seconds have passed, in which something may have been measured.
fn measured(seq: u64) -> Event {
    event(seq, &["measures".to_owned()])
}

/// `{"seq":7,"objects":["flag/fast-payment"]}`; no objects means everything.
fn changed(seq: u64, objects: &[ObjectRef]) -> Event {
    let objects: Vec<_> = objects.iter().map(|it| format!("{}/{}", it.kind, it.key)).collect();
    event(seq, &objects)
}

fn event(seq: u64, objects: &[String]) -> Event {
    let data = serde_json::json!({ "seq": seq, "objects": objects });
    Event::default().event("changed").id(seq.to_string()).data(data.to_string())
}
