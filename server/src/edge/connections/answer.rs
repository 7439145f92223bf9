//! The answer to one request on its way out: as long as it lasts, its connection is busy, and it takes a place where there
//! are others beside it.
//!
//! Over HTTP/1.1 the socket notices who takes nothing of an answer. Over HTTP/2 a client may take nothing of one and go on
//! with the others: then only that one is given up, for a proxy's connection belongs to many.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::{Connection, UnderWay, ms_since};
use crate::limits::WRITE_STALL_MAX;

/// HTTP/2 takes a part of a body whole, however little of it the client wants.
const PART_BYTES_MAX: usize = 16 * 1024;

/// The body of an answer. Its end is the end of the request.
pub enum Answer {
    /// There was no place for the request.
    Refusal(Body),
    Alone {
        body: Body,
        _under_way: UnderWay,
    },
    Beside {
        number: u64,
        open: Arc<Open>,
        connection: Arc<Connection>,
    },
}

/// One of several answers of a connection, as the others see it.
pub struct Open {
    rest: Mutex<Option<Rest>>,
    /// When the client was given what it did not ask beyond yet; 0 while it waits for us.
    given_ms: AtomicU64,
}

struct Rest {
    body: Body,
    /// Of a part that was too large.
    left: Bytes,
    _under_way: UnderWay,
}

impl Answer {
    pub fn refusal(body: Body) -> Self {
        Self::Refusal(body)
    }

    /// `beside`: other answers may be on their way on the same connection.
    pub fn new(body: Body, under_way: UnderWay, beside: bool) -> Self {
        if !beside {
            return Self::Alone { body, _under_way: under_way };
        }
        let connection = Arc::clone(&under_way.connection);
        let rest = Rest { body, left: Bytes::new(), _under_way: under_way };
        let given_ms = AtomicU64::new(ms_since(connection.start).max(1));
        let open = Arc::new(Open { rest: Mutex::new(Some(rest)), given_ms });
        let number = connection.add_answer(&open);
        Self::Beside { number, open, connection }
    }
}

impl Open {
    fn rest(&self) -> MutexGuard<'_, Option<Rest>> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives up what nobody has taken anything of for too long. What it took is free; asked for more, it breaks off.
    pub fn give_up_stalled(&self, now_ms: u64) {
        let given_ms = self.given_ms.load(Ordering::Acquire);
        if given_ms > 0 && u128::from(now_ms.saturating_sub(given_ms)) >= WRITE_STALL_MAX.as_millis() {
            drop(self.rest().take());
        }
    }
}

impl Rest {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.left.is_empty() {
            let part = self.left.split_to(self.left.len().min(PART_BYTES_MAX));
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        Pin::new(&mut self.body).poll_frame(cx).map_ok(|frame| match frame.into_data() {
            Ok(mut data) if data.len() > PART_BYTES_MAX => {
                self.left = data.split_off(PART_BYTES_MAX);
                Frame::data(data)
            }
            Ok(data) => Frame::data(data),
            Err(frame) => frame,
        })
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let (open, connection) = match self.get_mut() {
            Self::Refusal(body) | Self::Alone { body, .. } => return Pin::new(body).poll_frame(cx),
            Self::Beside { open, connection, .. } => (open, connection),
        };
        let mut rest = open.rest();
        let Some(rest) = rest.as_mut() else {
            let stalled = io::Error::from(io::ErrorKind::TimedOut);
            return Poll::Ready(Some(Err(axum::Error::new(stalled))));
        };
        let polled = rest.poll(cx);
        let given_ms = if polled.is_ready() { ms_since(connection.start).max(1) } else { 0 };
        open.given_ms.store(given_ms, Ordering::Release);
        polled
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Refusal(body) | Self::Alone { body, .. } => body.is_end_stream(),
            Self::Beside { open, .. } => {
                open.rest().as_ref().is_some_and(|rest| rest.left.is_empty() && rest.body.is_end_stream())
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Refusal(body) | Self::Alone { body, .. } => body.size_hint(),
            Self::Beside { open, .. } => open.rest().as_ref().map_or_else(SizeHint::default, |rest| {
                let (hint, left) = (rest.body.size_hint(), rest.left.len() as u64);
                let mut with_left = SizeHint::new();
                with_left.set_lower(hint.lower() + left);
                if let Some(upper) = hint.upper() {
                    with_left.set_upper(upper + left);
                }
                with_left
            }),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Self::Beside { number, connection, .. } = self {
            connection.remove_answer(*number);
        }
    }
}

#[cfg(test)]
mod tests {

    use futures::task::noop_waker_ref;

    use super::*;
    use crate::{Config, edge::connections::Places};

    #[tokio::test]
    async fn only_the_answer_that_nobody_takes_is_given_up() {
        let places = Places::new(&Config::default());
        let place = places.enter(([192, 0, 2, 1], 1).into()).await.expect("a place");
        let answer = |body: Body| {
            let under_way = place.connection.works(true).expect("a place");
            Answer::new(body, under_way, true)
        };
        let poll =
            |answer: &mut Answer| Pin::new(answer).poll_frame(&mut Context::from_waker(noop_waker_ref()));
        let mut stalled = answer(Body::from(vec![b'x'; 100_000]));
        let first = poll(&mut stalled);
        let Poll::Ready(Some(Ok(frame))) = first else { panic!("a part") };
        assert_eq!(frame.into_data().expect("data").len(), PART_BYTES_MAX, "no more than asked for");
        assert_eq!(stalled.size_hint().exact(), Some(100_000 - PART_BYTES_MAX as u64));
        let mut waiting = answer(Body::from_stream(futures::stream::pending::<io::Result<Bytes>>()));
        assert!(poll(&mut waiting).is_pending());

        let later = ms_since(place.connection.start) + 30_000;
        place.connection.give_up_stalled(later - 1_000);
        assert!(matches!(poll(&mut stalled), Poll::Ready(Some(Ok(_)))), "it has time");
        assert!(place.connection.is_busy());
        place.connection.give_up_stalled(later + 5_000);
        assert!(matches!(poll(&mut stalled), Poll::Ready(Some(Err(_)))), "given up");
        assert!(poll(&mut waiting).is_pending(), "it waits for us");
        drop(waiting);
        assert!(!place.connection.is_busy(), "what was given up is no request any more");
    }
}
