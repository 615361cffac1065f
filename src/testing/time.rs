//! The clock, in the hand of the test.

use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use crate::testing::harness::Harness;
use crate::testing::stuck::Stuck;

impl Harness {
    /// Lets everything run that can, until nothing more can without a stimulus or the clock. No
    /// time passes.
    ///
    /// # Panics
    ///
    /// If the tree does not come to rest.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn idle(&self) {
        self.advance(Duration::ZERO).await;
    }

    /// Lets this much time pass, with all that becomes due in it, each at its time. Then waits
    /// until the runtime is idle.
    ///
    /// Tokio's timers count whole milliseconds: what is due in between, and an end in between, is
    /// met at the next one.
    ///
    /// # Panics
    ///
    /// If the tree does not come to rest and no time passes.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some of the time has passed.
    pub async fn advance(&self, by: Duration) {
        if let Err(stuck) = self.try_advance(by).await {
            panic!("{stuck}");
        }
    }

    async fn try_advance(&self, by: Duration) -> Result<(), Stuck> {
        let idle = &self.stage.idle;
        // What the test has just said happens before any time passes.
        idle.reached().await?;
        if by.is_zero() {
            return Ok(());
        }
        let mut end = pin!(sleep(by));
        loop {
            tokio::select! {
                biased;
                () = &mut end => break,
                jumped = idle.step() => jumped?,
            }
        }
        idle.reached().await.map(drop)
    }

    /// Lets time pass until the tree next acts by itself: to the due time of a restart, or to a
    /// deadline of a stop, whichever is next by then. Returns how far off that was, or `None` if
    /// nothing is due; while nothing was, no time has passed.
    ///
    /// # Panics
    ///
    /// If no tree was started, or if it does not come to rest and no time passes.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some of the time has passed.
    pub async fn advance_to_next(&self) -> Option<Duration> {
        self.idle().await;
        let begun = self.now();
        loop {
            let due = self.snapshot().await.next_due?;
            let target = self.now().saturating_add(due);
            // What happens on the way may be due sooner.
            self.step_within(due).await;
            if self.now() >= target {
                self.idle().await;
                return Some(target.saturating_sub(begun));
            }
        }
    }

    /// Lets the clock jump to the next timer, but not beyond this time.
    async fn step_within(&self, time: Duration) {
        let stepped = tokio::select! {
            biased;
            () = sleep(time) => Ok(()),
            stepped = self.stage.idle.step() => stepped,
        };
        if let Err(stuck) = stepped {
            panic!("{stuck}");
        }
    }
}
