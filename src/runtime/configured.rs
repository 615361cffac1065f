//! The options that travel with a runnable.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::runtime::claim::{AnyCell, Claim};
use crate::runtime::published::Published;
use crate::runtime::runnable::Chosen;
use crate::tree::{
    Backoff, Grace, Health, Intensity, OnLeak, OnSpent, Options, Restart, Significant, Stops,
};

/// Code with options; made by [`runnable`](crate::runnable), [`method`](crate::method),
/// [`blocking`](crate::blocking) and [`once`](crate::once), and by the adapters.
#[derive(Clone)]
#[must_use = "a runnable does nothing until it is run"]
pub struct Configured<F, M = Again> {
    pub(super) run: F,
    /// What was chosen, but for `restart`.
    options: Options,
    restart: Option<Restart>,
    publishes: Vec<Arc<dyn AnyCell>>,
    mode: PhantomData<M>,
}

/// Says that code can be run again and again.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "it has no values")]
pub enum Again {}

/// Says that code runs once, and is never started again.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "it has no values")]
pub enum Once {}

impl<F> Configured<F> {
    /// Sets whether the node is started again after it returned: always by default, and never in a
    /// [`Pool`](crate::Pool).
    pub const fn restart(mut self, restart: Restart) -> Self {
        self.restart = Some(restart);
        self
    }

    /// Says that the node's own end stops its parent, which is done then (R10c). A pool has no use
    /// for that: its children come and go.
    pub const fn significant(mut self, significant: Significant) -> Self {
        self.options.significant = Some(significant);
        self
    }
}

impl<F, M> Configured<F, M> {
    pub(super) fn new(run: F) -> Self {
        Self {
            run,
            options: Options::default(),
            restart: None,
            publishes: Vec::new(),
            mode: PhantomData,
        }
    }

    /// Makes other code of the code.
    pub(super) fn map<G>(self, change: impl FnOnce(F) -> G) -> Configured<G, M> {
        Configured {
            run: change(self.run),
            options: self.options,
            restart: self.restart,
            publishes: self.publishes,
            mode: PhantomData,
        }
    }

    /// The code, and what was chosen for it.
    pub(super) fn into_parts(self) -> (F, Chosen) {
        let chosen = Chosen {
            options: self.options,
            restart: self.restart,
            claim: Claim::new(self.publishes),
        };
        (self.run, chosen)
    }

    /// Sets how long an incarnation may take to end when it is asked to: 5 s by default, zero
    /// aborts at once. [`Grace::Infinite`] waits as long as it takes.
    pub fn grace(mut self, grace: impl Into<Grace>) -> Self {
        self.options.grace = grace.into();
        self
    }

    /// Sets how long the node waits before it is started again.
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.options.backoff = backoff;
        self
    }

    /// Sets how long an incarnation may take to become healthy. When it takes longer, it is stopped
    /// and is dead. No limit by default.
    pub const fn start_timeout(mut self, time: Duration) -> Self {
        self.options.start_timeout = Some(time);
        self
    }

    /// Sets how long an incarnation may run, counted from its start. When it has not returned by
    /// then, it is stopped and is dead. No limit by default.
    pub const fn run_timeout(mut self, time: Duration) -> Self {
        self.options.run_timeout = Some(time);
        self
    }

    /// Sets how long an incarnation may be silent: from healthy on, it has to
    /// [beat](crate::Context::beat) again within this time. When it does not, it hangs; it is
    /// stopped and is dead. No limit by default.
    ///
    /// The tree looks when the time since the last beat it knows of has passed, and not at each
    /// beat: once in each such time, which is the only clock that ticks for a node that serves.
    pub const fn beat_timeout(mut self, time: Duration) -> Self {
        self.options.beat_timeout = Some(time);
        self
    }

    /// Bounds how often the node may be started again (R9). No limit by default.
    pub const fn intensity(mut self, intensity: Intensity) -> Self {
        self.options.intensity = Some(intensity);
        self
    }

    /// Bounds how often the node's children may be started again, counted together (R9). No limit
    /// by default.
    pub const fn children_intensity(mut self, intensity: Intensity) -> Self {
        self.options.children_intensity = Some(intensity);
        self
    }

    /// Sets what becomes of the node, and of what falls with it, when it spends a budget, gives up
    /// or cannot start again beside a leak. By default its parent falls.
    pub const fn on_spent(mut self, then: OnSpent) -> Self {
        self.options.on_spent = then;
        self
    }

    /// Sets what becomes of the node when an incarnation of it could not be ended. By default it is
    /// not started again.
    pub const fn on_leak(mut self, then: OnLeak) -> Self {
        self.options.on_leak = then;
        self
    }

    /// Says that others use what the node provides: it is asked to stop only after those of its
    /// later siblings that stop with it are gone and its parent's runnable, if that stops too, has
    /// returned or was aborted (R10). A pool has no use for that in its children: all are asked at
    /// once.
    pub const fn provides(mut self) -> Self {
        self.options.stops = Stops::AfterUsers;
        self
    }

    /// Makes the node the publisher of a [`Published`] value. It may be that of several.
    pub fn publishes<T: Send + Sync + 'static>(mut self, value: &Published<T>) -> Self {
        self.publishes.push(value.cell());
        self
    }

    /// Counts an incarnation as healthy as soon as it starts: for code that does not signal.
    ///
    /// Such a node cannot declare children.
    pub const fn healthy_at_start(mut self) -> Self {
        self.options.health = Health::AtStart;
        self
    }
}

impl<F, M> fmt::Debug for Configured<F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configured")
            .field("options", &self.options)
            .field("restart", &self.restart)
            .finish_non_exhaustive()
    }
}
