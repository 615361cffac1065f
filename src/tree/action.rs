//! What the core wants done. Only the processor does it.

use std::sync::Arc;

use crate::name::Name;
use crate::tree::event::Event;
use crate::tree::evidence::Evidence;
use crate::tree::report::{Failure, Report};
use crate::tree::snapshot::View;

/// One incarnation of one node. A late message names an id that is no longer there (L10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    pub(crate) slot: usize,
    pub(crate) incarnation: u64,
}

impl Id {
    /// The number of the incarnation, unique in its tree.
    #[must_use]
    pub const fn incarnation(self) -> u64 {
        self.incarnation
    }

    /// Where the node is kept; the same for all incarnations of a place, reused after it is gone.
    #[must_use]
    pub const fn slot(self) -> usize {
        self.slot
    }
}

/// One node through all of its incarnations, until its parent's incarnation is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub(crate) slot: usize,
    pub(crate) born: u64,
}

impl Place {
    /// Where the node is kept; reused after the place is gone.
    #[must_use]
    pub const fn slot(self) -> usize {
        self.slot
    }
}

/// Something that the core wants done, in the order in which it wants it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Action {
    /// Run the node's runnable as this incarnation.
    Start {
        /// The new incarnation.
        id: Id,
        /// Which attempt this is; 1 for the first.
        attempt: u32,
        /// How the node's last incarnation returned.
        last_exit: Option<Arc<Evidence>>,
    },
    /// Let the pool take children from now on.
    Open(Id),
    /// Cancel the incarnation's token.
    Ask(Id),
    /// Drop the incarnation's future and the tasks it owns.
    Abort(Id),
    /// Something changed at a watched place.
    Changed(Place),
    /// The place is gone, and so is what it would have run.
    Forget {
        /// The place.
        place: Place,
        /// How it looked last.
        last: View,
    },
    /// A child was removed: its name is free, should this incarnation of its parent still declare.
    Free {
        /// The parent.
        parent: Id,
        /// The name.
        name: Name,
    },
    /// Tell whoever listens.
    Event(Event),
    /// The tree has ended; no action follows.
    End(Result<Report, Failure>),
}
