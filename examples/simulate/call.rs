//! The calls that the core can be told something by, as data: what was told can be told again.

use std::time::Duration;

use perennial::tree::{Core, Declaration, Id, Place, Signal, Strategy};
use perennial::{Exit, Name, Panic, Path};
use rand::rngs::Xoshiro256PlusPlus as Rng;

#[derive(Clone, Debug)]
pub(crate) enum Call {
    Run(Id, Declaration),
    Group(Id, Name, Strategy, Vec<Declaration>),
    Signal(Id, Path, Signal),
    Exited(Id, Exit, usize),
    Ended(Id),
    OwnedPanicked(Id, Panic),
    Stop(Option<Duration>),
    Advance,
}

impl Call {
    /// Tells the core. Returns the places of what was declared.
    pub(crate) fn tell(self, core: &mut Core, now: Duration, rng: &mut Rng) -> Vec<Place> {
        match self {
            Self::Run(parent, child) => {
                let place = core.run(now, parent, child);
                return place.into_iter().collect();
            }
            Self::Group(parent, label, strategy, members) => {
                let places = core.run_group(now, parent, label, strategy, members);
                return places.unwrap_or_default();
            }
            Self::Signal(id, path, signal) => core.signal(now, id, &path, signal),
            Self::Exited(id, exit, left) => core.exited(now, id, exit, left),
            Self::Ended(id) => core.ended(now, id),
            Self::OwnedPanicked(id, panic) => core.owned_panicked(now, id, panic),
            Self::Stop(within) => core.stop(now, within),
            Self::Advance => core.advance(now, rng),
        }
        Vec::new()
    }
}
