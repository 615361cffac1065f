//! What the handles of a pool and the processor share.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::name::{Name, NameError};
use crate::path::Path;
use crate::runtime::address::Address;
use crate::runtime::child::Child;
use crate::runtime::declare::declared;
use crate::runtime::error::StartError;
use crate::runtime::mailbox::Message;
use crate::runtime::panics::shield;
use crate::runtime::runnable::Spec;
use crate::runtime::shared::Shared;
use crate::runtime::sync::{Mutex, Notify};
use crate::tree::{Options, Place};

/// What the handles of a pool and the processor share.
pub(crate) struct PoolCell {
    pub(super) options: Options,
    pub(super) max_children: Option<usize>,
    ledger: Mutex<Ledger>,
    /// Told when a pool that takes no children has none, or opens again.
    emptied: Notify,
}

/// What a pool has started; one short lock, as for the ledger of an incarnation.
#[derive(Default)]
struct Ledger {
    site: Option<Site>,
    gate: Gate,
    present: usize,
    started: u64,
    /// The names of the present children that are not numbers.
    names: BTreeSet<Name>,
    /// Counts how often it was opened again: what was accepted before is of another incarnation.
    generation: u64,
}

/// Where a pool was declared.
struct Site {
    address: Arc<Address>,
    shared: Arc<Shared>,
}

/// Whether a pool takes children.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gate {
    /// The tree was not told of it: what it took now might be heard before it.
    #[default]
    Undeclared,
    Open,
    /// It waits for the present ones.
    Draining,
    /// It was told to stop, or is gone.
    Closed,
}

/// How a child of a pool is called.
pub(super) enum Called {
    Numbered,
    Named(Result<Name, NameError>),
}

impl PoolCell {
    pub(super) fn new(options: Options, max_children: Option<usize>) -> Self {
        Self {
            options,
            max_children,
            ledger: Mutex::new(Ledger::default()),
            emptied: Notify::new(),
        }
    }

    /// Gives the pool its place, or says which one it has.
    pub(crate) fn claim(&self, address: &Arc<Address>, shared: &Arc<Shared>) -> Result<(), Path> {
        let mut ledger = self.ledger.lock();
        if let Some(site) = &ledger.site {
            return Err(site.address.path.clone());
        }
        let (address, shared) = (address.clone(), shared.clone());
        ledger.site = Some(Site { address, shared });
        Ok(())
    }

    /// Takes children from now on: the pool's declaration is queued.
    pub(crate) fn declare(&self) {
        let mut ledger = self.ledger.lock();
        if ledger.gate == Gate::Undeclared {
            ledger.gate = Gate::Open;
        }
    }

    /// Takes back a claim whose declaration was refused.
    pub(crate) fn release(&self) {
        self.ledger.lock().site = None;
    }

    pub(super) fn path(&self) -> Option<Path> {
        let ledger = self.ledger.lock();
        ledger.site.as_ref().map(|site| site.address.path.clone())
    }

    pub(super) fn children(&self) -> usize {
        self.ledger.lock().present
    }

    /// Starts a child: its number or name is given, and the start queued, in one critical section.
    pub(super) fn start(self: &Arc<Self>, called: Called, spec: Spec) -> Result<Child, StartError> {
        // What is rejected is dropped after the lock: it may hold code of the user's.
        let rejected;
        let mut ledger = self.ledger.lock();
        let Ledger { site, .. } = &*ledger;
        let Site { address, shared } = site.as_ref().ok_or(StartError::Undeclared)?;
        let (address, shared) = (address.clone(), shared.clone());
        let pool = &address.path;
        let limit = shared.children_max;
        let limit = self.max_children.map_or(limit, |most| most.min(limit));
        ledger.admit(pool, limit)?;
        let name = ledger.name(pool, called)?;
        let child = Address::new(pool.child(name.clone()));
        let handle = Child::new(child.clone(), shared.clone());
        rejected = shared.say(Message::Start {
            pool: self.clone(),
            generation: ledger.generation,
            child: declared(child, spec),
        });
        match &rejected {
            Ok(()) => {
                ledger.present += 1;
                if !is_number(&name) {
                    ledger.names.insert(name);
                }
                Ok(handle)
            }
            Err(_) => Err(StartError::Stopped { pool: pool.clone() }),
        }
    }

