//! Small trees to explore: what their nodes declare, and what was chosen for each.

use std::time::Duration;

use crate::tree::backoff::Backoff;
use crate::tree::intensity::Intensity;
use crate::tree::options::{
    AtRoot, Grace, GroupOptions, Kind, OnLeak, Options, Restart, Sequence, Settings, Significant,
    Stops, Strategy,
};
use crate::tree::orders::OrderKind;
use crate::tree::tests::histories::{Choice, apply, choices};
use crate::tree::tests::world::{World, plain, secs};

/// What a node's code declares, each time it runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Child(&'static str, &'static str),
    Group(&'static str, Strategy, &'static [&'static str]),
    InOrder(&'static str, Strategy, &'static [&'static str]),
}

/// Changes the options of the node with a name.
pub(super) type Alter = fn(&str, Options) -> Options;

/// A tree to explore: the declarations in it, and how long its nodes wait before they rise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) parts: &'static [Part],
    pub(super) delay: Duration,
    pub(super) gc_interval: Duration,
    pub(super) at_root: AtRoot,
    /// What each node may be ordered.
    pub(super) orders: &'static [OrderKind],
    /// How many restarts the members of each group share.
    pub(super) shared: Option<Intensity>,
    /// What is special about the options of the node with a name.
    pub(super) alter: Alter,
}

pub(super) const ORDERS: [OrderKind; 4] = [
    OrderKind::Start,
    OrderKind::Restart,
    OrderKind::Terminate,
    OrderKind::Remove,
];

impl Shape {
    pub(super) const fn new(parts: &'static [Part]) -> Self {
        Self {
            parts,
            delay: Duration::ZERO,
            gc_interval: Duration::ZERO,
            at_root: AtRoot::Fail,
            orders: &[],
            shared: None,
            alter: |_, options| options,
        }
    }

    /// The same tree, of which each node may be ordered everything.
    pub(super) const fn ordered(self) -> Self {
        Self {
            orders: &ORDERS,
            ..self
        }
    }

    pub(super) fn world(&self, seed: u64) -> World {
        let settings = Settings {
            gc_interval: self.gc_interval,
            leak_after: secs(1),
            escalations: self.at_root,
            start: self.at_root,
        };
        World::seeded(settings, self.options_of("root"), seed)
    }

    /// The tree with all its nodes healthy.
    pub(super) fn up(&self) -> World {
        let mut world = self.world(0);
        let sets_up = |choice: &Choice| matches!(choice, Choice::Declare(_) | Choice::Healthy(_));
        while let Some(choice) = choices(&world, self).into_iter().find(sets_up) {
            apply(&mut world, self, choice);
        }
        world
    }

    /// All rows of failures are kept, so that a node's past shows in its attempt alone.
    fn options(&self) -> Options {
        let backoff = Backoff::constant(self.delay).reset_after(Duration::MAX);
        Options {
            grace: Grace::For(secs(1)),
            backoff,
            ..plain()
        }
    }

    /// A node is what its name says, and what the shape makes of it.
    pub(super) fn options_of(&self, node: &str) -> Options {
        let mut options = self.options();
        match node {
            "pool" => options.kind = Kind::Pool,
            "temporary" => options.restart = Restart::Temporary,
            "transient" => options.restart = Restart::Transient,
            "provider" | "source" => options.stops = Stops::AfterUsers,
            "timed" => options.start_timeout = Some(secs(2)),
            "bounded" => options.run_timeout = Some(secs(2)),
            // It never beats.
            "silent" => options.beat_timeout = Some(secs(2)),
            "abandoned" => options.on_leak = OnLeak::Abandon,
            "any" => options.significant = Some(Significant::Any),
            "all" | "every" => options.significant = Some(Significant::All),
            _ => {}
        }
        (self.alter)(node, options)
    }

    pub(super) fn group_options(&self, strategy: Strategy, sequence: Sequence) -> GroupOptions {
        GroupOptions {
            sequence,
            intensity: self.shared,
            ..strategy.into()
        }
    }

    pub(super) fn declares(&self, node: &str) -> impl Iterator<Item = Part> {
        let parts = self.parts.iter().copied();
        parts.filter(move |part| part.parent() == node)
    }
}

impl Part {
    const fn parent(&self) -> &'static str {
        match self {
            Self::Child(parent, _) | Self::Group(parent, ..) | Self::InOrder(parent, ..) => parent,
        }
    }
}

/// So many restarts in a time that no history is as long as.
pub(super) fn restarts(count: u32) -> Intensity {
    Intensity::new(count, secs(1_000_000)).unwrap()
}
