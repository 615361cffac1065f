//! What is chosen for a node, and how an incarnation returns; `tests/model.rs` shares it.

use std::fmt;
use std::time::Duration;

use perennial::tree::{Backoff, Grace, Health, Kind, Options, Restart};
use perennial::{Exit, Panic};

/// The longest delay before a restart, before jitter.
pub(crate) const DELAY_MAX: Duration = Duration::from_secs(20);

/// What is chosen for one node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choices {
    pub(crate) kind: Kind,
    pub(crate) restart: Restart,
    pub(crate) health: Health,
    /// `None` is without limit.
    pub(crate) grace: Option<Duration>,
    pub(crate) initial: Duration,
    /// The naive tree draws nothing, so it is zero wherever that has to agree.
    pub(crate) jitter: f64,
    pub(crate) reset_after: Option<Duration>,
}

/// How an incarnation returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Ok,
    Err,
    Panic,
    Abort,
}

impl Choices {
    pub(crate) fn options(&self) -> Options {
        let mut options = Options::default();
        options.kind = self.kind;
        options.restart = self.restart;
        options.health = self.health;
        options.grace = self.grace.map_or(Grace::Infinite, Grace::For);
        options.backoff = self.backoff();
        options
    }

    pub(crate) fn backoff(&self) -> Backoff {
        let backoff = Backoff::default().initial(self.initial).cap(DELAY_MAX);
        let backoff = backoff.factor(2.0).and_then(|it| it.jitter(self.jitter));
        let backoff = backoff.expect("both are in range");
        self.reset_after
            .map_or(backoff, |time| backoff.reset_after(time))
    }
}

impl From<How> for Exit {
    fn from(how: How) -> Self {
        match how {
            How::Ok => Self::Returned,
            How::Err => Self::failed("boom"),
            How::Panic => Self::Panicked(Panic::new("boom", None)),
            How::Abort => Self::Aborted,
        }
    }
}

impl fmt::Display for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            restart,
            health,
            grace,
            initial,
            jitter,
            reset_after,
        } = self;
        match kind {
            Kind::Pool => f.write_str("pool")?,
            _ => write!(f, "{restart:?}, health {health:?}, grace {grace:?}")?,
        }
        write!(f, ", delay {initial:?} (jitter {jitter})")?;
        write!(f, ", reset after {reset_after:?}")
    }
}
