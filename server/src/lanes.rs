//! Who waits for whom. Decisions, event streams, intake and the guard run on the runtime that accepts connections; pages and
//! management on one of their own, behind it; what nobody waits for on a third, behind both. Counting people comes last, on
//! threads of the store. A page that takes too long is given up, and more pages than may wait are refused. Pages and changes
//! wait for places of their own, and nobody keeps a place while its body is still on its way.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, extract::Request, middleware::Next, response::Response};
use bytes::Bytes;
use http_body::{Body as _, Frame};
use store::Lane;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinHandle,
};

use crate::{
    edge::fault::Fault,
    limits::{CHANGES_AT_ONCE_MAX, OTLP_WAITING_MAX, PAGE_MAX, PAGES_PER_THREAD_MAX, PAGES_WAITING_MAX},
};

/// Threads that wait for a disk or hash a password for pages.
const BLOCKING_THREADS_MAX: usize = 8;
/// Parts of an answer that are made before the first of them is sent.
const PARTS_AHEAD: usize = 4;

/// The runtimes behind the one that accepts connections.
pub struct Lanes {
    pages: Option<Runtime>,
    background: Option<Runtime>,
    page_max: Duration,
    /// What reads, and whatever strangers send.
    reads: Arc<Queue>,
    /// Changes of members and of programs. They are few, and one that has the turn to write is at the head of a short queue
    /// for the processor: intake and the guard wait for that turn.
    changes: Arc<Queue>,
    /// Telemetry, which is read before anybody knows what it holds.
    telemetry: Arc<Queue>,
}

/// Those that are answered at the same time, and those that wait for it.
struct Queue {
    at_once: Arc<Semaphore>,
    /// Both together.
    all: Arc<Semaphore>,
}

/// A request's place in its queue; given back when this is dropped.
struct QueuePlace {
    queue: Arc<Queue>,
    held: Mutex<Option<Permits>>,
}

/// To be answered, and to be there at all.
type Permits = (Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>);

tokio::task_local! {
    static PLACE: QueuePlace;
}

impl Queue {
    fn new(at_once: usize, waiting: usize) -> Arc<Self> {
        let semaphore = |places| Arc::new(Semaphore::new(places));
        Arc::new(Self { at_once: semaphore(at_once), all: semaphore(at_once + waiting) })
    }

    /// A place, once there is one. `None` when more wait for it than may.
    async fn enter(self: &Arc<Self>) -> Option<QueuePlace> {
        let all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let at_once = Arc::clone(&self.at_once).acquire_owned().await.ok()?;
        let held = Mutex::new(Some((Some(at_once), Some(all))));
        Some(QueuePlace { queue: Arc::clone(self), held })
    }

    /// The place of somebody who was let in before: nobody is refused after sending all of a body.
    async fn enter_again(&self) -> Permits {
        let at_once = Arc::clone(&self.at_once).acquire_owned().await.ok();
        (at_once, Arc::clone(&self.all).try_acquire_owned().ok())
    }
}

impl QueuePlace {
    fn give_back(&self) -> Arc<Queue> {
        self.hold(None);
        Arc::clone(&self.queue)
    }

    fn hold(&self, permits: Option<Permits>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = permits;
    }
}

