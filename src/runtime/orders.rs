//! Orders: wishes from outside about one node, given at once and resolved when their effect is
//! visible (R16).

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use futures::future::BoxFuture;

use crate::path::Path;
use crate::runtime::address::Address;
use crate::runtime::error::OrderError;
use crate::runtime::mailbox::Message;
use crate::runtime::runnable::Spec;
use crate::runtime::shared::Shared;
use crate::runtime::sync::oneshot;
use crate::tree::{Id, OrderKind, Refusal, State, View};

/// A node by its path, to give it orders.
///
/// Made by [`Tree::node`](crate::Tree::node), [`Context::parent`](crate::Context::parent) and
/// [`Context::sibling`](crate::Context::sibling); a [`Child`](crate::Child) takes the same orders.
/// It is looked for when the order is taken, so it need not exist yet. Keeps neither the node nor
/// the tree alive.
///
/// To pause a subtree, terminate its top; to resume it, start the top again.
#[derive(Clone)]
pub struct Node {
    target: Target,
    shared: Arc<Shared>,
    by: Option<Id>,
}

impl Node {
    pub(super) const fn new(target: Target, shared: Arc<Shared>, by: Option<Id>) -> Self {
        Self { target, shared, by }
    }

    /// The path, as it was asked for.
    #[must_use]
    pub fn path(&self) -> String {
        self.target.to_string()
    }

    /// Starts the node, if it is done or down; if it waits for a backoff, it starts without delay,
    /// with all that fell with it, but never before all of that has ended.
    ///
    /// The order is given here, whether the future is polled or not. It resolves when the new
    /// incarnation runs.
    pub fn start(&self) -> Order {
        self.order(OrderKind::Start)
    }

    /// Stops the node and starts it again, with those of its group that its strategy takes: a
    /// planned restart, which no budget counts and no backoff delays.
    ///
    /// Otherwise as [`start`](Self::start).
    pub fn restart(&self) -> Order {
        self.order(OrderKind::Restart)
    }

    /// Stops the node, with all below it, and keeps it down: nothing starts it again but an order.
    ///
    /// Idempotent. The order is given here, whether the future is polled or not. It resolves when
    /// the node and all below it have ended. A tree of which the root is done and nothing else is
    /// left has finished then, and takes no more orders.
    pub fn terminate(&self) -> Order {
        self.order(OrderKind::Terminate)
    }

    /// Terminates the node and forgets it. Its name is free then, should its parent still declare
    /// children.
    ///
    /// Otherwise as [`terminate`](Self::terminate).
    pub fn remove(&self) -> Order {
        self.order(OrderKind::Remove)
    }

    fn order(&self, kind: OrderKind) -> Order {
        Order::give(
            &self.shared,
            self.target.clone(),
            Wish::Order(kind),
            self.by,
        )
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Node").field(&self.path()).finish()
    }
}

/// Whom an order is about.
#[derive(Clone)]
pub(crate) enum Target {
    Path(String),
    Place(Arc<Address>),
    /// What cannot be, such as a sibling of the root.
    Nowhere(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) | Self::Nowhere(path) => f.write_str(path),
            Self::Place(address) => write!(f, "{}", address.path),
        }
    }
}

/// What an order wants.
pub(crate) enum Wish {
    Order(OrderKind),
    Replace(Spec),
}

/// Where an order is answered.
pub(crate) type Reply = oneshot::Sender<Result<Effect, OrderError>>;

/// An order on its way to the processor.
pub(crate) struct Given {
    pub(crate) target: Target,
    pub(crate) wish: Wish,
    /// The incarnation through whose context it was given, which must be the present one (L10).
    pub(crate) by: Option<Id>,
    pub(crate) reply: Reply,
}

/// What an awaited order has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// It is done.
    Visible,
    /// It will be done, and the incarnation that has given it is asked to stop: by the order itself,
    /// or for another reason while it waited.
    Accepted,
}

