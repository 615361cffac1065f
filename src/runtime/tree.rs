//! The handle of a running tree (R11, R12, R17).

use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;

use crate::runtime::error::SettleError;
use crate::runtime::events::Events;
use crate::runtime::last::LastLook;
use crate::runtime::mailbox::Message;
use crate::runtime::orders::{Node, Target};
use crate::runtime::shared::Shared;
use crate::runtime::sync::{oneshot, watch};
use crate::tree::{Failure, Report, Snapshot};

/// A running tree.
///
/// Cheap to clone. When the last clone is dropped, all of the tree is aborted: no code of it is
/// polled again after its present poll. Contexts, children, event streams and the futures of its
/// end do not keep it alive: hold the tree while you await its stop.
#[derive(Clone)]
pub struct Tree {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    outcome: watch::Receiver<Option<Result<Report, Failure>>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.outcome.borrow().is_none() {
            // Told first: what ends because it is not polled again ends after that, so nothing
            // answers its end by starting it again.
            self.shared.tell(Message::Abandoned);
            self.shared.abandon();
        }
    }
}

impl Tree {
    pub(super) fn new(
        shared: Arc<Shared>,
        outcome: watch::Receiver<Option<Result<Report, Failure>>>,
    ) -> Self {
        Self {
            handle: Arc::new(Handle { shared, outcome }),
        }
    }

    /// Tells the tree to stop, and returns a future of how it ended.
    ///
    /// Every node is asked at once, and aborted when its grace is over. The request is given here,
    /// whether the future is polled or not. Idempotent and shared: all that ask get the same
    /// report.
    pub fn stop(&self) -> Ending {
        self.tell_stop(None)
    }

    /// As [`stop`](Self::stop), with a deadline: what has not ended after `within` is aborted,
    /// whatever its grace. Of several deadlines, the tightest wins; zero aborts at once.
    pub fn stop_within(&self, within: Duration) -> Ending {
        self.tell_stop(Some(within))
    }

    fn tell_stop(&self, within: Option<Duration>) -> Ending {
        self.handle.shared.tell(Message::Stop(within));
        self.ended()
    }

    /// A future of how the tree ended: finished, stopped, or a [`Failure`].
    ///
    /// # Panics
    ///
    /// The future panics with the panic of a runnable under
    /// [`propagate_panics`](crate::Supervisor::propagate_panics).
    pub fn ended(&self) -> Ending {
        let shared = self.handle.shared.clone();
        let mut outcome = self.handle.outcome.clone();
        Ending(Box::pin(async move {
            let ended = outcome.wait_for(Option::is_some).await;
            match ended.ok().and_then(|result| result.clone()) {
                Some(result) => result,
                None => Err(vanished(&shared)),
            }
        }))
    }

    /// How the tree looks now, after all that was said to it before; once it has ended, how it
    /// looked last.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn snapshot(&self) -> Snapshot {
        let last = || self.handle.shared.last.get().map(LastLook::snapshot);
        let now = self.ask(Message::Snapshot).await;
        now.or_else(last).unwrap_or_default()
    }

    /// The events of the tree from now on. To see the first ones too, ask
    /// [`Supervisor::events`](crate::Supervisor::events) before the start.
    #[must_use]
    pub fn events(&self) -> Events {
        self.handle.shared.observers.subscribe()
    }

    /// The node with this path, such as `root.pipeline.reader`, to give it orders.
    #[must_use]
    pub fn node(&self, path: impl Into<String>) -> Node {
        let target = Target::Path(path.into());
        Node::new(target, self.handle.shared.clone(), None)
    }

    /// Waits until nothing more will happen by itself (R12): nothing is queued, and every node is
    /// healthy, or done or down and ended or leaked; or the tree has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn settled(&self) {
        self.ask(Message::Settled).await;
    }

    /// Waits until the tree is settled, at most for this long.
    ///
    /// # Errors
    ///
    /// [`SettleError`] lists the nodes that are not settled, each with its state and why it waits.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn settled_within(&self, within: Duration) -> Result<(), SettleError> {
        if tokio::time::timeout(within, self.settled()).await.is_ok() {
            return Ok(());
        }
        let snapshot = self.snapshot().await;
        Err(SettleError::Unsettled {
            within,
            nodes: snapshot.unsettled().cloned().collect(),
        })
    }

    /// Waits until every node was healthy or done once since it last fell; for probes.
    ///
    /// Returns as soon as the tree has ended, too; [`Snapshot::is_ready`] says what is true now.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn ready(&self) {
        self.ask(Message::Ready).await;
    }

    /// Asks the processor. `None` if the tree has ended.
    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.handle.shared.tell(message(reply));
        self.handle.shared.mailbox.answer(answer).await
    }
}

/// What is known of a tree whose task is gone: a panic that is to be met here, or nothing.
fn vanished(shared: &Shared) -> Failure {
    if let Some(payload) = shared.thrown() {
        resume_unwind(payload);
    }
    Failure {
        evidence: None,
        stops: Vec::new(),
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree")
            .field("outcome", &*self.handle.outcome.borrow())
            .finish()
    }
}

/// A future of how a tree ended. It does not keep the tree alive, and dropping it changes nothing.
pub struct Ending(BoxFuture<'static, Result<Report, Failure>>);

impl Future for Ending {
    type Output = Result<Report, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending").finish_non_exhaustive()
    }
}