impl Lanes {
    pub fn start() -> std::io::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = |name: &str, lane: Lane, threads| {
            Builder::new_multi_thread()
                .thread_name(name)
                .worker_threads(threads)
                .max_blocking_threads(BLOCKING_THREADS_MAX)
                .on_thread_start(move || lane.enter())
                .enable_all()
                .build()
        };
        Ok(Self {
            pages: Some(runtime("pages", Lane::Pages, threads)?),
            background: Some(runtime("background", Lane::Background, 1)?),
            page_max: PAGE_MAX,
            reads: Queue::new(threads * PAGES_PER_THREAD_MAX, PAGES_WAITING_MAX),
            changes: Queue::new(CHANGES_AT_ONCE_MAX, PAGES_WAITING_MAX),
            telemetry: Queue::new(threads, OTLP_WAITING_MAX),
        })
    }

    /// Where work runs that nobody waits for.
    pub fn background(&self) -> Option<&Handle> {
        self.background.as_ref().map(Runtime::handle)
    }

    /// Reads telemetry on a thread behind whatever may not wait. It keeps its place until it is read, also when whoever sent
    /// it is gone.
    pub async fn read_telemetry<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let place = self.telemetry.enter().await.ok_or(Fault::Busy)?;
        let pages = self.pages.as_ref().ok_or(Fault::Busy)?;
        let work = move || {
            let done = read();
            drop(place);
            done
        };
        match pages.spawn_blocking(work).await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(done) => Ok(done),
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            Err(Err(_)) => Err(Fault::Busy),
        }
    }

    /// Answers behind whatever may not wait. Whoever only reads is given up after a while; a change that is under way is not,
    /// so that nobody is told of it what is not so.
    pub async fn answer(
        &self,
        only_reads: bool,
        answering: impl Future<Output = Response> + Send + 'static,
    ) -> Result<Response, Fault> {
        let pages = self.pages.as_ref().ok_or(Fault::Crowded)?;
        let mut task = Aborted(pages.spawn(async move { pumped(answering.await) }));
        let done = if only_reads {
            tokio::time::timeout(self.page_max, &mut task.0).await.map_err(|_| Fault::GivenUp)?
        } else {
            (&mut task.0).await
        };
        match done.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(response) => Ok(response),
            // Whoever surrounds every request logs it.
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            Err(Err(_)) => Err(Fault::Internal),
        }
    }

    /// Below [`Lanes::answer`]: answers once there is a place. The request comes back when more wait than may.
    pub async fn in_turn(&self, changes: bool, request: Request, next: Next) -> Result<Response, Request> {
        let queue = if changes { &self.changes } else { &self.reads };
        match queue.enter().await {
            Some(place) => Ok(PLACE.scope(place, next.run(request)).await),
            None => Err(request),
        }
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        for runtime in [self.pages.take(), self.background.take()].into_iter().flatten() {
            runtime.shutdown_background();
        }
    }
}

/// Ends with whoever waits for it.
struct Aborted(JoinHandle<Response>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for what a client has yet to send. Others have the request's place meanwhile, if it has one.
pub async fn aside<T>(arriving: impl Future<Output = T>) -> T {
    let mut arriving = pin!(arriving);
    if let Poll::Ready(done) = futures::poll!(arriving.as_mut()) {
        return done;
    }
    let queue = PLACE.try_with(QueuePlace::give_back);
    let done = arriving.await;
    if let Ok(queue) = queue {
        let permits = queue.enter_again().await;
        PLACE.with(|place| place.hold(Some(permits)));
    }
    done
}

/// The body is made, and compressed, where it was begun, a few parts ahead of whoever reads it.
fn pumped(response: Response) -> Response {
    let (parts, mut body) = response.into_parts();
    let hint = body.size_hint();
    // It is there already.
    if body.is_end_stream() || hint.exact().is_some() {
        return Response::from_parts(parts, body);
    }
    let (sender, receiver) = mpsc::channel(PARTS_AHEAD);
    tokio::spawn(async move {
        loop {
            let frame = tokio::select! {
                frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)) => frame,
                () = sender.closed() => return,
            };
            let Some(frame) = frame else { return };
            if sender.send(frame).await.is_err() {
                return;
            }
        }
    });
    Response::from_parts(parts, Body::new(Pumped(receiver)))
}

struct Pumped(mpsc::Receiver<Result<Frame<Bytes>, axum::Error>>);

