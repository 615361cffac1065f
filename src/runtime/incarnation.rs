//! One run of a runnable: what its contexts share, and the guard that reports its end.

use std::sync::Arc;
use std::time::Duration;

use crate::exit::{Exit, Panic};
use crate::name::Name;
use crate::path::Path;
use crate::runtime::address::Address;
use crate::runtime::error::OwnError;
use crate::runtime::ledger::{Belonging, Ledger, Stage};
use crate::runtime::mailbox::{Message, Payload, Remains};
use crate::runtime::shared::Shared;
use crate::runtime::sync::{
    AtomicBool, AtomicU64, CancellationToken, Mutex, MutexGuard, Notify, OnceLock, Ordering,
    oneshot,
};
use crate::runtime::task::{Scope, Seated};
use crate::tree::{Evidence, Health, Id, Signal};

/// How an incarnation came to be.
pub(crate) struct Start {
    pub(crate) id: Id,
    pub(crate) attempt: u32,
    pub(crate) last_exit: Option<Arc<Evidence>>,
}

/// What the contexts of one incarnation share.
pub(crate) struct Life {
    pub(crate) start: Start,
    pub(crate) address: Arc<Address>,
    pub(crate) shared: Arc<Shared>,
    ledger: Mutex<Ledger>,
    is_cancelled: AtomicBool,
    cancelled: Notify,
    /// Made when somebody asks for one.
    token: OnceLock<CancellationToken>,
    /// When it last beat, in nanoseconds of the tree's time.
    last_beat: AtomicU64,
}

impl Life {
    pub(crate) fn new(
        start: Start,
        address: Arc<Address>,
        shared: Arc<Shared>,
        health: Health,
    ) -> Arc<Self> {
        let mut ledger = Ledger::default();
        if health == Health::AtStart {
            // It is past starting before it runs, so it declares nothing.
            ledger.advance(Stage::Serving);
        }
        Arc::new(Self {
            start,
            address,
            shared,
            ledger: Mutex::new(ledger),
            is_cancelled: AtomicBool::new(false),
            cancelled: Notify::new(),
            token: OnceLock::new(),
            last_beat: AtomicU64::new(0),
        })
    }

    pub(crate) fn id(&self) -> Id {
        self.start.id
    }

    pub(crate) fn path(&self) -> &Path {
        &self.address.path
    }

    /// The span in which the incarnation's code is polled.
    pub(super) fn scope(&self) -> Scope {
        let (path, incarnation) = (self.path(), self.id().incarnation());
        let span = tracing::info_span!(target: "perennial", "node", %path, incarnation);
        Scope::new(span)
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock()
    }

    /// Whether the incarnation was asked to stop, or has returned.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }

    /// Waits until the incarnation is asked to stop, or has returned.
    pub(crate) async fn cancelled(&self) {
        let notified = self.cancelled.notified();
        if !self.is_cancelled() {
            notified.await;
        }
    }

    pub(crate) fn token(&self) -> CancellationToken {
        // Under the lock under which the cancellation looks for it.
        let ledger = self.ledger();
        let token = self.token.get_or_init(CancellationToken::new).clone();
        drop(ledger);
        // Not under it: whoever waits for the token wakes up.
        if self.is_cancelled() {
            token.cancel();
        }
        token
    }

    fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Release);
        self.cancelled.notify_waiters();
        let ledger = self.ledger();
        let token = self.token.get().cloned();
        drop(ledger);
        if let Some(token) = token {
            token.cancel();
        }
    }

    /// Says something about the incarnation. What was said before, or by an ended incarnation, is
    /// for the tree to judge; each signal is queued once.
    pub(crate) fn signal(self: &Arc<Self>, signal: Signal) {
        let mut ledger = self.ledger();
        if ledger.say(signal) {
            let life = self.clone();
            // The tree may have ended: then nobody needs to hear it.
            drop(self.shared.say(Message::Signal { life, signal }));
        }
    }

    /// Notes that the incarnation is alive. The tree reads it when it has to know.
    pub(crate) fn beat(&self) {
        // A thread of its own has no other way to the clock of a paused runtime.
        let _entered = self.shared.runtime.enter();
        let nanos = self.shared.time.now().as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        self.last_beat.fetch_max(nanos, Ordering::Relaxed);
    }

    pub(crate) fn last_beat(&self) -> Duration {
        Duration::from_nanos(self.last_beat.load(Ordering::Relaxed))
    }

    /// Asks the incarnation to stop. It declares nothing from now on.
    pub(crate) fn ask(&self) {
        self.ledger().advance(Stage::Asked);
        self.cancel();
    }

    /// Frees the name of a child that was removed, while children are declared.
    pub(crate) fn free(&self, name: &Name) {
        self.ledger().free(name);
    }

    /// Aborts the tasks that the incarnation owns.
    pub(crate) fn abort_owned(&self) {
        let mut ledger = self.ledger();
        ledger.is_aborted = true;
        for owned in ledger.owned.values() {
            if let Belonging::Task(Some(task)) = owned {
                task.abort();
            }
        }
    }

    /// How many owned tasks and holds have not ended, and the names of the holds.
    pub(crate) fn left(&self) -> (usize, Vec<String>) {
        let ledger = self.ledger();
        let holds = ledger.owned.values().filter_map(|owned| match owned {
            Belonging::Hold(what) => Some(what.to_string()),
            Belonging::Task(_) => None,
        });
        (ledger.owned.len(), holds.collect())
    }

    /// Makes the incarnation own something, until [`disown`](Self::disown).
    pub(super) fn own(&self, owned: Belonging) -> Result<u64, OwnError> {
        let mut ledger = self.ledger();
        match ledger.stage {
            Stage::Starting | Stage::Serving | Stage::Asked => Ok(ledger.own(owned)),
            Stage::Returned => Err(OwnError::Ended {
                path: self.path().clone(),
            }),
        }
    }

    pub(super) fn disown(&self, key: u64) {
        let mut ledger = self.ledger();
        ledger.owned.remove(&key);
        if ledger.stage == Stage::Returned && ledger.owned.is_empty() {
            self.shared.tell(Message::Ended(self.id()));
        }
    }

    /// Reports the exit, through the queue that carried the incarnation's last words (L6).
    fn exited(&self, exit: Exit, remains: Remains) {
        let mut ledger = self.ledger();
        ledger.advance(Stage::Returned);
        let left = ledger.owned.len();
        let rejected = self.shared.mailbox.send(Message::Exited {
            id: self.id(),
            exit,
            left,
            remains,
        });
        drop(ledger);
        drop(rejected);
        self.cancel();
    }
}

impl std::fmt::Debug for Life {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} #{}", self.path(), self.id().incarnation())
    }
}

/// The guard of an incarnation: its end is reported on return and panic, and when its task is
/// aborted or dropped.
pub(crate) struct Incarnation {
    pub(crate) life: Arc<Life>,
    is_reported: bool,
}

impl Incarnation {
    pub(crate) const fn new(life: Arc<Life>) -> Self {
        Self {
            life,
            is_reported: false,
        }
    }

    /// Reports the exit of an incarnation whose task stays for the next one, and returns the seat
    /// in which that one is put, or which is dropped when there will be none.
    pub(crate) fn report_and_park(mut self, exit: Exit) -> oneshot::Receiver<Seated> {
        let (seat, next) = oneshot::channel();
        self.report(exit, Remains::Parked(seat));
        next
    }

    /// Reports the exit of an incarnation whose task ends with it.
    pub(crate) fn report_gone(mut self, exit: Exit) {
        self.report(exit, Remains::Gone);
    }

    pub(crate) fn report_panic(mut self, panic: Panic, payload: Payload) {
        self.report(Exit::Panicked(panic), Remains::Panicked(payload));
    }

    fn report(&mut self, exit: Exit, remains: Remains) {
        self.is_reported = true;
        self.life.exited(exit, remains);
    }
}

impl Drop for Incarnation {
    fn drop(&mut self) {
        if !self.is_reported {
            self.life.exited(Exit::Aborted, Remains::Gone);
        }
    }
}
