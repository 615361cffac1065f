//! Many faults, drawn from the seed of the test.

use std::time::Duration;

use rand::{Rng, RngExt};

use crate::testing::fault::{Fault, Kind};
use crate::testing::harness::Harness;
use crate::testing::planned::Need;

/// The most faults of one kind in a second.
const RATE_MAX: f64 = 1_000_000.0;

/// A storm of faults: how many of each kind strike a tree, at random times and nodes.
///
/// Rates are means, in faults per second of the paused clock, for the tree as a whole. Each fault
/// strikes one of the nodes that run then, all of them as likely; the root is spared.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use perennial::testing::Storm;
///
/// let storm = Storm::lasting(Duration::from_secs(60))
///     .kills(0.5)
///     .errors(2.0)
///     .slow_stops(0.1, Duration::from_secs(1))
///     .sparing("root.store");
/// ```
#[derive(Clone, Debug)]
#[must_use = "a storm does nothing until `Harness::storm` lets it loose"]
pub struct Storm {
    time: Duration,
    rates: Vec<(Kind, f64)>,
    spared: Vec<String>,
}

impl Storm {
    /// A storm of this length, without any fault so far.
    pub fn lasting(time: Duration) -> Self {
        Self {
            time,
            rates: Vec::new(),
            spared: vec!["root".to_owned()],
        }
    }

    /// Adds [kills](Fault::kill).
    ///
    /// # Panics
    ///
    /// If the rate is not from 0 to 1 000 000; so do all rates.
    pub fn kills(self, per_second: f64) -> Self {
        self.with(Kind::Kill, per_second)
    }

    /// Adds [errors](Fault::error).
    pub fn errors(self, per_second: f64) -> Self {
        self.with(Kind::Error, per_second)
    }

    /// Adds [panics](Fault::panic).
    pub fn panics(self, per_second: f64) -> Self {
        self.with(Kind::Panic, per_second)
    }

    /// Adds [hangs](Fault::hang). What hangs does so until something stops it.
    pub fn hangs(self, per_second: f64) -> Self {
        self.with(Kind::Hang, per_second)
    }

    /// Adds [blocks](Fault::block) of this length.
    pub fn blocks(self, per_second: f64, time: Duration) -> Self {
        self.with(Kind::Block(time), per_second)
    }

    /// Adds [slow starts](Fault::slow_start): the next start of the node is this much slower.
    pub fn slow_starts(self, per_second: f64, by: Duration) -> Self {
        self.with(Kind::SlowStart(by), per_second)
    }

    /// Adds [slow stops](Fault::slow_stop).
    pub fn slow_stops(self, per_second: f64, by: Duration) -> Self {
        self.with(Kind::SlowStop(by), per_second)
    }

    /// Spares the node at this path.
    pub fn sparing(mut self, path: impl Into<String>) -> Self {
        self.spared.push(path.into());
        self
    }

    fn with(mut self, kind: Kind, per_second: f64) -> Self {
        let is_rate = (0.0..=RATE_MAX).contains(&per_second);
        assert!(is_rate, "{per_second} is no rate from 0 to {RATE_MAX}");
        self.rates.push((kind, per_second));
        self
    }

    fn total(&self) -> f64 {
        self.rates.iter().map(|(_, rate)| rate).sum()
    }

    /// How long it takes until the next fault, at such a rate.
    fn draw_pause(&self, rng: &mut impl Rng) -> Duration {
        let chance: f64 = rng.random();
        let seconds = -(1.0 - chance).ln() / self.total();
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    fn draw_kind(&self, rng: &mut impl Rng) -> Option<Kind> {
        let mut left = rng.random::<f64>() * self.total();
        let drawn = self.rates.iter().find(|(_, rate)| {
            left -= rate;
            left < 0.0
        });
        // The sum of the rates may round to a little more than their sum.
        drawn.or_else(|| self.rates.last()).map(|(kind, _)| *kind)
    }
}

impl Harness {
    /// Lets a storm loose on the tree while its time passes, and returns how many faults struck.
    ///
    /// A slow start that has not struck by the end of the storm is forgotten.
    ///
    /// # Panics
    ///
    /// If no tree was started, or if it does not come to rest and no time passes.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the storm is over; what has struck has struck.
    pub async fn storm(&self, storm: Storm) -> usize {
        let plan = &self.stage.plan;
        let (before, begun) = (plan.of_storms(), self.now());
        let end = begun.saturating_add(storm.time);
        let mut next = begun;
        loop {
            let pause = storm.draw_pause(&mut *self.stage.rng.lock());
            next = next.saturating_add(pause);
            // The clock counts milliseconds: some are struck together.
            self.advance(next.min(end).saturating_sub(self.now())).await;
            if next >= end {
                plan.calm();
                return plan.of_storms() - before;
            }
            self.strike(&storm);
        }
    }

    /// Strikes one of the nodes that run, if there is one.
    fn strike(&self, storm: &Storm) {
        let is_spared = |path: &str| storm.spared.iter().any(|spared| spared == path);
        let running = self.stage.plan.running(is_spared);
        let mut rng = self.stage.rng.lock();
        let Some(kind) = storm.draw_kind(&mut *rng) else {
            return;
        };
        if running.is_empty() {
            return;
        }
        let victim = &running[rng.random_range(..running.len())];
        // It runs, so it can be struck.
        let _ = self.stage.plan.add(Fault::now(victim, kind), Need::May);
    }
}
