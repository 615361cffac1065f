//! How long a node waits before it is started again (R8).

use std::time::Duration;

use rand::{Rng, RngExt};
use thiserror::Error;

/// How long a node waits before it is started again: exponential, with a cap and jitter (R8).
///
/// The n-th failure in a row is answered after `initial * factor^(n-1)`, at most `cap`, moved by up
/// to `jitter` of itself either way. The row is broken by an incarnation that had been healthy for
/// `reset_after`.
///
/// Defaults: 500 ms, factor 1.5, cap 60 s, jitter 0.5, and for `reset_after` the longer of 10 s and
/// the last delay.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use perennial::Backoff;
///
/// # fn main() -> Result<(), perennial::BackoffError> {
/// let backoff = Backoff::default().initial(Duration::from_millis(10)).factor(2.0)?.jitter(0.0)?;
/// assert_eq!(backoff.nominal(3), Duration::from_millis(40));
/// assert!(Backoff::default().jitter(1.5).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    initial: Duration,
    factor: f64,
    cap: Duration,
    jitter: f64,
    reset_after: Option<Duration>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(500),
            factor: 1.5,
            cap: Duration::from_secs(60),
            jitter: 0.5,
            reset_after: None,
        }
    }
}

impl Backoff {
    /// No delay at all: the next pass starts the node again.
    #[must_use]
    pub fn none() -> Self {
        Self::constant(Duration::ZERO)
    }

    /// The same delay after each failure, without jitter.
    #[must_use]
    pub fn constant(delay: Duration) -> Self {
        Self {
            initial: delay,
            factor: 1.0,
            cap: delay,
            jitter: 0.0,
            reset_after: None,
        }
    }

    /// Sets the delay after the first failure.
    #[must_use]
    pub const fn initial(self, initial: Duration) -> Self {
        Self { initial, ..self }
    }

    /// Sets by how much each delay is longer than the one before it.
    ///
    /// # Errors
    ///
    /// [`BackoffError::Factor`] unless `factor` is finite and at least 1.
    pub fn factor(self, factor: f64) -> Result<Self, BackoffError> {
        if factor.is_finite() && factor >= 1.0 {
            Ok(Self { factor, ..self })
        } else {
            Err(BackoffError::Factor(factor))
        }
    }

    /// Sets the longest delay, before jitter.
    #[must_use]
    pub const fn cap(self, cap: Duration) -> Self {
        Self { cap, ..self }
    }

    /// Sets the part of a delay by which it is moved at random, either way.
    ///
    /// # Errors
    ///
    /// [`BackoffError::Jitter`] unless `jitter` is between 0 and 1.
    pub fn jitter(self, jitter: f64) -> Result<Self, BackoffError> {
        if (0.0..=1.0).contains(&jitter) {
            Ok(Self { jitter, ..self })
        } else {
            Err(BackoffError::Jitter(jitter))
        }
    }

    /// Sets how long an incarnation must have been healthy for its failure to count as the first.
    #[must_use]
    pub const fn reset_after(self, time: Duration) -> Self {
        Self {
            reset_after: Some(time),
            ..self
        }
    }

    /// The delay after this many failures in a row, before jitter. Zero failures have no delay.
    #[must_use]
    pub fn nominal(&self, failures: u32) -> Duration {
        let Some(exponent) = failures.checked_sub(1) else {
            return Duration::ZERO;
        };
        if self.initial.is_zero() {
            return Duration::ZERO;
        }
        let exponent = i32::try_from(exponent).unwrap_or(i32::MAX);
        let seconds = self.initial.as_secs_f64() * self.factor.powi(exponent);
        Duration::try_from_secs_f64(seconds)
            .unwrap_or(Duration::MAX)
            .min(self.cap)
    }

    /// Draws the delay after this many failures in a row.
    pub fn draw(&self, failures: u32, rng: &mut impl Rng) -> Duration {
        let nominal = self.nominal(failures);
        if nominal.is_zero() || self.jitter == 0.0 {
            return nominal;
        }
        let moved = rng.random_range(1.0 - self.jitter..=1.0 + self.jitter);
        Duration::try_from_secs_f64(nominal.as_secs_f64() * moved).unwrap_or(Duration::MAX)
    }

    /// The least time between a start and the next one that a planned restart keeps (R4).
    pub(crate) const fn spacing(&self) -> Duration {
        self.initial
    }

    /// Whether an incarnation that was healthy for this long breaks the row of failures.
    pub(crate) fn is_reset(&self, healthy_for: Duration, last_delay: Duration) -> bool {
        let default = last_delay.max(Duration::from_secs(10));
        healthy_for >= self.reset_after.unwrap_or(default)
    }
}

/// Why a backoff cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum BackoffError {
    /// The factor would make delays shrink, or is no number.
    #[error("backoff factor {0} is not a finite number of at least 1")]
    Factor(f64),
    /// The jitter is no part of a delay.
    #[error("backoff jitter {0} is not between 0 and 1")]
    Jitter(f64),
}
