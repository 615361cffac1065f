//! The stream of events, for whoever reads it (R17).

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use futures::Stream;
use futures::future::BoxFuture;
use thiserror::Error;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::tree::Event;

/// How many events a reader may be behind before it misses some.
const EVENTS_BEHIND_MAX: usize = 4096;

/// The sending side of the streams of events. It is made when somebody first reads.
#[derive(Clone, Default)]
pub(crate) struct Observers(Arc<OnceLock<broadcast::Sender<Event>>>);

impl Observers {
    pub(crate) fn subscribe(&self) -> Events {
        let sender = self
            .0
            .get_or_init(|| broadcast::channel(EVENTS_BEHIND_MAX).0);
        Events::new(sender.subscribe())
    }

    pub(crate) fn has_readers(&self) -> bool {
        self.0
            .get()
            .is_some_and(|sender| sender.receiver_count() > 0)
    }

    /// Whether somebody hears of what happens: a reader of events, or a `tracing` subscriber.
    pub(crate) fn is_heard(&self) -> bool {
        self.has_readers() || tracing::enabled!(target: "perennial", tracing::Level::WARN)
    }

    pub(crate) fn send(&self, event: Event) {
        if let Some(sender) = self.0.get() {
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
    receiver: BoxFuture<'static, Received>,
    has_ended: bool,
}

type Received = (Result<Event, RecvError>, broadcast::Receiver<Event>);

/// So many events were dropped, since the reader was too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{count} events were missed")]
#[non_exhaustive]
pub struct Lagged {
    /// How many.
    pub count: u64,
}

impl Events {
    fn new(receiver: broadcast::Receiver<Event>) -> Self {
        Self {
            receiver: Box::pin(receive(receiver)),
            has_ended: false,
        }
    }

    /// The next event, or how many were missed before it; `None` after the last one.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, no event is lost.
    pub async fn next(&mut self) -> Option<Result<Event, Lagged>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

async fn receive(mut receiver: broadcast::Receiver<Event>) -> Received {
    (receiver.recv().await, receiver)
}

impl Stream for Events {
    type Item = Result<Event, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let (received, receiver) = ready!(self.receiver.as_mut().poll(cx));
        self.receiver = Box::pin(receive(receiver));
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
