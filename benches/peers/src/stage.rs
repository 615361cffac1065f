//! What the children of a workload share: how many have started and ended, and how they hear that
//! they are to fail.

use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::tally::Tally;

/// The failure of a child.
#[derive(Clone, Debug)]
pub(crate) struct Again;

impl Error for Again {}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("again")
    }
}

/// What the children of a workload share.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) started: Arc<Tally>,
    pub(crate) ended: Arc<Tally>,
    fail: Arc<Notify>,
    /// How many of the children are told to fail: the first ones.
    failing: usize,
}

impl Stage {
    pub(crate) fn new(failing: usize) -> Self {
        Self {
            started: Arc::default(),
            ended: Arc::default(),
            fail: Arc::default(),
            failing,
        }
    }

    /// Counts a child that runs, and its end when the guard drops.
    pub(crate) fn enter(&self) -> Running {
        self.started.count();
        Running(self.ended.clone())
    }

    pub(crate) const fn is_failing(&self, index: usize) -> bool {
        index < self.failing
    }

    /// Runs as a child that is no actor, until it is told to fail or asked to stop.
    pub(crate) async fn serve(
        &self,
        index: usize,
        asked: impl Future<Output = ()>,
    ) -> Result<(), Again> {
        let mut failure = pin!(self.fail.notified());
        if self.is_failing(index) {
            failure.as_mut().enable();
        }
        let _running = self.enter();
        tokio::select! {
            biased;
            () = failure, if self.is_failing(index) => Err(Again),
            () = asked => Ok(()),
        }
    }

    /// Tells the children that are no actors to fail.
    pub(crate) fn fail(&self) {
        self.fail.notify_waiters();
    }
}

/// A child that runs.
#[derive(Debug)]
pub(crate) struct Running(Arc<Tally>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.count();
    }
}
