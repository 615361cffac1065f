//! What a store keeps, and for how long.

use std::time::{Duration, SystemTime};

/// How much a store keeps, and for how long at least what was used.
///
/// By default 10 GiB, and one hour. Each process that opens a store has limits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    bytes_max: u64,
    in_use: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 10 << 30,
            in_use: Duration::from_secs(60 * 60),
        }
    }
}

impl Limits {
    /// Sets how many bytes the store keeps: the sizes of blobs and actions, without what the file
    /// system adds to them.
    ///
    /// A put that goes beyond it removes what was used longest ago, until nine tenths are left.
    /// What is [in use](Self::in_use) stays, even when that is more than the limit.
    #[must_use]
    pub fn bytes_max(mut self, bytes: u64) -> Self {
        self.bytes_max = bytes;
        self
    }

    /// Sets how long a blob or an action is in use after it was put, or asked for: until then it is
    /// not removed to make room, and its path is good.
    ///
    /// With zero, a path may be gone by the time it is given. The time is that of the system, and
    /// what is marked with a time further ahead than this is not in use.
    #[must_use]
    pub fn in_use(mut self, time: Duration) -> Self {
        self.in_use = time;
        self
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes_max
    }

    /// How much an eviction leaves where there are so many bytes: less than the limit if that is
    /// passed, so that not every put evicts.
    pub(super) fn target(&self, bytes: u64) -> u64 {
        if bytes > self.bytes_max {
            self.bytes_max - self.bytes_max / 10
        } else {
            bytes
        }
    }

    /// Whether what was used then is in use now.
    pub(super) fn is_in_use(&self, used: SystemTime, now: SystemTime) -> bool {
        let apart = now
            .duration_since(used)
            .unwrap_or_else(|ahead| ahead.duration());
        apart < self.in_use
    }
}
