//! Orders that the core has accepted, until their effect is visible (R16).

use crate::path::Path;
use crate::runtime::error::OrderError;
use crate::runtime::orders::{Effect, Reply};
use crate::tree::{Id, OrderKind, Refusal, State, View};

/// An order that the core has accepted, until its effect is visible.
pub(crate) struct Pending {
    kind: OrderKind,
    /// The incarnation of then.
    since: Id,
    /// Whether that was waiting to start.
    was_waiting: bool,
    /// The incarnation through whose context it was given.
    by: Option<Id>,
    reply: Reply,
}

impl Pending {
    pub(super) fn new(kind: OrderKind, before: &View, by: Option<Id>, reply: Reply) -> Self {
        Self {
            kind,
            since: before.id,
            was_waiting: before.state == State::Waiting,
            by,
            reply,
        }
    }

    pub(super) const fn by(&self) -> Option<Id> {
        self.by
    }

    pub(super) fn is_dropped(&self) -> bool {
        self.reply.is_closed()
    }

    /// Answers, or gives itself back while its effect cannot be seen.
    pub(super) fn look(self, view: &View, path: &Path) -> Option<Self> {
        let result = match self.kind {
            OrderKind::Start | OrderKind::Restart => self.has_started(view, path),
            OrderKind::Terminate | OrderKind::Remove => self.is_over(view, path),
        };
        match result {
            Some(result) => drop(self.reply.send(result.map(|()| Effect::Visible))),
            None => return Some(self),
        }
        None
    }

    fn has_started(&self, view: &View, path: &Path) -> Option<Result<(), OrderError>> {
        let path = || path.clone();
        let is_next = self.was_waiting || self.since != view.id;
        match view.state {
            State::Starting | State::Healthy | State::Finishing | State::Stopping | State::Done
                if is_next =>
            {
                Some(Ok(()))
            }
            State::Down if view.has_leaked => Some(Err(OrderError::Leaked { path: path() })),
            State::Down => Some(Err(OrderError::Overtaken { path: path() })),
            _ if view.is_taken => Some(Err(OrderError::Overtaken { path: path() })),
            _ => None,
        }
    }

    fn is_over(&self, view: &View, path: &Path) -> Option<Result<(), OrderError>> {
        let path = || path.clone();
        match view.state {
            // A pool forgets it, and with it its code that may not have run.
            State::Down if view.is_pooled && !view.has_leaked => None,
            State::Down if view.is_out && view.has_leaked => {
                Some(Err(OrderError::Leaked { path: path() }))
            }
            State::Down if view.is_out && self.kind == OrderKind::Terminate => Some(Ok(())),
            // The tree stops, or what is above it falls: its place goes with that.
            _ if view.is_taken && view.is_out => Some(Ok(())),
            _ if self.since != view.id => Some(Err(OrderError::Overtaken { path: path() })),
            _ => None,
        }
    }

    /// Answers, now that who has given it is asked to stop.
    pub(super) fn accepted(self) {
        // Who does not wait any more need not be told.
        drop(self.reply.send(Ok(Effect::Accepted)));
    }

    /// Answers, now that the place is gone.
    pub(super) fn gone(self, path: &Path) {
        let path = path.clone();
        let result = match self.kind {
            OrderKind::Terminate | OrderKind::Remove => Ok(Effect::Visible),
            OrderKind::Start | OrderKind::Restart => Err(OrderError::Overtaken { path }),
        };
        // Who does not wait any more need not be told.
        drop(self.reply.send(result));
    }
}

/// Says why the core refuses an order about this node.
pub(super) fn refused(path: Path, refusal: Refusal) -> OrderError {
    match refusal {
        Refusal::Gone => OrderError::Gone { path },
        Refusal::Root => OrderError::Root,
        Refusal::Running => OrderError::Running { path },
        Refusal::Stopping => OrderError::Stopping { path },
        Refusal::Leaked(path) => OrderError::Leaked { path },
        Refusal::TreeStops => OrderError::Ended {
            path: path.to_string(),
        },
    }
}
