//! The stream of events, for whoever reads it (R17).

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::Stream;
use futures::future::BoxFuture;
use thiserror::Error;

use crate::runtime::sync::broadcast;
use crate::runtime::sync::broadcast::error::{RecvError, TryRecvError};
use crate::runtime::sync::{CancellationToken, OnceLock};
use crate::tree::Event;

/// How many events a reader may be behind before it misses some.
const EVENTS_BEHIND_MAX: usize = if cfg!(shuttle) { 128 } else { 4096 };

/// The sending side of the streams of events.
#[derive(Clone, Default)]
pub(crate) struct Observers {
    /// Made when somebody first reads.
    sender: Arc<OnceLock<broadcast::Sender<Event>>>,
    /// Nothing will be sent any more.
    closed: CancellationToken,
}

impl Observers {
    pub(crate) fn subscribe(&self) -> Events {
        let sender = self
            .sender
            .get_or_init(|| broadcast::channel(EVENTS_BEHIND_MAX).0);
        let source = Source {
            receiver: sender.subscribe(),
            closed: self.closed.clone(),
        };
        Events {
            next: Box::pin(source.next()),
            has_ended: false,
        }
    }

    pub(crate) fn has_readers(&self) -> bool {
        let sender = self.sender.get();
        sender.is_some_and(|sender| sender.receiver_count() > 0)
    }

    /// Ends the streams, once they have given what was sent.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    /// Whether somebody hears of what happens: a reader of events, or a `tracing` subscriber. What
    /// a subscriber does not want to hear is its choice.
    pub(crate) fn is_heard(&self) -> bool {
        self.has_readers() || tracing::dispatcher::has_been_set()
    }

    pub(crate) fn send(&self, event: Event) {
        if let Some(sender) = self.sender.get() {
            // Without readers there is nobody to tell.
            let _ = sender.send(event);
        }
    }
}

/// The events of a tree in the order in which they happened, from the moment it was asked for.
///
/// A reader that falls more than 4096 events behind misses the oldest, and is told how many:
/// [`Lagged`]. The stream ends after [`What::Stopped`](crate::What::Stopped), or when the tree
/// vanishes with its runtime. It is a [`Stream`], and keeps nothing alive.
pub struct Events {
    next: BoxFuture<'static, (Received, Source)>,
    has_ended: bool,
}

type Received = Result<Event, RecvError>;

/// The receiving side of one stream.
struct Source {
    receiver: broadcast::Receiver<Event>,
    closed: CancellationToken,
}

impl Source {
    async fn next(mut self) -> (Received, Self) {
        let received = tokio::select! {
            biased;
            received = self.receiver.recv() => received,
            () = self.closed.cancelled() => self.last(),
        };
        (received, self)
    }

    /// What was sent after the buffer was found empty, and before the end was.
    fn last(&mut self) -> Received {
        self.receiver.try_recv().map_err(|error| match error {
            TryRecvError::Lagged(count) => RecvError::Lagged(count),
            TryRecvError::Empty | TryRecvError::Closed => RecvError::Closed,
        })
    }
}

/// So many events were dropped, since the reader was too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{count} events were missed")]
#[non_exhaustive]
pub struct Lagged {
    /// How many.
    pub count: u64,
}

impl Events {
    /// The next event, or how many were missed before it; `None` after the last one.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, no event is lost.
    pub async fn next(&mut self) -> Option<Result<Event, Lagged>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Events {
    type Item = Result<Event, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let (received, source) = ready!(self.next.as_mut().poll(cx));
        self.next = Box::pin(source.next());
        Poll::Ready(match received {
            Ok(event) => {
                self.has_ended = matches!(event.what, crate::tree::What::Stopped);
                Some(Ok(event))
            }
            Err(RecvError::Lagged(count)) => Some(Err(Lagged { count })),
            Err(RecvError::Closed) => {
                self.has_ended = true;
                None
            }
        })
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("has_ended", &self.has_ended)
            .finish_non_exhaustive()
    }
}
