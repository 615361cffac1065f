//! Handles of children: they name a place while the parent's incarnation lives (R3).

use std::fmt;
use std::sync::Arc;

use crate::path::Path;
use crate::runtime::address::Address;
use crate::runtime::error::{FirstStartError, HealthyError};
use crate::runtime::mailbox::Message;
#[cfg(doc)]
use crate::runtime::orders::Node;
use crate::runtime::orders::{Order, Target, Wish};
use crate::runtime::pending::Pending;
use crate::runtime::runnable::Runnable;
use crate::runtime::shared::Shared;
use crate::runtime::sync::oneshot;
use crate::tree::{Down, Evidence, FirstStart, OrderKind, State, View};

/// A child, through all of its incarnations while its parent's incarnation lives.
///
/// Cheap to clone; keeps neither the child nor the tree alive. Dropping it changes nothing.
#[derive(Clone)]
pub struct Child {
    address: Arc<Address>,
    shared: Arc<Shared>,
}

/// How a place ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ended {
    /// How its last incarnation was read: `Done`, `Down`, or how it was left when it was stopped
    /// from above.
    pub state: State,
    /// Why it was down, if it was.
    pub down: Option<Down>,
    /// The evidence of its last exit, or `None` if it never started.
    pub evidence: Option<Arc<Evidence>>,
    /// How its first incarnation fared.
    first_start: FirstStart,
}

impl Ended {
    /// How a place looked last.
    pub(crate) fn of(last: View) -> Self {
        Self {
            state: last.state,
            down: last.down,
            evidence: last.last_exit,
            first_start: last.first_start,
        }
    }

    /// What is known of a place that the tree never had, or whose tree is gone.
    pub(crate) const fn never() -> Self {
        Self {
            state: State::Canceled,
            down: None,
            evidence: None,
            first_start: None,
        }
    }
}

/// What the holder of a child asks.
pub(crate) enum Question {
    Healthy(oneshot::Sender<Result<(), HealthyError>>),
    FirstStart(oneshot::Sender<Result<(), FirstStartError>>),
    Ended(oneshot::Sender<Ended>),
    Order(Pending),
}

impl Child {
    pub(crate) const fn new(address: Arc<Address>, shared: Arc<Shared>) -> Self {
        Self { address, shared }
    }

    /// The child's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.address.path
    }

    /// Waits until the child is healthy or done, across restarts.
    ///
    /// # Errors
    ///
    /// [`HealthyError`] if it never will be: it is down, it is stopped from above, or its place is
    /// gone. A pool forgets its ended children, so that one of those may be down or already gone.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn healthy(&self) -> Result<(), HealthyError> {
        let path = || self.path().clone();
        let answer = self.ask(Question::Healthy).await;
        answer.unwrap_or_else(|| Err(HealthyError::Gone { path: path() }))
    }

    /// Waits until the child's first incarnation is healthy or done: an acknowledged start.
    ///
    /// # Errors
    ///
    /// [`FirstStartError`] if that incarnation returned before it was healthy, with its exit, or
    /// was stopped from above.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn first_start(&self) -> Result<(), FirstStartError> {
        let answer = self.ask(Question::FirstStart).await;
        answer.unwrap_or_else(|| {
            let last = self.address.ended().map(|ended| &ended.first_start);
            has_started(last.and_then(Option::as_ref), self.path())
        })
    }

    /// Waits until the child is done, down or stopped from above, and has ended, or its place is
    /// gone.
    ///
    /// A child that is done may still rise with its group. Of a child of a pool, all below it has
    /// ended, too.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn ended(&self) -> Ended {
        match self.ask(Question::Ended).await {
            Some(ended) => ended,
            None => self.address.ended().cloned().unwrap_or_else(Ended::never),
        }
    }

    /// How the child ended, if its place is gone by now; otherwise `None`, at once.
    #[must_use]
    pub fn try_ended(&self) -> Option<Ended> {
        self.address.ended().cloned()
    }

    /// Starts the child, if it is done or down, or waits for a backoff; see [`Node::start`].
    pub fn start(&self) -> Order {
        self.order(Wish::Order(OrderKind::Start))
    }

    /// Stops the child and starts it again, with its group; see [`Node::restart`].
    ///
    /// Resolves when the next incarnation runs; [`healthy`](Self::healthy) waits until it serves.
    /// Orders that are given through a child do not know who awaits them: code that the order
    /// itself stops gives it through its [`Context`](crate::Context).
    pub fn restart(&self) -> Order {
        self.order(Wish::Order(OrderKind::Restart))
    }

    /// Stops the child and keeps it down; see [`Node::terminate`].
    ///
    /// When it was the last that lived below a root that is done, the tree has finished.
    pub fn terminate(&self) -> Order {
        self.order(Wish::Order(OrderKind::Terminate))
    }

    /// Stops the child and forgets it; see [`Node::remove`].
    pub fn remove(&self) -> Order {
        self.order(Wish::Order(OrderKind::Remove))
    }

    /// Gives the child other code and other options, from its next start on. What runs is not
    /// touched: a [`restart`](Self::restart) puts it in place at once.
    ///
    /// The order resolves when it is taken. Of several, the last one holds. The next incarnation of
    /// the parent declares what it declares.
    pub fn replace(&self, runnable: impl Runnable) -> Order {
        self.order(Wish::Replace(runnable.into_spec()))
    }

    fn order(&self, wish: Wish) -> Order {
        let target = Target::Place(self.address.clone());
        Order::give(&self.shared, target, wish, None)
    }

    /// Asks the processor, which answers unless the tree or the place is gone.
    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let (address, question) = (self.address.clone(), question(reply));
        self.shared.tell(Message::Ask { address, question });
        self.shared.mailbox.answer(answer).await
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Child").field(self.path()).finish()
    }
}

/// Says how the first incarnation of a place fared that has no other chance to start.
pub(super) fn has_started(
    first_start: Option<&Result<(), Option<Arc<Evidence>>>>,
    path: &Path,
) -> Result<(), FirstStartError> {
    let path = path.clone();
    match first_start {
        Some(Ok(())) => Ok(()),
        Some(Err(Some(source))) => {
            let source = source.clone();
            Err(FirstStartError::Exited { path, source })
        }
        Some(Err(None)) | None => Err(FirstStartError::Stopped { path }),
    }
}
