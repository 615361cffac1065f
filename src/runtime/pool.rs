//! Pools: children that come and go, such as one for each connection (R13).

use std::fmt;
use std::sync::Arc;

use crate::name::Name;
use crate::path::Path;
use crate::runtime::address::Address;
use crate::runtime::child::Child;
use crate::runtime::declare::declared;
use crate::runtime::error::StartError;
use crate::runtime::mailbox::Message;
use crate::runtime::runnable::RunOnce;
use crate::runtime::shared::Shared;
use crate::runtime::sync::Mutex;

/// A node without code, whose children come and go while it lives.
///
/// Its children are temporary: one that returns or fails is not started again, and is forgotten
/// when it and all below it have ended. They are named by number, from 1. The handle is cheap to
/// clone, and keeps neither the pool nor the tree alive.
#[derive(Clone)]
pub struct Pool {
    cell: Arc<PoolCell>,
}

/// What the handles of a pool and the processor share.
pub(crate) struct PoolCell {
    pub(crate) address: Arc<Address>,
    shared: Arc<Shared>,
    ledger: Mutex<PoolLedger>,
}

/// What a pool has started; one short lock, as for the ledger of an incarnation.
#[derive(Debug, Default)]
struct PoolLedger {
    is_closed: bool,
    present: usize,
    started: u64,
    /// Counts how often it was opened again: what was accepted before is of another incarnation.
    generation: u64,
}

impl Pool {
    pub(super) const fn new(cell: Arc<PoolCell>) -> Self {
        Self { cell }
    }

    /// Starts a child.
    ///
    /// It may consume what it captures, since it runs once. The child stands at
    /// `PATH.POOL.NUMBER`; numbers are never reused.
    ///
    /// # Errors
    ///
    /// [`StartError::Stopped`] if the pool was told to stop, and [`StartError::TooMany`] if it has
    /// as many children as the supervisor allows. The runnable is dropped.
    pub fn start(&self, runnable: impl RunOnce) -> Result<Child, StartError> {
        let PoolCell {
            address,
            shared,
            ledger,
        } = &*self.cell;
        let spec = runnable.into_spec_once();
        let pool = || address.path.clone();
        // What is rejected is dropped after the lock: it may hold code of the user's.
        let rejected;
        let mut ledger = ledger.lock();
        let limit = shared.children_max;
        if ledger.is_closed {
            return Err(StartError::Stopped { pool: pool() });
        }
        if ledger.present >= limit {
            return Err(StartError::TooMany {
                pool: pool(),
                limit,
            });
        }
        ledger.started += 1;
        let child = Address::new(address.path.child(Name::numbered(ledger.started)));
        let handle = Child::new(child.clone(), shared.clone());
        let message = Message::Start {
            pool: self.cell.clone(),
            generation: ledger.generation,
            child: declared(child, spec),
        };
        rejected = shared.say(message);
        match &rejected {
            Ok(()) => {
                ledger.present += 1;
                Ok(handle)
            }
            Err(_) => Err(StartError::Stopped { pool: pool() }),
        }
    }

    /// How many children the pool has: those that were started and are not forgotten yet.
    #[must_use]
    pub fn children(&self) -> usize {
        self.cell.ledger.lock().present
    }

    /// The pool's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.cell.address.path
    }
}

impl PoolCell {
    pub(super) fn new(address: Arc<Address>, shared: Arc<Shared>) -> Self {
        Self {
            address,
            shared,
            ledger: Mutex::new(PoolLedger::default()),
        }
    }

    /// Starts nothing from now on.
    pub(crate) fn close(&self) {
        self.ledger.lock().is_closed = true;
    }

    /// Starts children again, in a new incarnation.
    pub(crate) fn open(&self) {
        let mut ledger = self.ledger.lock();
        if std::mem::take(&mut ledger.is_closed) {
            ledger.generation += 1;
        }
    }

    /// Whether a child was accepted for the present incarnation, and not for one before.
    pub(crate) fn is_present(&self, generation: u64) -> bool {
        self.ledger.lock().generation == generation
    }

    /// Notes that a child is forgotten.
    pub(crate) fn forget(&self) {
        self.ledger.lock().present -= 1;
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({}, {} children)", self.path(), self.children())
    }
}