    /// Starts nothing from now on.
    pub(crate) fn close(&self) {
        self.ledger.lock().gate = Gate::Closed;
    }

    /// Starts children again, in a new incarnation.
    pub(crate) fn open(&self) {
        let mut ledger = self.ledger.lock();
        if ledger.gate == Gate::Closed {
            ledger.gate = Gate::Open;
            ledger.generation += 1;
            drop(ledger);
            self.tell_emptied();
        }
    }

    /// Refuses children from now on, and returns what [`emptied`](Self::emptied) takes.
    pub(super) fn drain(&self) -> u64 {
        let mut ledger = self.ledger.lock();
        if matches!(ledger.gate, Gate::Undeclared | Gate::Open) {
            ledger.gate = Gate::Draining;
        }
        ledger.generation
    }

    /// Waits until no child of an incarnation of the pool is left, or nobody is left who could
    /// forget them.
    pub(super) async fn emptied(&self, generation: u64) {
        loop {
            let emptied = self.emptied.notified();
            let Some(shared) = self.filled(generation) else {
                return;
            };
            tokio::select! {
                biased;
                () = emptied => {}
                () = shared.mailbox.closed() => return,
            }
        }
    }

    /// The tree of a pool that has children of this incarnation left.
    fn filled(&self, generation: u64) -> Option<Arc<Shared>> {
        let ledger = self.ledger.lock();
        let is_filled = ledger.present > 0 && ledger.generation == generation;
        let site = ledger.site.as_ref().filter(|_| is_filled);
        site.map(|site| site.shared.clone())
    }

    /// Where a child belongs that was accepted, unless that was for an incarnation before the
    /// present one.
    pub(crate) fn place(&self, generation: u64) -> Option<Place> {
        let ledger = self.ledger.lock();
        let site = ledger.site.as_ref();
        site.filter(|_| ledger.generation == generation)?
            .address
            .place()
    }

    /// Notes that a child is forgotten.
    pub(crate) fn forget(&self, child: &Name) {
        let mut ledger = self.ledger.lock();
        ledger.present -= 1;
        if !ledger.names.is_empty() {
            ledger.names.remove(child);
        }
        let is_emptied = ledger.present == 0 && ledger.gate != Gate::Open;
        drop(ledger);
        if is_emptied {
            self.tell_emptied();
        }
    }

    /// Whoever waits wakes up, which runs code of the user's: not under the lock.
    fn tell_emptied(&self) {
        let _ = shield(|| self.emptied.notify_waiters());
    }
}

impl Ledger {
    /// Whether one more child may come.
    fn admit(&self, pool: &Path, limit: usize) -> Result<(), StartError> {
        let pool = || pool.clone();
        match self.gate {
            Gate::Undeclared => Err(StartError::Undeclared),
            Gate::Closed => Err(StartError::Stopped { pool: pool() }),
            Gate::Draining => Err(StartError::Draining { pool: pool() }),
            Gate::Open if self.present >= limit => Err(StartError::TooMany {
                pool: pool(),
                limit,
            }),
            Gate::Open => Ok(()),
        }
    }

    fn name(&mut self, pool: &Path, called: Called) -> Result<Name, StartError> {
        let pool = || pool.clone();
        match called {
            Called::Numbered => {
                self.started += 1;
                Ok(Name::numbered(self.started))
            }
            Called::Named(Err(source)) => Err(StartError::Name {
                pool: pool(),
                source,
            }),
            Called::Named(Ok(name)) if is_number(&name) => {
                Err(StartError::Number { pool: pool(), name })
            }
            Called::Named(Ok(name)) if self.names.contains(&name) => {
                Err(StartError::NameTaken { pool: pool(), name })
            }
            Called::Named(Ok(name)) => Ok(name),
        }
    }
}

/// Whether a name is one that only the pool gives, so that no number is used again.
fn is_number(name: &Name) -> bool {
    name.as_str().bytes().all(|byte| byte.is_ascii_digit())
}
