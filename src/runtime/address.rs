//! The address of a place: what its handles, its contexts and the processor share.

use std::sync::Arc;

use crate::path::Path;
use crate::runtime::child::Ended;
use crate::runtime::sync::{AtomicU64, AtomicUsize, OnceLock, Ordering};
use crate::tree::Place;

/// Where a place is, and how it ended.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) path: Path,
    /// Set by the processor when it takes the declaration, which is before any question about it.
    slot: AtomicUsize,
    /// The number of its first incarnation; 0 until then, as numbers begin with 1.
    born: AtomicU64,
    /// Set when the place is gone, for handles that outlive it.
    ended: OnceLock<Ended>,
}

impl Address {
    pub(crate) fn new(path: Path) -> Arc<Self> {
        Arc::new(Self {
            path,
            slot: AtomicUsize::new(0),
            born: AtomicU64::new(0),
            ended: OnceLock::new(),
        })
    }

    pub(crate) fn place(&self) -> Option<Place> {
        let born = self.born.load(Ordering::Acquire);
        let slot = self.slot.load(Ordering::Relaxed);
        (born != 0).then_some(Place { slot, born })
    }

    /// Only the processor settles an address, once.
    pub(crate) fn settle(&self, place: Place) {
        self.slot.store(place.slot, Ordering::Relaxed);
        self.born.store(place.born, Ordering::Release);
    }

    pub(crate) fn ended(&self) -> Option<&Ended> {
        self.ended.get()
    }

    pub(crate) fn end(&self, ended: Ended) {
        // The first end is the end.
        let _ = self.ended.set(ended);
    }
}
