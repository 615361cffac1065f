//! A storm of panics: all children panic, until all run again; then another, and another.

use std::sync::Arc;

use crate::bounds::{Bound, Bounds};
use crate::meter::{Meter, Share};
use crate::side::Side;
use crate::stage::{Failure, Stage};
use crate::table::Table;
use crate::{Plan, bare, tree};

/// How often in a row each child panics, in each storm of one measurement: in the last as in the
/// first, so that memory after both can be compared.
const IN_A_ROW: [usize; 3] = [1, 3, 1];

const PEAK: Bound = Bound {
    what: "bytes that a child takes at the peak, beyond those before",
    most: 1_000.0,
    why: "the evidence of two exits, one of them in the queue with what its panic threw",
};

const SETTLED: Bound = Bound {
    what: "bytes that a child takes after the first storm, beyond those before",
    most: 600.0,
    why: "it keeps the evidence of its last exit",
};

const GROWTH: Bound = Bound {
    what: "bytes that the next storms add to that",
    most: 1.0,
    why: "it keeps that of no other",
};

const UNCOUNTED: Bound = Bound {
    what: "panics that are not one restart each",
    most: 0.0,
    why: "none is lost, and none is counted twice",
};

/// What the storms of one measurement took.
#[derive(Debug)]
struct Panics {
    /// Nanoseconds for each panic, and allocations.
    ns: f64,
    allocations: f64,
    /// Bytes for each child.
    before: f64,
    peak: f64,
    settled: f64,
    last: f64,
    uncounted: usize,
}

pub(crate) fn storm(plan: Plan, bounds: &mut Bounds) {
    let table = Table::measure(
        plan.rounds,
        || measure(plan, bare::start),
        || measure(plan, tree::children),
    );
    let size = plan.size;
    table.head(&format!(
        "{size} children panic: once, then three times in a row, then once"
    ));
    table.row("a panic, until it runs again", "ns", |storm| storm.ns);
    table.row("  its allocations", "", |storm| storm.allocations);
    table.row("a child, before the storms", "B", |storm| storm.before);
    table.row("  at the peak", "B", |storm| storm.peak);
    table.row("  after the first storm", "B", |storm| storm.settled);
    table.row("  after the last storm", "B", |storm| storm.last);
    let mut check = |bound, part: fn(&Panics) -> f64| bounds.check(bound, table.most(part));
    check(&PEAK, |storm| storm.peak - storm.before);
    check(&SETTLED, |storm| storm.settled - storm.before);
    check(&GROWTH, |storm| storm.last - storm.settled);
    check(&UNCOUNTED, |storm| storm.uncounted as f64);
}

fn measure<S: Side>(plan: Plan, start: impl AsyncFn(&Arc<Stage>) -> S) -> Panics {
    let (mut meter, stage) = (Meter::new(), Stage::new(plan.size, Failure::Panic));
    let (mut side, started) = meter.measure(start(&stage));
    let storms = IN_A_ROW.map(|times| {
        let ((), storm) = meter.measure(async {
            stage.strike(times);
            side.recover(times * plan.size).await;
        });
        let ((), calm) = meter.measure(side.settle());
        storm.and(calm).shared(plan.size)
    });
    let (met, _) = meter.measure(side.met());
    meter.measure(side.stop());

    let [first, .., last] = storms;
    let times: usize = IN_A_ROW.iter().sum();
    Panics {
        ns: Share::ns(&storms) / times as f64,
        allocations: last.allocations,
        before: started.shared(plan.size).live,
        peak: Share::peak(&storms),
        settled: first.live,
        last: last.live,
        uncounted: met.abs_diff(times * plan.size),
    }
}
