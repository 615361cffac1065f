//! The processor: the one task that owns the tree.
//!
//! 1. It does every action that the core has ready.
//! 2. It waits for a batch of messages, or for the core's deadline.
//! 3. It tells the core, which runs the GC pass. When a deadline is over it first takes what was
//!    queued by then: who has returned in time is not late because the processor is.
//!
//! It waits for nobody. What runs code of the user's (drops, wakers, subscribers) is shielded: its
//! panic stops nothing else. Stopping is a phase of the same loop.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;

use crate::runtime::address::Address;
use crate::runtime::child::{Ended, Question};
use crate::runtime::clock::Timer;
use crate::runtime::entries::Entries;
use crate::runtime::incarnation::Start;
use crate::runtime::last::{LastLook, Left, complete};
use crate::runtime::mailbox::{Declared, DeclaredGroup, Message, Payload, Remains};
use crate::runtime::observe;
use crate::runtime::panics::{drop_shielded, shield};
use crate::runtime::pool::PoolCell;
use crate::runtime::runnable::Stored;
use crate::runtime::shared::Shared;
use crate::runtime::sync::{mpsc, watch, yield_now};
use crate::runtime::waits::Waits;
use crate::tree::{Action, Core, Declaration, Failure, Id, Place, Report, Snapshot};

/// How many messages are taken at once; the clock is read once for each batch.
const BATCH: usize = if cfg!(shuttle) { 2 } else { 512 };

/// How a tree ended, once it has.
pub(crate) type Outcome = watch::Sender<Option<Result<Report, Failure>>>;

/// The owner of a tree.
pub(crate) struct Processor {
    pub(super) core: Core,
    timer: Timer,
    rng: StdRng,
    pub(super) entries: Entries,
    pub(super) waits: Waits,
    shared: Arc<Shared>,
    inbox: mpsc::UnboundedReceiver<Message>,
    outcome: Outcome,
    throws: Throws,
    /// How many messages are to be heard before what is due is done.
    behind: Option<usize>,
}

/// Whether a panic is met by the caller of `run()` too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Throws {
    /// It is an exit like any other.
    #[default]
    Never,
    /// It aborts the tree and is resumed in the caller.
    Panics,
}

/// Whether the processor goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Go,
    /// The tree has ended, or nobody holds it any more.
    End,
}

/// What the processor is made of.
pub(crate) struct Parts {
    pub(crate) core: Core,
    pub(crate) root: Declared,
    pub(crate) rng: StdRng,
    pub(crate) shared: Arc<Shared>,
    pub(crate) inbox: mpsc::UnboundedReceiver<Message>,
    pub(crate) outcome: Outcome,
    pub(crate) throws: Throws,
}

