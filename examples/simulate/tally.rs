//! What was played, and how fast.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::faults::Faults;
use crate::seed::COMPARED_ONE_IN;

/// How many steps took one thread how long. A step is one call of the core.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    steps: usize,
    time: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) worlds: u64,
    pub(crate) trees: u64,
    pub(crate) nodes: usize,
    /// How many trees were settled when all behaved, the others having ended, and how long the
    /// slowest of them took.
    pub(crate) settled: u64,
    pub(crate) settled_after_max: Duration,
    pub(crate) faults: Faults,
    pub(crate) restarts: u64,
    pub(crate) passes: usize,
    pub(crate) actions: usize,
    /// The time that passed in the worlds.
    pub(crate) simulated: Duration,
    /// With the invariants and the laws.
    pub(crate) judged: Pace,
    /// With those, and beside the naive tree.
    pub(crate) compared: Pace,
    /// The same calls once more, and nothing else.
    pub(crate) alone: Pace,
    /// How many worlds were played twice, and how long their logs are.
    pub(crate) twice: u64,
    pub(crate) bytes: usize,
}

impl Pace {
    pub(crate) const fn new(steps: usize, time: Duration) -> Self {
        Self { steps, time }
    }

    /// Steps a second.
    fn rate(self) -> u64 {
        let nanos = self.time.as_nanos().max(1);
        let steps = self.steps as u128 * 1_000_000_000;
        u64::try_from(steps / nanos).unwrap_or(u64::MAX)
    }

    fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.time += other.time;
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "steps a second and core ({} in {:.1?})",
            self.steps, self.time
        )
    }
}

impl Tally {
    pub(crate) fn merged(mut self, other: &Self) -> Self {
        self.worlds += other.worlds;
        self.trees += other.trees;
        self.nodes += other.nodes;
        self.settled += other.settled;
        self.settled_after_max = self.settled_after_max.max(other.settled_after_max);
        self.faults.merge(&other.faults);
        self.restarts += other.restarts;
        self.passes += other.passes;
        self.actions += other.actions;
        self.simulated += other.simulated;
        self.judged.add(other.judged);
        self.compared.add(other.compared);
        self.alone.add(other.alone);
        self.twice += other.twice;
        self.bytes += other.bytes;
        self
    }

    /// As a table; `real` is how long it took in all.
    pub(crate) fn table(&self, real: Duration) -> String {
        let real = real.as_secs_f64();
        let (simulated, slowest) = (self.simulated, self.settled_after_max);
        let (steps, passes) = (self.alone.steps, self.passes);
        let (facts, ended) = (steps - passes, self.trees - self.settled);
        let pace = simulated.as_secs_f64() / real;
        let mut table = Table::default();
        table.row("worlds", self.worlds, format_args!("in {real:.1} s"));
        table.row(
            "trees",
            self.trees,
            format_args!("of {} nodes in all", self.nodes),
        );
        table.row("faults", self.faults.total(), self.faults);
        table.row("restarts", self.restarts, "started again after a fall");
        table.row(
            "settled",
            self.settled,
            format_args!(
                "trees, the slowest {slowest:.0?} after its last fault; {ended} had ended before"
            ),
        );
        table.row(
            "steps",
            steps as u64,
            format_args!(
                "{facts} facts and {passes} passes, which led to {} actions",
                self.actions
            ),
        );
        table.row(
            "seconds",
            simulated.as_secs(),
            format_args!("were simulated, {pace:.0} for each real one"),
        );
        table.row(
            "twice",
            self.twice,
            format_args!(
                "worlds were played twice more, with the same {} bytes of log",
                self.bytes
            ),
        );
        table.row("core alone", self.alone.rate(), self.alone);
        table.row("with laws", self.judged.rate(), self.judged);
        table.row(
            "with naive",
            self.compared.rate(),
            format_args!(
                "{}; one world in {COMPARED_ONE_IN}, small, no jitter",
                self.compared
            ),
        );
        table.0
    }
}

/// Lines of a name, a number and a remark.
#[derive(Default)]
struct Table(String);

impl Table {
    fn row(&mut self, name: &str, number: u64, remark: impl fmt::Display) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.0, "{name:<10} {number:>12} {remark}");
    }
}
