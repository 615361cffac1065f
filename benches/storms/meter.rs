//! What a phase of a storm takes: time, allocations, and memory.

use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

/// A current-thread runtime, and how many bytes are allocated by what runs on it.
#[derive(Debug)]
pub(crate) struct Meter {
    runtime: Runtime,
    live: i64,
}

/// What a phase took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Phase {
    pub(crate) time: Duration,
    pub(crate) allocations: u64,
    /// The most bytes that were allocated at a time, by this phase and those before.
    pub(crate) peak: i64,
    /// How many are at its end.
    pub(crate) live: i64,
}

/// The share of one child in a phase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) ns: f64,
    pub(crate) allocations: f64,
    pub(crate) peak: f64,
    pub(crate) live: f64,
}

impl Meter {
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime");
        Self { runtime, live: 0 }
    }

    /// How many bytes are allocated.
    pub(crate) const fn live(&self) -> i64 {
        self.live
    }

    /// Runs a phase. What is not measured, but allocated or freed on this thread, is not known.
    pub(crate) fn measure<T>(&mut self, phase: impl Future<Output = T>) -> (T, Phase) {
        let mut output = None;
        let began = Instant::now();
        let counted = allocation_counter::measure(|| {
            output = Some(self.runtime.block_on(phase));
        });
        let time = began.elapsed();
        let most = i64::try_from(counted.bytes_max).expect("so much memory there is not");
        let peak = self.live + most;
        self.live += counted.bytes_current;
        let phase = Phase {
            time,
            allocations: counted.count_total,
            peak,
            live: self.live,
        };
        (output.expect("the phase has ended"), phase)
    }
}

impl Phase {
    /// This phase and the one after it as one.
    pub(crate) fn and(self, next: Self) -> Self {
        Self {
            time: self.time + next.time,
            allocations: self.allocations + next.allocations,
            peak: self.peak.max(next.peak),
            live: next.live,
        }
    }

    pub(crate) fn shared(self, among: usize) -> Share {
        let among = among as f64;
        Share {
            ns: self.time.as_nanos() as f64 / among,
            allocations: self.allocations as f64 / among,
            peak: self.peak as f64 / among,
            live: self.live as f64 / among,
        }
    }
}

impl Share {
    /// The highest peak.
    pub(crate) fn peak(of: &[Self]) -> f64 {
        of.iter().map(|share| share.peak).fold(0.0, f64::max)
    }

    /// The time of all.
    pub(crate) fn ns(of: &[Self]) -> f64 {
        of.iter().map(|share| share.ns).sum()
    }
}
