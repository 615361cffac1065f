//! The log of a tree's events.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context, Waker};

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::task::unconstrained;

use crate::testing::idle::Idle;
use crate::{Event, Events};

/// The events of a tree in the order in which they happened.
///
/// Its text is one line for each event, with the time on the paused clock, and is the same for the
/// same seed.
#[derive(Clone, Debug, Default)]
pub struct Log {
    events: Vec<Event>,
    /// How many were missed, since one step of the tree had more than it keeps for a reader.
    missed: u64,
}

impl Log {
    /// How many events are missing: a single step of a very large tree can have more than
    /// [`Events`] keeps for its reader.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// The text of the last events, and how many came before.
    pub(super) fn tail(&self, lines: usize) -> String {
        let earlier = self.events.len().saturating_sub(lines);
        let mut text = match earlier {
            0 => String::new(),
            earlier => format!("           ({earlier} earlier)\n"),
        };
        for event in &self.events[earlier..] {
            text += &format!("{event}\n");
        }
        text
    }
}

impl Deref for Log {
    type Target = [Event];

    fn deref(&self) -> &[Event] {
        &self.events
    }
}

impl IntoIterator for Log {
    type Item = Event;
    type IntoIter = std::vec::IntoIter<Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.events.into_iter()
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in &self.events {
            writeln!(f, "{event}")?;
        }
        match self.missed {
            0 => Ok(()),
            missed => writeln!(f, "           ({missed} events were missed)"),
        }
    }
}

/// Keeps the log while a test runs.
#[derive(Clone, Default)]
pub(super) struct Keeper {
    log: Arc<Mutex<Log>>,
    keep: Arc<Mutex<Option<BoxFuture<'static, ()>>>>,
}

impl Keeper {
    /// Keeps these events from now on.
    pub(super) fn begin(&self, mut events: Events, idle: Arc<Idle>) {
        let log = self.log.clone();
        let keep = async move {
            while let Some(event) = events.next().await {
                idle.note_event();
                match event {
                    Ok(event) => log.lock().events.push(event),
                    Err(lagged) => log.lock().missed += lagged.count,
                }
            }
        };
        *self.keep.lock() = Some(unconstrained(keep).boxed());
    }

    /// Keeps what has happened so far; wakes whoever has this waker when there is more.
    pub(super) fn catch_up(&self, waker: &Waker) {
        let mut keep = self.keep.lock();
        let cx = &mut Context::from_waker(waker);
        if keep.as_mut().is_some_and(|it| it.poll_unpin(cx).is_ready()) {
            *keep = None;
        }
    }

    pub(super) fn log(&self) -> Log {
        self.log.lock().clone()
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.log.lock().fmt(f)
    }
}
