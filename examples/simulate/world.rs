//! A world: the shape of a tree, what is chosen for each of its nodes, and how it will be stopped.

use std::fmt;
use std::time::Duration;

use perennial::tree::{GroupOptions, Settings};
use perennial::{Name, Path};

use crate::choices::{Choices, DELAY_MAX};

/// A place of the blueprint, by its number.
pub(crate) type Spot = usize;

pub(crate) const ROOT: Spot = 0;

/// How long an incarnation takes to become healthy, once nobody hinders it.
pub(crate) const SETUP_MAX: Duration = Duration::from_secs(1);

/// Everything that is chosen before anything happens.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) places: Vec<Place>,
    pub(crate) groups: Vec<Group>,
    /// Draws the jitter.
    pub(crate) jitter_seed: u64,
    /// The deadline of the stop at the end.
    pub(crate) stop_within: Option<Duration>,
}

/// A place of the blueprint. Its code declares what stands below it, in each incarnation anew.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) path: Path,
    pub(crate) parent: Option<Spot>,
    pub(crate) choices: Choices,
    /// What holds from the next start on, once somebody says so.
    pub(crate) later: Choices,
    pub(crate) broods: Vec<Brood>,
    pub(crate) career: Career,
    pub(crate) manner: Manner,
}

/// What is declared, or started in a pool, at once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Brood {
    Alone(Spot),
    Group(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) label: Name,
    pub(crate) options: GroupOptions,
    pub(crate) members: Vec<Spot>,
}

/// What a node does when it is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Career {
    /// It serves until it is told to stop.
    Serves,
    /// It is done as soon as it has declared its children.
    Done,
}

/// How a node takes being asked to stop, in the stop at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It returns at once.
    Obeys,
    /// It goes on until it is aborted.
    Ignores,
    /// Not even an abort ends it.
    Leaks,
}

impl World {
    /// How long it may take from the last fault until the tree is settled or has ended: for each
    /// node, as they may stop one after the other, one grace, one bound for leaks, one pass, one
    /// delay and one start.
    pub(crate) fn settles_within(&self) -> Duration {
        let graces = self.places.iter().filter_map(|place| place.choices.grace);
        let grace = graces.max().unwrap_or_default();
        let jitters = self.places.iter().map(|place| place.choices.jitter);
        let delay = DELAY_MAX.mul_f64(1.0 + jitters.fold(0.0, f64::max));
        let turn = grace + self.settings.leak_after + self.settings.gc_interval + delay + SETUP_MAX;
        turn * u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.choices)?;
        if self.career == Career::Done {
            f.write_str(", done when it is set up")?;
        }
        match self.manner {
            Manner::Obeys => Ok(()),
            Manner::Ignores => f.write_str(", ignores the last stop until it is aborted"),
            Manner::Leaks => f.write_str(", leaks in the last stop"),
        }
    }
}
