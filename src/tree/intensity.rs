//! How often a node may be started again, measured in the time it runs (R9).

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::tree::options::Options;

/// At most so many restarts within a time: a budget (R9).
///
/// What counts is each exit that is read as dead; planned restarts, orders and those that merely
/// fall along do not. The time is running time: it passes while any of those runs whom the budget
/// covers, so neither a slow stop nor a backoff makes room for more restarts. An exit that is as
/// old as the window still counts.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use perennial::{Context, Intensity, runnable};
///
/// # async fn reader(ctx: Context) { ctx.healthy(); ctx.cancelled().await }
/// # fn main() -> Result<(), perennial::IntensityError> {
/// let reader = runnable(reader).intensity(Intensity::new(3, Duration::from_secs(5))?);
/// assert!(Intensity::new(3, Duration::ZERO).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Intensity {
    restarts: u32,
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::tree::seconds"))]
    within: Duration,
}

impl Intensity {
    /// At most `restarts` within `within`. With no restarts at all, the first death spends it.
    ///
    /// # Errors
    ///
    /// [`IntensityError::Window`] if `within` is zero.
    pub const fn new(restarts: u32, within: Duration) -> Result<Self, IntensityError> {
        if within.is_zero() {
            return Err(IntensityError::Window);
        }
        Ok(Self { restarts, within })
    }

    /// How many restarts it allows.
    #[must_use]
    pub const fn restarts(self) -> u32 {
        self.restarts
    }

    /// Within which running time.
    #[must_use]
    pub const fn within(self) -> Duration {
        self.within
    }
}

impl fmt::Display for Intensity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} restarts in {:?}", self.restarts, self.within)
    }
}

/// Whose restarts a budget counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Scope {
    /// One node's.
    Node,
    /// Those of all members of a group.
    Group,
    /// Those of all children of a node.
    Children,
}

/// A budget of restarts, and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Budget {
    /// Whose restarts it counts.
    pub scope: Scope,
    /// How many within which time.
    pub intensity: Intensity,
    /// How many more deaths it allows now.
    pub left: u32,
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = match self.scope {
            Scope::Node => "",
            Scope::Group => " for its group",
            Scope::Children => " for its children",
        };
        write!(f, "{} of {} left{scope}", self.left, self.intensity)
    }
}

/// Why an intensity cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IntensityError {
    /// The window is empty.
    #[error("an intensity needs a window longer than zero")]
    Window,
}

/// Whether another restart is within a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Within,
    Spent,
}

/// The deaths that still count, and the running time that they are counted in.
#[derive(Clone, Debug)]
pub(super) struct Window {
    intensity: Intensity,
    /// When each happened. Bounded by the restarts that are allowed.
    deaths: VecDeque<Duration>,
    /// How many of those that it covers run.
    running: usize,
    /// The running time up to `since`.
    ran: Duration,
    /// When the running time was last brought up to date.
    since: Duration,
}

impl Window {
    pub(super) const fn new(intensity: Intensity) -> Self {
        Self {
            intensity,
            deaths: VecDeque::new(),
            running: 0,
            ran: Duration::ZERO,
            since: Duration::ZERO,
        }
    }

    pub(super) const fn intensity(&self) -> Intensity {
        self.intensity
    }

    /// What is left of it, for whoever looks.
    pub(super) fn budget(&self, scope: Scope, now: Duration) -> Budget {
        Budget {
            scope,
            intensity: self.intensity,
            left: self.left(now),
        }
    }

    /// Notes that one more of those that it covers runs.
    pub(super) fn run(&mut self, now: Duration) {
        self.pass(now);
        self.running += 1;
    }

    /// Notes that one of them runs no more.
    pub(super) fn rest(&mut self, now: Duration) {
        self.pass(now);
        self.running -= 1;
    }

    fn pass(&mut self, now: Duration) {
        self.ran = self.time(now);
        self.since = now;
    }

    fn time(&self, now: Duration) -> Duration {
        if self.running == 0 {
            return self.ran;
        }
        self.ran.saturating_add(now.saturating_sub(self.since))
    }

    /// Counts a death, unless the budget is spent. Amortised O(1), however long the window.
    pub(super) fn charge(&mut self, now: Duration) -> Verdict {
        let time = self.time(now);
        let is_old = |death: &Duration| time.saturating_sub(*death) > self.intensity.within;
        while self.deaths.front().is_some_and(is_old) {
            self.deaths.pop_front();
        }
        let count = u32::try_from(self.deaths.len()).unwrap_or(u32::MAX);
        if count >= self.intensity.restarts {
            return Verdict::Spent;
        }
        self.deaths.push_back(time);
        Verdict::Within
    }

    /// How many restarts are left at this time.
    fn left(&self, now: Duration) -> u32 {
        let time = self.time(now);
        let is_old = |death: &Duration| time.saturating_sub(*death) > self.intensity.within;
        let count = self.deaths.len() - self.deaths.partition_point(is_old);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.intensity.restarts.saturating_sub(count)
    }

    /// Forgets all deaths.
    pub(super) fn empty(&mut self) {
        self.deaths.clear();
    }
}

/// The budgets of one node.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    pub(super) own: Option<Window>,
    pub(super) children: Option<Window>,
}

impl Windows {
    pub(super) fn of(options: &Options) -> Option<Box<Self>> {
        let own = options.intensity.map(Window::new);
        let children = options.children_intensity.map(Window::new);
        (own.is_some() || children.is_some()).then(|| Box::new(Self { own, children }))
    }

    /// Takes the count of each budget that is the same as before.
    pub(super) fn keep(&mut self, old: Self) {
        let keep = |new: &mut Option<Window>, old: Option<Window>| {
            let intensity = new.as_ref().map(Window::intensity);
            if old.as_ref().map(Window::intensity) == intensity {
                *new = old;
            }
        };
        keep(&mut self.own, old.own);
        keep(&mut self.children, old.children);
    }
}
