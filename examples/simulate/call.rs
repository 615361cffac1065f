//! The calls that the core can be told something by, as data: what was told can be told again.

use std::sync::Arc;
use std::time::Duration;

use perennial::tree::{
    Core, Declaration, GroupOptions, Id, Options, OrderKind, Place, Refusal, Signal,
};
use perennial::{Exit, Name, Panic, Path};
use rand::rngs::Xoshiro256PlusPlus as Rng;

#[derive(Clone, Debug)]
pub(crate) enum Call {
    Run(Id, Declaration),
    Group(Id, Name, GroupOptions, Vec<Declaration>),
    Signal(Id, Path, Signal),
    Exited(Id, Exit, usize),
    Ended(Id),
    OwnedPanicked(Id, Panic),
    Order(Place, OrderKind),
    Reconfigure(Place, Arc<Options>),
    Stop(Option<Duration>),
    Advance,
}

/// What the core returns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    /// The places of what was declared.
    pub(crate) places: Vec<Place>,
    /// Why an order was refused.
    pub(crate) refusal: Option<Refusal>,
}

impl Call {
    /// Tells the core.
    pub(crate) fn tell(self, core: &mut Core, now: Duration, rng: &mut Rng) -> Reply {
        let mut reply = Reply::default();
        match self {
            Self::Run(parent, child) => {
                reply.places = core.run(now, parent, child).into_iter().collect();
            }
            Self::Group(parent, label, options, members) => {
                let places = core.run_group(now, parent, label, options, members);
                reply.places = places.unwrap_or_default();
            }
            Self::Signal(id, path, signal) => core.signal(now, id, &path, signal),
            Self::Exited(id, exit, left) => core.exited(now, id, exit, left),
            Self::Ended(id) => core.ended(now, id),
            Self::OwnedPanicked(id, panic) => core.owned_panicked(now, id, panic),
            Self::Order(place, order) => reply.refusal = core.order(now, place, order).err(),
            Self::Reconfigure(place, options) => {
                reply.refusal = core.reconfigure(place, options).err();
            }
            Self::Stop(within) => core.stop(now, within),
            // Nobody beats here.
            Self::Advance => core.advance(now, rng, |_| Duration::ZERO),
        }
        reply
    }
}
