//! Where the tree's time comes from.

use std::fmt;
use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::runtime::sync::watch;

/// Where the tree's time comes from: tokio's timer, or a hand that moves it.
///
/// The default is tokio's clock, which also follows `tokio::time::pause`.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    Tokio,
    Manual(watch::Receiver<Duration>),
}

/// Moves the time of the trees that run on its [`Clock`].
#[derive(Debug)]
pub struct Hand(watch::Sender<Duration>);

impl Clock {
    /// A clock that stands still until its hand moves it. When the hand is dropped, it stands
    /// still for good.
    #[must_use]
    pub fn manual() -> (Self, Hand) {
        let (hand, time) = watch::channel(Duration::ZERO);
        (Self(Source::Manual(time)), Hand(hand))
    }
}

impl Hand {
    /// Moves the time forward.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|time| *time = time.saturating_add(by));
    }
}

/// The time since a tree started.
#[derive(Clone, Debug)]
pub(crate) struct Time {
    source: Source,
    start: Instant,
    began: Duration,
}

impl Time {
    /// Starts counting now.
    pub(crate) fn start(clock: Clock) -> Self {
        let began = match &clock.0 {
            Source::Tokio => Duration::ZERO,
            Source::Manual(time) => *time.borrow(),
        };
        Self {
            source: clock.0,
            start: Instant::now(),
            began,
        }
    }

    pub(crate) fn now(&self) -> Duration {
        match &self.source {
            Source::Tokio => self.start.elapsed(),
            Source::Manual(time) => time.borrow().saturating_sub(self.began),
        }
    }
}

/// The one timer of a tree.
pub(crate) struct Timer {
    time: Time,
    due: Option<Duration>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// A timer that is not set.
    ///
    /// # Panics
    ///
    /// If it is tokio's clock, and the runtime has no time.
    pub(crate) fn new(time: Time) -> Self {
        let sleep = match time.source {
            Source::Tokio => Some(Box::pin(sleep_until(time.start))),
            Source::Manual(_) => None,
        };
        Self {
            time,
            due: None,
            sleep,
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.time.now()
    }

    /// Sets when [`ring`](Self::ring) returns. Nothing ticks, and without a time nothing wakes
    /// (L8).
    pub(crate) fn set(&mut self, due: Option<Duration>) {
        if self.due == due {
            return;
        }
        self.due = due;
        // A time that tokio cannot tell is too far off to be waited for.
        let at = due.and_then(|due| self.time.start.checked_add(due));
        match (&self.time.source, at, &mut self.sleep) {
            (Source::Tokio, Some(at), Some(sleep)) => sleep.as_mut().reset(at),
            (Source::Tokio, Some(at), None) => self.sleep = Some(Box::pin(sleep_until(at))),
            (Source::Tokio | Source::Manual(_), _, _) => self.sleep = None,
        }
    }

    /// Waits until the time that was set.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub(crate) async fn ring(&mut self) {
        let Some(due) = self.due else {
            return pending().await;
        };
        let Time { source, began, .. } = &mut self.time;
        match (source, &mut self.sleep) {
            (Source::Tokio, Some(sleep)) => sleep.as_mut().await,
            (Source::Tokio, None) => pending().await,
            (Source::Manual(time), _) => {
                let due = began.saturating_add(due);
                if time.wait_for(|time| *time >= due).await.is_err() {
                    pending().await
                }
            }
        }
        self.due = None;
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}
