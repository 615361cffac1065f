//! Every message to the processor, in one queue (L6).
//!
//! The queue is unbounded in type and bounded by argument: at any time it holds, for each
//! incarnation, at most one message of each of the four signals, one exit, one end, as many
//! declarations as the supervisor allows children, and one panic for each owned task; for each
//! caller that awaits something, one question; and for each handle of the tree, what its owner
//! asked for.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use crate::exit::{Exit, Panic};
use crate::name::Name;
use crate::runtime::address::Address;
use crate::runtime::child::Question;
use crate::runtime::claim::Claim;
use crate::runtime::incarnation::Life;
use crate::runtime::orders::Given;
use crate::runtime::pool::PoolCell;
use crate::runtime::runnable::Stored;
use crate::runtime::sync::{mpsc, oneshot};
use crate::runtime::task::Seated;
use crate::tree::{GroupOptions, Id, Options, Signal, Snapshot};

/// Something that the processor is told or asked.
pub(crate) enum Message {
    /// An incarnation declared a child alone.
    Run { parent: Id, child: Declared },
    /// An incarnation declared a group.
    Group(Box<DeclaredGroup>),
    /// A child was started in a pool.
    Start {
        pool: Arc<PoolCell>,
        generation: u64,
        child: Declared,
    },
    /// An incarnation said something about itself.
    Signal { life: Arc<Life>, signal: Signal },
    /// An incarnation returned, with this many owned tasks and holds left.
    Exited {
        id: Id,
        exit: Exit,
        left: usize,
        remains: Remains,
    },
    /// All that an incarnation owned has ended, after it had returned.
    Ended(Id),
    /// A task that an incarnation owns panicked.
    OwnedPanicked {
        id: Id,
        panic: Panic,
        payload: Payload,
    },
    /// The holder of a child asks something about it.
    Ask {
        address: Arc<Address>,
        question: Question,
    },
    /// Somebody orders something about one node.
    Order(Box<Given>),
    /// Somebody waits until the tree is settled.
    Settled(oneshot::Sender<()>),
    /// Somebody waits until the tree is ready.
    Ready(oneshot::Sender<()>),
    /// Somebody wants to see the tree.
    Snapshot(oneshot::Sender<Snapshot>),
    /// Somebody wants the tree to stop, perhaps within a time.
    Stop(Option<Duration>),
    /// The last handle of the tree is gone.
    Abandoned,
}

/// What a panic threw.
pub(crate) type Payload = Box<dyn Any + Send>;

/// What became of the task of an incarnation that returned.
pub(crate) enum Remains {
    /// It is gone.
    Gone,
    /// It parks until the next incarnation is put in place, or the seat is dropped.
    Parked(oneshot::Sender<Seated>),
    /// It is gone after a panic that threw this.
    Panicked(Payload),
}

/// A child that is to be.
pub(crate) struct Declared {
    pub(crate) address: Arc<Address>,
    pub(crate) options: Arc<Options>,
    pub(crate) stored: Stored,
    /// On what it publishes.
    pub(crate) claim: Option<Box<Claim>>,
}

/// A group that is to be.
pub(crate) struct DeclaredGroup {
    pub(crate) parent: Id,
    pub(crate) label: Name,
    pub(crate) options: GroupOptions,
    pub(crate) members: Vec<Declared>,
}

/// The sending side of the queue.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox(mpsc::UnboundedSender<Message>);

/// A queue, and its receiving side for the processor.
pub(crate) fn mailbox() -> (Mailbox, mpsc::UnboundedReceiver<Message>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Mailbox(sender), receiver)
}

impl Mailbox {
    /// Queues a message, or gives it back if the tree has ended.
    ///
    /// What is given back may hold code of the user's: it is not dropped under a lock.
    pub(crate) fn send(&self, message: Message) -> Result<(), Message> {
        self.0.send(message).map_err(|rejected| rejected.0)
    }

    /// Waits until the tree has ended.
    ///
    /// What was queued while it ended is not heard, and not given back either.
    pub(crate) async fn closed(&self) {
        self.0.closed().await;
    }

    /// Waits for the answer to a message, or until there will be none.
    pub(crate) async fn answer<T>(&self, mut answer: oneshot::Receiver<T>) -> Option<T> {
        tokio::select! {
            biased;
            answer = &mut answer => answer.ok(),
            () = self.closed() => answer.try_recv().ok(),
        }
    }

    /// Queues a message that nobody needs to hear if the tree has ended: whoever waits for an
    /// answer to it sees that there will be none.
    pub(crate) fn tell(&self, message: Message) {
        drop(self.send(message));
    }
}
