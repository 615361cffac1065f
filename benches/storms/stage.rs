//! What the children of a storm share, and what they do: the same on both sides.

use std::error::Error;
use std::fmt;
use std::panic;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use perennial::Name;
use tokio::sync::Notify;

use crate::beside::Counter;

/// What a child fails with, in whatever way.
const AGAIN: &str = "again";

/// The failure of a child.
#[derive(Debug)]
pub(crate) struct Again;

impl Error for Again {}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(AGAIN)
    }
}

/// How a child fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    Error,
    Panic,
}

impl Failure {
    pub(crate) fn fail(self) -> Result<(), Again> {
        match self {
            Self::Error => Err(Again),
            Self::Panic => panic!("{AGAIN}"),
        }
    }
}

/// Prints nothing of the panics of a storm. Others are told as ever.
pub(crate) fn silence() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some(AGAIN) {
            previous(info);
        }
    }));
}

/// What the children of a storm share.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) names: Vec<Name>,
    pub(crate) running: Counter,
    failure: Failure,
    strike: Notify,
    /// How many are still to fail as soon as they have started again.
    at_once: AtomicUsize,
}

impl Stage {
    pub(crate) fn new(size: usize, failure: Failure) -> Arc<Self> {
        let names = (0..size).map(|index| Name::sanitize(&format!("child-{index}")));
        Arc::new(Self {
            names: names.collect(),
            running: Counter::new(size),
            failure,
            strike: Notify::new(),
            at_once: AtomicUsize::new(0),
        })
    }

    pub(crate) fn size(&self) -> usize {
        self.names.len()
    }

    /// Lets all that run fail, and so many more times as there are children times those in a row.
    pub(crate) fn strike(&self, in_a_row: usize) {
        let at_once = self.size() * (in_a_row - 1);
        self.at_once.store(at_once, Ordering::Relaxed);
        self.strike.notify_waiters();
    }

    /// Runs as a child: until it is struck, or told to stop.
    pub(crate) async fn run(&self, told: impl Future<Output = ()>) -> Result<(), Again> {
        let less = |left: usize| left.checked_sub(1);
        let left = self
            .at_once
            .try_update(Ordering::Relaxed, Ordering::Relaxed, less);
        if left.is_ok() {
            return self.failure.fail();
        }
        let mut struck = pin!(self.strike.notified());
        struck.as_mut().enable();
        self.running.count();
        tokio::select! {
            biased;
            () = struck => self.failure.fail(),
            () = told => Ok(()),
        }
    }
}
