//! Orders: wishes from outside about one node, given at once and resolved when their effect is
//! visible (R16).

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use futures::future::BoxFuture;

use crate::runtime::address::Address;
use crate::runtime::error::OrderError;
use crate::runtime::mailbox::Message;
use crate::runtime::runnable::Spec;
use crate::runtime::shared::Shared;
use crate::runtime::sync::oneshot;
use crate::tree::{Id, OrderKind};

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
    /// Otherwise as [`start`](Self::start). Through [`Tree::node`](crate::Tree::node) nobody knows
    /// who awaits the order: code that the order itself stops gives it through its context.
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
    /// It will be done, and the incarnation that has given it is asked to stop, by the order itself
    /// or for another reason.
    Accepted,
}

/// An order that was given: a future of its effect. Dropping it takes nothing back.
///
/// Given through a [`Context`](crate::Context) of an incarnation that the order stops, it resolves
/// as [`Effect::Accepted`] at once, and as soon as that incarnation is asked to stop for another
/// reason, so that nobody waits for itself. A start that waits for its turn in a group
/// ([`in_order`](crate::Group::in_order)) is another matter: do not await it in the start of a
/// member before it.
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
