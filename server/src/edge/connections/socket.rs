//! The socket of one connection: notices when bytes come, gives up on a reader that takes nothing, and at the end waits a
//! moment for the sender of a refused body.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};

use super::Connection;
use crate::limits::{LINGER_BYTES_MAX, LINGER_MAX, WRITE_STALL_MAX};

const LINGER_READ_BYTES: usize = 16 * 1024;

pub struct Socket {
    stream: TcpStream,
    connection: Arc<Connection>,
    /// Runs while the other side takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    lingering: Option<Lingering>,
}

/// Closing a socket with unread bytes resets the connection, and the sender never reads why it was refused: what still
/// arrives is dropped for a moment.
struct Lingering {
    until: Pin<Box<Sleep>>,
    bytes_left: usize,
    _one_of_few: OwnedSemaphorePermit,
}

impl Socket {
    pub fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self { stream, connection, stalled: None, lingering: None }
    }

    /// What was written, unless nothing could be for too long.
    fn patiently<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(WRITE_STALL_MAX)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Lingering {
    fn start(connection: &Connection) -> Option<Self> {
        // Whoever was asked to leave has had an answer before.
        let permit =
            (!connection.is_leaving()).then(|| Arc::clone(&connection.lingering).try_acquire_owned());
        Some(Self {
            until: Box::pin(sleep(LINGER_MAX)),
            bytes_left: LINGER_BYTES_MAX,
            _one_of_few: permit?.ok()?,
        })
    }

    /// Ready when the sender is done, or has had its time.
    fn poll(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        let mut dropped = [0; LINGER_READ_BYTES];
        while self.bytes_left > 0 && self.until.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut dropped);
            let Ok(()) = ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer)) else { break };
            if buffer.filled().is_empty() {
                break;
            }
            self.bytes_left = self.bytes_left.saturating_sub(buffer.filled().len());
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.connection.hears();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.patiently(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.patiently(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.lingering = Lingering::start(&this.connection);
        }
        let Some(lingering) = &mut this.lingering else { return Poll::Ready(Ok(())) };
        ready!(lingering.poll(&mut this.stream, cx));
        Poll::Ready(Ok(()))
    }
}
