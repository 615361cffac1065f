//! Waiting for what a daemon does, which is a process of its own.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long anything may take that is expected to happen: far longer than it does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `condition` holds, which no event of this process tells.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "in vain waited until {what}");
        sleep(Duration::from_millis(5));
    }
}
