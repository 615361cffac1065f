//! What the processor keeps for each place beside the core: the code, the task, the address.

use std::sync::Arc;
use std::time::Duration;

use crate::name::Name;
use crate::runtime::address::Address;
use crate::runtime::child::Ended;
use crate::runtime::claim::Claim;
use crate::runtime::incarnation::{Incarnation, Life, Start};
use crate::runtime::mailbox::Declared;
use crate::runtime::panics::{drop_shielded, shield};
use crate::runtime::pool::PoolCell;
use crate::runtime::runnable::{Spec, Stored};
use crate::runtime::shared::Shared;
use crate::runtime::sync::{AbortHandle, oneshot};
use crate::runtime::task::Seated;
use crate::tree::{Core, Health, Id, Place};

/// The entries of all places, by slot.
#[derive(Default)]
pub(super) struct Entries(Vec<Option<Entry>>);

/// What the processor keeps for one place.
struct Entry {
    place: Place,
    address: Arc<Address>,
    health: Health,
    stored: Stored,
    /// On what it publishes.
    claim: Option<Box<Claim>>,
    /// The pool that counts it.
    pool: Option<Arc<PoolCell>>,
    /// It has other code than what runs.
    is_replaced: bool,
    /// On what that other code publishes.
    next_claim: Option<Box<Claim>>,
    /// The last incarnation that was started.
    life: Option<Arc<Life>>,
    task: Task,
}

/// The task in which a node runs.
enum Task {
    None,
    Runs(AbortHandle),
    /// It was aborted: it may end at any time, so nothing is started in it again.
    Aborted,
    /// Its incarnation has returned, and it waits for the next one.
    Parked {
        abort: AbortHandle,
        seat: oneshot::Sender<Seated>,
    },
}

impl Entries {
    pub(super) fn insert(&mut self, place: Place, child: Declared, pool: Option<Arc<PoolCell>>) {
        let Declared {
            address,
            options,
            stored,
            claim,
        } = child;
        address.settle(place);
        let health = options.health;
        let slot = place.slot();
        if self.0.len() <= slot {
            self.0.resize_with(slot + 1, || None);
        }
        self.0[slot] = Some(Entry {
            place,
            address,
            health,
            stored,
            claim,
            pool,
            is_replaced: false,
            next_claim: None,
            life: None,
            task: Task::None,
        });
    }

    fn get(&mut self, slot: usize) -> Option<&mut Entry> {
        self.0.get_mut(slot)?.as_mut()
    }

    /// The entry in which this incarnation was the last to start.
    fn of(&mut self, id: Id) -> Option<&mut Entry> {
        let is_present =
            |entry: &Entry| entry.life.as_ref().is_some_and(|life| life.start.id == id);
        self.get(id.slot()).filter(|entry| is_present(entry))
    }

    pub(super) fn start(&mut self, shared: &Arc<Shared>, start: Start) {
        let Some(entry) = self.get(start.id.slot()) else {
            return;
        };
        let life = Life::new(start, entry.address.clone(), shared.clone(), entry.health);
        entry.life = Some(life.clone());
        entry.claim_anew();
        if let Some(claim) = &entry.claim {
            claim.start(life.id().incarnation());
        }
        entry.launch(Incarnation::new(life));
    }

    /// Lets a pool take children, in a new incarnation too.
    pub(super) fn open(&mut self, id: Id) {
        if let Some(Entry {
            stored: Stored::Pool(pool),
            ..
        }) = self.get(id.slot())
        {
            pool.open();
        }
    }

    /// Notes that the code of an incarnation is gone, and where its next one may run.
    pub(super) fn returned(&mut self, id: Id, seat: Option<oneshot::Sender<Seated>>) {
        let Some(entry) = self.of(id) else { return };
        let seat = seat.filter(|_| !entry.is_replaced);
        entry.task = match (std::mem::replace(&mut entry.task, Task::None), seat) {
            (Task::Runs(abort), Some(seat)) => Task::Parked { abort, seat },
            (_, _) => Task::None,
        };
    }

    pub(super) fn ask(&mut self, id: Id) {
        let Some(entry) = self.get(id.slot()) else {
            return;
        };
        match (&entry.stored, &entry.life) {
            (Stored::Pool(pool), _) => pool.close(),
            (_, Some(life)) if life.start.id == id => life.ask(),
            (_, _) => {}
        }
    }

    /// When an incarnation last beat, or zero if it never did.
    pub(super) fn last_beat(&mut self, id: Id) -> Duration {
        let life = self.of(id).and_then(|entry| entry.life.as_ref());
        life.map(|life| life.last_beat()).unwrap_or_default()
    }

    /// Aborts what runs of an incarnation: its code, unless that has returned, and what it owns.
    pub(super) fn abort(&mut self, id: Id) {
        let Some(entry) = self.of(id) else { return };
        if let Task::Runs(abort) = &entry.task {
            abort.abort();
            entry.task = Task::Aborted;
        }
        entry.abort_owned();
    }

    /// Aborts everything, and drops the code of everything.
    pub(super) fn abort_all(&mut self) {
        for entry in self.0.drain(..).flatten() {
            if let Task::Runs(abort) | Task::Parked { abort, .. } = &entry.task {
                abort.abort();
            }
            if let Some(life) = &entry.life {
                // Whoever hears it wakes up, which runs code of the user's.
                let _ = shield(|| life.ask());
            }
            entry.abort_owned();
            entry.drop_code();
        }
    }