impl Processor {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            core,
            root,
            rng,
            shared,
            inbox,
            outcome,
            throws,
        } = parts;
        let (timer, waits) = (Timer::new(shared.time.clone()), Waits::default());
        let mut processor = Self {
            core,
            timer,
            rng,
            entries: Entries::default(),
            waits,
            shared,
            inbox,
            outcome,
            throws,
            behind: None,
        };
        processor.enter(processor.core.root(), root, None);
        processor
    }

    /// Runs the tree until it has ended.
    pub(crate) async fn run(mut self) {
        let mut batch = Vec::new();
        let mut next = self.advance(self.timer.now());
        while next == Next::Go {
            self.answer();
            self.timer.set(self.core.next_deadline());
            self.shared.turn();
            tokio::select! {
                biased;
                _ = self.inbox.recv_many(&mut batch, BATCH) => {}
                () = self.timer.ring() => {}
            }
            self.shared.turn();
            let heard_now = batch.len();
            let now = self.timer.now();
            let mut heard = batch.drain(..);
            while let Some(message) = heard.next() {
                if self.take(now, message) == Next::End {
                    heard.for_each(unheard);
                    return;
                }
            }
            drop(heard);
            // One look at the clock for both: what is not late now does not become so in between.
            let now = self.timer.now();
            if !self.is_behind(now, heard_now) {
                next = self.advance(now);
            }
            if next == Next::Go && heard_now == BATCH {
                // A flood of messages does not keep the thread from others.
                yield_now().await;
            }
        }
    }

    /// Whether something is due, and messages are left that were queued when that was found.
    fn is_behind(&mut self, now: Duration, heard: usize) -> bool {
        let left = match self.behind.take() {
            _ if !self.core.is_late(now) => 0,
            None => self.inbox.len(),
            // What is counted and not there yet is not waited for.
            Some(_) if heard == 0 => 0,
            Some(left) => left.saturating_sub(heard),
        };
        self.behind = (left > 0).then_some(left);
        left > 0
    }

    fn advance(&mut self, now: Duration) -> Next {
        let entries = &mut self.entries;
        let last_beat = |id| entries.last_beat(id);
        self.core.advance(now, &mut self.rng, last_beat);
        self.act()
    }

    fn answer(&mut self) {
        let (core, inbox) = (&self.core, &self.inbox);
        let waits = &mut self.waits;
        let is_settled = || inbox.is_empty() && core.is_settled();
        let _ = shield(|| waits.answer(is_settled, core.is_ready()));
    }

    /// Takes one message, and does what follows from it.
    fn take(&mut self, now: Duration, message: Message) -> Next {
        match message {
            Message::Run { parent, child } => self.run_child(now, Some(parent), child, None),
            Message::Group(group) => self.run_group(now, *group),
            Message::Start {
                pool,
                generation,
                child,
            } => {
                let place = pool.place(generation);
                let view = place.and_then(|place| self.core.view(place));
                self.run_child(now, view.map(|view| view.id), child, Some(pool));
            }
            Message::Signal { life, signal } => {
                self.core.signal(now, life.id(), life.path(), signal);
            }
            Message::Exited {
                id,
                exit,
                left,
                remains,
            } => {
                let seat = match remains {
                    Remains::Gone => None,
                    Remains::Parked(seat) => Some(seat),
                    Remains::Panicked(payload) if self.throws == Throws::Panics => {
                        return self.throw(payload);
                    }
                    Remains::Panicked(payload) => {
                        drop_shielded(payload);
                        None
                    }
                };
                self.entries.returned(id, seat);
                self.waits.forget_giver(id);
                self.core.exited(now, id, exit, left);
            }
            Message::Ended(id) => self.core.ended(now, id),
            Message::OwnedPanicked { payload, .. } if self.throws == Throws::Panics => {
                return self.throw(payload);
            }
            Message::OwnedPanicked { id, panic, payload } => {
                drop_shielded(payload);
                self.core.owned_panicked(now, id, panic);
            }
            Message::Ask { address, question } => self.hear(&address, question),
            Message::Order(given) => return self.order(now, *given),
            Message::Settled(reply) => self.waits.wait_settled(reply),
            Message::Ready(reply) => self.waits.wait_ready(reply),
            Message::Snapshot(reply) => {
                let snapshot = self.snapshot();
                // Who asked may have gone.
                let _ = shield(|| drop(reply.send(snapshot)));
            }
            Message::Stop(within) => {
                self.shared.note_stop();
                self.core.stop(now, within);
            }
            Message::Abandoned => return self.abandon(),
        }
        self.act()
    }

    fn hear(&mut self, address: &Address, question: Question) {
        if let Some(place) = address.place() {
            // Whoever is answered wakes up, which runs code of the user's.
            let _ = shield(|| {
                self.waits
                    .ask(&mut self.core, place, &address.path, question)
            });
        }
    }

    fn run_child(
        &mut self,
        now: Duration,
        parent: Option<Id>,
        child: Declared,
        pool: Option<Arc<PoolCell>>,
    ) {
        let declaration = declaration(&child);
        match parent.and_then(|parent| self.core.run(now, parent, declaration)) {
            Some(place) => self.enter(place, child, pool),
            None => refuse(child, pool),
        }
    }

    fn run_group(&mut self, now: Duration, group: DeclaredGroup) {
        let DeclaredGroup {
            parent,
            label,
            options,
            members,
        } = group;
        let declarations = members.iter().map(declaration).collect();
        match self
            .core
            .run_group(now, parent, label, options, declarations)
        {
            Some(places) => {
                for (place, child) in places.into_iter().zip(members) {
                    self.enter(place, child, None);
                }
            }
            None => members.into_iter().for_each(|child| refuse(child, None)),
        }
    }

    /// Keeps what belongs to a new place beside the core.
    fn enter(&mut self, place: Place, child: Declared, pool: Option<Arc<PoolCell>>) {
        let publishes = child.claim.is_some();
        self.entries.insert(place, child, pool);
        if publishes {
            self.core.watch(place);
            // It may be told to stop already.
            self.entries.look(&self.core, place);
        }
    }

    /// Does every action that the core has ready.
    pub(super) fn act(&mut self) -> Next {
        let mut changed = Vec::new();
        while let Some(action) = self.core.next_action() {
            match action {
                Action::End(result) => return self.end(result),
                Action::Changed(place) => {
                    // At once: what starts after this reads nothing of what has ended before (L5).
                    self.entries.look(&self.core, place);
                    changed.push(place);
                }
                Action::Event(event) if observe::is_idle_talk(&self.shared, &event) => {}
                // Cancelling, answering and telling run code of the user's: wakers, subscribers.
                action => drop(shield(|| self.perform(action))),
            }
        }
        // Only now: whoever is answered finds it done.
        for place in changed {
            let _ = shield(|| self.answer_about(place));
        }
        Next::Go
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Start {
                id,
                attempt,
                last_exit,
            } => {
                let start = Start {
                    id,
                    attempt,
                    last_exit,
                };
                self.entries.start(&self.shared, start);
            }
            Action::Open(id) => self.entries.open(id),
            Action::Ask(id) => {
                self.waits.asked(id);
                self.entries.ask(id);
            }
            Action::Abort(id) => self.entries.abort(id),
            Action::Forget { place, last } => {
                let address = self.entries.address(place).cloned();
                // First, as whoever is answered asks its handle.
                self.entries.forget(place, Ended::of(last));
                if let Some(address) = address {
                    self.waits.forget(place, &address.path);
                }
            }
            Action::Free { parent, name } => self.entries.free(parent, &name),
            Action::Event(event) => observe::tell(&self.shared, event),
            Action::Changed(_) | Action::End(_) => {}
        }
    }

    fn answer_about(&mut self, place: Place) {
        if let Some(address) = self.entries.address(place) {
            self.waits.changed(&self.core, place, &address.path);
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        let snapshot = self.core.snapshot(self.timer.now());
        let left = self.left(&snapshot);
        complete(snapshot, &left)
    }

    fn left(&mut self, snapshot: &Snapshot) -> Left {
        let nodes = snapshot.nodes.iter();
        let owning = nodes.filter(|node| node.ending > 0 || node.uptime.is_some());
        let left = owning.map(|node| (node.slot, self.entries.left(node.slot)));
        left.filter(|(_, (owned, _))| *owned > 0).collect()
    }

    fn end(&mut self, result: Result<Report, Failure>) -> Next {
        let now = self.timer.now();
        let root = self.core.view(self.core.root());
        let left = if root.is_some_and(|root| root.has_leaked) {
            self.left(&self.core.snapshot(now))
        } else {
            Left::new()
        };
        let core = &self.core;
        self.entries
            .end_all(|place| core.view(place).map(Ended::of));
        // Only here is it set.
        let last = LastLook::new(self.core.take_last(now), left);
        drop(self.shared.last.set(last));
        // What was accepted and not heard is gone before the end is told, too (L1).
        let next = self.drain();
        // Whoever waits wakes up, which runs code of the user's.
        let outcome = &self.outcome;
        let _ = shield(|| drop(outcome.send_replace(Some(result))));
        next
    }

    /// Aborts all that runs: nobody holds the tree any more.
    fn abandon(&mut self) -> Next {
        self.shared.abandon();
        self.entries.abort_all();
        self.drain()
    }

    fn throw(&mut self, payload: Payload) -> Next {
        self.shared.throw(payload);
        self.abandon()
    }

    /// Refuses what is said from now on, and drops what was said and not heard.
    fn drain(&mut self) -> Next {
        // Whoever waits for the end wakes up, which runs code of the user's.
        let _ = shield(|| self.inbox.close());
        while let Ok(message) = self.inbox.try_recv() {
            unheard(message);
        }
        Next::End
    }
}

