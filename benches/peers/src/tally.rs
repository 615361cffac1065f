//! Counts, and says when as many have come as were expected.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// How long one waits for what has been told to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Counts, and says when as many have come as were expected.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    count: AtomicUsize,
    expected: AtomicUsize,
    reached: Notify,
}

impl Tally {
    /// Expects so many more, of which none has come yet.
    pub(crate) fn expect(&self, more: usize) {
        self.expected.fetch_add(more, Ordering::AcqRel);
    }

    pub(crate) fn count(&self) {
        let count = self.count.fetch_add(1, Ordering::AcqRel) + 1;
        if count == self.expected.load(Ordering::Acquire) {
            self.reached.notify_one();
        }
    }

    /// Waits for the last one of those that were expected.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Sees that exactly as many come as were expected, when nobody hurries any more.
    pub(crate) async fn check(&self, what: &str) -> Result<(), String> {
        let pause = Duration::from_millis(10);
        let expected = self.expected.load(Ordering::Acquire);
        for _ in 0..PATIENCE.div_duration_f64(pause) as u32 {
            tokio::time::sleep(pause).await;
            if self.count.load(Ordering::Acquire) >= expected {
                break;
            }
        }
        match self.count.load(Ordering::Acquire) {
            count if count == expected => Ok(()),
            count => Err(format!("{count} {what} instead of {expected}")),
        }
    }
}