impl http_body::Body for Pumped {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.0.poll_recv(cx)
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, middleware::from_fn, routing::get};
    use futures::StreamExt as _;
    use tower::ServiceExt as _;

    use super::*;

    fn lanes() -> Lanes {
        let mut lanes = Lanes::start().expect("threads");
        lanes.page_max = Duration::from_millis(50);
        lanes
    }

    async fn text(answer: Response) -> String {
        let parts: Vec<_> = answer.into_body().into_data_stream().collect().await;
        let parts: Vec<_> = parts.into_iter().map(|part| part.expect("a part")).collect();
        String::from_utf8(parts.concat()).expect("text")
    }

    #[tokio::test]
    async fn a_page_is_made_behind_what_may_not_wait() {
        let lanes = lanes();
        let page = async { Response::new(Body::from(format!("{:?}", Lane::current()))) };
        let answer = lanes.answer(true, page).await.expect("an answer");
        assert_eq!((text(answer).await, Lane::current()), ("Pages".to_owned(), Lane::First));
    }

    #[tokio::test]
    async fn telemetry_is_read_behind_decisions_and_waits_in_a_queue() {
        let lanes = lanes();
        assert_eq!(lanes.read_telemetry(Lane::current).await.ok(), Some(Lane::Pages));
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let ended = Arc::new(Mutex::new(ended));
        let read = || {
            let ended = Arc::clone(&ended);
            lanes.read_telemetry(move || drop(ended.lock().map(|it| it.recv())))
        };
        let most = lanes.telemetry.all.available_permits();
        let mut waiting: Vec<_> = (0..most).map(|_| Box::pin(read())).collect();
        for each in &mut waiting {
            assert!(futures::poll!(each.as_mut()).is_pending());
        }
        assert!(matches!(read().await, Err(Fault::Busy)));
        drop(end);
        assert!(futures::future::join_all(waiting).await.into_iter().all(|it| it.is_ok()));
    }

    #[tokio::test]
    async fn more_than_may_wait_are_refused() {
        let queue = Queue::new(1, 1);
        let answered = queue.enter().await.expect("a place");
        let mut waits = pin!(queue.enter());
        assert!(futures::poll!(waits.as_mut()).is_pending());
        assert!(queue.enter().await.is_none(), "one is answered and one waits");
        drop(answered);
        assert!(waits.await.is_some());
        assert!(queue.enter().await.is_some(), "places are given back");
    }

    #[tokio::test]
    async fn changes_and_pages_wait_in_queues_of_their_own() {
        let mut lanes = lanes();
        (lanes.reads, lanes.changes) = (Queue::new(1, 0), Queue::new(1, 0));
        let lanes = Arc::new(lanes);
        let answered = async |is_change: bool| {
            let lanes = Arc::clone(&lanes);
            let in_turn = move |request: Request, next: Next| {
                let lanes = Arc::clone(&lanes);
                async move { lanes.in_turn(is_change, request, next).await.is_ok().to_string() }
            };
            let app: Router = Router::new().route("/", get(|| async { "" })).layer(from_fn(in_turn));
            let answer = app.oneshot(Request::new(Body::empty())).await.expect("an answer");
            text(answer).await == "true"
        };
        for (queue, full) in [(&lanes.reads, false), (&lanes.changes, true)] {
            let place = queue.enter().await.expect("a place");
            assert!(!answered(full).await && answered(!full).await, "changes: {full}");
            drop(place);
            assert!(answered(full).await, "changes: {full}");
        }
    }

    #[tokio::test]
    async fn whoever_still_sends_keeps_no_place() {
        let queue = Queue::new(1, 0);
        let sends = queue.enter().await.expect("a place");
        let (send, sent) = tokio::sync::oneshot::channel();
        let mut sending = pin!(PLACE.scope(sends, async {
            aside(sent).await.expect("a body");
            PLACE.with(|place| place.queue.at_once.available_permits())
        }));
        assert!(futures::poll!(sending.as_mut()).is_pending());
        let other = queue.enter().await.expect("the place of whoever sends");
        send.send(()).expect("somebody waits");
        assert!(futures::poll!(sending.as_mut()).is_pending(), "there is one place");
        drop(other);
        assert_eq!(sending.await, 0, "it has its place again");
    }

    #[tokio::test]
    async fn a_page_that_takes_too_long_is_given_up_and_a_change_is_not() {
        let lanes = lanes();
        let answer = lanes.answer(true, std::future::pending()).await;
        assert_eq!(answer.err(), Some(Fault::GivenUp));
        let change = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Response::default()
        };
        assert!(lanes.answer(false, change).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_in_parts_arrives_whole() {
        let parts =
            futures::stream::iter((0..100).map(|n| Ok::<_, std::io::Error>(Bytes::from(format!("{n},")))));
        let lanes = lanes();
        let page = async { Response::new(Body::from_stream(parts)) };
        let answer = lanes.answer(true, page).await.expect("an answer");
        let body = text(answer).await;
        assert!(body.starts_with("0,1,") && body.ends_with("98,99,"), "{body}");
    }
}
