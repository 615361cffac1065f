//! How long an incarnation may take to start, may run, and may be silent (R5).

use std::time::Duration;

use crate::tree::action::Id;
use crate::tree::core::Core;
use crate::tree::deadlines::Due;
use crate::tree::evidence::Cause;
use crate::tree::node::Node;
use crate::tree::options::Kind;
use crate::tree::state::State;

/// A time limit of an incarnation. None holds once the node was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Limit {
    /// It has to be healthy.
    Start,
    /// It has to have beaten again, while it is healthy.
    Beat,
    /// It has to have returned.
    Run,
}

impl Limit {
    pub(super) const ALL: [Self; 3] = [Self::Start, Self::Beat, Self::Run];
}

/// When the limits of an incarnation are due, those that hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    start: Option<Duration>,
    beat: Option<Duration>,
    run: Option<Duration>,
}

impl Limits {
    pub(super) const NONE: Self = Self {
        start: None,
        beat: None,
        run: None,
    };

    pub(super) const fn is_none(&self) -> bool {
        self.start.is_none() && self.beat.is_none() && self.run.is_none()
    }

    pub(super) const fn due(&mut self, limit: Limit) -> &mut Option<Duration> {
        match limit {
            Limit::Start => &mut self.start,
            Limit::Beat => &mut self.beat,
            Limit::Run => &mut self.run,
        }
    }
}

impl Core {
    /// Begins to count for a limit, if the node has it.
    pub(super) fn begin_limit(&mut self, slot: usize, now: Duration, limit: Limit) {
        if let Some(allowed) = self.nodes[slot].allowed(limit) {
            self.set_limit(slot, limit, now.saturating_add(allowed));
        }
    }

    fn set_limit(&mut self, slot: usize, limit: Limit, due: Duration) {
        *self.nodes[slot].rare_mut().limits.due(limit) = Some(due);
        self.deadlines.insert(due, Due::Limit(limit, slot));
    }

    /// Forgets the limits that hold no more.
    pub(super) fn lift_limits(&mut self, slot: usize) {
        if self.nodes[slot].rare().limits.is_none() {
            return;
        }
        for limit in Limit::ALL {
            let node = &mut self.nodes[slot];
            if node.allowed(limit).is_none()
                && let Some(due) = node.take_limit(limit)
            {
                self.deadlines.remove(due, Due::Limit(limit, slot));
            }
        }
    }

    /// Stops a node whose time is up, unless it has beaten meanwhile.
    pub(super) fn pass_limit(
        &mut self,
        slot: usize,
        now: Duration,
        limit: Limit,
        last_beat: impl FnOnce(Id) -> Duration,
    ) {
        let id = self.id(slot);
        let node = &mut self.nodes[slot];
        node.take_limit(limit);
        let allowed = node
            .allowed(limit)
            .expect("a limit is lifted when it holds no more");
        let cause = match limit {
            Limit::Start => Cause::StartTimeout(allowed),
            Limit::Run => Cause::RunTimeout(allowed),
            Limit::Beat => {
                let healthy_at = node.healthy_at.unwrap_or_default();
                let due = last_beat(id).max(healthy_at).saturating_add(allowed);
                if due > now {
                    return self.set_limit(slot, limit, due);
                }
                Cause::BeatTimeout(allowed)
            }
        };
        self.condemn(slot, now, cause);
    }
}

impl Node {
    fn take_limit(&mut self, limit: Limit) -> Option<Duration> {
        self.take_rare(|rare| rare.limits.due(limit).take())
    }

    /// How much time a limit leaves the node in its present state, if it holds.
    pub(super) fn allowed(&self, limit: Limit) -> Option<Duration> {
        let options = &self.options;
        let is_serving = matches!(self.state, State::Healthy | State::Finishing);
        let (holds, allowed) = match limit {
            Limit::Start => (self.state == State::Starting, options.start_timeout),
            Limit::Beat => (is_serving, options.beat_timeout),
            Limit::Run => (
                is_serving || self.state == State::Starting,
                options.run_timeout,
            ),
        };
        // Who was told to stop has all the time that its stop leaves, and a pool has no code.
        let holds = holds && self.told.is_none() && options.kind == Kind::Runnable;
        allowed.filter(|_| holds)
    }
}