/// However the processor ends, also with its runtime: nothing of the tree is waited for any more,
/// and whoever reads events hears that there are no more.
impl Drop for Processor {
    fn drop(&mut self) {
        self.entries.abort_all();
        self.drain();
        self.waits.leave();
        let _ = shield(|| self.shared.observers.close());
    }
}

fn declaration(child: &Declared) -> Declaration {
    Declaration {
        path: child.address.path.clone(),
        options: child.options.clone(),
    }
}

/// Drops what was said and is not heard any more; what was declared has ended.
fn unheard(message: Message) {
    match message {
        Message::Run { child, .. } => refuse(child, None),
        Message::Group(group) => group
            .members
            .into_iter()
            .for_each(|child| refuse(child, None)),
        Message::Start { pool, child, .. } => refuse(child, Some(pool)),
        message => drop_shielded(message),
    }
}

/// Ends a child whose parent, or tree, was gone before the tree heard of it.
fn refuse(child: Declared, pool: Option<Arc<PoolCell>>) {
    child.address.end(Ended::never());
    if let Stored::Pool(pool) = &child.stored {
        // What it took now would stay in the closed mailbox, as long as anybody holds the pool.
        pool.close();
    }
    drop_shielded((child.stored, child.claim));
    if let Some(pool) = pool {
        pool.forget(child.address.path.name());
    }
}
