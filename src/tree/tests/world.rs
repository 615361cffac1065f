//! A tree on a virtual clock. Facts go in by name; what comes out is held against the laws.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::exit::{Exit, Panic};
use crate::name::Name;
use crate::tree::action::{Id, Place};
use crate::tree::backoff::Backoff;
use crate::tree::core::{Core, Declaration};
use crate::tree::node::Node;
use crate::tree::options::{GroupOptions, Kind, Options, Restart, Settings};
use crate::tree::state::State;
use crate::tree::tests::laws::Laws;

/// More steps than any test needs before nothing is due any more.
const STEPS_MAX: usize = 1000;

/// A core, its clock, and what is known of it from outside.
#[derive(Clone)]
pub(super) struct World {
    pub(super) core: Core,
    pub(super) now: Duration,
    pub(super) laws: Laws,
    /// When each incarnation last beat.
    beats: BTreeMap<u64, Duration>,
    rng: SmallRng,
    is_batch: bool,
}

/// What a node of a test is unless it says otherwise: it starts again without a delay.
pub(super) fn plain() -> Options {
    Options {
        backoff: Backoff::none(),
        ..Options::default()
    }
}

/// A node that waits this long before it starts again.
pub(super) fn delayed(seconds: u64) -> Options {
    Options {
        backoff: Backoff::constant(secs(seconds)),
        ..Options::default()
    }
}

/// A child of a pool.
pub(super) fn temporary() -> Options {
    Options {
        restart: Restart::Temporary,
        ..plain()
    }
}

pub(super) fn pool() -> Options {
    Options {
        kind: Kind::Pool,
        ..plain()
    }
}

pub(super) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(super) fn failure() -> Exit {
    Exit::failed("out of luck")
}

pub(super) fn panic() -> Panic {
    Panic::new("index out of bounds", None)
}

impl World {
    /// A tree whose root runs and has not said anything.
    pub(super) fn new() -> Self {
        Self::with(Settings::default(), plain())
    }

    pub(super) fn with(settings: Settings, root: Options) -> Self {
        Self::seeded(settings, root, 0)
    }

    pub(super) fn seeded(settings: Settings, root: Options, seed: u64) -> Self {
        let mut world = Self {
            core: Core::new(settings, Arc::new(root)),
            now: Duration::ZERO,
            laws: Laws::default(),
            beats: BTreeMap::new(),
            rng: SmallRng::seed_from_u64(seed),
            is_batch: false,
        };
        world.advance();
        world
    }

    /// Tells several facts before the core may act on any of them.
    pub(super) fn together(&mut self, facts: impl FnOnce(&mut Self)) {
        let is_part = std::mem::replace(&mut self.is_batch, true);
        facts(self);
        self.is_batch = is_part;
        if !is_part {
            self.advance();
        }
    }

    pub(super) fn child(&mut self, parent: &str, child: &str) -> Place {
        self.child_with(parent, child, plain())
    }

    pub(super) fn child_with(&mut self, parent: &str, child: &str, options: Options) -> Place {
        let parent = self.id(parent);
        self.declare(parent, &name(child), options).unwrap()
    }

    pub(super) fn declare(&mut self, parent: Id, child: &Name, options: Options) -> Option<Place> {
        let child = self.declaration(parent, child, options)?;
        self.tell(|core, now| core.run(now, parent, child))
    }

    pub(super) fn group(
        &mut self,
        parent: &str,
        options: impl Into<GroupOptions>,
        members: &[&str],
    ) {
        let members: Vec<_> = members.iter().map(|member| (*member, plain())).collect();
        self.group_with(parent, options, members);
    }

    pub(super) fn group_with(
        &mut self,
        parent: &str,
        options: impl Into<GroupOptions>,
        members: Vec<(&str, Options)>,
    ) {
        let parent = self.id(parent);
        let members = members.into_iter().map(|(member, options)| {
            let declared = self.declaration(parent, &name(member), options);
            declared.unwrap()
        });
        let members = members.collect();
        self.declare_group(parent, options, members);
    }

