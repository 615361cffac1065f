//! The address of a place: what its handles, its contexts and the processor share.

use std::sync::Arc;

use crate::path::Path;
use crate::runtime::child::Ended;
use crate::runtime::sync::OnceLock;
use crate::tree::Place;

/// Where a place is, and how it ended.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) path: Path,
    /// Set by the processor when it takes the declaration, which is before any question about it.
    place: OnceLock<Place>,
    /// Set when the place is gone, for handles that outlive it.
    ended: OnceLock<Ended>,
}

impl Address {
    pub(crate) fn new(path: Path) -> Arc<Self> {
        Arc::new(Self {
            path,
            place: OnceLock::new(),
            ended: OnceLock::new(),
        })
    }

    pub(crate) fn place(&self) -> Option<Place> {
        self.place.get().copied()
    }

    pub(crate) fn settle(&self, place: Place) {
        // Only the processor settles an address, once.
        let _ = self.place.set(place);
    }

    pub(crate) fn ended(&self) -> Option<&Ended> {
        self.ended.get()
    }

    pub(crate) fn end(&self, ended: Ended) {
        // The first end is the end.
        let _ = self.ended.set(ended);
    }
}
