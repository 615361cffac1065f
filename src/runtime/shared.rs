//! What the processor, the contexts and the handles of one tree share.

use std::sync::Arc;

use crate::runtime::events::Observers;
use crate::runtime::interpose::Interpose;
use crate::runtime::mailbox::{Mailbox, Message, Payload};
use crate::runtime::panics::{self, Hook};
use crate::runtime::sync::{AtomicBool, Handle, Mutex, Notify, OnceLock, Ordering};
use crate::tree::Snapshot;

/// What the processor, the contexts and the handles of one tree share.
pub(crate) struct Shared {
    pub(crate) mailbox: Mailbox,
    /// Where the tree runs; incarnations own tasks there, whoever spawns them.
    pub(crate) runtime: Handle,
    pub(crate) observers: Observers,
    pub(crate) interpose: Option<Interpose>,
    pub(crate) children_max: usize,
    /// The last look of the tree, once it has ended.
    pub(crate) last: OnceLock<Snapshot>,
    /// What a panic threw that the caller of `run()` is to meet.
    thrown: Mutex<Option<Payload>>,
    is_abandoned: AtomicBool,
    /// Wakes the task that makes way for the processor; see [`Shared::say`].
    bell: Notify,
}

impl Shared {
    pub(crate) fn new(
        mailbox: Mailbox,
        observers: Observers,
        interpose: Option<Interpose>,
        children_max: usize,
    ) -> Self {
        Self {
            mailbox,
            runtime: Handle::current(),
            observers,
            interpose,
            children_max,
            last: OnceLock::new(),
            thrown: Mutex::new(None),
            is_abandoned: AtomicBool::new(false),
            bell: Notify::new(),
        }
    }

    /// Queues what code of the user's says in the middle of a poll, or gives it back.
    ///
    /// A worker of tokio's multi-thread runtime keeps the task that it woke last for itself, and no
    /// other worker can take it. If the code went on to block its thread, the processor would stand
    /// still with it. So another task is woken after the processor, and takes that place.
    pub(crate) fn say(&self, message: Message) -> Result<(), Message> {
        let said = self.mailbox.send(message);
        self.bell.notify_one();
        said
    }

    /// Takes the place of the processor whenever something was said.
    pub(crate) async fn make_way(self: Arc<Self>) {
        loop {
            self.bell.notified().await;
        }
    }

    /// Whether the last handle is gone: nothing of the tree is polled any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Acquire)
    }

    pub(crate) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Release);
    }

    /// Keeps what a panic threw; the first one counts.
    pub(crate) fn throw(&self, payload: Payload) {
        let later = match &mut *self.thrown.lock() {
            first @ None => {
                *first = Some(payload);
                None
            }
            Some(_) => Some(payload),
        };
        // Not under the lock: it runs code of the user's.
        panics::drop_shielded(later);
    }

    pub(crate) fn thrown(&self) -> Option<Payload> {
        self.thrown.lock().take()
    }

    /// Who hears of a panic in supervised code: the hook that was there before ours is needed
    /// only when nobody else listens (R18).
    pub(crate) fn hook(&self) -> Hook {
        if self.observers.is_heard() {
            Hook::Silent
        } else {
            Hook::Loud
        }
    }
}