    pub(super) fn declare_group(
        &mut self,
        parent: Id,
        options: impl Into<GroupOptions>,
        members: Vec<Declaration>,
    ) {
        let options = options.into();
        self.tell(|core, now| core.run_group(now, parent, name("g"), options, members));
    }

    pub(super) fn declaration(
        &self,
        parent: Id,
        child: &Name,
        options: Options,
    ) -> Option<Declaration> {
        let path = self.core.nodes.get(parent.slot)?.path.child(child.clone());
        let options = Arc::new(options);
        Some(Declaration { path, options })
    }

    pub(super) fn tell<T>(&mut self, fact: impl FnOnce(&mut Core, Duration) -> T) -> T {
        let answer = fact(&mut self.core, self.now);
        self.laws.observe(&mut self.core);
        if !self.is_batch {
            self.advance();
        }
        answer
    }

    pub(super) fn advance(&mut self) {
        let beats = &self.beats;
        let last_beat = |id: Id| beats.get(&id.incarnation).copied().unwrap_or_default();
        self.core.advance(self.now, &mut self.rng, last_beat);
        self.laws.observe(&mut self.core);
        // A debug build has just done so by itself.
        if !cfg!(debug_assertions) {
            self.core.assert_invariants();
        }
        let due = self.core.next_deadline();
        assert!(
            due.is_none_or(|due| due > self.now),
            "L8: {due:?} stays due"
        );
    }

    /// A node says that it is alive.
    pub(super) fn beats(&mut self, name: &str) {
        let incarnation = self.id(name).incarnation;
        self.beats.insert(incarnation, self.now);
    }

    /// Jumps to the next deadline; false if there is none.
    pub(super) fn step(&mut self) -> bool {
        let due = self.core.next_deadline();
        let Some(due) = due.filter(|_| !self.core.has_ended()) else {
            return false;
        };
        self.now = due;
        self.advance();
        true
    }

    /// Lets time pass until nothing is due.
    pub(super) fn drive(&mut self) {
        for _ in 0..STEPS_MAX {
            if !self.step() {
                return;
            }
        }
        panic!("something is always due: L8");
    }

    /// Lets this much time pass.
    pub(super) fn passes(&mut self, time: Duration) {
        let end = self.now + time;
        while self.core.next_deadline().is_some_and(|due| due <= end) {
            self.step();
        }
        self.now = end;
        self.advance();
    }

    /// The node with this name; a test gives each name once.
    pub(super) fn node(&self, name: &str) -> Option<&Node> {
        let mut nodes = self.core.nodes.iter().map(|(_, node)| node);
        nodes.find(|node| node.path.name().as_str() == name)
    }

    pub(super) fn id(&self, name: &str) -> Id {
        let mut nodes = self.core.nodes.iter();
        let found = nodes.find(|(_, node)| node.path.name().as_str() == name);
        let (slot, node) = found.unwrap_or_else(|| panic!("{name} is gone"));
        let incarnation = node.incarnation;
        Id { slot, incarnation }
    }

    pub(super) fn state(&self, name: &str) -> State {
        self.node(name)
            .unwrap_or_else(|| panic!("{name} is gone"))
            .state
    }

    pub(super) fn states<const N: usize>(&self, names: [&str; N]) -> [State; N] {
        names.map(|name| self.state(name))
    }

    pub(super) fn attempt(&self, name: &str) -> u32 {
        self.node(name)
            .unwrap_or_else(|| panic!("{name} is gone"))
            .attempt()
    }

    /// How long until the node starts again, if it waits.
    pub(super) fn due(&self, name: &str) -> Option<Duration> {
        let snapshot = self.core.snapshot(self.now);
        let mut nodes = snapshot.nodes.iter();
        nodes.find(|node| node.path.name().as_str() == name)?.due
    }
}
