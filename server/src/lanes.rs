//! Who waits for whom. Decisions, event streams, intake and the guard run on the runtime that accepts connections; pages and
//! management on one of their own, behind it; what nobody waits for on a third, behind both. Counting people comes last, on
//! threads of the store. A page that takes too long is given up, and more pages than may wait are refused.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use http_body::{Body as _, Frame};
use store::Lane;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};

use crate::{
    Server,
    door::{Door, Fault},
    limits::{PAGE_MAX, PAGES_AT_ONCE_MAX, PAGES_WAITING_MAX},
};

/// Threads that wait for a disk or hash a password for pages.
const BLOCKING_THREADS_MAX: usize = 8;
/// Parts of an answer that are made before the first of them is sent.
const PARTS_AHEAD: usize = 4;

/// The runtimes behind the one that accepts connections.
pub struct Lanes {
    pages: Option<Runtime>,
    background: Option<Runtime>,
    /// Pages that are answered or wait for their turn.
    waiting: Semaphore,
    page_max: Duration,
    at_once: Arc<Semaphore>,
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
            waiting: Semaphore::new(PAGES_AT_ONCE_MAX + PAGES_WAITING_MAX),
            page_max: PAGE_MAX,
            at_once: Arc::new(Semaphore::new(PAGES_AT_ONCE_MAX)),
        })
    }

    /// Where work runs that nobody waits for.
    pub fn background(&self) -> Option<&Handle> {
        self.background.as_ref().map(Runtime::handle)
    }

    /// Answers behind whatever may not wait. Whoever only reads is given up after a while; a change that is under way is not,
    /// so that nobody is told of it what is not so.
    async fn answer(
        &self,
        door: Door,
        only_reads: bool,
        answering: impl Future<Output = Response> + Send + 'static,
    ) -> Response {
        let (Some(pages), Ok(_waiting)) = (&self.pages, self.waiting.try_acquire()) else {
            return door.refuse(Fault::Crowded);
        };
        let at_once = Arc::clone(&self.at_once);
        let mut task = Aborted(pages.spawn(async move {
            let _place = at_once.acquire_owned().await;
            pumped(answering.await)
        }));
        let done = if only_reads {
            match tokio::time::timeout(self.page_max, &mut task.0).await {
                Ok(done) => done,
                Err(_) => return door.refuse(Fault::GivenUp),
            }
        } else {
            (&mut task.0).await
        };
        match done.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(response) => response,
            // Whoever surrounds every request logs it.
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            Err(Err(_)) => door.refuse(Fault::Internal),
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

/// For routes of people and of programs that manage.
pub async fn on_pages(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let door = Door::of(request.uri().path());
    let only_reads = request.method().is_safe();
    server.lanes.answer(door, only_reads, next.run(request)).await
}

/// The same, but for what programs send without end: events and feedback.
pub async fn on_pages_unless_intake(state: State<Arc<Server>>, request: Request, next: Next) -> Response {
    if crate::rest::is_intake(request.uri().path()) {
        return next.run(request).await;
    }
    on_pages(state, request, next).await
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
    use futures::StreamExt as _;
    use http::StatusCode;

    use super::*;

    fn lanes(waiting: usize) -> Lanes {
        let mut lanes = Lanes::start().expect("threads");
        (lanes.waiting, lanes.page_max) = (Semaphore::new(waiting), Duration::from_millis(50));
        lanes
    }

    async fn text(answer: Response) -> String {
        let parts: Vec<_> = answer.into_body().into_data_stream().collect().await;
        let parts: Vec<_> = parts.into_iter().map(|part| part.expect("a part")).collect();
        String::from_utf8(parts.concat()).expect("text")
    }

    #[tokio::test]
    async fn a_page_is_made_behind_what_may_not_wait() {
        let lanes = lanes(1);
        let page = async { Response::new(Body::from(format!("{:?}", Lane::current()))) };
        let answer = lanes.answer(Door::Dashboard, true, page).await;
        assert_eq!((text(answer).await, Lane::current()), ("Pages".to_owned(), Lane::First));
    }

    #[tokio::test]
    async fn more_pages_than_may_wait_are_refused_with_when_to_come_again() {
        let lanes = lanes(0);
        let answer = lanes.answer(Door::Dashboard, true, async { Response::default() }).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key(http::header::RETRY_AFTER));
    }

    #[tokio::test]
    async fn a_page_that_takes_too_long_is_given_up_and_a_change_is_not() {
        let lanes = lanes(2);
        let answer = lanes.answer(Door::Rest, true, std::future::pending()).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let change = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Response::default()
        };
        assert_eq!(lanes.answer(Door::Rest, false, change).await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_body_in_parts_arrives_whole() {
        let parts =
            futures::stream::iter((0..100).map(|n| Ok::<_, std::io::Error>(Bytes::from(format!("{n},")))));
        let lanes = lanes(1);
        let page = async { Response::new(Body::from_stream(parts)) };
        let answer = lanes.answer(Door::Dashboard, true, page).await;
        let body = text(answer).await;
        assert!(body.starts_with("0,1,") && body.ends_with("98,99,"), "{body}");
    }
}
