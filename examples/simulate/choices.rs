//! What is chosen for a node, and how an incarnation returns; `tests/model.rs` shares it.

use std::fmt;
use std::time::Duration;

use perennial::tree::{
    Backoff, Grace, Health, Intensity, Kind, OnLeak, OnSpent, Options, Restart, Significant, Stops,
};
use perennial::{Exit, Panic};

/// The longest delay before a restart, before jitter.
pub(crate) const DELAY_MAX: Duration = Duration::from_secs(20);

/// What is chosen for one node.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    pub(crate) policy: Policy,
}

/// What most nodes leave as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Policy {
    pub(crate) start_timeout: Option<Duration>,
    pub(crate) run_timeout: Option<Duration>,
    pub(crate) beat_timeout: Option<Duration>,
    pub(crate) intensity: Option<Intensity>,
    pub(crate) children_intensity: Option<Intensity>,
    pub(crate) on_spent: OnSpent,
    pub(crate) on_leak: OnLeak,
    pub(crate) stops: Stops,
    pub(crate) significant: Option<Significant>,
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
        let Policy {
            start_timeout,
            run_timeout,
            beat_timeout,
            intensity,
            children_intensity,
            on_spent,
            on_leak,
            stops,
            significant,
        } = self.policy;
        let mut options = Options::default();
        options.kind = self.kind;
        options.restart = self.restart;
        options.health = self.health;
        options.grace = self.grace.map_or(Grace::Infinite, Grace::For);
        options.backoff = self.backoff();
        options.start_timeout = start_timeout;
        options.run_timeout = run_timeout;
        options.beat_timeout = beat_timeout;
        options.intensity = intensity;
        options.children_intensity = children_intensity;
        options.on_spent = on_spent;
        options.on_leak = on_leak;
        options.stops = stops;
        options.significant = significant;
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

/// At most so many restarts within so many milliseconds.
pub(crate) fn intensity(restarts: u32, millis: u64) -> Intensity {
    Intensity::new(restarts, Duration::from_millis(millis)).expect("the window is not empty")
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
            policy,
        } = self;
        match kind {
            Kind::Pool => f.write_str("pool")?,
            _ => write!(f, "{restart:?}, health {health:?}, grace {grace:?}")?,
        }
        write!(f, ", delay {initial:?} (jitter {jitter})")?;
        write!(f, ", reset after {reset_after:?}{policy}")
    }
}

/// Only what is not left as it is.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(limit) = self.start_timeout {
            write!(f, ", starts within {limit:?}")?;
        }
        if let Some(limit) = self.run_timeout {
            write!(f, ", runs for {limit:?}")?;
        }
        if let Some(limit) = self.beat_timeout {
            write!(f, ", beats within {limit:?}")?;
        }
        if let Some(intensity) = self.intensity {
            write!(f, ", {intensity}")?;
        }
        if let Some(intensity) = self.children_intensity {
            write!(f, ", its children {intensity}")?;
        }
        if self.on_spent != OnSpent::Escalate {
            write!(f, ", then {:?}", self.on_spent)?;
        }
        if self.on_leak == OnLeak::Abandon {
            f.write_str(", leaks are abandoned")?;
        }
        if self.stops == Stops::AfterUsers {
            f.write_str(", provides")?;
        }
        match self.significant {
            Some(kind) => write!(f, ", significant ({kind:?})"),
            None => Ok(()),
        }
    }
}
