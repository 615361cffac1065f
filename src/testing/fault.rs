//! What is to go wrong, where and when.

use std::fmt;
use std::time::Duration;

/// Something that goes wrong at a node, given to
/// [`Harness::inject`](crate::testing::Harness::inject).
///
/// It strikes at once, unless it is told when. Runnables need no change for it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use perennial::testing::Fault;
///
/// let now = Fault::kill("root.store");
/// let third_start = Fault::panic("root.store").at_start(3);
/// let later = Fault::hang("root.store").after(Duration::from_secs(60));
/// let slow = Fault::slow_stop("root.store", Duration::from_secs(2));
/// let in_code = Fault::error("root.store").at_point("commit", 2);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a fault strikes when it is injected"]
pub struct Fault {
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) when: When,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Kill,
    Error,
    Panic,
    Hang,
    Block(Duration),
    SlowStart(Duration),
    SlowStop(Duration),
}

/// When it goes wrong. Numbers begin with 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum When {
    Now,
    AtStart(u64),
    After(Duration),
    AtPoint(String, u64),
}

impl Fault {
    const fn new(path: String, kind: Kind) -> Self {
        let when = When::Now;
        Self { path, kind, when }
    }

    pub(super) fn now(path: &str, kind: Kind) -> Self {
        Self::new(path.to_owned(), kind)
    }

    /// The node's code is dropped where it stands, as if its task had been aborted.
    pub fn kill(path: impl Into<String>) -> Self {
        Self::new(path.into(), Kind::Kill)
    }

    /// The node returns an error.
    pub fn error(path: impl Into<String>) -> Self {
        Self::new(path.into(), Kind::Error)
    }

    /// The node panics.
    pub fn panic(path: impl Into<String>) -> Self {
        Self::new(path.into(), Kind::Panic)
    }

    /// The node does nothing any more, and does not hear that it is asked to stop.
    pub fn hang(path: impl Into<String>) -> Self {
        Self::new(path.into(), Kind::Hang)
    }

    /// The node blocks the thread: this much time passes, in which nothing else runs.
    pub fn block(path: impl Into<String>, time: Duration) -> Self {
        Self::new(path.into(), Kind::Block(time))
    }

    /// The node's code runs this much later; at once means at the next start.
    pub fn slow_start(path: impl Into<String>, by: Duration) -> Self {
        Self::new(path.into(), Kind::SlowStart(by))
    }

    /// The node returns this much later when it is asked to stop.
    pub fn slow_stop(path: impl Into<String>, by: Duration) -> Self {
        Self::new(path.into(), Kind::SlowStop(by))
    }

    /// Makes it strike at the `n`-th start of the node, counted from the start of the tree: 1 is
    /// the first.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    pub fn at_start(mut self, n: u64) -> Self {
        assert!(n > 0, "starts are counted from 1");
        self.when = When::AtStart(n);
        self
    }

    /// Makes it strike when this much time has passed; while the node is not running then, at its
    /// next start.
    pub fn after(mut self, time: Duration) -> Self {
        self.when = When::After(time);
        self
    }

    /// Makes it strike when the node's code reaches a [`FaultPoint`](crate::testing::FaultPoint)
    /// for the `n`-th time from now on: 1 is the next time.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    pub fn at_point(mut self, point: impl Into<String>, n: u64) -> Self {
        assert!(n > 0, "times are counted from 1");
        self.when = When::AtPoint(point.into(), n);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, kind, when } = self;
        write!(f, "{kind} of {path}")?;
        match when {
            When::Now => Ok(()),
            When::AtStart(n) => write!(f, " at start {n}"),
            When::After(time) => write!(f, " after {time:?}"),
            When::AtPoint(point, n) => write!(f, " at {point}, time {n}"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill => f.write_str("kill"),
            Self::Error => f.write_str("error"),
            Self::Panic => f.write_str("panic"),
            Self::Hang => f.write_str("hang"),
            Self::Block(time) => write!(f, "block for {time:?}"),
            Self::SlowStart(time) => write!(f, "start slowed by {time:?}"),
            Self::SlowStop(time) => write!(f, "stop slowed by {time:?}"),
        }
    }
}
