//! Why a test cannot go on.

use std::fmt;
use std::time::Duration;

/// How long a blocking task may run while the test waits, in real time.
pub(super) const BLOCKED_MAX: Duration = Duration::from_secs(10);

/// How long a test may wait for what only a thread of its own can bring, in real time.
pub(super) const ALONE_MAX: Duration = Duration::from_secs(5);

/// Why a test cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// Some nodes keep the runtime from ever being idle: these.
    Livelock(Vec<String>),
    /// Something does, for this long in real time; these nodes are busy.
    HeldUp(Duration, Vec<String>),
    /// For this long in real time, blocking tasks have kept the runtime from coming to rest.
    Blocked(Duration),
    /// The test waits for something that nobody will do.
    Alone,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Livelock(busy) => {
                f.write_str("livelock: without any rest and any time in between there were")?;
                list(f, busy)
            }
            Self::HeldUp(time, busy) if busy.is_empty() => write!(
                f,
                "livelock: no rest for {time:?} of real time, by some task that is no node's own \
                 code"
            ),
            Self::HeldUp(time, busy) => {
                write!(f, "livelock: no rest for {time:?} of real time; busy are")?;
                list(f, busy)
            }
            Self::Blocked(time) => write!(
                f,
                "blocking tasks have kept the runtime from coming to rest for {time:?} of real \
                 time, and the clock stands still while they run"
            ),
            Self::Alone => f.write_str(
                "the test waits for something that does not happen while the clock stands still: \
                 advance it, or let time pass with `Harness::wait`",
            ),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, busy: &[String]) -> fmt::Result {
    busy.iter().try_for_each(|busy| write!(f, "\n  {busy}"))
}