    /// Drops the code of everything, and tells those who hold a place how it looked last. What has
    /// leaked goes on alone.
    pub(super) fn end_all(&mut self, last: impl Fn(Place) -> Option<Ended>) {
        for entry in self.0.drain(..).flatten() {
            if let Some(ended) = last(entry.place) {
                entry.address.end(ended);
            }
            entry.drop_code();
        }
    }

    /// Forgets a place, and tells those who hold it how it ended.
    pub(super) fn forget(&mut self, place: Place, ended: Ended) {
        let Some(entry) = self.0.get_mut(place.slot()) else {
            return;
        };
        let Some(entry) = entry.take_if(|entry| entry.place == place) else {
            return;
        };
        entry.address.end(ended);
        entry.drop_code();
    }

    /// Whether a place is a pool.
    pub(super) fn is_pool(&mut self, place: Place) -> bool {
        let entry = self.get(place.slot());
        entry.is_some_and(|entry| matches!(entry.stored, Stored::Pool(_)))
    }

    /// Whether a place has code that can be run only once, and was.
    pub(super) fn has_run_once(&mut self, place: Place) -> bool {
        let entry = self.get(place.slot());
        entry.is_some_and(|entry| matches!(entry.stored, Stored::Once(None)))
    }

    /// Whether a place has code that can be run only once.
    pub(super) fn runs_once(&mut self, place: Place) -> bool {
        let entry = self.get(place.slot());
        entry.is_some_and(|entry| matches!(entry.stored, Stored::Once(_)))
    }

    /// Keeps other code for the next start of a place. A task that parks for the next incarnation
    /// knows the type of the old one, so it is not used again.
    pub(super) fn replace(&mut self, place: Place, spec: Spec) {
        let Some(entry) = self.get(place.slot()) else {
            return drop_shielded(spec);
        };
        let Spec {
            options,
            stored,
            claim,
            ..
        } = spec;
        entry.health = options.health;
        entry.is_replaced = true;
        entry.next_claim = claim;
        if matches!(entry.task, Task::Parked { .. }) {
            entry.task = Task::None;
        }
        drop_shielded(std::mem::replace(&mut entry.stored, stored));
    }

    /// Takes note of how a place looks now, if it publishes anything.
    pub(super) fn look(&mut self, core: &Core, place: Place) {
        let entry = self.get(place.slot()).filter(|entry| entry.place == place);
        let Some(claim) = entry.and_then(|entry| entry.claim.as_ref()) else {
            return;
        };
        // What is gone gives its claim back when it is forgotten.
        if let Some(view) = core.view(place) {
            claim.look(&view);
        }
    }

    /// Notes that a child was removed: if its parent still declares, the name is free.
    pub(super) fn free(&mut self, parent: Id, name: &Name) {
        if let Some(life) = self.of(parent).and_then(|entry| entry.life.as_ref()) {
            life.free(name);
        }
    }

    pub(super) fn address(&mut self, place: Place) -> Option<&Arc<Address>> {
        self.get(place.slot())
            .filter(|entry| entry.place == place)
            .map(|entry| &entry.address)
    }

    /// What the incarnation in a slot owns that has not ended: how much, and which holds.
    pub(super) fn left(&mut self, slot: usize) -> (usize, Vec<String>) {
        let life = self.get(slot).and_then(|entry| entry.life.as_ref());
        life.map(|life| life.left()).unwrap_or_default()
    }
}

impl Entry {
    /// Lets other code have its own claim in the place of the one before.
    fn claim_anew(&mut self) {
        if !self.is_replaced {
            return;
        }
        let next = self.next_claim.take();
        if let Some(claim) = &next {
            claim.declare(&self.address);
        }
        // Now: whoever waits need not hear that nobody publishes.
        self.claim = next;
    }

    /// Runs an incarnation, in the task of the last one where that is still there (R7).
    fn launch(&mut self, incarnation: Incarnation) {
        let task = std::mem::replace(&mut self.task, Task::None);
        self.is_replaced = false;
        self.task = match (&mut self.stored, task) {
            (Stored::Again(run), Task::Parked { abort, seat }) => {
                let runnable = run.clone().into_any();
                match seat.send(Seated {
                    runnable,
                    incarnation,
                }) {
                    Ok(()) => Task::Runs(abort),
                    Err(seated) => Task::Runs(run.clone().launch(seated.incarnation)),
                }
            }
            (Stored::Again(run), _) => Task::Runs(run.clone().launch(incarnation)),
            (Stored::Once(run), _) => match run.take() {
                Some(run) => Task::Runs(run.launch_once(incarnation)),
                None => Task::None,
            },
            (Stored::Pool(_), _) => Task::None,
        };
    }

    /// Drops the code of a place that is gone. A pool that is gone takes no children.
    fn drop_code(mut self) {
        if let Stored::Pool(pool) = &self.stored {
            pool.close();
        }
        let (pool, address) = (self.pool.take(), self.address.clone());
        drop_shielded(self);
        // Only now: whoever drains the pool finds nothing of its children left.
        if let Some(pool) = pool {
            pool.forget(address.path.name());
        }
    }

    fn abort_owned(&self) {
        if let Some(life) = &self.life {
            life.abort_owned();
        }
    }
}
