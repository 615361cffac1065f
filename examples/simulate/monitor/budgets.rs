//! Never more restarts within a running time than a budget allows (R9).
//!
//! What was told to stop and is not asked yet counts as running here, so that time passes faster
//! than in the core: what breaks a budget here breaks it there.

use std::time::Duration;

use perennial::tree::{Event, Intensity, Kind};

use crate::monitor::Monitor;
use crate::monitor::node::Own;
use crate::world::{Spot, World};

/// One budget: the deaths that were answered by a restart, and how long those ran whom it covers.
#[derive(Clone, Debug, Default)]
struct Meter {
    deaths: Vec<Duration>,
    running: usize,
    ran: Duration,
    since: Duration,
}

/// When a node died, in the time of each budget that counts it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Death {
    own: Option<Duration>,
    group: Option<Duration>,
    children: Option<Duration>,
}

/// All budgets.
#[derive(Clone, Debug)]
pub(crate) struct Meters {
    own: Vec<Meter>,
    children: Vec<Meter>,
    groups: Vec<Meter>,
    runs: Vec<bool>,
    /// How much one death weighs; more than one is a lie.
    pub(crate) weight: usize,
}

impl Meter {
    fn time(&self, now: Duration) -> Duration {
        if self.running == 0 {
            return self.ran;
        }
        self.ran + now.saturating_sub(self.since)
    }

    fn run(&mut self, now: Duration, runs: bool) {
        self.ran = self.time(now);
        self.since = now;
        if runs {
            self.running += 1;
        } else {
            self.running -= 1;
        }
    }

    /// Notes that a restart answers a death at this time. Says whether the budget allows it.
    fn answer(&mut self, death: Duration, weight: usize, intensity: Option<Intensity>) -> bool {
        let Some(intensity) = intensity else {
            return true;
        };
        self.deaths.extend(std::iter::repeat_n(death, weight));
        let counts = |other: &&Duration| {
            **other <= death && death.saturating_sub(**other) <= intensity.within()
        };
        let count = self.deaths.iter().filter(counts).count();
        count <= usize::try_from(intensity.restarts()).unwrap_or(usize::MAX)
    }
}

impl Meters {
    pub(super) fn new(world: &World) -> Self {
        let places = world.places.len();
        Self {
            own: vec![Meter::default(); places],
            children: vec![Meter::default(); places],
            groups: vec![Meter::default(); world.groups.len()],
            runs: vec![false; places],
            weight: 1,
        }
    }

    /// An order to start empties the budget of a node.
    pub(super) fn begin_node(&mut self, spot: Spot) {
        self.own[spot].deaths.clear();
    }

    /// The budgets of its children die with an incarnation.
    pub(super) fn begin_children(&mut self, spot: Spot) {
        self.children[spot].deaths.clear();
    }

    pub(super) fn begin_group(&mut self, group: usize) {
        self.groups[group].deaths.clear();
    }
}

impl Monitor<'_> {
    /// Lets time pass for those that run.
    pub(super) fn meter(&mut self, spot: Spot) {
        let node = &self.nodes[spot];
        let is_code = self.world.places[spot].choices.kind == Kind::Runnable;
        let runs = is_code && node.own == Own::Code && node.goes_on();
        if std::mem::replace(&mut self.meters.runs[spot], runs) == runs {
            return;
        }
        let (group, now) = (node.group, self.now);
        self.meters.own[spot].run(now, runs);
        if let Some(parent) = self.world.places[spot].parent {
            self.meters.children[parent].run(now, runs);
        }
        if let Some(group) = group {
            self.meters.groups[group].run(now, runs);
        }
    }

    /// Notes when it died, in the time of each budget. Whether a restart answers is seen later.
    pub(super) fn died(&mut self, spot: Spot) {
        let (now, meters) = (self.now, &self.meters);
        let parent = self.world.places[spot].parent;
        let group = self.nodes[spot].group;
        self.nodes[spot].death = Some(Death {
            own: Some(meters.own[spot].time(now)),
            group: group.map(|group| meters.groups[group].time(now)),
            children: parent.map(|parent| meters.children[parent].time(now)),
        });
    }

    /// An order to start empties the budget of a node, its last death included.
    pub(super) fn forget_death(&mut self, spot: Spot) {
        if let Some(death) = &mut self.nodes[spot].death {
            death.own = None;
        }
    }

    /// R9: what rises after its own death was within each budget.
    pub(super) fn rises_within(&mut self, event: &Event, spot: Spot) -> Result<(), String> {
        let death = self.nodes[spot].death.take();
        let Some(death) = death.filter(|_| !self.nodes[spot].starts_alone) else {
            return Ok(());
        };
        let own = self.choices(spot).policy.intensity;
        let parent = self.world.places[spot].parent;
        let shared = parent.and_then(|parent| self.choices(parent).policy.children_intensity);
        let (world, group, meters) = (self.world, self.nodes[spot].group, &mut self.meters);
        let mut is_within = true;
        if let Some(time) = death.own {
            is_within &= meters.own[spot].answer(time, meters.weight, own);
        }
        if let (Some(group), Some(time)) = (group, death.group) {
            let intensity = world.groups[group].options.intensity;
            is_within &= meters.groups[group].answer(time, meters.weight, intensity);
        }
        if let (Some(parent), Some(time)) = (parent, death.children) {
            is_within &= meters.children[parent].answer(time, meters.weight, shared);
        }
        if is_within {
            return Ok(());
        }
        Err(format!("R9: it rises, and its budget is spent: {event}"))
    }
}
