//! What the processor, the contexts and the handles of one tree share.

use std::cell::Cell;

use crate::runtime::clock::Time;
use crate::runtime::events::Observers;
use crate::runtime::interpose::Interpose;
use crate::runtime::last::LastLook;
use crate::runtime::mailbox::{Mailbox, Message, Payload};
use crate::runtime::panics::{self, Hook};
use crate::runtime::sync::{
    AtomicBool, AtomicU64, Handle, Mutex, OnceLock, Ordering, RuntimeFlavor, thread_local,
};
use crate::runtime::task;

/// Counts trees.
static TREES: AtomicU64 = AtomicU64::new(1);

thread_local! {
    // For which tree's processor, and in which of its waits, this thread has made way last.
    static LAST_WAIT: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// What the processor, the contexts and the handles of one tree share.
pub(crate) struct Shared {
    pub(crate) mailbox: Mailbox,
    /// Where the tree runs; incarnations own tasks there, whoever spawns them.
    pub(crate) runtime: Handle,
    pub(crate) observers: Observers,
    pub(crate) interpose: Option<Interpose>,
    pub(crate) children_max: usize,
    pub(crate) time: Time,
    /// How the tree looked last, once it has ended.
    pub(crate) last: OnceLock<LastLook>,
    /// What a panic threw that the caller of `run()` is to meet.
    thrown: Mutex<Option<Payload>>,
    is_abandoned: AtomicBool,
    is_stopping: AtomicBool,
    /// Tells this tree from all others of the process.
    number: u64,
    /// Odd while the processor waits; see [`Shared::say`].
    waits: AtomicU64,
    /// Whether the runtime has workers that keep tasks for themselves.
    has_workers: bool,
}

impl Shared {
    pub(crate) fn new(
        mailbox: Mailbox,
        observers: Observers,
        interpose: Option<Interpose>,
        children_max: usize,
        time: Time,
    ) -> Self {
        let runtime = Handle::current();
        let has_workers = !matches!(runtime.runtime_flavor(), RuntimeFlavor::CurrentThread);
        Self {
            mailbox,
            runtime,
            observers,
            interpose,
            children_max,
            time,
            last: OnceLock::new(),
            thrown: Mutex::new(None),
            is_abandoned: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            number: TREES.fetch_add(1, Ordering::Relaxed),
            waits: AtomicU64::new(0),
            has_workers,
        }
    }

    /// Queues what code of the user's says in the middle of a poll, or gives it back.
    ///
    /// A worker of tokio's multi-thread runtime keeps the task that it woke last for itself, and no
    /// other worker can take it. If the code went on to block its thread, the processor would stand
    /// still with it. So another task is started after the processor was woken, and takes that
    /// place: once for each time that the processor waits, and on each thread that may have woken
    /// it.
    pub(crate) fn say(&self, message: Message) -> Result<(), Message> {
        let said = self.mailbox.send(message);
        // Read after the message was sent: whoever has woken the processor sees that it waited.
        let wait = self.waits.load(Ordering::Acquire);
        let is_waiting = !wait.is_multiple_of(2);
        let this = (self.number, wait);
        if is_waiting && self.has_workers && LAST_WAIT.with(|last| last.replace(this)) != this {
            task::make_way(&self.runtime);
        }
        said
    }

    /// As [`say`](Self::say), for what nobody needs to hear if the tree has ended.
    pub(crate) fn tell(&self, message: Message) {
        drop(self.say(message));
    }

    /// Notes that the processor is about to wait, or has waited.
    pub(crate) fn turn(&self) {
        self.waits.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether the last handle is gone: nothing of the tree is polled any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Acquire)
    }

    pub(crate) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Release);
    }

    /// Whether the tree was told to stop: hardly anything starts again.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn note_stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
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
