//! What may be chosen for a pool.

use std::sync::Arc;

use crate::runtime::pool::{Pool, PoolCell};
use crate::tree::{Backoff, Intensity, Kind, OnSpent, Options, Stops};

/// What may be chosen for a [`Pool`].
#[derive(Clone, Debug)]
#[must_use = "a pool is made by `build`"]
pub struct PoolBuilder {
    options: Options,
    max_children: Option<usize>,
}

impl Default for PoolBuilder {
    fn default() -> Self {
        Self {
            options: Options {
                kind: Kind::Pool,
                ..Options::default()
            },
            max_children: None,
        }
    }
}

impl PoolBuilder {
    /// Bounds how many children there may be at a time, those that wait to start again included.
    /// By default, and at most, as many as the supervisor allows a node.
    pub const fn max_children(mut self, most: usize) -> Self {
        self.max_children = Some(most);
        self
    }

    /// Bounds how often the children may be started again, counted together (R9). No limit by
    /// default. What becomes of it when that is spent is a choice of the child: by default the
    /// pool falls, and rises empty.
    pub const fn children_intensity(mut self, intensity: Intensity) -> Self {
        self.options.children_intensity = Some(intensity);
        self
    }

    /// Sets how long the pool waits before it starts again, after a child has escalated to it.
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.options.backoff = backoff;
        self
    }

    /// Bounds how often the pool itself may be started again (R9). No limit by default.
    pub const fn intensity(mut self, intensity: Intensity) -> Self {
        self.options.intensity = Some(intensity);
        self
    }

    /// Sets what becomes of the pool when its own budget is spent. By default its parent falls.
    pub const fn on_spent(mut self, then: OnSpent) -> Self {
        self.options.on_spent = then;
        self
    }

    /// Says that others use the pool: it and its children are asked to stop only after those of
    /// its later siblings that stop with it are gone and its parent's runnable, if that stops too,
    /// has returned or was aborted (R10). Until then it takes children.
    pub const fn provides(mut self) -> Self {
        self.options.stops = Stops::AfterUsers;
        self
    }

    /// Makes the pool, which is to be declared.
    #[must_use]
    pub fn build(self) -> Pool {
        Pool::from_cell(Arc::new(PoolCell::new(self.options, self.max_children)))
    }
}