/// An order that was given: a future of its effect. Dropping it takes nothing back.
///
/// Given through a [`Context`](crate::Context) of an incarnation that the order stops, it resolves
/// as [`Effect::Accepted`] at once, and as soon as that incarnation is asked to stop for another
/// reason, so that nobody waits for itself.
///
/// # Examples
///
/// ```
/// use perennial::{Context, Effect, OrderError, Supervisor};
///
/// # async fn serve(ctx: Context) { ctx.healthy(); ctx.cancelled().await }
/// async fn root(ctx: Context) -> std::io::Result<()> {
///     ctx.run("cache", serve).expect("the name is good and free");
///     ctx.healthy();
///     ctx.cancelled().await;
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), OrderError> {
/// let tree = Supervisor::new(root).start();
/// tree.settled().await;
/// let cache = tree.node("root.cache");
/// cache.terminate().await?; // paused
/// assert_eq!(cache.start().await?, Effect::Visible); // and resumed
/// assert!(matches!(cache.start().await, Err(OrderError::Running { .. })));
/// # Ok(())
/// # }
/// ```
pub struct Order(BoxFuture<'static, Result<Effect, OrderError>>);

impl Order {
    pub(super) fn give(shared: &Shared, target: Target, wish: Wish, by: Option<Id>) -> Self {
        let (reply, answer) = oneshot::channel();
        let path = target.to_string();
        let given = Given {
            target,
            wish,
            by,
            reply,
        };
        // If the tree has ended, the answer says so.
        drop(shared.say(Message::Order(Box::new(given))));
        let mailbox = shared.mailbox.clone();
        Self(Box::pin(async move {
            let answer = mailbox.answer(answer).await;
            answer.unwrap_or(Err(OrderError::Ended { path }))
        }))
    }
}

impl Future for Order {
    type Output = Result<Effect, OrderError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order").finish_non_exhaustive()
    }
}

/// An order that the core has accepted, until its effect is visible.
pub(crate) struct Pending {
    kind: OrderKind,
    /// The incarnation of then.
    since: Id,
    /// Whether that was waiting to start.
    was_waiting: bool,
    /// The incarnation through whose context it was given.
    by: Option<Id>,
    reply: Reply,
}

impl Pending {
    pub(super) fn new(kind: OrderKind, before: &View, by: Option<Id>, reply: Reply) -> Self {
        Self {
            kind,
            since: before.id,
            was_waiting: before.state == State::Waiting,
            by,
            reply,
        }
    }

    pub(super) const fn by(&self) -> Option<Id> {
        self.by
    }

    pub(super) fn is_dropped(&self) -> bool {
        self.reply.is_closed()
    }

    /// Answers, or gives itself back while its effect cannot be seen.
    pub(super) fn look(self, view: &View, path: &Path) -> Option<Self> {
        let result = match self.kind {
            OrderKind::Start | OrderKind::Restart => self.has_started(view, path),
            OrderKind::Terminate | OrderKind::Remove => self.is_over(view, path),
        };
        match result {
            Some(result) => drop(self.reply.send(result.map(|()| Effect::Visible))),
            None => return Some(self),
        }
        None
    }

    fn has_started(&self, view: &View, path: &Path) -> Option<Result<(), OrderError>> {
        let path = || path.clone();
        let is_next = self.was_waiting || self.since != view.id;
        match view.state {
            State::Starting | State::Healthy | State::Finishing | State::Stopping | State::Done
                if is_next =>
            {
                Some(Ok(()))
            }
            State::Down if view.has_leaked => Some(Err(OrderError::Leaked { path: path() })),
            State::Down => Some(Err(OrderError::Overtaken { path: path() })),
            _ if view.is_taken => Some(Err(OrderError::Overtaken { path: path() })),
            _ => None,
        }
    }

    fn is_over(&self, view: &View, path: &Path) -> Option<Result<(), OrderError>> {
        let path = || path.clone();
        match view.state {
            State::Down if view.is_out && view.has_leaked => {
                Some(Err(OrderError::Leaked { path: path() }))
            }
            State::Down if view.is_out && self.kind == OrderKind::Terminate => Some(Ok(())),
            _ if self.since != view.id => Some(Err(OrderError::Overtaken { path: path() })),
            _ => None,
        }
    }

    /// Answers, now that who has given it is asked to stop.
    pub(super) fn accepted(self) {
        // Who does not wait any more need not be told.
        drop(self.reply.send(Ok(Effect::Accepted)));
    }

    /// Answers, now that the place is gone.
    pub(super) fn gone(self, path: &Path) {
        let path = path.clone();
        let result = match self.kind {
            OrderKind::Terminate | OrderKind::Remove => Ok(Effect::Visible),
            OrderKind::Start | OrderKind::Restart => Err(OrderError::Overtaken { path }),
        };
        // Who does not wait any more need not be told.
        drop(self.reply.send(result));
    }
}

/// Says why the core refuses an order about this node.
pub(super) fn refused(path: Path, refusal: Refusal) -> OrderError {
    match refusal {
        Refusal::Gone => OrderError::Gone { path },
        Refusal::Root => OrderError::Root,
        Refusal::Running => OrderError::Running { path },
        Refusal::Stopping => OrderError::Stopping { path },
        Refusal::Leaked(path) => OrderError::Leaked { path },
        Refusal::TreeStops => OrderError::Ended {
            path: path.to_string(),
        },
    }
}
