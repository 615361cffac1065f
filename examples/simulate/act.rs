//! What happens to a tree, act by act. An act names a place of the blueprint, not an incarnation,
//! so that what is left of a shortened history still makes sense; what makes none is passed over.

use std::time::Duration;

use perennial::tree::{OrderKind, Signal};

use crate::choices::How;
use crate::world::{Brood, Spot, World};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    /// A parent declares a child alone, or one is started in its pool.
    Run {
        child: Spot,
    },
    /// A parent declares a group, or what is left of it in a shortened history.
    Group {
        group: usize,
        members: Vec<Spot>,
    },
    Signal {
        by: Spot,
        signal: Signal,
    },
    Exit {
        by: Spot,
        how: How,
        left: usize,
    },
    /// All that a returned incarnation had left has ended.
    Ended {
        by: Spot,
    },
    /// A task panics that an incarnation owns.
    OwnedPanic {
        by: Spot,
    },
    /// A message arrives of an incarnation whose place has moved on.
    Late {
        by: Spot,
        what: Late,
    },
    /// A place is ordered to do something.
    Order {
        to: Spot,
        order: OrderKind,
    },
    /// The other choices of a place hold from its next start on.
    Reconfigure {
        to: Spot,
    },
    /// The tree is told to stop.
    Stop {
        within: Option<Duration>,
    },
    /// The mailbox is empty: the pass runs, and what the core wants is done.
    Pass,
    /// Time passes, and every deadline on the way is met.
    Wait(Duration),
    /// Time passes, and the processor is late for every deadline on the way.
    Oversleep(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    Signal,
    Exit,
    Ended,
    OwnedPanic,
    Run,
}

impl Act {
    /// The act by which this part of the blueprint is declared.
    pub(crate) fn declare(world: &World, brood: Brood) -> Self {
        match brood {
            Brood::Alone(child) => Self::Run { child },
            Brood::Group(group) => Self::Group {
                group,
                members: world.groups[group].members.clone(),
            },
        }
    }
}

/// One tree from its start to its end. What comes after the acts, the calm and the stop at the end,
/// follows from the world.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) world: World,
    pub(crate) acts: Vec<Act>,
    /// Whether the naive tree follows.
    pub(crate) is_compared: bool,
}
